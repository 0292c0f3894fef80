"""Importing records.

A record is identified by its key and the time at which it was first put. One that was put again here since it was
exported stays as it is; one that was put again before it was exported is brought up to date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

from mem0milvus.data.namespaces import part_id
from mem0milvus.data.record_row import RecordRow, further_ids
from mem0milvus.operations.transfer.dump_format import RecordRows
from mem0milvus.operations.transfer.import_rows import Importer, ImportState, index_rows
from mem0milvus.ports import EmbedderPort, RecordPorts
from mem0milvus.retrieval.text import document_weights
from mem0milvus.types import LoadOutcome, OnConflict


@dataclass(frozen=True)
class RecordImporter(Importer[RecordRows]):
    """An import of records."""

    noun = "record"
    ports: RecordPorts
    on_conflict: OnConflict  #: what to do with a record whose key another record has
    suffix: str  #: text appended to the key of a record to rename it

    @override
    async def states(self, items: Sequence[RecordRows]) -> list[ImportState]:
        stored = await self.ports.rows.get([item.id for item in items])
        return [_state(item.first, stored.get(item.id)) for item in items]

    @override
    def renamed(self, item: RecordRows) -> RecordRows:
        return item.under(item.key + self.suffix)

    @override
    async def index(self, rows: Sequence[RecordRow]) -> list[RecordRow]:
        return await index_record_rows(self.ports.embedder, self.ports.dims, rows)

    @override
    async def put(self, items: Sequence[RecordRows]) -> None:
        stored = await self.ports.rows.get([item.id for item in items])
        await self.ports.rows.remove([key for item in items if item.id in stored for key in _surplus(stored, item)])
        # First rows first: at any time, the first row of a record must count all further rows that exist.
        await self.ports.rows.put([item.first for item in items])
        await self.ports.rows.put([row for item in items for row in item.rows[1:]])

    @override
    def count(self, items: Sequence[RecordRows], outcome: LoadOutcome) -> None:
        outcome["records"] += len(items)


def _state(row: RecordRow, stored: RecordRow | None) -> ImportState:
    if stored is None:
        return ImportState.NEW
    if stored.created_at != row.created_at:
        return ImportState.CONFLICT
    if stored.updated_at == row.updated_at:
        return ImportState.PRESENT if stored.metadata == row.metadata else ImportState.CONFLICT
    return ImportState.PRESENT if stored.updated_at > row.updated_at else ImportState.NEW


def _surplus(stored: Mapping[str, RecordRow], item: RecordRows) -> list[str]:
    """Return the keys of the further rows that the stored state of a record has and the imported one has not."""
    wanted = {part_id(item.id, row.part) for row in item.rows}
    return [key for key in further_ids(stored[item.id]) if key not in wanted]


async def index_record_rows(embedder: EmbedderPort, dims: int, rows: Sequence[RecordRow]) -> list[RecordRow]:
    """Return rows of records with an embedding and words each; see ``index_rows``."""
    return await index_rows(
        embedder, dims, rows, lambda row: row.text, lambda row: document_weights(row.text) if row.text else {}
    )


def without_vectors(item: RecordRows) -> RecordRows:
    """Drop the vectors of another embedding model. A record that has no text then is found by no search."""
    if any(not row.text for row in item.rows):
        return RecordRows([replace(item.first, parts=0, vector=())])
    return RecordRows([replace(row, vector=()) for row in item.rows])
