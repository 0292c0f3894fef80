"""Erasing expired memories, and the versions beyond the configured limit."""

from __future__ import annotations

from functools import partial

from mem0milvus.data.memory_row import memory_id_of
from mem0milvus.operations.memories.delete import erase
from mem0milvus.operations.memories.latest_rows import latest_rows
from mem0milvus.operations.removal import remove_pages
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, at_most, equals
from mem0milvus.types import VacuumOutcome


async def vacuum(ports: Ports) -> VacuumOutcome:
    """Erase expired memories and surplus versions, then have the store free the space of all deleted rows."""
    expired = await _erase_expired(ports)
    versions = 0 if ports.history_limit is None else await _erase_versions(ports, ports.history_limit)
    await ports.shield(ports.compact())
    return {"message": "Memory vacuumed successfully!", "expired": expired, "versions": versions}


async def _erase_expired(ports: Ports) -> int:
    """Erase the expired memories with their history and return their number.

    Pending rows are left to ``process_pending``: they may list memories that are still to be deleted.
    """
    now_us = ports.clock.now_us()
    expired = all_of(at_most("expires_at", now_us), equals("pending", ""))
    pages = remove_pages(
        ports, ports.live, expired, lambda row: row.expires_at <= now_us and not row.pending, partial(erase, ports)
    )
    return sum([len(rows) async for rows in pages])


async def _erase_versions(ports: Ports, limit: int) -> int:
    """Erase the closed versions older than the last ``limit`` of their memory and return their number."""
    erased = 0
    async for page in ports.history.pages(None, only=("version",), consistency="Strong"):
        memory_ids = {row.id: memory_id_of(row.id) for row in page}
        latest = await latest_rows(ports, set(memory_ids.values()), consistency="Strong")
        old = [
            row.id
            for row in page
            if row.id != (memory_id := memory_ids[row.id])  # a tombstone has the memory's own id
            and memory_id in latest
            and row.version < latest[memory_id].version - limit
        ]
        if old:
            await ports.history.remove(old)
        erased += len(old)
    return erased
