"""What a filter can be about: the typed columns of a memory, and paths into its metadata."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import FilterError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["text", "number", "moment"]

#: The typed columns: ``text`` is VARCHAR (absent is ``""``), ``number`` is INT64, ``moment`` is INT64
#: microseconds since 1970 UTC. Every other name is a path into the JSON column ``metadata``.
TYPED_FIELDS: Mapping[str, Kind] = MappingProxyType(
    {
        "id": "text",
        "user_id": "text",
        "agent_id": "text",
        "run_id": "text",
        "actor_id": "text",
        "role": "text",
        "memory": "text",
        "hash": "text",
        "event": "text",
        "version": "number",
        "created_at": "moment",
        "updated_at": "moment",
        "observed_at": "moment",
        "expires_at": "moment",
    }
)

#: All columns of a row that a condition built in code can be about: those above, and the library's own bookkeeping for
#: memories and for records, whose names mean metadata in a user's filter.
COLUMNS: Mapping[str, Kind] = MappingProxyType(
    {
        **TYPED_FIELDS,
        "valid_from": "moment",
        "valid_to": "moment",
        "seq": "number",
        "pending": "text",
        "namespace": "text",
        "part": "number",
        "parts": "number",
    }
)

#: The values that stand for "not there"; in a text column it is ``""``.
_ABSENT: Mapping[str, int] = MappingProxyType({"updated_at": 0, "expires_at": FOREVER_US})

METADATA = "metadata"

#: Each such segment doubles the expression: it may be a key of an object or a place in a list.
MAX_INDEX_SEGMENTS = 3

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_CONTROL_IN_KEY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Column:
    """A typed column of a memory's row."""

    name: str

    @property
    def kind(self) -> Kind:
        """What the column holds."""
        return COLUMNS[self.name]

    @property
    def absent(self) -> str | int | None:
        """The value that stands for "not there", if the column has one."""
        return "" if self.kind == "text" else _ABSENT.get(self.name)


@dataclass(frozen=True)
class Path:
    """A path into the metadata: keys of objects, or places in lists written as decimal numbers."""

    segments: tuple[str, ...]

    @property
    def spellings(self) -> list[tuple[str | int, ...]]:
        """The ways to read it: each numeric part but the first is a key or a place."""
        root, *others = self.segments
        choices: list[tuple[str | int, ...]] = [(key, int(key)) if is_index(key) else (key,) for key in others]
        return list(product((root,), *choices))


Target = Column | Path


def column(name: str) -> Column:
    """The column of this name, for conditions that are built in code.

    Raises:
        FilterError: there is none.
    """
    if name not in COLUMNS:
        raise FilterError(f"{name!r} is no typed field. The typed fields are: {', '.join(COLUMNS)}.")
    return Column(name)


def target(name: str) -> Target:
    """What a name in a filter means: a typed column, else a dotted path into the metadata.

    Args:
        name: ``user_id``, ``category``, ``address.city``; ``metadata.role`` is the metadata's own ``role``.

    Raises:
        FilterError: the path has an empty part, or a part that Milvus cannot look up.
    """
    if name in TYPED_FIELDS:
        return Column(name)
    inside = name.removeprefix(f"{METADATA}.")
    if name == METADATA:
        raise FilterError('A filter on "metadata" needs a key in it, as in "metadata.category".')
    return value_path(inside, name)


def value_path(path: str, name: str | None = None) -> Path:
    """A dotted path into the JSON column, whatever it begins with.

    Args:
        path: the path, as in ``address.city``.
        name: what the user calls it, for messages.

    Raises:
        FilterError: the path has an empty part, or a part that Milvus cannot look up.
    """
    name = path if name is None else name
    segments = tuple(path.split("."))
    for segment in segments:
        _check_segment(segment, name)
    if sum(is_index(segment) for segment in segments[1:]) > MAX_INDEX_SEGMENTS:
        raise FilterError(f"The field {name!r} has more than {MAX_INDEX_SEGMENTS} numeric parts.")
    return Path(segments)


def is_index(segment: str) -> bool:
    """Whether a part of a path can be a place in a list: ``0``, ``7``, but not ``07`` or ``-1``."""
    return _INDEX.fullmatch(segment) is not None


def _check_segment(segment: str, name: str) -> None:
    if not segment:
        raise FilterError(f"The field {name!r} has an empty part: a dot separates the keys of a path.")
    # "][" makes a Milvus 2.3 server read outside a string and die; other control characters than these
    # three have no spelling that Milvus Lite and a server both read as the same key.
    if "][" in segment or _CONTROL_IN_KEY.search(segment):
        raise FilterError(
            f'The field {name!r} cannot be filtered on: a metadata key that holds "][" or a control '
            "character cannot be written in a Milvus expression."
        )
    check_unicode(segment, f"The field {name!r}")


def check_unicode(text: str, what: str) -> None:
    """Refuse text that has no UTF-8 form.

    Raises:
        FilterError: the text holds half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FilterError(f"{what} holds half of a surrogate pair, which is not valid Unicode.") from error
