"""Overhead of the store over bare pymilvus, in one process and on one Milvus Lite file.

Memories of 100 users are written one at a time and searched (hybrid, top 10), first without runs, then with runs, whose
neighbours are fetched as well. Each is compared with the bare requests that it needs: an insert of a row with the same
columns; the two searches with the same limits, filters and output columns. Ratios count, not milliseconds.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.memories import open_memory
from benchmarks.metrics import seconds
from benchmarks.sentences import DIMS, USERS, question, sentence
from mem0milvus import Memory
from mem0milvus.models.offline_embedder import HashingEmbedder
from mem0milvus.operations.question import CANDIDATES
from mem0milvus.retrieval.text import query_weights

QUERIES = 100


def main(memories: int = 10_000) -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        for runs in (False, True):
            name = "with runs" if runs else "without runs"
            for what, ours, bare in _measure(Path(folder) / f"{runs}.db", memories, runs=runs):
                sys.stdout.write(f"{name:<13}{what:<19}{ours:7.2f} ms  bare {bare:7.2f} ms  ratio {ours / bare:.2f}\n")


def _measure(path: Path, memories: int, *, runs: bool) -> list[tuple[str, float, float]]:
    rng = random.Random(7)
    with open_memory(str(path)) as memory:
        adds = [_add(memory, rng, 0, runs=runs)]
        bare = Bare(memory)
        bare_adds: list[float] = []
        for number in range(1, memories):
            adds.append(_add(memory, rng, number, runs=runs))
            if number % 10 == 0:  # alternately, so that other load on the machine affects both
                bare_adds.append(bare.add(sentence(rng)))
        memory.search("anything", user_id="user1")
        time.sleep(3)  # Milvus Lite builds indexes in the background
        for number in range(USERS):  # Milvus Lite builds the index of words when it is first searched
            memory.search("anything", user_id=f"user{number}")
        searches, bares = [], []
        for _ in range(QUERIES):
            user, asked = f"user{rng.randrange(USERS)}", question(rng)
            searches.append(seconds(memory.search, asked, user_id=user))
            bares.append(bare.search(asked, user))
        bare.close()
    return [
        ("add one at a time", statistics.fmean(adds) * 1e3, statistics.fmean(bare_adds) * 1e3),
        ("search, hybrid", statistics.median(searches) * 1e3, statistics.median(bares) * 1e3),
    ]


def _add(memory: Memory, rng: random.Random, number: int, *, runs: bool) -> float:
    scope = {"user_id": f"user{number % USERS}"}
    if runs:
        scope["run_id"] = f"run{number // USERS // 20}"
    return seconds(memory.add, [{"role": "user", "content": sentence(rng)}], infer=False, **scope)


class Bare:
    """The bare requests of operations, on the same client and rows."""

    def __init__(self, memory: Memory) -> None:
        connection = memory._runtime._connection
        self._client: Any = connection._client
        self._rows = connection.live
        self._partition_of = connection.partition
        table: Any = memory._ports.live
        self._columns = table._columns
        self._embedder = HashingEmbedder(DIMS)
        self._template = self._client.query(self._rows, filter='id != ""', output_fields=["*"], limit=1)[0]
        schema, index = _schema(self._client), _index(self._client)
        self._client.create_collection(f"{self._rows}_bare", schema=schema, index_params=index)
        self._added = 0

    def add(self, text: str) -> float:
        """Return the seconds to embed a text and to insert a row with the same columns."""
        started = time.perf_counter()
        (vector,) = self._embedder.embed([text])
        self._added += 1
        row = {**self._template, "id": str(self._added), "memory": text, "vector": vector}
        self._client.insert(f"{self._rows}_bare", [row])
        return time.perf_counter() - started

    def search(self, question: str, user: str) -> float:
        """Return the seconds of the two searches."""
        (vector,) = self._embedder.embed([question])
        arguments = {**self._of_user(user, vectors=True), "limit": CANDIDATES}
        words = query_weights(question)
        return seconds(self._client.search, self._rows, data=[vector], anns_field="vector", **arguments) + seconds(
            self._client.search, self._rows, data=[words], anns_field="words", **arguments
        )

    def get_all(self, user: str) -> float:
        """Return the seconds of the query."""
        return seconds(self._client.query, self._rows, **self._of_user(user, vectors=False))

    def get(self, memory_id: str) -> float:
        """Return the seconds of the query by primary key."""
        return seconds(self._client.get, self._rows, ids=[memory_id], output_fields=self._columns(vectors=False))

    def close(self) -> None:
        """Drop the collection that was added to."""
        self._client.drop_collection(f"{self._rows}_bare")

    def _of_user(self, user: str, *, vectors: bool) -> dict[str, Any]:
        there = [name for name in (self._partition_of(user),) if name in self._client.list_partitions(self._rows)]
        return {
            "filter": f'((user_id == "{user}") and (expires_at > {int(time.time() * 1e6)}))',
            "output_fields": self._columns(vectors=vectors),
            **({"partition_names": there} if there else {}),
        }


def _schema(client: Any) -> Any:
    from mem0milvus.milvus.capabilities import LITE
    from mem0milvus.milvus.schema import build_schema

    return build_schema(client, DIMS, LITE)


def _index(client: Any) -> Any:
    from mem0milvus.milvus.capabilities import LITE
    from mem0milvus.milvus.schema import build_indexes

    return build_indexes(client, "L2", LITE, words=True)


if __name__ == "__main__":
    main()
