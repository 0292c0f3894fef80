"""Adds in the background of ``Memory``: one worker thread, drained before the interpreter shuts its pools down.

Python ends its thread pools, and with them Milvus Lite, before it runs ``atexit`` hooks. What is still to be written
then would be lost, so the drain is registered one step earlier.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures.thread import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.milvus import lite  # it registers its end, before ours
from mem0milvus.ports import Job
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.types import BackgroundFailure, FlushOutcome

if TYPE_CHECKING:
    from mem0milvus.config import BackgroundConfig

logger = logging.getLogger(__name__)

#: Called with the ticket and the error of an add in the background that failed.
OnError = Callable[[str, Exception], object]

#: How long the end of the program waits for what is not written yet.
EXIT_TIMEOUT_S = 60.0


class Tally:
    """What became of the adds in the background since the last ``flush``."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error = on_error
        self._mutex = threading.Lock()
        self._written = 0
        self._failed: list[BackgroundFailure] = []

    def count(self, ticket: str, error: BaseException | None) -> None:
        """Note that an add has ended. A failure is logged, without what was said, and told to the callback."""
        if error is None:
            with self._mutex:
                self._written += 1
            return
        failure = error if isinstance(error, Exception) else StoreError(f"it was ended: {error!r}")
        logger.error("An add in the background failed (ticket %s): %s", ticket, type(error).__name__)
        with self._mutex:
            self._failed.append({"ticket": ticket, "error": failure})
        if self._on_error is not None:
            self._on_error(ticket, failure)

    def take(self, waiting: int) -> FlushOutcome:
        """What there is to tell, once."""
        with self._mutex:
            outcome: FlushOutcome = {"written": self._written, "failed": self._failed, "waiting": waiting}
            self._written, self._failed = 0, []
        return outcome


class BackgroundWorker:
    """The background port of ``Memory``: a queue of bounded length and a thread that works it off in order.

    Args:
        config: whoever brings more than ``queue_size`` adds waits for a place; ``on_error`` is called in the worker
            thread.
    """

    def __init__(self, config: BackgroundConfig) -> None:
        self.default = config.default
        self.durable = config.durable
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mem0milvus-background")
        self._places = threading.BoundedSemaphore(config.queue_size)
        self._tally = Tally(config.on_error)
        self._ended = threading.Condition()
        self._under_way: set[Future[object]] = set()

    async def submit(self, scope: Hashable, job: Job) -> str:  # noqa: ARG002 - one after the other, whosever they are
        """See ``ports.Background``. All jobs are done in the order in which they came.

        Raises:
            StoreError: the memory was closed, or the program is at its end.
        """
        ticket = str(uuid4())
        self._places.acquire()
        try:
            future: Future[object] = self._pool.submit(lambda: run(job()))
        except RuntimeError as error:
            self._places.release()
            raise StoreError(f"{CLOSED} Nothing can be written in the background any more.") from error
        with self._ended:
            self._under_way.add(future)
            _hold(self)
        future.add_done_callback(lambda ended: self._end(ticket, ended))
        return ticket

    def _end(self, ticket: str, future: Future[object]) -> None:
        try:
            cancelled = StoreError("it was given up at the end of the program") if future.cancelled() else None
            self._tally.count(ticket, cancelled or future.exception())
        finally:
            with self._ended:
                self._under_way.discard(future)
                if not self._under_way:
                    _let_go(self)
                self._ended.notify_all()
            self._places.release()

    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        """See ``ports.Background``."""
        return self._tally.take(self._wait(timeout_s))

    def _wait(self, timeout_s: float | None) -> int:
        """Wait until all that is queued now has ended and is counted. Returns how much has not in time."""
        with self._ended:
            queued = set(self._under_way)
            self._ended.wait_for(lambda: queued.isdisjoint(self._under_way), timeout_s)
            return len(queued & self._under_way)

    async def close(self) -> None:
        """See ``ports.Background``."""
        self._pool.shutdown(wait=True)

    def drain(self, timeout_s: float) -> None:
        """Work the queue off at the end of the program. What is not written in time is given up, and that is logged."""
        if left := self._wait(timeout_s):
            logger.error("The program ends and %d adds in the background are not written.", left)
            self._pool.shutdown(wait=False, cancel_futures=True)


_busy: set[BackgroundWorker] = set()
_busy_mutex = threading.Lock()


def _hold(worker: BackgroundWorker) -> None:
    """Remember a worker that has work to do, also when its memory is forgotten."""
    with _busy_mutex:
        _busy.add(worker)


def _let_go(worker: BackgroundWorker) -> None:
    with _busy_mutex:
        _busy.discard(worker)


def _drain_all() -> None:
    lite.stop_flushing()
    with _busy_mutex:
        workers = list(_busy)
    for worker in workers:
        worker.drain(EXIT_TIMEOUT_S)


# The last to register is called first: before the end of the pools and of Milvus Lite's files, which register when they
# are imported.
getattr(threading, "_register_atexit", atexit.register)(_drain_all)
