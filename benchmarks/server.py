"""Cost of consistency on a Milvus server, and 200 concurrent searches by threads and by pymilvus's asynchronous client.

``MILVUS_URI`` (and ``MILVUS_TOKEN``) name the server. Each figure is the median, and the 95th percentile, of ``ROUNDS``
calls of ``Memory`` with the offline embedder at 128 dimensions; stale reads missed an acknowledged write of this
process or another.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from mem0milvus import Memory

ROUNDS = 40
SEARCHES = 200
DIMS = 128
LEVELS = ("Session", "Strong", "Bounded", "Eventually")

OTHER_PROCESS = """
import json, sys
from mem0milvus import Memory
with Memory.from_config(json.loads(sys.argv[1])) as memory:
    for line in sys.stdin:
        memory.add(line, user_id="shared", infer=False)
        print("written", flush=True)
"""


def main() -> None:
    """Measure and print."""
    config = {
        "vector_store": {
            "config": {"collection_name": f"bench_{uuid.uuid4().hex}", "embedding_model_dims": DIMS},
        },
        "embedder": {"provider": "offline"},
    }
    if "MILVUS_URI" not in os.environ:
        sys.exit("Set MILVUS_URI to the address of a server.")
    with Memory.from_config(config) as memory:
        try:
            _consistency(memory)
            _processes(memory, config)
            _gathered(memory)
        finally:
            _drop(memory)


def _consistency(memory: Memory) -> None:
    for number in range(100):
        memory.add([{"role": "user", "content": f"Fact {number}."}], user_id="reader", infer=False)
    _print("get_all, no recent write", _idle(memory))
    _print("get_all right after add", _after_add(memory))
    with _writing(memory):
        _print("get_all while another user writes ten times a second", _idle(memory))


def _idle(memory: Memory) -> dict[str, tuple[list[float], int]]:
    found: dict[str, tuple[list[float], int]] = {}
    for level in LEVELS:
        memory.get_all("reader", consistency="Strong")
        time.sleep(1)
        took = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            memory.get_all("reader", consistency=level)  # type: ignore[arg-type]
            took.append(time.perf_counter() - started)
        found[level] = took, 0
    return found


def _after_add(memory: Memory) -> dict[str, tuple[list[float], int]]:
    found: dict[str, tuple[list[float], int]] = {}
    for level in LEVELS:
        took, stale = [], 0
        for number in range(ROUNDS):
            user = uuid.uuid4().hex
            memory.add([{"role": "user", "content": f"Fact {number}."}], user_id=user, infer=False)
            started = time.perf_counter()
            result = memory.get_all(user, consistency=level)  # type: ignore[arg-type]
            took.append(time.perf_counter() - started)
            stale += not result["results"]
        found[level] = took, stale
    return found


@contextmanager
def _writing(memory: Memory) -> Iterator[None]:
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(0.1):
            memory.add([{"role": "user", "content": "Something else."}], user_id="writer", infer=False)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    ended.set()
    thread.join()


def _processes(memory: Memory, config: dict[str, Any]) -> None:
    import json

    found: dict[str, tuple[list[float], int]] = {}
    command = [sys.executable, "-c", OTHER_PROCESS, json.dumps(config)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        if other.stdin is None or other.stdout is None:
            raise RuntimeError("no pipes")
        count = 0
        for level in LEVELS:
            took, stale = [], 0
            for _ in range(ROUNDS // 2):
                other.stdin.write(f"Fact {count}.\n")
                other.stdin.flush()
                other.stdout.readline()
                count += 1
                started = time.perf_counter()
                result = memory.get_all("shared", consistency=level)  # type: ignore[arg-type]
                took.append(time.perf_counter() - started)
                stale += len(result["results"]) < count
            found[level] = took, stale
        other.stdin.close()
    _print("get_all right after another process's add", found)


def _print(title: str, found: dict[str, tuple[list[float], int]]) -> None:
    sys.stdout.write(f"{title}\n")
    for level, (took, stale) in found.items():
        ranked = sorted(took)
        p95 = ranked[int(len(ranked) * 0.95)]
        sys.stdout.write(
            f"  {level:<11} {statistics.median(took) * 1e3:7.1f} ms  p95 {p95 * 1e3:7.1f} ms"
            f"  stale {stale} of {len(took)}\n"
        )


# --- concurrent searches


def _gathered(memory: Memory) -> None:
    from pymilvus import MilvusClient

    said = [{"role": "user", "content": f"Fact {number}, about cats and dogs."} for number in range(100)]
    for user in range(20):
        memory.add(said, user_id=f"user{user}", infer=False)
    time.sleep(2)
    collection, uri, token = _live(memory), os.environ["MILVUS_URI"], os.environ.get("MILVUS_TOKEN", "")
    client = MilvusClient(uri, token=token)
    ways: dict[str, Callable[[], float]] = {
        "one after the other": lambda: _serially(client, collection),
        "16 threads": lambda: asyncio.run(_by_threads(client, collection, 16)),
        "32 threads": lambda: asyncio.run(_by_threads(client, collection, 32)),
        "AsyncMilvusClient": lambda: asyncio.run(_natively(uri, token, collection)),
    }
    sys.stdout.write(f"{SEARCHES} searches, top 25 with vectors\n")
    for name, way in ways.items():
        sys.stdout.write(f"  {name:<20} {statistics.median(way() for _ in range(5)) * 1e3:7.0f} ms\n")
    client.close()


def _search(number: int) -> dict[str, Any]:
    return {
        "data": [[(number * 7 + n) % 11 / 11 for n in range(DIMS)]],
        "anns_field": "vector",
        "limit": 25,
        "filter": f'user_id == "user{number % 20}"',
        "output_fields": ["id", "user_id", "memory", "metadata", "vector", "created_at"],
        "consistency_level": "Eventually",
    }


def _serially(client: Any, collection: str) -> float:
    started = time.perf_counter()
    for number in range(SEARCHES):
        client.search(collection, **_search(number))
    return time.perf_counter() - started


async def _by_threads(client: Any, collection: str, workers: int) -> float:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(workers) as executor:
        started = time.perf_counter()
        one = lambda number: client.search(collection, **_search(number))  # noqa: E731
        await asyncio.gather(*(loop.run_in_executor(executor, one, number) for number in range(SEARCHES)))
        return time.perf_counter() - started


async def _natively(uri: str, token: str, collection: str) -> float:
    from pymilvus import AsyncMilvusClient

    client = AsyncMilvusClient(uri, token=token)
    await client.search(collection, **_search(0))
    started = time.perf_counter()
    await asyncio.gather(*(client.search(collection, **_search(number)) for number in range(SEARCHES)))
    took = time.perf_counter() - started
    await client.close()
    return took


def _live(memory: Memory) -> str:
    return memory._runtime._connection.live


def _drop(memory: Memory) -> None:
    client = memory._runtime._connection._open_client()
    for collection in (_live(memory), f"{_live(memory)}_versions"):
        client.drop_collection(collection)


if __name__ == "__main__":
    main()
