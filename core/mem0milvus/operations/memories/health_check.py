"""Counting the rows of a store, and comparing a sample of its index with a new one. Nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from mem0milvus.data.memory_row import memory_id_of
from mem0milvus.operations.memories.latest_rows import latest_rows
from mem0milvus.ports import Ports
from mem0milvus.retrieval.indexing import embedded_text, lexical_weights
from mem0milvus.types import Vector

#: Two vectors of one text with a cosine below this come from two models. Calls of one model differ by less.
SAME_VECTOR = 0.98

#: The number of memories that are indexed again and compared.
SAMPLE = 8

_LIVE_COLUMNS = ("user_id", "agent_id", "run_id", "pending", "version", "created_at", "updated_at", "expires_at")


@dataclass(slots=True)
class StoreCounts:
    """The content of a store in numbers. Times are microseconds since 1970 UTC."""

    memories: int = 0  #: memories that searches can find
    expired: int = 0  #: expired memories, which ``vacuum`` would erase
    pending: int = 0  #: messages whose extraction is still to be done; they are counted as memories as well
    deleted: int = 0  #: deleted memories that can be restored
    versions: int = 0  #: closed versions, those of deleted memories included
    forgotten: int = 0  #: closed versions that have been erased
    leftovers: int = 0  #: rows of interrupted writes. All reads ignore them, so they do no harm.
    stray: int = 0  #: closed versions of memories that have neither a live row nor a tombstone
    first_us: int = 0  #: when the first memory was stored; 0 if there is none
    last_us: int = 0  #: when the store last changed; 0 if it never did
    users: Counter[str] = field(default_factory=Counter)  #: memories by user id; "" for those without one
    agents: Counter[str] = field(default_factory=Counter)  #: memories by agent id
    runs: int = 0  #: the number of runs that have memories
    sample: list[str] = field(default_factory=list)  #: ids of some memories that searches can find, for ``compare``

    def note_times(self, *times_us: int) -> None:
        """Extend the range from ``first_us`` to ``last_us``. A time of 0 is none, but the first one is never 0."""
        given = [time_us for time_us in times_us if time_us]
        self.first_us = min([*given, self.first_us or times_us[0]])
        self.last_us = max([*given, self.last_us])


async def count_rows(ports: Ports) -> StoreCounts:
    """Read both tables once and count their rows."""
    counts = StoreCounts()
    expected = await _count_live(ports, counts)
    expected += await _count_history(ports, counts)
    counts.forgotten = max(0, expected - counts.versions)
    return counts


async def _count_live(ports: Ports, counts: StoreCounts) -> int:
    """Count the live rows. Return the number of closed versions that their version numbers imply."""
    now_us = ports.clock.now_us()
    expected, runs = 0, set()
    async for page in ports.live.pages(None, only=_LIVE_COLUMNS):
        for row in page:
            expected += row.version - 1
            counts.note_times(row.created_at, row.updated_at)
            if row.expires_at <= now_us:
                counts.expired += 1
                continue
            counts.memories += 1
            counts.pending += bool(row.pending)
            counts.users[row.user_id] += 1
            if row.agent_id:
                counts.agents[row.agent_id] += 1
            if row.run_id:
                runs.add((row.user_id, row.agent_id, row.run_id))
            if len(counts.sample) < SAMPLE:
                counts.sample.append(row.id)
    counts.runs = len(runs)
    return expected


async def _count_history(ports: Ports, counts: StoreCounts) -> int:
    """Count the rows of the history. Return the number of closed versions that the tombstones imply."""
    expected = 0
    async for page in ports.history.pages(None, only=("version", "event", "valid_from")):
        latest_of = await latest_rows(ports, {memory_id_of(row.id) for row in page})
        for row in page:
            latest = latest_of.get(memory_id_of(row.id))
            if latest is None:
                counts.stray += 1
            elif row.id != latest.id:  # a closed version
                is_valid = row.version < latest.version
                counts.versions += is_valid
                counts.leftovers += not is_valid
            elif latest.event == "DELETE":  # the tombstone of a deleted memory
                counts.deleted += 1
                expected += row.version - 1
                counts.note_times(row.valid_from)
            else:  # an old tombstone of a memory that was restored, or one whose deletion was interrupted
                counts.leftovers += row.version >= latest.version
    return expected


@dataclass(frozen=True, slots=True)
class Comparison:
    """The stored index of some memories compared with the index they would get now."""

    compared: int  #: the number of memories compared
    other_vectors: int  #: those for which the embedder now returns another vector
    other_words: int  #: those for which the text analysis now finds other words


async def compare(ports: Ports, memory_ids: Sequence[str]) -> Comparison:
    """Index some memories again and compare the result with what is stored."""
    rows = list((await ports.live.get(memory_ids, vectors=True)).values())
    if not rows:
        return Comparison(0, 0, 0)
    vectors = await ports.embedder.embed([embedded_text(row.memory, row.actor_id) for row in rows])
    other_vectors = sum(_cosine(row.vector, vector) < SAME_VECTOR for row, vector in zip(rows, vectors, strict=True))
    # Compare the words, not their weights: Milvus stores weights as 32-bit floats, which differ in the last digits.
    other_words = sum(row.words.keys() != lexical_weights(row).keys() for row in rows)
    return Comparison(len(rows), other_vectors, other_words if ports.live.searches_words else 0)


def _cosine(stored: Vector, new: Vector) -> float:
    """Return the cosine of a stored vector and a new one, which is of unit length."""
    product = sum(float(a) * float(b) for a, b in zip(stored, new, strict=True))
    length = sqrt(sum(float(a) ** 2 for a in stored))
    return product / length if length else 0.0
