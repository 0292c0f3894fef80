"""The input of one ``add``, and the rows of the new memories made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, content_hash
from mem0milvus.data.messages import Message
from mem0milvus.data.scope import Scope
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import PartialWriteError, StoreError
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters.scope_filters import exactly_in
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import Event, Vector


@dataclass(frozen=True, slots=True)
class Turn:
    """The messages given to one ``add`` with its other arguments, all checked."""

    messages: Sequence[Message]
    scope: Scope  #: the scope of the new memories
    metadata: Mapping[str, Any]  #: the metadata of each new memory
    now_us: int  #: when the turn is added, in microseconds since 1970 UTC, as all times here
    observed_at: int | None  #: when the messages were said; None if the caller did not say
    expires_at: int  #: when the new memories expire
    prompt: str  #: instructions to the language model instead of the configured ones; "" for those


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory to be stored: its text and speaker, its embedding, and when it happened, if that was said."""

    message: Message
    vector: Vector
    happened_at: int | None = None


def scope_of(row: MemoryRow) -> Scope:
    """Return the scope of a memory."""
    return Scope(row.user_id, row.agent_id, row.run_id)


async def embed(ports: Ports, messages: Sequence[Message]) -> list[Vector]:
    """Return the embeddings of memories with these texts and speakers."""
    return await ports.embedder.embed([embedded_text(message.text, message.name) for message in messages])


async def build_rows(ports: Ports, turn: Turn, drafts: Sequence[Draft], ids: Sequence[str]) -> list[MemoryRow]:
    """Return the rows of new memories. Their times are a microsecond apart, so that sorting keeps their order."""
    if not drafts:
        return []
    positions = await _positions(ports, turn.scope, len(drafts))
    rows = []
    for index, (draft, memory_id, position) in enumerate(zip(drafts, ids, positions, strict=True)):
        now_us = turn.now_us + index
        observed_at = turn.observed_at if draft.happened_at is None else draft.happened_at
        row = MemoryRow(
            id=memory_id,
            user_id=turn.scope.user_id,
            agent_id=turn.scope.agent_id,
            run_id=turn.scope.run_id,
            actor_id=draft.message.name,
            role=draft.message.role,
            memory=draft.message.text,
            hash=content_hash(draft.message.text),
            metadata=turn.metadata,
            created_at=now_us,
            valid_from=now_us,
            observed_at=now_us if observed_at is None else observed_at,
            expires_at=turn.expires_at,
            seq=position,
            vector=draft.vector,
        )
        rows.append(replace(row, words=lexical_weights(row)))
    return rows


async def _positions(ports: Ports, scope: Scope, count: int) -> Sequence[int]:
    """Reserve positions in the run for ``count`` new memories; without a run, all are 0."""
    if not scope.run_id:
        return [0] * count
    at_least = 0
    if not ports.positions.knows(scope):
        # A strong read is not needed: this process remembers the positions it gave, and memories of two processes that
        # get the same position are ordered by id.
        pages = ports.live.pages(exactly_in(scope), only=("seq",), consistency="Bounded")
        at_least = max([row.seq + 1 async for page in pages for row in page], default=0)
    first = ports.positions.take(scope, count, at_least=at_least)
    return range(first, first + count)


def next_version(row: MemoryRow, latest: MemoryRow, event: Event, now_us: int) -> MemoryRow:
    """Return ``row`` as the version of its memory that follows the latest one."""
    start_us = change_moment(latest, now_us)
    following = replace(row, id=latest.id, version=latest.version + 1, event=event, updated_at=start_us)
    return replace(following, valid_from=start_us, valid_to=FOREVER_US)


def with_text(row: MemoryRow, text: str, vector: Vector, metadata: Mapping[str, Any], **columns: Any) -> MemoryRow:
    """Return ``row`` with another text, its embedding and words, other metadata, and some other columns."""
    changed = replace(row, memory=text, hash=content_hash(text), vector=vector, metadata=metadata, **columns)
    return replace(changed, words=lexical_weights(changed))


async def continue_versions(ports: Ports, rows: Sequence[MemoryRow]) -> list[MemoryRow]:
    """Return new rows numbered as further versions of memories that were deleted under the same ids.

    The tombstones of those are closed. The caller holds the locks of the ids, none of which has a live row.
    """
    tombstones = await ports.history.get([row.id for row in rows], vectors=True)
    if not tombstones:
        return list(rows)
    following = [_after(row, tombstones.get(row.id)) for row in rows]
    starts = {row.id: row.valid_from for row in following}
    try:
        await ports.history.put([closed(row, starts[memory_id]) for memory_id, row in tombstones.items()])
    except PartialWriteError as error:  # harmless: closed versions are ignored until a later version exists
        raise StoreError(f"Nothing was added: {error.__cause__}") from error
    return following


def _after(row: MemoryRow, tombstone: MemoryRow | None) -> MemoryRow:
    if tombstone is None:
        return row
    moment_us = change_moment(tombstone, row.valid_from)
    return replace(row, version=tombstone.version + 1, created_at=tombstone.created_at, valid_from=moment_us)
