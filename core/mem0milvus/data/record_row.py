"""Rows of records: one row for each record, and one more for each further text by which it is found.

The first row is the record: it has the value and the number of rows. The further rows have a copy of the value, because
filters apply to them too, and the time of the write that they belong to. If a write is interrupted, rows of an earlier
write may remain; they are recognised by their time and ignored. The number in the first row is never smaller than the
number of existing rows, so leftover rows are overwritten or deleted with the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mem0milvus.data.namespaces import key_of, labels_of, part_id, record_id_of
from mem0milvus.data.record_types import RecordItem
from mem0milvus.data.timestamps import FOREVER_US, to_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One row. Fields are named like the columns; timestamps are microseconds since 1970 UTC.

    Attributes:
        id: ``namespaces.record_id``, followed in all rows but the first by the number of the text.
        namespace: the path of the namespace, see ``namespaces``.
        part: number of the text by which the row is found, from 0.
        parts: number of texts by which the record is found; with 0, the row's vector and words are meaningless.
        text: the text; empty if only a vector was given.
        metadata: the record's value; the name is that of the JSON column.
        seq: position in the namespace.
        created_at: time of the first put.
        updated_at: time of the last put.
        ttl_us: lifetime after the last put, or read with ``refresh_ttl``; 0 for unlimited.
        expires_at: time from which the record no longer exists; ``FOREVER_US`` for never.
        vector: unit-length embedding; empty if it was not read.
        words: lexical weights by key; empty if they were not read.
    """

    id: str
    namespace: str
    part: int = 0
    parts: int = 0
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    created_at: int = 0
    updated_at: int = 0
    ttl_us: int = 0
    expires_at: int = FOREVER_US
    vector: Sequence[float] = ()
    words: Mapping[int, float] = field(default_factory=dict)

    def is_there(self, now_us: int) -> bool:
        """Return whether the record has not expired."""
        return self.expires_at > now_us


def row_ids(record: RecordRow) -> list[str]:
    """Return the keys of all rows of a record."""
    return [record.id, *further_ids(record)]


def further_ids(record: RecordRow, since: int = 1) -> list[str]:
    """Return the keys of a record's further rows, from number ``since``."""
    return [part_id(record.id, part) for part in range(max(since, 1), record.parts)]


def to_item(row: RecordRow) -> RecordItem:
    """Return the record as a result for users."""
    item: RecordItem = {
        "namespace": labels_of(row.namespace),
        "key": key_of(record_id_of(row.id), row.namespace),
        "value": dict(row.metadata),
        "order": row.seq,
        "created_at": to_iso(row.created_at),
        "updated_at": to_iso(row.updated_at),
    }
    if row.expires_at != FOREVER_US:
        item["expires_at"] = to_iso(row.expires_at)
    return item
