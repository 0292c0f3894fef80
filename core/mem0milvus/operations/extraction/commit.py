"""Writing the changes of one turn: the past first, then all new rows in one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, content_hash, tombstone
from mem0milvus.data.messages import Message, check_metadata
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import PartialWriteError, StoreError, ValidationError
from mem0milvus.operations.extraction.answer import Action, Proposal
from mem0milvus.operations.extraction.pending_state import settled
from mem0milvus.operations.memories.new_rows import Draft, Turn, build, continue_past
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, any_in
from mem0milvus.retrieval.filters.scope_filters import exactly_in
from mem0milvus.retrieval.indexing import lexical_weights
from mem0milvus.types import Change, Rejected, Vector


@dataclass(frozen=True, slots=True)
class Step:
    """One change to be written.

    Attributes:
        action: what is done.
        message: the new text, and who said it.
        vector: its embedding; none for a deletion.
        happened_at: when it happened, where that is told.
        target: the memory that is changed, as it was shown to the model.
        proposal: what the model said; None where rules decided.
    """

    action: Action
    message: Message
    vector: Vector
    happened_at: int | None = None
    target: MemoryRow | None = None
    proposal: Proposal | None = None

    @property
    def draft(self) -> Draft:
        """The text as a new memory."""
        return Draft(self.message, self.vector, self.happened_at)


@dataclass(frozen=True, slots=True)
class Commit:
    """The changes of one turn.

    Attributes:
        ids: for new memories, as many as there may be at most.
        named: whether the caller chose the ids, so that others may have had them.
        raw: the pending rows that the turn was read from, if any. They are marked as done together with the changes.
    """

    turn: Turn
    steps: Sequence[Step]
    ids: Sequence[str]
    named: bool = False
    raw: Sequence[MemoryRow] = ()


@dataclass(slots=True)
class _Rows:
    """The rows of a commit, and what is told of them."""

    past: list[MemoryRow] = field(default_factory=list)
    live: list[MemoryRow] = field(default_factory=list)
    remove: list[MemoryRow] = field(default_factory=list)
    changes: dict[int, Change] = field(default_factory=dict)  # by step
    rejected: list[Rejected] = field(default_factory=list)

    def reject(self, step: Step, reason: str) -> None:
        if step.proposal is not None:
            self.rejected.append(step.proposal.rejected(reason))


async def write_changes(ports: Ports, commit: Commit) -> tuple[list[Change], list[Rejected]] | None:
    """Write the changes of a turn. They hold from one moment: that at which the new rows are written.

    A memory that was changed since the model saw it is not changed again: the new text is stored beside it, and it is
    not deleted.

    Returns:
        What was changed and what was not; None when the raw rows are no longer as they were read.

    Raises:
        ValidationError: there are fewer ids than new memories, or metadata would become too large. Nothing was written.
        StoreError: Milvus failed.
    """
    targets = [step.target.id for step in commit.steps if step.target]
    texts = [content_hash(step.message.text) for step in commit.steps]
    raw_ids = [row.id for row in commit.raw]
    async with ports.locks.hold([*targets, *texts, *raw_ids, *(commit.ids if commit.named else ())]):
        current = await ports.live.get([*targets, *raw_ids], vectors=True) if targets or raw_ids else {}
        raw = [current[i] for i in raw_ids if i in current]
        if [(row.version, row.pending) for row in raw] != [(row.version, row.pending) for row in commit.raw]:
            return None
        turn = replace(commit.turn, now_us=max(commit.turn.now_us, ports.clock.now_us()))
        rows = _Rows()
        new = await _unknown(ports, turn, _sort(turn, commit.steps, current, rows), rows)
        if len(new) > len(commit.ids):
            raise ValidationError(
                f"ids names {len(commit.ids)} memories and there are {len(new)} to store. Nothing was added."
            )
        built = await build(ports, turn, [step.draft for step in new.values()], commit.ids[: len(new)])
        for number, record in zip(new, built, strict=True):
            rows.changes[number] = {"id": record.id, "memory": record.memory, "event": "ADD"}
        if commit.named:
            built = await continue_past(ports, built)
        remove = {record.id: record.version for record in rows.remove}
        await _put(ports, rows, [*rows.live, *built, *(settled(row, turn.now_us, remove) for row in raw)])
    return [rows.changes[number] for number in sorted(rows.changes)], rows.rejected


async def _put(ports: Ports, rows: _Rows, live: Sequence[MemoryRow]) -> None:
    """Write the rows: what no longer holds is kept before it is replaced."""
    if rows.past:
        try:
            await ports.history.put(rows.past)
        except PartialWriteError as error:  # harmless: past rows count only once the live rows are replaced or gone
            raise StoreError(f"Nothing was added: {error.__cause__}") from error
    if live:
        await ports.live.put(live)
    if rows.remove:
        await ports.live.remove([record.id for record in rows.remove])


def _sort(turn: Turn, steps: Sequence[Step], current: Mapping[str, MemoryRow], rows: _Rows) -> dict[int, Step]:
    """Lay out the rows of updates and deletions; returns, by number, the steps that bring new memories."""
    new: dict[int, Step] = {}
    for number, step in enumerate(steps):
        now = current.get(step.target.id) if step.target else None
        unchanged = now is not None and step.target is not None and now.version == step.target.version
        if step.action == "ADD" or (step.action == "UPDATE" and not unchanged):
            new[number] = step
        elif now is None or not unchanged:
            rows.reject(step, "the memory was changed or deleted meanwhile")
        elif step.action == "UPDATE":
            rows.changes[number] = _update(turn, step, now, rows)
        else:
            rows.changes[number] = _delete(turn, now, rows)
    return new


def _update(turn: Turn, step: Step, now: MemoryRow, rows: _Rows) -> Change:
    moment = change_moment(now, turn.now_us)
    told = turn.observed_at if step.happened_at is None else step.happened_at
    if told is None:  # what nobody told is the moment of the change, or of the memory's making, which is no word of it
        told = now.observed_at if now.observed_at == now.created_at else moment
    text = step.message.text
    following = replace(
        now,
        memory=text,
        hash=content_hash(text),
        actor_id=step.message.name,
        role=step.message.role,
        metadata=check_metadata({**now.metadata, **turn.metadata}),
        version=now.version + 1,
        event="UPDATE",
        updated_at=moment,
        valid_from=moment,
        observed_at=told,
        expires_at=now.expires_at if turn.expires_at == FOREVER_US else turn.expires_at,
        vector=step.vector,
    )
    rows.past.append(closed(now, moment))
    rows.live.append(replace(following, words=lexical_weights(following)))
    return {"id": now.id, "memory": text, "event": "UPDATE", "previous_memory": now.memory}


def _delete(turn: Turn, now: MemoryRow, rows: _Rows) -> Change:
    moment = change_moment(now, turn.now_us)
    rows.past += [closed(now, moment), tombstone(now, moment)]
    rows.remove.append(now)
    return {"id": now.id, "memory": now.memory, "event": "DELETE", "previous_memory": now.memory}


async def _unknown(ports: Ports, turn: Turn, new: Mapping[int, Step], rows: _Rows) -> dict[int, Step]:
    """Those new memories whose text the scope has not already, each text once."""
    if not new:
        return {}
    hashes = {number: content_hash(step.message.text) for number, step in new.items()}
    same = all_of(exactly_in(turn.scope), any_in("hash", list(dict.fromkeys(hashes.values()))))
    known = {record.hash for record in rows.live}
    async for page in ports.live.pages(same, only=("hash", "pending")):
        known.update(record.hash for record in page if not record.pending)
    kept = {}
    for number, step in new.items():
        if hashes[number] in known:
            rows.reject(step, "it is known already")
        else:
            known.add(hashes[number])
            kept[number] = step
    return kept
