"""Checking requests to put and delete records, before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mem0milvus.data.limits import MAX_MEMORY_BYTES, MAX_TEXTS
from mem0milvus.data.messages import check_json, utf8_length
from mem0milvus.data.namespaces import read_namespace, record_id
from mem0milvus.data.numbers import check_whole_number
from mem0milvus.data.quoting import shown
from mem0milvus.data.record_types import DeleteRecord, PutRecord
from mem0milvus.errors import ValidationError
from mem0milvus.types import Vector

#: The largest position and the longest lifetime, chosen so that sums of them and timestamps fit into 64 bits.
_MAX_ORDER = 2**62
_MAX_TTL_S = 10_000 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Put:
    """A checked request to put a record, which searches find by its texts (without repetitions) or by its vector."""

    id: str
    namespace: str
    value: Mapping[str, Any]
    texts: tuple[str, ...]
    vector: Vector | None
    ttl_us: int
    order: int | None

    @property
    def parts(self) -> int:
        """The number of texts or vectors by which searches find the record."""
        return len(self.texts) or int(self.vector is not None)


@dataclass(frozen=True, slots=True)
class Delete:
    """A checked request to delete a record."""

    id: str


Change = Put | Delete


def read_change(request: PutRecord | DeleteRecord, dims: int) -> Change:
    """Check a request; a vector must have ``dims`` numbers."""
    if isinstance(request, DeleteRecord):
        return Delete(record_id(read_namespace(request.namespace), request.key))
    path = read_namespace(request.namespace)
    texts = _read_texts(request.text)
    vector = None if request.vector is None else _read_vector(request.vector, dims)
    if vector is not None and len(texts) > 1:
        raise ValidationError(f"A vector replaces the embedding of one text, and text has {len(texts)}.")
    return Put(
        id=record_id(path, request.key),
        namespace=path,
        value=check_json(request.value, "value"),
        texts=texts,
        vector=vector,
        ttl_us=_read_ttl(request.ttl_s),
        order=None if request.order is None else check_whole_number(request.order, "order", most=_MAX_ORDER),
    )


def _read_texts(text: object) -> tuple[str, ...]:
    if text is None:
        return ()
    given = [text] if isinstance(text, str) else text
    if not isinstance(given, Sequence):
        raise ValidationError(f"text must be a text or a list of texts, not {type(text).__name__}.")
    if len(given) > MAX_TEXTS:
        raise ValidationError(f"text has {len(given):,} texts and a record can have at most {MAX_TEXTS}.")
    return tuple(dict.fromkeys(map(_read_text, given)))


def _read_text(text: object) -> str:
    if not isinstance(text, str):
        raise ValidationError(f"text must be a text or a list of texts, and holds {type(text).__name__} {shown(text)}.")
    if not text.strip():
        raise ValidationError("text is empty: leave it out to store a record that no search finds.")
    if (length := utf8_length(text, "text")) > MAX_MEMORY_BYTES:
        raise ValidationError(f"text is {length:,} bytes long in UTF-8 and the most is {MAX_MEMORY_BYTES:,}.")
    return text


def _read_vector(vector: Sequence[float], dims: int) -> list[float]:
    """Check a vector and scale it to unit length, as all vectors are stored."""
    try:
        numbers = [float(number) for number in vector]
    except (TypeError, ValueError) as error:
        raise ValidationError(f"vector is not made of numbers: {error}.") from error
    if len(numbers) != dims:
        raise ValidationError(f"vector has {len(numbers)} dimensions and the store's have {dims}.")
    length = math.hypot(*numbers)
    if not math.isfinite(length) or not length:
        raise ValidationError("vector is zero or not finite.")
    return [number / length for number in numbers]


def _read_ttl(ttl_s: object) -> int:
    if ttl_s is None:
        return 0
    if not isinstance(ttl_s, (int, float)) or isinstance(ttl_s, bool) or not 0 < ttl_s <= _MAX_TTL_S:
        raise ValidationError(f"ttl_s must be a number of seconds above 0, not {shown(ttl_s)}; omit it for no expiry.")
    return max(1, round(ttl_s * 1_000_000))
