"""A thread that deletes expired items at intervals."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from typing_extensions import override

from mem0milvus import Mem0MilvusError

logger = logging.getLogger(__name__)


class TTLSweeper(threading.Thread):
    """A daemon thread that deletes expired items at intervals. The first sweep runs after one interval.

    Args:
        sweep: deletes the expired items and returns their number.
        interval_s: seconds between the end of one sweep and the next.
    """

    def __init__(self, sweep: Callable[[], int], interval_s: float) -> None:
        super().__init__(name="mem0milvus-ttl-sweeper", daemon=True)
        self._sweep = sweep
        self._interval_s = interval_s
        self._asked_to_stop = threading.Event()

    @override
    def run(self) -> None:
        while not self._asked_to_stop.wait(self._interval_s):
            self._sweep_once()

    def stop(self, timeout: float | None = None) -> bool:
        """Finish a sweep in progress and start no other. Return whether the thread has ended within the timeout."""
        self._asked_to_stop.set()
        self.join(timeout)
        return not self.is_alive()

    def _sweep_once(self) -> None:
        try:
            swept = self._sweep()
        except Mem0MilvusError as error:
            logger.warning("Expired items could not be deleted; reads still leave them out: %s", error)
        else:
            logger.debug("Deleted %d expired items.", swept)
