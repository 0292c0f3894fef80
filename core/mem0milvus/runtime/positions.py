"""The next position of each run of memories, and of each namespace of records."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from cachetools import LRUCache
from typing_extensions import override

from mem0milvus.ports import Positions

#: Runs remembered. The next write to a forgotten run reads its last position from the store.
RUNS_KEPT = 10_000


class RunPositions(Positions):
    """The next free position in each recently written run or namespace, shared by all users of a store."""

    def __init__(self) -> None:
        self._next: LRUCache[Hashable, int] = LRUCache(RUNS_KEPT)
        self._mutex = threading.Lock()  # cachetools leaves locking to its users

    @override
    def knows(self, run: Hashable) -> bool:
        with self._mutex:
            return run in self._next

    @override
    def take(self, run: Hashable, count: int, at_least: int = 0) -> int:
        with self._mutex:
            first = max(self._next.get(run, 0), at_least)
            self._next[run] = first + count
            return first

    @override
    def forget(self) -> None:
        with self._mutex:
            self._next.clear()
