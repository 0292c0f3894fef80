"""What the store costs beside bare pymilvus, in one process and on one Milvus Lite file.

Memories of 100 users are written one at a time and searched (hybrid, top 10), first without runs, then with runs, where
neighbours are fetched as well. Beside each stand the bare requests that it cannot do without: an insert of a row of the
same columns; the two searches with the same limits, filters and output columns. Ratios count, not milliseconds.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mem0milvus import Memory
from mem0milvus.embedders.offline import HashingEmbedder
from mem0milvus.operations.search import CANDIDATES
from mem0milvus.text import query_weights

USERS = 100
QUERIES = 100
DIMS = 384
WORDS = (  # noqa: SIM905
    "river mountain cat dog piano guitar tennis chess bread coffee tea garden school work exam flight train winter "
    "summer doctor sister brother cousin wedding birthday holiday novel film painting bicycle kitchen window market "
    "museum forest beach island bridge castle library office meeting lesson recipe soup cheese apple orange lemon"
).split()


def main(memories: int = 10_000) -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        for runs in (False, True):
            name = "with runs" if runs else "without runs"
            for what, ours, bare in _measure(Path(folder) / f"{runs}.db", memories, runs=runs):
                sys.stdout.write(f"{name:<13}{what:<19}{ours:7.2f} ms  bare {bare:7.2f} ms  ratio {ours / bare:.2f}\n")


def sentence(rng: random.Random) -> str:
    """A memory of some ten words."""
    return f"I told them about the {' and the '.join(rng.sample(WORDS, 4))} in {rng.randrange(1990, 2030)}."


def _measure(path: Path, memories: int, *, runs: bool) -> list[tuple[str, float, float]]:
    rng = random.Random(7)
    store = {"config": {"url": str(path), "collection_name": "bench", "embedding_model_dims": DIMS}}
    with Memory.from_config({"vector_store": store, "embedder": {"provider": "offline"}}) as memory:
        adds = [_add(memory, rng, number, runs=runs) for number in range(memories)]
        bare_add = _bare_adds(memory, rng, memories // 10)
        memory.search("anything", user_id="user1")
        time.sleep(3)  # let Milvus Lite finish its indexes
        searches, bares = [], []
        for _ in range(QUERIES):
            user, question = (
                f"user{rng.randrange(USERS)}",
                f"When did I talk about the {' and '.join(rng.sample(WORDS, 2))}?",
            )
            searches.append(_seconds(memory.search, question, user_id=user))
            bares.append(_bare_search(memory, question, user))
    return [
        ("add one at a time", statistics.fmean(adds) * 1e3, bare_add * 1e3),
        ("search, hybrid", statistics.median(searches) * 1e3, statistics.median(bares) * 1e3),
    ]


def _add(memory: Memory, rng: random.Random, number: int, *, runs: bool) -> float:
    scope = {"user_id": f"user{number % USERS}"}
    if runs:
        scope["run_id"] = f"run{number // USERS // 20}"
    return _seconds(memory.add, [{"role": "user", "content": sentence(rng)}], infer=False, **scope)


def _client(memory: Memory) -> Any:
    return memory._runtime._connection._client  # the same client, without what we put around it


def _bare_adds(memory: Memory, rng: random.Random, count: int) -> float:
    """Seconds for one bare insert of a row of the same columns, and for embedding it."""
    client, embedder = _client(memory), HashingEmbedder(DIMS)
    row = client.query("bench", filter='id != ""', output_fields=["*"], limit=1)[0]
    client.create_collection("bare", schema=_schema(client), index_params=_index(client))
    spent = []
    for number in range(count):
        text = sentence(rng)
        vector = _embed(embedder, text)
        spent.append(
            vector[1]
            + _seconds(client.insert, "bare", [{**row, "id": str(number), "memory": text, "vector": vector[0]}])
        )
    client.drop_collection("bare")
    return statistics.fmean(spent)


def _embed(embedder: HashingEmbedder, text: str) -> tuple[Any, float]:
    started = time.perf_counter()
    (vector,) = embedder.embed_many([text])
    return vector, time.perf_counter() - started


def _schema(client: Any) -> Any:
    from mem0milvus.milvus.capabilities import LITE
    from mem0milvus.milvus.schema import build_schema

    return build_schema(client, DIMS, LITE)


def _index(client: Any) -> Any:
    from mem0milvus.milvus.capabilities import LITE
    from mem0milvus.milvus.schema import build_indexes

    return build_indexes(client, "L2", LITE, words=True)


def _bare_search(memory: Memory, question: str, user: str) -> float:
    """Seconds for the two searches alone, on the client."""
    client = _client(memory)
    table = memory._ports.live
    columns = table._columns(vectors=True)
    (vector,) = HashingEmbedder(DIMS).embed_many([question])
    condition = f'((user_id == "{user}") and (expires_at > {int(time.time() * 1e6)}))'
    arguments = {"filter": condition, "limit": CANDIDATES, "output_fields": columns}
    words = query_weights(question)
    return _seconds(client.search, "bench", data=[vector], anns_field="vector", **arguments) + _seconds(
        client.search, "bench", data=[words], anns_field="words", **arguments
    )


def _seconds(function: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    started = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
