"""Pending extractions: messages stored to be extracted later, exactly once.

The messages are stored as memories with a value in the column ``pending``, and searches find them. Once the extraction
succeeds, one request writes the new memories and marks the pending rows as done. A crash therefore leaves either the
whole extraction to do, or only the pending rows to remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from mem0milvus.data.limits import MAX_PENDING_BYTES
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message
from mem0milvus.data.scope import Scope, read_scope
from mem0milvus.errors import EmbeddingError, ExtractionError
from mem0milvus.operations.extraction.commit import Commit, write_changes
from mem0milvus.operations.extraction.extract import infer, propose
from mem0milvus.operations.extraction.pending_state import PendingExtraction, read_pending
from mem0milvus.operations.memories.delete import erase
from mem0milvus.operations.memories.new_rows import Draft, Turn, build_rows, embed, scope_of
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, equals, negation
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.types import UNSET, AddResult, Change, PendingOutcome, Rejected, ScopeId, Vector

#: After so many failures in a row the model is taken to be down, and the remaining turns stay pending.
MOST_FAILURES = 3


async def infer_or_store(ports: Ports, turn: Turn, ids: Sequence[str] | None) -> AddResult:
    """Extract a turn. If a model fails and the configuration says so, store its messages as pending rows instead."""
    try:
        return await infer(ports, turn, ids)
    except (ExtractionError, EmbeddingError) as error:
        pending = _pending(turn, ids)
        if not ports.extraction.keeps_raw or len(pending.as_text().encode()) > MAX_PENDING_BYTES:
            raise
        vectors = _placeholders(ports, turn)
        with suppress(EmbeddingError):
            vectors = await embed(ports, turn.messages)
        rows = await _store(ports, turn, pending, vectors)
        results: list[Change] = [{"id": r.id, "memory": r.memory, "event": "ADD", "pending": True} for r in rows]
        return {"results": results, "relations": [], "extraction_error": str(error)}


async def store_turn(ports: Ports, turn: Turn, ids: Sequence[str] | None) -> list[MemoryRow]:
    """Store a turn as pending rows without asking any model, to be extracted in the background."""
    return await _store(ports, turn, _pending(turn, ids), _placeholders(ports, turn))


def _pending(turn: Turn, ids: Sequence[str] | None) -> PendingExtraction:
    scope = turn.scope
    turn_id = uuid4()
    if ids:  # a repetition of the same call gets the same turn id, and so the same rows
        turn_id = uuid5(NAMESPACE_OID, "\x1f".join((scope.user_id, scope.agent_id, scope.run_id, *ids)))
    return PendingExtraction(str(turn_id), turn.prompt, ids or ())


def _placeholders(ports: Ports, turn: Turn) -> list[Vector]:
    """Return constant vectors: Milvus requires one in every row. Such rows are found by their words alone."""
    return [(1.0, *[0.0] * (ports.dims - 1))] * len(turn.messages)


async def _store(ports: Ports, turn: Turn, pending: PendingExtraction, vectors: Sequence[Vector]) -> list[MemoryRow]:
    drafts = [Draft(message, vector) for message, vector in zip(turn.messages, vectors, strict=True)]
    ids = [str(uuid5(UUID(pending.turn), f"raw {number}")) for number in range(len(drafts))]
    rows = [replace(row, pending=pending.as_text()) for row in await build_rows(ports, turn, drafts, ids)]
    await ports.shield(ports.live.put(rows))
    return rows


async def extract_turn(ports: Ports, rows: Sequence[MemoryRow]) -> None:
    """Extract the turn that ``store_turn`` has stored in these rows."""
    await _process_turn(ports, rows, {"results": [], "rejected": [], "processed": 0, "failed": []})


async def process_pending(
    ports: Ports, *, user_id: ScopeId = UNSET, agent_id: ScopeId = UNSET, run_id: ScopeId = UNSET
) -> PendingOutcome:
    """Extract the pending messages of a scope."""
    outcome: PendingOutcome = {"results": [], "rejected": [], "processed": 0, "failed": []}
    errors: list[ExtractionError | EmbeddingError] = []
    in_a_row = 0
    for rows in await _pending_turns(ports, read_scope(user_id, agent_id, run_id)):
        if in_a_row == MOST_FAILURES:
            break
        try:
            await _process_turn(ports, rows, outcome)
            in_a_row = 0
        except (ExtractionError, EmbeddingError) as error:
            errors.append(error)
            in_a_row += 1
    if errors and not outcome["processed"]:
        raise errors[0]
    outcome["failed"] = [str(error) for error in errors]
    return outcome


async def _pending_turns(ports: Ports, scope: Scope) -> list[list[MemoryRow]]:
    """Return the pending rows of each turn, in the order in which they were added."""
    turns: dict[str, list[MemoryRow]] = {}
    where = all_of(in_scope(scope), negation(equals("pending", "")))
    async for page in ports.live.pages(where):
        for row in page:
            turns.setdefault(read_pending(row).turn, []).append(row)
    ordered = [sorted(rows, key=lambda row: row.created_at) for rows in turns.values()]
    return sorted(ordered, key=lambda rows: (rows[0].created_at, rows[0].id))


async def _process_turn(ports: Ports, rows: Sequence[MemoryRow], outcome: PendingOutcome) -> None:
    """Extract one turn and remove its pending rows. If a model fails, its error is raised and the rows stay."""
    pending, first = read_pending(rows[0]), rows[0]
    turn = Turn(
        messages=[Message(row.role, row.memory, row.actor_id) for row in rows],
        scope=scope_of(first),
        metadata=first.metadata,
        now_us=ports.clock.now_us(),
        observed_at=first.observed_at,
        expires_at=first.expires_at,
        prompt=pending.prompt,
    )
    if pending.done or turn.expires_at <= turn.now_us:
        await ports.shield(_clean_up(ports, rows, pending))
        return
    plan = await propose(ports, turn)
    fresh = [str(uuid5(UUID(pending.turn), str(number))) for number in range(len(plan.steps))]
    ids = [*pending.ids, *fresh]  # of the ids that were given, other memories may have some by now
    commit = Commit(turn, plan.steps, ids, chosen_ids=bool(pending.ids), pending=rows)
    written = await ports.shield(_write(ports, commit))
    if written is not None:
        changes, rejected = written
        outcome["results"] += changes
        outcome["rejected"] += [*plan.rejected, *rejected]
        outcome["processed"] += 1


async def _write(ports: Ports, commit: Commit) -> tuple[list[Change], list[Rejected]] | None:
    """Write the changes, then remove the pending rows. Return None if another process has extracted or changed them."""
    written = await write_changes(ports, commit)
    if written is not None:
        async with ports.locks.hold([row.id for row in commit.pending]):
            await erase(ports, commit.pending)
    return written


async def _clean_up(ports: Ports, rows: Sequence[MemoryRow], pending: PendingExtraction) -> None:
    """Remove the rows of a turn that was extracted or has expired, and the memories it still has to delete."""
    async with ports.locks.hold([*pending.remove, *(row.id for row in rows)]):
        targets = await ports.live.get(list(pending.remove))
        await ports.live.remove([i for i, row in targets.items() if row.version == pending.remove[i]])
        await erase(ports, rows)
