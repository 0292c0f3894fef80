"""Memories that come from elsewhere with their past: what is to become of each, and writing them.

A memory arrives once, however often it is brought: it is known by its id and its latest version. One that has gone on
since it was taken out is left as it is; one that had gone on before is brought up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from mem0milvus.data.limits import ROWS_PER_REQUEST
from mem0milvus.data.memory_row import MemoryRow, version_key
from mem0milvus.errors import StoreError
from mem0milvus.operations.extraction.pending_state import waiting_of
from mem0milvus.operations.transfer.dump_format import MemoryRows
from mem0milvus.ports import EmbedderPort, Ports
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import LoadOutcome, OnConflict, Vector

#: Rows that are embedded and written together.
BATCH_ROWS = ROWS_PER_REQUEST // 2


class Fate(Enum):
    """What is to become of a memory that arrives."""

    NEW = auto()
    PRESENT = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with a memory whose id another one has.

    Attributes:
        on_conflict: leave it out, give it another id, or raise an error.
        renamed: the other id, the same for the same memory whenever it is asked for.
    """

    on_conflict: OnConflict
    renamed: Callable[[str], str]


@dataclass(slots=True)
class _Sorted:
    """What arrives, by what is to be done: those to be written, and ids that were found taken or known."""

    new: list[MemoryRows] = field(default_factory=list)
    present: int = 0
    skipped: int = 0
    renamed: dict[str, str] = field(default_factory=dict)


async def fates(ports: Ports, memories: Sequence[MemoryRows]) -> list[Fate]:
    """What is to become of memories under the ids that they have.

    Raises:
        StoreError: Milvus failed.
    """
    ids = [memory.head.id for memory in memories]
    living = await ports.live.get(ids)
    deleted = await ports.history.get([i for i in ids if i not in living])
    there = {**deleted, **living}
    ahead = [m for m in memories if m.head.id in there and there[m.head.id].version > m.head.version]
    keys = [version_key(memory.head.id, memory.head.version) for memory in ahead]
    past = await ports.history.get(keys) if keys else {}
    return [_fate(memory, there.get(memory.head.id), past) for memory in memories]


def _fate(memory: MemoryRows, there: MemoryRow | None, past: Mapping[str, MemoryRow]) -> Fate:
    head = memory.head
    if there is None:
        return Fate.NEW
    if there.version == head.version:
        return Fate.PRESENT if _same(there, head) else Fate.CONFLICT
    if there.version > head.version:
        before = past.get(version_key(head.id, head.version))
        return Fate.PRESENT if before is not None and _same(before, head) else Fate.CONFLICT
    was = next((record for record in memory.closed if record.version == there.version), None)
    if (was is not None and _same(was, there)) or _came_without_its_past(there, head):
        return Fate.NEW
    return Fate.CONFLICT


def _came_without_its_past(there: MemoryRow, head: MemoryRow) -> bool:
    """Whether a row is the same memory, brought from where its history was not known."""
    names = ("created_at", "memory", "user_id", "agent_id", "run_id", "actor_id")
    return there.version == 1 and all(getattr(there, name) == getattr(head, name) for name in names)


def _same(one: MemoryRow, other: MemoryRow) -> bool:
    """Whether two rows are one version of one memory, be it current or closed."""
    names = ("version", "event", "valid_from", "memory", "user_id", "agent_id", "run_id", "actor_id")
    return all(getattr(one, name) == getattr(other, name) for name in names)


async def arrive(ports: Ports, memories: Sequence[MemoryRows], policy: Policy, outcome: LoadOutcome) -> None:
    """Write memories that are not there, and count in ``outcome`` what became of each.

    Their rows need words, and those without a vector need one. Written is the past first: a memory that is seen has
    its history.

    Raises:
        EmbeddingError: the embedding model failed. None of these was written.
        StoreError: Milvus failed. Doing the same again goes on; or an id was taken in this very moment.
    """
    memories = list({memory.head.id: memory for memory in memories}.values())  # one that comes twice has gone on
    wanted = (await _sort(ports, memories, policy)).new
    ready = dict(zip((m.head.id for m in wanted), await _indexed(ports.embedder, ports.dims, wanted), strict=True))
    await ports.shield(_write(ports, memories, policy, ready, outcome))


