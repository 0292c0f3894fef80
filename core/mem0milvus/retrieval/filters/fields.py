"""The fields of a filter: the typed columns of a row, and paths into its JSON column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from mem0milvus.data.quoting import shown
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

#: All columns that a condition built in code can use: those above, and internal columns of memories and records. In a
#: user's filter the names of the internal columns are metadata keys like any other.
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

#: The values that mean "absent" in columns that are not text; in a text column ``""`` does.
_ABSENT: Mapping[str, int] = MappingProxyType({"updated_at": 0, "expires_at": FOREVER_US})

METADATA = "metadata"

#: Each numeric segment doubles the expression, because it may be a key of an object or an index of a list.
MAX_INDEX_SEGMENTS = 3

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_CONTROL_IN_KEY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Column:
    """A typed column."""

    name: str

    @property
    def kind(self) -> Kind:
        """The type of the column."""
        return COLUMNS[self.name]

    @property
    def absent(self) -> str | int | None:
        """The value that means "absent"; None if the column has no such value."""
        return "" if self.kind == "text" else _ABSENT.get(self.name)


@dataclass(frozen=True)
class Path:
    """A path into the JSON column: keys of objects, and indexes of lists as decimal numbers."""

    segments: tuple[str, ...]

    @property
    def spellings(self) -> list[tuple[str | int, ...]]:
        """All readings of the path: each numeric segment except the first is a key or an index."""
        root, *others = self.segments
        choices: list[tuple[str | int, ...]] = [(key, int(key)) if is_index(key) else (key,) for key in others]
        return list(product((root,), *choices))


Target = Column | Path


def column(name: str) -> Column:
    """Return the column of this name, for a condition built in code.

    Raises:
        FilterError: there is no such column.
    """
    if name not in COLUMNS:
        raise FilterError(f"{shown(name)} is not a typed field. The typed fields are: {', '.join(COLUMNS)}.")
    return Column(name)


def target(name: str) -> Target:
    """Resolve a name in a filter: a typed column, else a dotted path into the metadata.

    Args:
        name: ``user_id``, ``category``, ``address.city``; ``metadata.role`` is the metadata's own ``role``.

    Raises:
        FilterError: the path has an empty segment, or a segment that Milvus cannot look up.
    """
    if name in TYPED_FIELDS:
        return Column(name)
    inside = name.removeprefix(f"{METADATA}.")
    if name == METADATA:
        raise FilterError('A filter on "metadata" needs a key in it, as in "metadata.category".')
    return value_path(inside, name)


def value_path(path: str, name: str | None = None) -> Path:
    """Parse a dotted path into the JSON column, even if it begins with the name of a typed column.

    Args:
        path: the path, as in ``address.city``.
        name: the user's name for it, for messages; None for ``path``.

    Raises:
        FilterError: the path has an empty segment, or a segment that Milvus cannot look up.
    """
    name = path if name is None else name
    segments = tuple(path.split("."))
    for segment in segments:
        _check_segment(segment, name)
    if sum(is_index(segment) for segment in segments[1:]) > MAX_INDEX_SEGMENTS:
        raise FilterError(f"The field {shown(name)} has more than {MAX_INDEX_SEGMENTS} numeric parts.")
    return Path(segments)


def is_index(segment: str) -> bool:
    """Return whether a segment can be an index of a list: ``0``, ``7``, but not ``07`` or ``-1``."""
    return _INDEX.fullmatch(segment) is not None


def _check_segment(segment: str, name: str) -> None:
    if not segment:
        raise FilterError(f"The field {shown(name)} has an empty part: a dot separates the keys of a path.")
    # A quoted key with "][" in it crashes a Milvus 2.3 server, which then reads outside the string. Control characters
    # other than tab, line feed and carriage return have no spelling that Lite and a server read as the same key.
    if "][" in segment or _CONTROL_IN_KEY.search(segment):
        raise FilterError(
            f'The field {shown(name)} cannot be filtered on: a metadata key that contains "][" or a control '
            "character cannot be written in a Milvus expression."
        )
    check_unicode(segment, f"The field {shown(name)}")


def check_unicode(text: str, what: str) -> None:
    """Refuse text that cannot be encoded as UTF-8.

    Raises:
        FilterError: the text contains half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FilterError(f"{what} contains half of a surrogate pair, which is not valid Unicode.") from error
