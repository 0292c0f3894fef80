"""Counting what a store holds, and looking for what does not fit together. Nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.ports import Ports
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import Vector

#: Vectors of one text whose cosine is below this were made by two models. Calls of one model differ by less.
SAME_VECTOR = 0.98

#: Memories whose vectors and words are made anew and compared.
SAMPLE = 8


@dataclass(slots=True)
class Survey:
    """What a store holds.

    Attributes:
        memories: memories that can be found.
        expired: memories whose time is over and that ``vacuum`` would erase.
        pending: messages that wait for their extraction; they are counted as memories as well.
        deleted: memories that were deleted and can be restored.
        versions: past versions that are kept, those of deleted memories among them.
        forgotten: past versions that are no longer kept.
        leftovers: rows that an interrupted write left behind. They count for nothing, and do no harm.
        stray: past versions of memories of which nothing else is there.
        first_us: when the first memory was stored, in microseconds since 1970 UTC; 0 where there is none.
        last_us: when the store was last changed; 0 where it never was.
        users: memories by user id; "" for those of no user.
        agents: memories by agent id.
        runs: how many runs have memories.
        sample: some memories that can be found, for ``compare``.
    """

    memories: int = 0
    expired: int = 0
    pending: int = 0
    deleted: int = 0
    versions: int = 0
    forgotten: int = 0
    leftovers: int = 0
    stray: int = 0
    first_us: int = 0
    last_us: int = 0
    users: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    sample: list[str] = field(default_factory=list)


async def survey(ports: Ports) -> Survey:
    """Go through both tables once.

    Raises:
        StoreError: Milvus failed.
    """
    found = Survey()
    changed = await _count_live(ports, found)
    changed += await _count_past(ports, found)
    found.forgotten = max(0, changed - found.versions)
    return found


async def _count_live(ports: Ports, found: Survey) -> int:
    """Count the live rows. Returns how many past versions they tell of."""
    now_us = ports.clock.now_us()
    columns = (
        *("user_id", "agent_id", "run_id", "pending"),
        *("version", "created_at", "updated_at", "expires_at"),
    )
    changed, runs = 0, set()
    async for page in ports.live.pages(None, only=columns):
        for record in page:
            changed += record.version - 1
            _note_moments(found, record.created_at, record.updated_at)
            if record.expires_at <= now_us:
                found.expired += 1
                continue
            found.memories += 1
            found.pending += bool(record.pending)
            found.users[record.user_id] += 1
            if record.agent_id:
                found.agents[record.agent_id] += 1
            if record.run_id:
                runs.add((record.user_id, record.agent_id, record.run_id))
            if len(found.sample) < SAMPLE:
                found.sample.append(record.id)
    found.runs = len(runs)
    return changed


async def _count_past(ports: Ports, found: Survey) -> int:
    """Count the past rows. Returns how many past versions the tombstones among them tell of."""
    changed = 0
    async for page in ports.history.pages(None, only=("version", "event", "valid_from")):
        latest, alive = await _latest(ports, page)
        for record in page:
            memory_id = memory_id_of(record.id)
            if record.id == memory_id:  # a tombstone
                if memory_id in alive:  # restored since, unless the deletion was interrupted
                    found.leftovers += record.version > latest[memory_id]
                    continue
                found.deleted += 1
                changed += record.version - 1
                _note_moments(found, record.valid_from)
            elif memory_id not in latest:
                found.stray += 1
            elif record.version >= latest[memory_id]:
                found.leftovers += 1
            else:
                found.versions += 1
    return changed


def _note_moments(found: Survey, *moments_us: int) -> None:
    given = [moment for moment in moments_us if moment]
    found.first_us = min([*given, found.first_us or moments_us[0]])
    found.last_us = max([*given, found.last_us])


async def _latest(ports: Ports, page: Sequence[MemoryRow]) -> tuple[Mapping[str, int], set[str]]:
    """The number of the latest version of each memory that past rows belong to, and which of them are not deleted."""
    memory_ids = list({memory_id_of(record.id) for record in page})
    live = await ports.live.get(memory_ids)
    deleted = await ports.history.get([memory_id for memory_id in memory_ids if memory_id not in live])
    return {memory_id: record.version for memory_id, record in {**deleted, **live}.items()}, set(live)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How some memories are indexed, against how they would be indexed now.

    Attributes:
        compared: how many memories.
        other_vectors: those whose vector the embedder would make otherwise.
        other_words: those whose words the text analysis would make otherwise.
    """

    compared: int
    other_vectors: int
    other_words: int


async def compare(ports: Ports, memory_ids: Sequence[str]) -> Comparison:
    """Index some memories anew, and compare.

    Raises:
        EmbeddingError: the embedding model failed.
        StoreError: Milvus failed.
    """
    records = list((await ports.live.get(memory_ids, vectors=True)).values())
    if not records:
        return Comparison(0, 0, 0)
    vectors = await ports.embedder.embed([embedded_text(record.memory, record.actor_id) for record in records])
    pairs = zip(records, vectors, strict=True)
    return Comparison(
        compared=len(records),
        other_vectors=sum(_cosine(record.vector, vector) < SAME_VECTOR for record, vector in pairs),
        other_words=sum(
            ports.live.searches_words and record.words.keys() != lexical_weights(record).keys() for record in records
        ),
    )


def _cosine(one: Vector, other: Vector) -> float:
    product = sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    lengths = sqrt(sum(float(a) ** 2 for a in one)) * sqrt(sum(float(b) ** 2 for b in other))
    return product / lengths if lengths else 0.0
