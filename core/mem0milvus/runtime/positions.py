"""Where the next memory of a run stands in it, or the next record of a namespace."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

#: How many runs are kept in mind. What has been forgotten is found out anew when it goes on.
RUNS_KEPT = 10_000


class RunPositions:
    """The next free position in each run or namespace that was written to lately, shared by all users of a store."""

    def __init__(self) -> None:
        self._next: OrderedDict[Hashable, int] = OrderedDict()
        self._mutex = threading.Lock()

    def knows(self, run: Hashable) -> bool:
        """Whether the next position of this run is known."""
        with self._mutex:
            return run in self._next

    def take(self, run: Hashable, count: int, at_least: int = 0) -> int:
        """Take ``count`` positions in a row and return the first, which is ``at_least`` or later."""
        with self._mutex:
            first = max(self._next.pop(run, 0), at_least)
            self._next[run] = first + count
            if len(self._next) > RUNS_KEPT:
                self._next.popitem(last=False)
            return first

    def forget(self) -> None:
        """Forget all runs, when the store was emptied."""
        with self._mutex:
            self._next.clear()
