"""The latest row of each memory: its live row or, of a deleted memory, its tombstone in the history table."""

from __future__ import annotations

from collections.abc import Collection

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.quoting import shown
from mem0milvus.errors import NotFoundError
from mem0milvus.ports import Ports
from mem0milvus.types import Consistency


async def latest_rows(
    ports: Ports, memory_ids: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
) -> dict[str, MemoryRow]:
    """Return the latest row of each memory by memory id, leaving out unknown ids. Tombstones have event ``DELETE``."""
    live = await ports.live.get(memory_ids, vectors=vectors, consistency=consistency)
    # Restoring a deleted memory leaves its tombstone where it is, so a tombstone is only valid without a live row.
    others = [memory_id for memory_id in memory_ids if memory_id not in live]
    return {**live, **await ports.history.get(others, vectors=vectors, consistency=consistency)}


async def latest_row(ports: Ports, memory_id: str, *, vectors: bool = False) -> MemoryRow:
    """Return the latest row of one memory, or raise a NotFoundError for an unknown id."""
    rows = await latest_rows(ports, [memory_id], vectors=vectors)
    if memory_id not in rows:
        raise NotFoundError(unknown_id(memory_id))
    return rows[memory_id]


def unknown_id(memory_id: str) -> str:
    """Return the error message for an id that no memory has."""
    return f"There is no memory with the id {shown(memory_id)}. get_all() lists the ids of a user's memories."
