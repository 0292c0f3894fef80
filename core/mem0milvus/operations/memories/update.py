"""Changing a memory, and bringing back what it used to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, content_hash, version_key
from mem0milvus.data.messages import check_metadata, check_text
from mem0milvus.data.scope import check_memory_id
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import NotFoundError, ValidationError
from mem0milvus.ports import Ports
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import Outcome, Vector


async def update(ports: Ports, memory_id: str, data: str, metadata: Mapping[str, Any] | None = None) -> Outcome:
    """See ``Memory.update``."""
    check_memory_id(memory_id)
    text = check_text(data, "data")
    given = check_metadata(metadata)
    told = (await ports.live.get([memory_id])).get(memory_id)
    if told is None:
        raise NotFoundError(unknown_id(memory_id))
    (vector,) = await ports.embedder.embed([embedded_text(text, told.actor_id)])
    await ports.shield(_write(ports, memory_id, text, given, vector))
    return {"message": "Memory updated successfully!"}


async def _write(ports: Ports, memory_id: str, text: str, given: Mapping[str, Any], vector: Vector) -> None:
    async with ports.locks.hold([memory_id]):
        current = (await ports.live.get([memory_id], vectors=True)).get(memory_id)
        if current is None:
            raise NotFoundError(unknown_id(memory_id))
        merged = check_metadata({**current.metadata, **given})
        if (text, merged) == (current.memory, current.metadata):
            return
        now_us = change_moment(current, ports.clock.now_us())
        following = replace(
            current,
            memory=text,
            hash=content_hash(text),
            metadata=merged,
            version=current.version + 1,
            event="UPDATE",
            updated_at=now_us,
            valid_from=now_us,
            vector=vector,
        )
        await put_next(ports, current, replace(following, words=lexical_weights(following)))


async def restore(ports: Ports, memory_id: str, version: int) -> Outcome:
    """See ``Memory.restore``."""
    check_memory_id(memory_id)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValidationError(f"version must be a whole number from 1, as history() tells it, not {version!r}.")
    await ports.shield(_restore(ports, memory_id, version))
    return {"message": "Memory restored successfully!"}


async def _restore(ports: Ports, memory_id: str, version: int) -> None:
    async with ports.locks.hold([memory_id]):
        current = await latest(ports, memory_id, vectors=True)
        if current.version == version and current.event != "DELETE":
            return
        wanted = await _past_version(ports, memory_id, version, current)
        now_us = change_moment(current, ports.clock.now_us())
        following = replace(
            wanted,
            id=memory_id,
            version=current.version + 1,
            event="RESTORE",
            updated_at=now_us,
            valid_from=now_us,
            valid_to=FOREVER_US,
        )
        await put_next(ports, current, following)


async def put_next(ports: Ports, current: MemoryRow, following: MemoryRow) -> None:
    """Replace a memory's current version. What it says now is kept before it is replaced."""
    await ports.history.put([closed(current, following.valid_from)])
    await ports.live.put([following])


async def latest(ports: Ports, memory_id: str, *, vectors: bool = False) -> MemoryRow:
    """The current version of a memory, or the tombstone of a deleted one.

    Raises:
        NotFoundError: there is neither.
    """
    live = await ports.live.get([memory_id], vectors=vectors)
    if memory_id in live:
        return live[memory_id]
    past = await ports.history.get([memory_id], vectors=vectors)
    if memory_id in past:
        return past[memory_id]
    raise NotFoundError(unknown_id(memory_id))


def unknown_id(memory_id: str) -> str:
    """The message for an id that no memory has."""
    return f"There is no memory with the id {memory_id!r}. get_all() lists the ids of a user's memories."


async def _past_version(ports: Ports, memory_id: str, version: int, current: MemoryRow) -> MemoryRow:
    if version >= current.version:
        raise NotFoundError(f"The memory {memory_id!r} has no version {version}; its latest is {current.version}.")
    key = version_key(memory_id, version)
    found = (await ports.history.get([key], vectors=True)).get(key)
    if found is None:
        raise NotFoundError(f"Version {version} of the memory {memory_id!r} is no longer kept.")
    if found.event == "DELETE":
        raise ValidationError(f"Version {version} of the memory {memory_id!r} is its deletion: there is no text in it.")
    return found