async def _write(
    ports: Ports,
    memories: Sequence[MemoryRows],
    policy: Policy,
    ready: Mapping[str, MemoryRows],
    outcome: LoadOutcome,
) -> None:
    ids = {memory.head.id for memory in memories}
    async with ports.locks.hold([*ids, *map(policy.renamed, ids)]):
        arriving = await _sort(ports, memories, policy)
        if any(memory.head.id not in ready for memory in arriving.new):
            raise StoreError("Memories were changed while these came in. It is safe to do the whole again.")
        new = [ready[memory.head.id] for memory in arriving.new]
        await ports.history.put([record for m in new for record in (m.rows if m.deleted else m.closed)])
        await ports.live.put([memory.head for memory in new if not memory.deleted])
        if gone := list(await ports.live.get([memory.head.id for memory in new if memory.deleted])):
            await ports.live.remove(gone)
    outcome["memories"] += sum(not memory.deleted for memory in new)
    outcome["deleted"] += sum(memory.deleted for memory in new)
    outcome["versions"] += sum(len(memory.closed) for memory in new)
    outcome["present"] += arriving.present
    outcome["skipped"] += arriving.skipped
    outcome["renamed"] |= arriving.renamed


async def _sort(ports: Ports, memories: Sequence[MemoryRows], policy: Policy) -> _Sorted:
    found = _Sorted()
    taken = []
    for memory, fate in zip(memories, await fates(ports, memories), strict=True):
        if fate is Fate.NEW:
            found.new.append(memory if policy.on_conflict == "error" else _without_removals(memory))
        elif fate is Fate.PRESENT:
            found.present += 1
        else:
            taken.append(memory)
    if taken and policy.on_conflict == "error":
        raise StoreError(f"The id {taken[0].head.id!r} was taken by another memory while these came in.")
    if policy.on_conflict == "skip":
        found.skipped = len(taken)
    elif taken:
        await _rename(ports, taken, policy, found)
    return found


async def _rename(ports: Ports, taken: Sequence[MemoryRows], policy: Policy, found: _Sorted) -> None:
    others = [_without_removals(memory).under(policy.renamed(memory.head.id)) for memory in taken]
    for memory, other, fate in zip(taken, others, await fates(ports, others), strict=True):
        if fate is Fate.CONFLICT:
            found.skipped += 1
            continue
        found.renamed[memory.head.id] = other.head.id
        if fate is Fate.NEW:
            found.new.append(other)
        else:
            found.present += 1


def _without_removals(memory: MemoryRows) -> MemoryRows:
    """A message whose extraction is done may name memories to be removed by ids that are others' here."""
    head = memory.head
    if not head.pending or not (waiting := waiting_of(head)).remove:
        return memory
    return replace(memory, head=replace(head, pending=replace(waiting, remove={}).as_text()))


async def _indexed(embedder: EmbedderPort, dims: int, memories: Sequence[MemoryRows]) -> list[MemoryRows]:
    """The memories with what they are found by."""
    rows = await indexed(embedder, dims, [record for memory in memories for record in memory.rows])
    done = iter(rows)
    return [MemoryRows(closed=[next(done) for _ in memory.closed], head=next(done)) for memory in memories]


async def indexed(embedder: EmbedderPort, dims: int, records: Sequence[MemoryRow]) -> list[MemoryRow]:
    """The rows with words, and with a vector each: their own, or one that the embedding model makes.

    Raises:
        EmbeddingError: the model failed.
    """
    texts = dict.fromkeys(_text(record) for record in records if not record.vector and record.event != "DELETE")
    vectors = dict(zip(texts, await embedder.embed(list(texts)), strict=True)) if texts else {}
    return [_indexed_row(record, vectors, dims) for record in records]


def _indexed_row(record: MemoryRow, vectors: Mapping[str, Vector], dims: int) -> MemoryRow:
    if record.event == "DELETE":
        return replace(record, vector=(1.0, *[0.0] * (dims - 1)), words={0: 1.0})
    vector = record.vector or vectors[_text(record)]
    return replace(record, vector=vector, words=lexical_weights(record))


def _text(record: MemoryRow) -> str:
    return embedded_text(record.memory, record.actor_id)
