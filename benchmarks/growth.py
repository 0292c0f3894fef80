"""Growth of the store: bytes of a row, memory while iterating over many rows, and search beside long histories.

Milvus Lite in a temporary folder, the offline embedder with 384 dimensions. Memory is the resident set of this process,
which includes Milvus Lite with its deleted rows. ``--url`` names an empty server, which has its own process:
there, the growth during ``iterate`` and ``delete_all`` is this library's alone.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import folder_mb, resident_mb
from benchmarks.memories import fill, open_memory
from benchmarks.metrics import seconds
from benchmarks.sentences import USERS, sentence
from mem0milvus import Memory

BATCH = 1_000


def main(rows: int = 100_000, live: int = 10_000, versions: int = 4, url: str | None = None) -> None:
    """Measure and print."""
    if url is not None:
        _many_rows(url, rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        _many_rows(str(Path(folder) / "rows.db"), rows)
        _long_histories(str(Path(folder) / "histories.db"), live, versions)


def _many_rows(url: str, rows: int) -> None:
    with open_memory(url) as memory:
        fill(memory, random.Random(3), rows, BATCH, flush=True)
        time.sleep(5)
        if Path(url).is_dir():
            _print(f"{rows:,} rows on disk", f"{folder_mb(Path(url)) * 1e6 / rows:,.0f} bytes a row")
        _print("resident set when filled", f"{_resident():,.0f} MB")
        asked = [f"When did I talk about the river and the cat {number}?" for number in range(20)]
        searches = [seconds(memory.search, question, user_id="user1") for question in asked]
        _print("search, hybrid, one user of 100", f"{statistics.median(searches) * 1e3:,.1f} ms")
        before = _resident()
        peak, count = before, 0
        for _ in memory.iterate():
            count += 1
            if count % 5_000 == 0:
                peak = max(peak, _resident())
        _print(f"iterate over {count:,}", f"at most {peak - before:,.0f} MB more")
        before = peak = _resident()
        deleted = 0
        for number in range(USERS):
            deleted += memory.delete_all(user_id=f"user{number}")["deleted"]
            peak = max(peak, _resident())
        _print(f"delete_all of {deleted:,}", f"at most {peak - before:,.0f} MB more")


def _long_histories(url: str, live: int, versions: int) -> None:
    with open_memory(url) as memory:
        ids = fill(memory, random.Random(3), live, BATCH, flush=True)
        without = _median_search_ms(memory)
        rng = random.Random(5)
        for _ in range(versions):
            for one in ids:
                # Of the same words: the cost of a search depends on the number of rows that match.
                memory.update(one, sentence(rng))
        memory.search("anything", user_id="user1")
        time.sleep(5)
        with_history = _median_search_ms(memory)
    _print(
        f"search beside {live * versions:,} closed versions",
        f"{with_history:,.1f} ms, {without:,.1f} ms without: ratio {with_history / without:.2f}",
    )


def _median_search_ms(memory: Memory) -> float:
    asked = [f"When did I talk about the river and castle {number}?" for number in range(60)]
    times = [seconds(memory.search, text, user_id=f"user{number % 10}") for number, text in enumerate(asked)]
    return statistics.median(times) * 1e3


def _resident() -> float:
    return resident_mb() or 0.0


def _print(what: str, value: Any) -> None:
    sys.stdout.write(f"{what:<44} {value}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
