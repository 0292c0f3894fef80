"""The format of a dump: JSON Lines. The first line describes the file, each further line is a row.

::

    {"mem0milvus": "dump", "format": 1, "embedder": {...}, "counts": {...}, "sha256": "...", ...}
    {"kind": "version", "id": "a", "version": 1, "memory": "...", ...}     an earlier version of the memory "a"
    {"kind": "memory", "id": "a", "version": 2, "memory": "...", ...}      its latest version
    {"kind": "version", "id": "b", "version": 1, "memory": "...", ...}
    {"kind": "deleted", "id": "b", "version": 2, ...}                      the deletion of the memory "b"
    {"kind": "record", "namespace": ["user", "1"], "key": "k", "value": {...}, "texts": [...], ...}

The closed versions of a memory come before its latest one. Timestamps are ISO 8601 text. Fields with their default
value are left out. Vectors are base64 of 32-bit little-endian floats, of unit length. Lexical weights are not stored:
they are computed from the text.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from mem0milvus.data.memory_row import MemoryRow, content_hash, memory_id_of, version_key
from mem0milvus.data.namespaces import key_of, labels_of, part_id, read_namespace, record_id
from mem0milvus.data.quoting import shown
from mem0milvus.data.record_row import RecordRow
from mem0milvus.data.scope import check_memory_id
from mem0milvus.data.timestamps import to_iso, to_us
from mem0milvus.errors import ValidationError
from mem0milvus.ports import Origin

#: Goes up with each change that an older version of this library would misread.
FORMAT = 1

#: The first line is padded with spaces to this length, so that it can be written last, when the counts are known.
HEADER_BYTES = 4_096

#: The errors that reading a line raises if it is damaged; ValidationError is a ValueError.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)

#: The fields that hold timestamps.
_MOMENTS = frozenset({"created_at", "updated_at", "valid_from", "valid_to", "observed_at", "expires_at"})


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a dump."""

    dump_id: str  #: a unique id of this dump
    created_at: str  #: when the dump was started, as ISO 8601 text
    origin: Origin  #: the collection and embedding model of the rows
    vectors: bool  #: whether the rows have their vectors
    counts: Mapping[str, int]  #: the number of lines by kind
    size: int  #: the size of all further lines in bytes
    sha256: str  #: the hash of all further lines, hexadecimal

    @property
    def rows(self) -> int:
        """The number of further lines."""
        return sum(self.counts.values())

    def as_line(self) -> bytes:
        """Return the line, ``HEADER_BYTES`` long; raise a ValidationError if the embedder's identity is too long."""
        document = {
            "mem0milvus": "dump",
            "format": FORMAT,
            "dump_id": self.dump_id,
            "created_at": self.created_at,
            "collection": self.origin.collection,
            "embedder": {"model": self.origin.model, "dims": self.origin.dims},
            "vectors": self.vectors,
            "counts": dict(self.counts),
            "bytes": self.size,
            "sha256": self.sha256,
        }
        text = json.dumps(document, ensure_ascii=False).encode()
        if len(text) >= HEADER_BYTES:
            raise ValidationError(
                f"The embedder's identity is too long for a dump's header: {self.origin.model[:80]!r}…"
            )
        return text.ljust(HEADER_BYTES - 1) + b"\n"


def read_header(line: bytes, path: str) -> Header:
    """Read the first line of a dump, or raise a ValidationError if it is none or of a newer format."""
    try:
        document = json.loads(line)
        if document["mem0milvus"] != "dump":
            raise ValueError("not a dump")
        version = int(document["format"])
        header = _header_of(document) if version <= FORMAT else None
    except UNREADABLE as error:
        message = f"{path} is no dump of mem0milvus: its first line is not the header of a dump. Nothing was loaded."
        raise ValidationError(message) from error
    if header is None:
        raise ValidationError(
            f"{path} was made by a newer version of mem0milvus: its format is {version}, and this version reads up to "
            f"{FORMAT}. Upgrade mem0milvus."
        )
    return header


def _header_of(document: Mapping[str, Any]) -> Header:
    embedder = document["embedder"]
    return Header(
        dump_id=str(UUID(document["dump_id"])),
        created_at=str(document["created_at"]),
        origin=Origin(str(document["collection"]), str(embedder["model"]), int(embedder["dims"])),
        vectors=bool(document["vectors"]),
        counts={str(kind): int(count) for kind, count in document["counts"].items()},
        size=int(document["bytes"]),
        sha256=str(document["sha256"]),
    )


@dataclass(frozen=True, slots=True)
class MemoryRows:
    """All rows of one memory."""

    head: MemoryRow  #: its latest row: the live row or, of a deleted memory, the tombstone. Both have the memory's id.
    closed: Sequence[MemoryRow] = ()  #: its closed versions, oldest first, under their own keys

    @property
    def id(self) -> str:
        """The memory's id."""
        return self.head.id

    @property
    def name(self) -> str:
        """The memory's id, for messages."""
        return self.head.id

    @property
    def deleted(self) -> bool:
        """True for a deleted memory."""
        return self.head.event == "DELETE"

    @property
    def rows(self) -> list[MemoryRow]:
        """All rows, the head last."""
        return [*self.closed, self.head]

    def with_rows(self, rows: Sequence[MemoryRow]) -> MemoryRows:
        """Return a memory with these rows, in the order of ``rows``."""
        return MemoryRows(rows[-1], rows[:-1])

    def under(self, memory_id: str) -> MemoryRows:
        """Return the same rows under another id."""
        closed = [replace(row, id=version_key(memory_id, row.version)) for row in self.closed]
        return MemoryRows(replace(self.head, id=memory_id), closed)


