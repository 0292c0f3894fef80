"""Importing memories with their history.

A memory is identified by its id and its latest version. One that has changed here since it was exported stays as it is;
one that had changed before it was exported is brought up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

from mem0milvus.data.memory_row import MemoryRow, version_key
from mem0milvus.operations.extraction.pending_state import read_pending
from mem0milvus.operations.memories.latest_rows import latest_rows
from mem0milvus.operations.transfer.dump_format import MemoryRows
from mem0milvus.operations.transfer.import_rows import Importer, ImportState, index_rows
from mem0milvus.ports import EmbedderPort, Ports
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import LoadOutcome, OnConflict

#: The columns in which two rows of one version of one memory are equal, whether it is closed or not.
_SAME_VERSION = ("version", "event", "valid_from", "memory", "user_id", "agent_id", "run_id", "actor_id")

#: The columns in which a memory that was imported without its history equals the same memory with it.
_SAME_MEMORY = ("created_at", "memory", "user_id", "agent_id", "run_id", "actor_id")


@dataclass(frozen=True)
class MemoryImporter(Importer[MemoryRows]):
    """An import of memories."""

    noun = "memory"
    ports: Ports
    on_conflict: OnConflict  #: what to do with a memory whose id another memory has
    new_id: Callable[[str], str]  #: returns the id under which a memory is renamed

    @override
    async def states(self, items: Sequence[MemoryRows]) -> list[ImportState]:
        stored = await latest_rows(self.ports, [item.id for item in items])
        behind = [item for item in items if item.id in stored and stored[item.id].version > item.head.version]
        closed = await self.ports.history.get([version_key(item.id, item.head.version) for item in behind])
        return [_state(item, stored.get(item.id), closed) for item in items]

    @override
    def renamed(self, item: MemoryRows) -> MemoryRows:
        return item.under(self.new_id(item.id))

    @override
    async def run(self, items: Sequence[MemoryRows], outcome: LoadOutcome) -> None:
        # Without a conflict, all ids mean the same memories here as where the rows come from.
        ours = items if self.on_conflict == "error" else [_without_removals(item) for item in items]
        await super().run(ours, outcome)

    @override
    async def index(self, rows: Sequence[MemoryRow]) -> list[MemoryRow]:
        return await index_memory_rows(self.ports.embedder, self.ports.dims, rows)

    @override
    async def put(self, items: Sequence[MemoryRows]) -> None:
        # The history first, so that a memory that can be read has its history.
        await self.ports.history.put([row for m in items for row in (m.rows if m.deleted else m.closed)])
        await self.ports.live.put([m.head for m in items if not m.deleted])
        if live := list(await self.ports.live.get([m.id for m in items if m.deleted])):
            await self.ports.live.remove(live)

    @override
    def count(self, items: Sequence[MemoryRows], outcome: LoadOutcome) -> None:
        deleted = sum(item.deleted for item in items)
        outcome["memories"] += len(items) - deleted
        outcome["deleted"] += deleted
        outcome["versions"] += sum(len(item.closed) for item in items)


def _state(item: MemoryRows, stored: MemoryRow | None, closed: Mapping[str, MemoryRow]) -> ImportState:
    if stored is None:
        return ImportState.NEW
    if stored.version >= item.head.version:
        key = version_key(item.id, item.head.version)
        same = stored if stored.version == item.head.version else closed.get(key)
        return ImportState.PRESENT if _equal(same, item.head, _SAME_VERSION) else ImportState.CONFLICT
    earlier = next((row for row in item.closed if row.version == stored.version), None)
    without_history = stored.version == 1 and _equal(stored, item.head, _SAME_MEMORY)
    return ImportState.NEW if without_history or _equal(earlier, stored, _SAME_VERSION) else ImportState.CONFLICT


def _equal(one: MemoryRow | None, other: MemoryRow, columns: Sequence[str]) -> bool:
    return one is not None and all(getattr(one, name) == getattr(other, name) for name in columns)


def _without_removals(item: MemoryRows) -> MemoryRows:
    """Drop the memories that a pending row still has to delete: their ids may be those of other memories here."""
    head = item.head
    if not head.pending or not (pending := read_pending(head)).remove:
        return item
    return replace(item, head=replace(head, pending=replace(pending, remove={}).as_text()))


async def index_memory_rows(embedder: EmbedderPort, dims: int, rows: Sequence[MemoryRow]) -> list[MemoryRow]:
    """Return rows of memories with an embedding and words each. Tombstones have neither; see ``index_rows``."""
    return await index_rows(
        embedder,
        dims,
        rows,
        lambda row: "" if row.event == "DELETE" else embedded_text(row.memory, row.actor_id),
        lambda row: {} if row.event == "DELETE" else lexical_weights(row),
    )
