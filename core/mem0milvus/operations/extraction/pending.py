"""Messages whose extraction failed: kept as they are, found like memories, and extracted later, exactly once.

They are written as memories that are marked. When their extraction works, one request writes the memories that come of
it and marks the raw rows as done, so that a crash leaves either all of it to do or nothing but rows to be removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from mem0milvus.data.limits import MAX_PENDING_BYTES
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message
from mem0milvus.data.scope import Scope, read_scope
from mem0milvus.errors import EmbeddingError, ExtractionError
from mem0milvus.operations.extraction.commit import Commit, write_changes
from mem0milvus.operations.extraction.extract import infer, propose
from mem0milvus.operations.extraction.pending_state import Waiting, waiting_of
from mem0milvus.operations.memories.delete import erase
from mem0milvus.operations.memories.new_rows import Draft, Turn, build, embed
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, equals, negation
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.types import UNSET, AddResult, Change, PendingOutcome, Rejected, ScopeId, Vector

#: After so many failures in a row the model is taken to be down, and the other turns are left for later.
MOST_FAILURES = 3


async def infer_or_keep(ports: Ports, turn: Turn, ids: Sequence[str] | None) -> AddResult:
    """Extract a turn, or keep its messages as pending rows when a model fails and the configuration says so."""
    try:
        return await infer(ports, turn, ids)
    except (ExtractionError, EmbeddingError) as error:
        if not ports.extraction.keeps_raw:
            raise
        waiting = Waiting(_turn_id(turn.scope, ids), turn.prompt, ids or ())
        if len(waiting.as_text().encode()) > MAX_PENDING_BYTES:
            raise
        records = await keep_raw(ports, turn, waiting)
        results: list[Change] = [{"id": r.id, "memory": r.memory, "event": "ADD", "pending": True} for r in records]
        return {"results": results, "relations": [], "extraction_error": str(error)}


def _turn_id(scope: Scope, ids: Sequence[str] | None) -> str:
    """Names a turn; the same turn again where the caller names its memories."""
    if not ids:
        return str(uuid4())
    return str(uuid5(NAMESPACE_OID, "\x1f".join((scope.user_id, scope.agent_id, scope.run_id, *ids))))


async def keep_raw(ports: Ports, turn: Turn, waiting: Waiting, *, embeds: bool = True) -> list[MemoryRow]:
    """Write the messages of a turn as pending rows. Without an embedding model they are found by their words alone."""
    drafts = [
        Draft(message, vector)
        for message, vector in zip(turn.messages, await _vectors(ports, turn.messages, embeds), strict=True)
    ]
    ids = [str(uuid5(UUID(waiting.turn), f"raw {number}")) for number in range(len(drafts))]
    records = [replace(record, pending=waiting.as_text()) for record in await build(ports, turn, drafts, ids)]
    await ports.shield(ports.live.put(records))
    return records


async def put_aside(ports: Ports, turn: Turn, ids: Sequence[str] | None) -> list[MemoryRow]:
    """Store a turn as pending rows, without asking any model: it is to be extracted in a moment."""
    return await keep_raw(ports, turn, Waiting(_turn_id(turn.scope, ids), turn.prompt, ids or ()), embeds=False)


async def extract_aside(ports: Ports, rows: Sequence[MemoryRow]) -> None:
    """Extract what ``put_aside`` stored."""
    await process_turn(ports, rows, {"results": [], "rejected": [], "processed": 0, "failed": []})


async def _vectors(ports: Ports, messages: Sequence[Message], embeds: bool) -> list[Vector]:
    if embeds:
        try:
            return await embed(ports, messages)
        except EmbeddingError:
            pass  # the message is kept all the same
    return [(1.0, *[0.0] * (ports.dims - 1))] * len(messages)


async def process_pending(
    ports: Ports, *, user_id: ScopeId = UNSET, agent_id: ScopeId = UNSET, run_id: ScopeId = UNSET
) -> PendingOutcome:
    """See ``Memory.process_pending``."""
    outcome: PendingOutcome = {"results": [], "rejected": [], "processed": 0, "failed": []}
    errors: list[ExtractionError | EmbeddingError] = []
    in_a_row = 0
    for rows in await _turns(ports, read_scope(user_id, agent_id, run_id)):
        if in_a_row == MOST_FAILURES:
            break
        try:
            await process_turn(ports, rows, outcome)
            in_a_row = 0
        except (ExtractionError, EmbeddingError) as error:
            errors.append(error)
            in_a_row += 1
    if errors and not outcome["processed"]:
        raise errors[0]
    outcome["failed"] = [str(error) for error in errors]
    return outcome


async def _turns(ports: Ports, scope: Scope) -> list[list[MemoryRow]]:
    """The pending rows of each turn, in the order in which they were said."""
    turns: dict[str, list[MemoryRow]] = {}
    where = all_of(in_scope(scope), negation(equals("pending", "")))
    async for page in ports.live.pages(where):
        for record in page:
            turns.setdefault(waiting_of(record).turn, []).append(record)
    ordered = [sorted(rows, key=lambda row: row.created_at) for rows in turns.values()]
    return sorted(ordered, key=lambda rows: (rows[0].created_at, rows[0].id))


async def process_turn(ports: Ports, rows: Sequence[MemoryRow], outcome: PendingOutcome) -> None:
    """Extract one turn, and remove its raw rows.

    Raises:
        ExtractionError: the language model failed; the rows stay.
        EmbeddingError: the embedding model failed; the rows stay.
    """
    waiting = waiting_of(rows[0])
    if waiting.done:
        await ports.shield(_finish(ports, rows, waiting))
        return
    turn = _turn_of(ports, rows, waiting)
    if turn.expires_at <= turn.now_us:
        await ports.shield(_finish(ports, rows, waiting))
        return
    plan = await propose(ports, turn)
    fresh = [str(uuid5(UUID(waiting.turn), str(number))) for number in range(len(plan.steps))]
    ids = [*waiting.ids, *fresh][: len(plan.steps)]
    commit = Commit(turn, plan.steps, ids, named=bool(waiting.ids), raw=rows)
    written = await ports.shield(_write(ports, commit))
    if written is not None:
        changes, rejected = written
        outcome["results"] += changes
        outcome["rejected"] += [*plan.rejected, *rejected]
        outcome["processed"] += 1


def _turn_of(ports: Ports, rows: Sequence[MemoryRow], waiting: Waiting) -> Turn:
    first = rows[0]
    return Turn(
        messages=[Message(row.role, row.memory, row.actor_id) for row in rows],
        scope=Scope(first.user_id, first.agent_id, first.run_id),
        metadata=first.metadata,
        now_us=ports.clock.now_us(),
        observed_at=first.observed_at,
        expires_at=first.expires_at,
        prompt=waiting.prompt,
    )


async def _write(ports: Ports, commit: Commit) -> tuple[list[Change], list[Rejected]] | None:
    """Write what was proposed, then remove the raw rows. None when somebody else did, or changed them meanwhile."""
    written = await write_changes(ports, commit)
    if written is not None:
        async with ports.locks.hold([row.id for row in commit.raw]):
            await erase(ports, commit.raw)
    return written


async def _finish(ports: Ports, rows: Sequence[MemoryRow], waiting: Waiting) -> None:
    """Remove what is left of a turn that was written, or that has expired."""
    async with ports.locks.hold([*waiting.remove, *(row.id for row in rows)]):
        there = await ports.live.get(list(waiting.remove)) if waiting.remove else {}
        await ports.live.remove([i for i, record in there.items() if record.version == waiting.remove[i]])
        await erase(ports, rows)
