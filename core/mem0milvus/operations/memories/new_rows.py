"""What one ``add`` was given, and the rows of new memories made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, content_hash
from mem0milvus.data.messages import Message
from mem0milvus.data.scope import Scope
from mem0milvus.errors import PartialWriteError, StoreError
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters.scope_filters import exactly_in
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import Vector


@dataclass(frozen=True, slots=True)
class Turn:
    """What one ``add`` was given, checked.

    Attributes:
        messages: what was said.
        scope: whose memories come of it.
        metadata: what they all carry.
        now_us: when it is added.
        observed_at: when it was said, where that was told.
        expires_at: from when on the memories are no longer found.
        prompt: instructions to the language model in the place of the configured ones.
    """

    messages: Sequence[Message]
    scope: Scope
    metadata: Mapping[str, Any]
    now_us: int
    observed_at: int | None
    expires_at: int
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory that is to be stored: who says what, its embedding, and when that happened, where it is told."""

    message: Message
    vector: Vector
    happened_at: int | None = None


async def embed(ports: Ports, messages: Sequence[Message]) -> list[Vector]:
    """The vectors of memories."""
    return await ports.embedder.embed([embedded_text(message.text, message.name) for message in messages])


async def build(ports: Ports, turn: Turn, drafts: Sequence[Draft], ids: Sequence[str]) -> list[MemoryRow]:
    """The rows of new memories. A microsecond apart, so that they are read back in their order."""
    if not drafts:
        return []
    first = await _first_position(ports, turn.scope, len(drafts))
    records = []
    for index, (draft, memory_id) in enumerate(zip(drafts, ids, strict=True)):
        moment = turn.now_us + index
        told = turn.observed_at if draft.happened_at is None else draft.happened_at
        record = MemoryRow(
            id=memory_id,
            user_id=turn.scope.user_id,
            agent_id=turn.scope.agent_id,
            run_id=turn.scope.run_id,
            actor_id=draft.message.name,
            role=draft.message.role,
            memory=draft.message.text,
            hash=content_hash(draft.message.text),
            metadata=turn.metadata,
            created_at=moment,
            valid_from=moment,
            observed_at=moment if told is None else told,
            expires_at=turn.expires_at,
            seq=first + index if turn.scope.run_id else 0,
            vector=draft.vector,
        )
        records.append(replace(record, words=lexical_weights(record)))
    return records


async def _first_position(ports: Ports, scope: Scope, count: int) -> int:
    """The position in its run of the first of some new memories."""
    if not scope.run_id:
        return 0
    last = -1
    if not ports.positions.knows(scope):
        # Stale by a moment will do: what this process wrote itself is known, and equal positions are told apart by id.
        async for page in ports.live.pages(exactly_in(scope), only=("seq",), consistency="Bounded"):
            last = max(last, *(record.seq for record in page))
    return ports.positions.take(scope, count, at_least=last + 1)


async def continue_past(ports: Ports, records: Sequence[MemoryRow]) -> list[MemoryRow]:
    """New rows as they follow upon memories that were deleted under the same ids. Their tombstones are closed.

    The caller holds the ids, and no live row has them.
    """
    deleted = await ports.history.get([record.id for record in records], vectors=True)
    if not deleted:
        return list(records)
    following = [_after(record, deleted.get(record.id)) for record in records]
    ends = {record.id: record.valid_from for record in following}
    try:
        await ports.history.put([closed(gone, ends[memory_id]) for memory_id, gone in deleted.items()])
    except PartialWriteError as error:  # harmless: past rows count only below a live row
        raise StoreError(f"Nothing was added: {error.__cause__}") from error
    return following


def _after(record: MemoryRow, tombstone: MemoryRow | None) -> MemoryRow:
    if tombstone is None:
        return record
    moment = change_moment(tombstone, record.valid_from)
    return replace(record, version=tombstone.version + 1, created_at=tombstone.created_at, valid_from=moment)
