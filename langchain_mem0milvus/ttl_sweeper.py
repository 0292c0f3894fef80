"""A thread that deletes expired items at intervals."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mem0milvus import Mem0MilvusError

logger = logging.getLogger(__name__)


class TTLSweeper:
    """A daemon thread that deletes expired items at intervals.

    Args:
        sweep: deletes the expired items and returns their number.
        interval_s: seconds between the end of one sweep and the next.
    """

    def __init__(self, sweep: Callable[[], int], interval_s: float) -> None:
        self._sweep = sweep
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mem0milvus-ttl-sweeper", daemon=True)

    def start(self) -> None:
        """Start the thread. The first sweep runs after one interval."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Finish a sweep in progress and start no other. Return whether the thread has ended within the timeout."""
        self._stopped.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._sweep_once()

    def _sweep_once(self) -> None:
        try:
            swept = self._sweep()
        except Mem0MilvusError as error:
            logger.warning("Expired items could not be deleted; reads do not return them all the same: %s", error)
        else:
            logger.debug("Deleted %d expired items.", swept)