@dataclass(frozen=True, slots=True)
class RecordRows:
    """All rows of one record: the first row, and one for each further text."""

    rows: Sequence[RecordRow]

    @property
    def first(self) -> RecordRow:
        """The row with the record's own id."""
        return self.rows[0]

    @property
    def id(self) -> str:
        """The record's id."""
        return self.first.id

    @property
    def key(self) -> str:
        """The record's key."""
        return key_of(self.first.id, self.first.namespace)

    @property
    def name(self) -> str:
        """The record's namespace and key, for messages."""
        return "/".join((*labels_of(self.first.namespace), self.key))

    def with_rows(self, rows: Sequence[RecordRow]) -> RecordRows:
        """Return a record with these rows."""
        return RecordRows(rows)

    def under(self, key: str) -> RecordRows:
        """Return the same rows under another key of their namespace, or raise a ValidationError if it is too long."""
        new_id = record_id(self.first.namespace, key)
        return RecordRows([replace(row, id=part_id(new_id, row.part)) for row in self.rows])


def memory_lines(memory: MemoryRows, *, vectors: bool) -> list[tuple[str, bytes]]:
    """Return the lines of a memory, each with its kind."""
    head = "deleted" if memory.deleted else "memory"
    kinds = [*("version" for _ in memory.closed), head]
    rows = zip(kinds, memory.rows, strict=True)
    return [(kind, _line(_memory_document(kind, row, vectors=vectors))) for kind, row in rows]


def record_line(record: RecordRows, *, vectors: bool) -> tuple[str, bytes]:
    """Return the line of a record, with its kind.

    A vector that the caller gave in place of a text is always included: no embedder could make it again.
    """
    first = record.first
    document: dict[str, Any] = {
        "kind": "record",
        "namespace": list(labels_of(first.namespace)),
        "key": record.key,
        "value": dict(first.metadata),
    }
    document |= _filled(first, "seq", "created_at", "updated_at", "ttl_us", "expires_at")
    if first.parts:
        document["texts"] = [row.text for row in record.rows]
        document["vectors"] = [_packed(row.vector) if vectors or not row.text else None for row in record.rows]
    return "record", _line(document)


def read_row(line: bytes) -> tuple[str, MemoryRow | RecordRows]:
    """Return the kind of a line and its row or record, without words. A damaged line raises one of ``UNREADABLE``."""
    document = json.loads(line)
    kind = document.pop("kind")
    if kind == "record":
        return kind, _read_record(document)
    if kind not in ("version", "memory", "deleted"):
        raise ValueError(f"kind {shown(kind)}")
    return kind, _read_memory(kind, document)


def _memory_document(kind: str, row: MemoryRow, *, vectors: bool) -> dict[str, Any]:
    names = (field.name for field in fields(MemoryRow) if field.name not in ("id", "vector", "words", "hash", "event"))
    document = {"kind": kind, "id": memory_id_of(row.id), **_filled(row, *names), "event": row.event}
    document["version"] = row.version
    if vectors and row.event != "DELETE":
        document["vector"] = _packed(row.vector)
    return document


def _filled(row: MemoryRow | RecordRow, *names: str) -> dict[str, Any]:
    """Return the fields of a row that differ from their defaults."""
    document: dict[str, Any] = {}
    for name in names:
        value = getattr(row, name)
        field = type(row).__dataclass_fields__[name]
        if value == field.default or value in ("", {}):
            continue
        document[name] = to_iso(value) if name in _MOMENTS else value
    return document


def _read_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: to_us(datetime.fromisoformat(value)) if name in _MOMENTS else value for name, value in document.items()
    }


def _read_memory(kind: str, document: dict[str, Any]) -> MemoryRow:
    memory_id = check_memory_id(document.pop("id"))
    vector = _unpacked(document.pop("vector", None))
    values = _read_fields(document)
    text = values.pop("memory", "")
    if kind != "deleted" and values["event"] != "DELETE" and not text:
        raise ValueError("a memory without a text")
    key = version_key(memory_id, int(values["version"])) if kind == "version" else memory_id
    return MemoryRow(id=key, memory=text, hash=content_hash(text) if text else "", vector=vector, **values)


def _read_record(document: dict[str, Any]) -> RecordRows:
    path = read_namespace(document.pop("namespace"))
    row_id = record_id(path, document.pop("key"))
    texts = document.pop("texts", [])
    vectors = document.pop("vectors", [None] * len(texts))
    value = document.pop("value")
    first = RecordRow(id=row_id, namespace=path, parts=len(texts), metadata=value, **_read_fields(document))
    if not texts:
        return RecordRows([first])
    return RecordRows(
        [
            replace(first, id=part_id(row_id, part), part=part, text=text, vector=_unpacked(vector))
            for part, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
    )


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _packed(vector: Sequence[float]) -> str:
    import numpy as np

    return b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _unpacked(text: str | None) -> Sequence[float]:
    import numpy as np

    if not text:
        return ()
    try:
        return np.frombuffer(b64decode(text, validate=True), dtype="<f4").tolist()  # type: ignore[no-any-return]
    except binascii.Error as error:
        raise ValueError("a vector that is no base64") from error
