"""Duration of each operation as the store grows, compared with bare pymilvus on the same rows.

Milvus Lite in a temporary folder, the offline embedder with 384 dimensions, memories of 100 users. At each size:
single adds, then searches (hybrid, top 10), ``get_all`` of one user, ``get``, ``update``, ``history``; then the store
is opened in a fresh process and searched once. ``add`` is compared with a bare insert of a row with the same columns,
``search`` with the two bare searches, ``get`` and ``get_all`` with the bare query with the same filter.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import folder_mb, resident_mb
from benchmarks.memories import fill, open_memory
from benchmarks.metrics import durations_ms, seconds
from benchmarks.sentences import USERS, question, sentence
from benchmarks.store import Bare
from mem0milvus import Memory

SIZES = (1_000, 10_000, 100_000)
BATCH = 100
TIMEOUT_S = 600.0  # Milvus Lite compacts within a request
SETTLE_S = 3  # Milvus Lite builds indexes in the background

Row = dict[str, float]


def measure(folder: Path, sizes: Sequence[int] = SIZES, calls: int = 50) -> dict[str, dict[str, Row]]:
    """Measure one growing store. Return figures by size, then by operation."""
    path = folder / "latency.db"
    report: dict[str, dict[str, Row]] = {}
    rng = random.Random(11)
    ids: list[str] = []
    for size in sorted(sizes):
        with open_memory(str(path), timeout_s=TIMEOUT_S) as memory:
            started = time.perf_counter()
            filled = len(ids)
            ids += fill(memory, rng, size - calls - filled, BATCH)
            fill_s = time.perf_counter() - started
            rows = _operations(memory, rng, ids, calls)
            rows[f"add, {BATCH} in a call"] = {"rows_a_second": round((size - calls - filled) / fill_s, 1)}
            rows["process"] = {"resident_mb": resident_mb() or 0.0, "disk_mb": folder_mb(path)}
        rows["reopen"] = _reopened(path)
        report[f"{size:,}"] = rows
    return report


def _operations(memory: Memory, rng: random.Random, ids: list[str], calls: int) -> dict[str, Row]:
    bare = Bare(memory)
    users = [f"user{rng.randrange(USERS)}" for _ in range(calls)]
    texts = [sentence(rng) for _ in range(calls)]

    def add(user: str, text: str) -> None:
        ids.append(memory.add(text, user_id=user, infer=False)["results"][0]["id"])

    def search(user: str, text: str) -> None:
        memory.search(text, user_id=user)

    rows = {"add": _row(add, list(zip(users, texts, strict=True)), lambda _, text: bare.add(text))}
    memory.search("anything", user_id="user1")
    time.sleep(SETTLE_S)
    chosen = [(rng.choice(ids),) for _ in range(calls)]
    asked = [(user, question(rng)) for user in users]
    rows |= {
        "search, first of a user": _row(search, [(user, question(rng)) for user in dict.fromkeys(users)]),
        "search": _row(search, asked, lambda user, text: bare.search(text, user)),
        "get_all": _row(memory.get_all, [(user,) for user in users], bare.get_all),
        "get": _row(memory.get, chosen, bare.get),
        "update": _row(lambda one: memory.update(one, f"{one[:8]} says otherwise."), chosen),
        "history": _row(memory.history, chosen),
    }
    bare.close()
    return rows


def _row(
    ours: Callable[..., Any], arguments: Sequence[tuple[str, ...]], bare: Callable[..., float] | None = None
) -> Row:
    """Measure a call and the bare one alternately, so that other load on the machine affects both."""
    times: list[float] = []
    beside: list[float] = []
    for given in arguments:
        times.append(seconds(ours, *given))
        if bare is not None:
            beside.append(bare(*given))
    row = durations_ms(times)
    if beside:
        row["bare_p50"] = round(statistics.median(beside) * 1e3, 3)
        row["ratio"] = round(row["p50"] / row["bare_p50"], 2)
    return row


_REOPEN = """
import json, sys, time
import pymilvus, numpy
from benchmarks.latency import TIMEOUT_S, open_memory
started = time.perf_counter()
with open_memory(sys.argv[1], timeout_s=TIMEOUT_S) as memory:
    memory.get_all("user1", top_k=1)
    opened = time.perf_counter()
    memory.search("Who talked about the river?", user_id="user1")
    print(json.dumps([(opened - started) * 1e3, (time.perf_counter() - opened) * 1e3]))
"""


def _reopened(path: Path) -> Row:
    """Return the milliseconds to open and read, and of the first search, in a fresh process, without imports."""
    done = subprocess.run([sys.executable, "-c", _REOPEN, str(path)], capture_output=True, text=True, check=True)
    opening, searching = json.loads(done.stdout.splitlines()[-1])
    return {"p50": round(opening, 1), "first_search": round(searching, 1), "calls": 1.0}
