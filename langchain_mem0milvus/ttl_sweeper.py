"""Deleting expired items from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mem0milvus import Mem0MilvusError

logger = logging.getLogger(__name__)


class TTLSweeper:
    """A thread that sweeps now and then. It keeps no process alive.

    Args:
        sweep: deletes what has expired, and tells how much that was.
        interval_s: seconds between the end of one sweep and the next.
    """

    def __init__(self, sweep: Callable[[], int], interval_s: float) -> None:
        self._sweep = sweep
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mem0milvus-ttl-sweeper", daemon=True)

    def start(self) -> None:
        """Start the thread. The first sweep comes after one interval."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Let a sweep that goes on end, and no other begin. Returns whether the thread has ended in time."""
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
            logger.warning("Expired items could not be deleted; they are not seen, either: %s", error)
        else:
            logger.debug("Deleted %d expired items.", swept)
