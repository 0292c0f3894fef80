"""Clearing out what is no longer wanted: expired memories, and versions beyond the limit."""

from __future__ import annotations

from collections.abc import Sequence

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.operations.memories.delete import erase
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, at_most, equals
from mem0milvus.types import VacuumOutcome


async def vacuum(ports: Ports) -> VacuumOutcome:
    """See ``Memory.vacuum``."""
    expired = await _erase_expired(ports)
    versions = 0 if ports.history_limit is None else await _forget_versions(ports, ports.history_limit)
    await ports.shield(ports.compact())
    return {"message": "Memory vacuumed successfully!", "expired": expired, "versions": versions}


async def _erase_expired(ports: Ports) -> int:
    """Erase the memories that have expired, with their past. Returns how many there were.

    Raw rows of an extraction are left to ``process_pending``: they may say what it still has to remove.
    """
    now_us = ports.clock.now_us()
    over = all_of(at_most("expires_at", now_us), equals("pending", ""))
    erased = 0
    async for page in ports.live.pages(over, only=(), consistency="Strong"):
        erased += await ports.shield(_erase_page(ports, [record.id for record in page], now_us))
    return erased


async def _erase_page(ports: Ports, memory_ids: Sequence[str], now_us: int) -> int:
    async with ports.locks.hold(memory_ids):
        there = (await ports.live.get(memory_ids, consistency="Strong")).values()
        over = [record for record in there if record.expires_at <= now_us and not record.pending]
        await erase(ports, over)
    return len(over)


async def _forget_versions(ports: Ports, limit: int) -> int:
    """Erase the closed versions that are not among the last ``limit`` of their memory. Returns how many there were."""
    forgotten = 0
    async for page in ports.history.pages(None, only=("version",), consistency="Strong"):
        latest = await _latest_versions(ports, page)
        old = [
            record.id
            for record in page
            if record.id != (memory_id := memory_id_of(record.id)) and record.version < latest.get(memory_id, 0) - limit
        ]
        if old:
            await ports.history.remove(old)
            forgotten += len(old)
    return forgotten


async def _latest_versions(ports: Ports, page: Sequence[MemoryRow]) -> dict[str, int]:
    """The number of the latest version of each memory that these past rows belong to: its live row's or tombstone's."""
    memory_ids = list({memory_id_of(record.id) for record in page})
    live = await ports.live.get(memory_ids, consistency="Strong")
    gone = [memory_id for memory_id in memory_ids if memory_id not in live]
    deleted = await ports.history.get(gone, consistency="Strong")
    return {memory_id: record.version for memory_id, record in {**deleted, **live}.items()}
