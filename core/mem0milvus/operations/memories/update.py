"""Changing a memory, and restoring an earlier version of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mem0milvus.data.memory_row import MemoryRow, closed, version_key
from mem0milvus.data.messages import check_metadata, check_text
from mem0milvus.data.numbers import check_whole_number
from mem0milvus.data.quoting import shown
from mem0milvus.data.scope import check_memory_id
from mem0milvus.errors import NotFoundError, ValidationError
from mem0milvus.operations.memories.latest_rows import latest_row, unknown_id
from mem0milvus.operations.memories.new_rows import next_version, with_text
from mem0milvus.ports import Ports
from mem0milvus.retrieval.indexing import embedded_text
from mem0milvus.types import Outcome, Vector


async def update(ports: Ports, memory_id: str, data: str, metadata: Mapping[str, Any] | None = None) -> Outcome:
    """Replace the text of a memory and merge metadata into its own."""
    check_memory_id(memory_id)
    text = check_text(data, "data")
    given = check_metadata(metadata)
    # Embed before taking the lock: the model may need seconds, and other writes to this memory would wait for it.
    current = await _live_row(ports, memory_id)
    (vector,) = await ports.embedder.embed([embedded_text(text, current.actor_id)])
    await ports.shield(_update(ports, memory_id, text, given, vector))
    return {"message": "Memory updated successfully!"}


async def _live_row(ports: Ports, memory_id: str, *, vectors: bool = False) -> MemoryRow:
    rows = await ports.live.get([memory_id], vectors=vectors)
    if memory_id not in rows:
        raise NotFoundError(unknown_id(memory_id))
    return rows[memory_id]


async def _update(ports: Ports, memory_id: str, text: str, given: Mapping[str, Any], vector: Vector) -> None:
    async with ports.locks.hold([memory_id]):
        current = await _live_row(ports, memory_id, vectors=True)
        merged = check_metadata({**current.metadata, **given})
        if (text, merged) == (current.memory, current.metadata):
            return
        following = next_version(current, current, "UPDATE", ports.clock.now_us())
        await _replace_latest(ports, current, with_text(following, text, vector, merged))


async def restore(ports: Ports, memory_id: str, version: int) -> Outcome:
    """Make an earlier version of a memory, deleted or not, its latest version."""
    check_memory_id(memory_id)
    check_whole_number(version, "version", least=1)
    await ports.shield(_restore(ports, memory_id, version))
    return {"message": "Memory restored successfully!"}


async def _restore(ports: Ports, memory_id: str, version: int) -> None:
    async with ports.locks.hold([memory_id]):
        latest = await latest_row(ports, memory_id, vectors=True)
        if latest.version == version and latest.event != "DELETE":
            return
        wanted = await _closed_version(ports, memory_id, version, latest)
        await _replace_latest(ports, latest, next_version(wanted, latest, "RESTORE", ports.clock.now_us()))


async def _replace_latest(ports: Ports, latest: MemoryRow, following: MemoryRow) -> None:
    """Write the next version of a memory.

    The closed version is written first: a failure between the two writes then leaves an extra closed version, which
    reads ignore, rather than a gap in the history.
    """
    await ports.history.put([closed(latest, following.valid_from)])
    await ports.live.put([following])


async def _closed_version(ports: Ports, memory_id: str, version: int, latest: MemoryRow) -> MemoryRow:
    if version > latest.version:
        raise NotFoundError(f"The memory {shown(memory_id)} has no version {version}; its latest is {latest.version}.")
    key = version_key(memory_id, version)
    found = latest if version == latest.version else (await ports.history.get([key], vectors=True)).get(key)
    if found is None:
        raise NotFoundError(f"Version {version} of the memory {shown(memory_id)} is no longer kept.")
    if found.event == "DELETE":
        raise ValidationError(f"Version {version} of the memory {shown(memory_id)} is its deletion and has no text.")
    return found
