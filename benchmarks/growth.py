"""How the store grows: bytes of a row, memory while going through many rows, and searching beside a long past.

Milvus Lite in a temporary folder, the offline embedder with 384 dimensions. Memory is the resident set of this
process, which Milvus Lite lives in as well, with all that it keeps of what was deleted. With ``--url``, on an empty
server, which has a process of its own: there, what changes while ``iterate`` and ``delete_all`` go through the rows is
this library's.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.sentences import DIMS, sentence
from mem0milvus import Memory

BATCH = 1_000
USERS = 100


def main(rows: int = 100_000, live: int = 10_000, versions: int = 4, url: str | None = None) -> None:
    """Measure and print."""
    if url is not None:
        _many_rows(url, rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        _many_rows(str(Path(folder) / "rows.db"), rows)
        _long_past(str(Path(folder) / "past.db"), live, versions)


def _open(url: str) -> Memory:
    store = {"config": {"url": url, "collection_name": "growth", "embedding_model_dims": DIMS}}
    return Memory.from_config({"vector_store": store, "embedder": {"provider": "offline"}})


def _fill(memory: Memory, rows: int) -> list[str]:
    rng = random.Random(3)
    ids: list[str] = []
    for number in range(rows // BATCH):
        said = [{"role": "user", "content": sentence(rng)} for _ in range(BATCH)]
        added = memory.add(said, user_id=f"user{number % USERS}", infer=False)
        ids += [change["id"] for change in added["results"]]
        memory.search("what did I say?", user_id="user0")  # flushes, as reading does
    return ids


def _many_rows(url: str, rows: int) -> None:
    with _open(url) as memory:
        _fill(memory, rows)
        time.sleep(5)
        if Path(url).is_dir():
            _tell(f"{rows:,} rows on disk", f"{_folder_bytes(Path(url)) / rows:,.0f} bytes a row")
        _tell("resident set when filled", f"{_resident_mb():,.0f} MB")
        searches = []
        for number in range(20):
            started = time.perf_counter()
            memory.search(f"When did I talk about the river and the cat {number}?", user_id="user1")
            searches.append(time.perf_counter() - started)
        _tell("search, hybrid, one user of 100", f"{statistics.median(searches) * 1e3:,.1f} ms")
        before = _resident_mb()
        peak, count = before, 0
        for _ in memory.iterate():
            count += 1
            if count % 5_000 == 0:
                peak = max(peak, _resident_mb())
        _tell(f"iterate over {count:,}", f"at most {peak - before:,.0f} MB more")
        before = peak = _resident_mb()
        deleted = 0
        for number in range(USERS):
            deleted += memory.delete_all(user_id=f"user{number}")["deleted"]
            peak = max(peak, _resident_mb())
        _tell(f"delete_all of {deleted:,}", f"at most {peak - before:,.0f} MB more")


def _long_past(url: str, live: int, versions: int) -> None:
    with _open(url) as memory:
        ids = _fill(memory, live)
        without = _median_search_ms(memory)
        rng = random.Random(5)
        for _ in range(versions):
            for one in ids:
                memory.update(one, sentence(rng))  # of the same words: how many match is part of what a search costs
        memory.search("anything", user_id="user1")
        time.sleep(5)
        with_past = _median_search_ms(memory)
    _tell(
        f"search beside {live * versions:,} closed versions",
        f"{with_past:,.1f} ms, {without:,.1f} ms without: ratio {with_past / without:.2f}",
    )


def _median_search_ms(memory: Memory) -> float:
    times: list[float] = []
    for number in range(60):
        started = time.perf_counter()
        memory.search(f"When did I talk about the river and castle {number}?", user_id=f"user{number % 10}")
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def _folder_bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _tell(what: str, value: Any) -> None:
    sys.stdout.write(f"{what:<44} {value}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
