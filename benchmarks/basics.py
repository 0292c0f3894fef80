"""Durations of the first steps: importing, adding a thousand messages at once, reading one back, searching.

Milvus Lite in a temporary folder, the offline embedder at its default length. Each figure is the median of several runs
in this process, the import that of several processes less that of an empty one.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.metrics import seconds
from mem0milvus import Memory

MESSAGES = 1_000


def main() -> None:
    """Measure and print a table."""
    rows = [("import mem0milvus", _import_s() * 1e3)]
    with tempfile.TemporaryDirectory() as folder:
        rows += _operations(Path(folder))
    width = max(len(name) for name, _ in rows)
    for name, milliseconds in rows:
        sys.stdout.write(f"{name:<{width}}  {milliseconds:9.2f} ms\n")


def _operations(folder: Path) -> list[tuple[str, float]]:
    store = {"config": {"url": str(folder / "basics.db")}}
    with Memory.from_config({"vector_store": store, "embedder": {"provider": "offline"}}) as memory:
        memory.add("The first memory triggers lazy imports.", user_id="nobody")
        adds = [seconds(memory.add, _messages(n), user_id=f"user{n}", infer=False) for n in range(5)]
        ids = [item["id"] for item in memory.get_all("user0", top_k=200)["results"]]
        gets = [seconds(memory.get, memory_id) for memory_id in ids]
        memory.search("anything", user_id="user0")
        time.sleep(2)  # let Milvus Lite finish its indexes
        searches = [seconds(memory.search, f"What happened in city {n}?", user_id="user0") for n in range(20)]
        singles = [seconds(memory.add, f"I moved to house {n}.", user_id="single") for n in range(50)]
    named = {
        f"add {MESSAGES:,} messages in one call": adds,
        "add one message": singles,
        "get one memory": gets,
        f"search {MESSAGES:,} of {5 * MESSAGES:,} memories": searches,
    }
    return [(name, statistics.median(times) * 1e3) for name, times in named.items()]


def _messages(run: int) -> list[dict[str, str]]:
    colours = ("red", "green", "blue", "white", "black")
    return [
        {"role": "user", "content": f"On day {n} of trip {run} I saw a {colours[n % 5]} house in city {n * 7 % 91}."}
        for n in range(MESSAGES)
    ]


def _import_s() -> float:
    def median(code: str) -> float:
        return statistics.median(seconds(subprocess.run, [sys.executable, "-c", code], check=True) for _ in range(15))

    return median("from mem0milvus import Memory") - median("pass")


if __name__ == "__main__":
    main()
