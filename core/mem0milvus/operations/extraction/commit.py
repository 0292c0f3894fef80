"""Writing the changes of one turn: closed versions first, then all new live rows in one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, content_hash, tombstone
from mem0milvus.data.messages import Message, check_metadata
from mem0milvus.data.quoting import shown
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import PartialWriteError, StoreError, ValidationError
from mem0milvus.operations.extraction.answer import Action, Proposal
from mem0milvus.operations.extraction.pending_state import mark_done
from mem0milvus.operations.memories.new_rows import (
    Draft,
    Turn,
    build_rows,
    continue_versions,
    next_version,
    scope_of,
    with_text,
)
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, any_in
from mem0milvus.retrieval.filters.scope_filters import exactly_in
from mem0milvus.types import Change, Rejected, Vector


@dataclass(frozen=True, slots=True)
class Step:
    """One change to be written."""

    action: Action  #: the kind of change
    message: Message  #: the new text and its speaker
    vector: Vector  #: the embedding of the text; empty for a deletion
    happened_at: int | None = None  #: when it happened, in microseconds since 1970 UTC; None if that was not said
    target: MemoryRow | None = None  #: the memory to change, as it was shown to the language model; None for a new one
    proposal: Proposal | None = None  #: the model's proposal; None if the rules made the change

    @property
    def draft(self) -> Draft:
        """The change as a new memory."""
        return Draft(self.message, self.vector, self.happened_at)


@dataclass(frozen=True, slots=True)
class Commit:
    """The changes of one turn."""

    turn: Turn
    steps: Sequence[Step]
    #: ids for new memories, at least as many; of those of a pending turn, the ones that are taken are left out
    ids: Sequence[str]
    chosen_ids: bool  #: True if the caller chose the ids, so that deleted memories may have had them
    #: the pending rows from which the turn was read, to be marked as done with the changes
    pending: Sequence[MemoryRow] = ()


@dataclass(slots=True)
class _Rows:
    """The rows of a commit, and its results: the changes by the number of their step, and the rejected proposals."""

    history: list[MemoryRow] = field(default_factory=list)
    live: list[MemoryRow] = field(default_factory=list)
    remove: list[MemoryRow] = field(default_factory=list)
    changes: dict[int, Change] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def removed_versions(self) -> dict[str, int]:
        return {row.id: row.version for row in self.remove}

    def reject(self, step: Step, reason: str) -> None:
        if step.proposal is not None:
            self.rejected.append(step.proposal.rejected(reason))


async def write_changes(ports: Ports, commit: Commit) -> tuple[list[Change], list[Rejected]] | None:
    """Write the changes of a turn. They all become valid at once, when the new live rows are written.

    If a memory has changed since the model saw it, an update is stored as a new memory, and a deletion is rejected.

    Returns:
        The changes made and those rejected; None if the pending rows have changed since they were read, or if the
        same call has been made meanwhile, so that its ids are taken.

    Raises:
        ValidationError: there are fewer ids than new memories, an id was taken in another scope, or metadata would
            become too large. Nothing was written.
        StoreError: Milvus failed.
    """
    targets = [step.target.id for step in commit.steps if step.target]
    # The hashes of the texts are locked too, so that two turns cannot add the same text at the same time.
    texts = [content_hash(step.message.text) for step in commit.steps]
    pending_ids = [row.id for row in commit.pending]
    chosen_ids = commit.ids if commit.chosen_ids else ()
    async with ports.locks.hold([*targets, *texts, *pending_ids, *chosen_ids]):
        current = await ports.live.get([*targets, *pending_ids, *chosen_ids], vectors=True)
        pending = [current[i] for i in pending_ids if i in current]
        if [(row.version, row.pending) for row in pending] != [(row.version, row.pending) for row in commit.pending]:
            return None
        taken = {i: current[i] for i in chosen_ids if i in current}
        if not pending and is_repetition(commit.turn, taken):
            return None
        ids = [i for i in commit.ids if i not in taken]
        turn = replace(commit.turn, now_us=max(commit.turn.now_us, ports.clock.now_us()))
        rows = _Rows()
        new = await _unknown(ports, turn, _sort(turn, commit.steps, current, rows), rows)
        if len(new) > len(ids):
            raise ValidationError(
                f"ids names {len(ids)} memories and there are {len(new)} to store. Nothing was added."
            )
        built = await build_rows(ports, turn, [step.draft for step in new.values()], ids[: len(new)])
        for number, row in zip(new, built, strict=True):
            rows.changes[number] = {"id": row.id, "memory": row.memory, "event": "ADD"}
        if commit.chosen_ids:
            built = await continue_versions(ports, built)
        await _put(ports, rows, built, [mark_done(row, turn.now_us, rows.removed_versions) for row in pending])
    return [rows.changes[number] for number in sorted(rows.changes)], rows.rejected


def is_repetition(turn: Turn, existing: Mapping[str, MemoryRow]) -> bool:
    """Return True if memories have the ids of a call already; raise a ValidationError if one is of another scope."""
    for row in existing.values():
        if scope_of(row) != turn.scope:
            raise ValidationError(f"The id {shown(row.id)} is taken by a memory of another scope. Nothing was added.")
    return bool(existing)


async def _put(ports: Ports, rows: _Rows, new: Sequence[MemoryRow], done: Sequence[MemoryRow]) -> None:
    """Write the rows, the closed versions before the live rows that replace them."""
    if rows.history:
        try:
            await ports.history.put(rows.history)
        except PartialWriteError as error:  # harmless: closed versions are ignored until their live rows are replaced
            raise StoreError(f"Nothing was added: {error.__cause__}") from error
    if live := [*rows.live, *new, *done]:
        await ports.live.put(live)
    if rows.remove:
        await ports.live.remove([row.id for row in rows.remove])


def _sort(turn: Turn, steps: Sequence[Step], current: Mapping[str, MemoryRow], rows: _Rows) -> dict[int, Step]:
    """Add the rows of updates and deletions to ``rows``, and return the steps that make new memories by number."""
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
    following = next_version(now, now, "UPDATE", turn.now_us)
    observed_at = turn.observed_at if step.happened_at is None else step.happened_at
    if observed_at is None:
        # observed_at is indexed only if it differs from created_at, see lexical_weights: a default stays a default.
        observed_at = now.observed_at if now.observed_at == now.created_at else following.valid_from
    text = step.message.text
    changed = with_text(
        following,
        text,
        step.vector,
        check_metadata({**now.metadata, **turn.metadata}),
        actor_id=step.message.name,
        role=step.message.role,
        observed_at=observed_at,
        expires_at=now.expires_at if turn.expires_at == FOREVER_US else turn.expires_at,
    )
    rows.history.append(closed(now, following.valid_from))
    rows.live.append(changed)
    return {"id": now.id, "memory": text, "event": "UPDATE", "previous_memory": now.memory}


def _delete(turn: Turn, now: MemoryRow, rows: _Rows) -> Change:
    moment_us = change_moment(now, turn.now_us)
    rows.history += [closed(now, moment_us), tombstone(now, moment_us)]
    rows.remove.append(now)
    return {"id": now.id, "memory": now.memory, "event": "DELETE", "previous_memory": now.memory}


async def _unknown(ports: Ports, turn: Turn, new: Mapping[int, Step], rows: _Rows) -> dict[int, Step]:
    """Return the new memories whose text is not in the scope yet, each text once. Reject the others."""
    if not new:
        return {}
    hashes = {number: content_hash(step.message.text) for number, step in new.items()}
    same = all_of(exactly_in(turn.scope), any_in("hash", list(dict.fromkeys(hashes.values()))))
    pages = ports.live.pages(same, only=("hash", "pending"))
    known = {row.hash for row in rows.live} | {row.hash async for page in pages for row in page if not row.pending}
    kept = {}
    for number, step in new.items():
        if hashes[number] in known:
            rows.reject(step, "it is known already")
        else:
            known.add(hashes[number])
            kept[number] = step
    return kept
