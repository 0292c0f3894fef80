"""A record as it is stored: one row, and one more for each further text that it is found by.

The first row is the record: it has the value, and counts the rows. The others carry a copy of the value, so that
filters hold for them too, and the moment of the change that wrote them: a row of an earlier change, left behind by an
interrupted write, is told by it and does not count. The first row always counts at least the rows that there are, so
whatever is left is overwritten or deleted with the record.
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
    """One row. Field names are the columns' names; moments are microseconds since 1970 UTC.

    Attributes:
        id: ``namespaces.record_id``, followed in all rows but the first by the number of the text.
        namespace: the namespace's path, see ``namespaces``.
        part: which of the record's texts the row is found by, from 0.
        parts: how many texts the record is found by; with 0, the row's vector and words say nothing.
        text: the text; empty where only a vector was given.
        metadata: the record's value, under the name by which filters know the JSON column.
        seq: position in the namespace.
        created_at: when the record was first put.
        updated_at: when it was last put.
        ttl_us: how long it stays after it was put, or read with ``refresh_ttl``; 0 for ever.
        expires_at: from when on it is not there; ``FOREVER_US`` for never.
        vector: unit-length embedding; empty where it was not read.
        words: lexical weights by token; empty where they were not read.
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
        """Whether it has not expired."""
        return self.expires_at > now_us


def row_ids(record: RecordRow) -> list[str]:
    """The keys of all rows of a record."""
    return [record.id, *further_ids(record)]


def further_ids(record: RecordRow, since: int = 1) -> list[str]:
    """The keys of a record's rows but the first, from the one with the number ``since``."""
    return [part_id(record.id, part) for part in range(max(since, 1), record.parts)]


def to_item(row: RecordRow) -> RecordItem:
    """The record as users see it."""
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
