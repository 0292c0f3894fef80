"""Background adds of ``Memory``: one worker thread, which finishes its queue before the interpreter shuts down.

Python stops its thread pools, and with them Milvus Lite, before it runs ``atexit`` hooks: an add that is still queued
then would be lost. So the hook that finishes the queue is registered with ``threading``, whose hooks run earlier.
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

from typing_extensions import override

from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.milvus import lite  # registers its hook for the end of the program before ours
from mem0milvus.ports import Background, Job
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.types import BackgroundFailure, FlushOutcome

if TYPE_CHECKING:
    from mem0milvus.config import BackgroundConfig

logger = logging.getLogger(__name__)

#: Called with the ticket and the error of a background add that failed.
OnError = Callable[[str, Exception], object]

#: Seconds that the end of the program waits for queued adds.
EXIT_TIMEOUT_S = 60.0


class BackgroundOutcomes:
    """Counts the background adds that succeeded or failed since the last ``flush``."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error = on_error
        self._mutex = threading.Lock()
        self._written = 0
        self._failed: list[BackgroundFailure] = []

    def count(self, ticket: str, error: BaseException | None) -> None:
        """Count a finished add. A failure is logged without the text of the messages, and passed to ``on_error``."""
        if error is None:
            with self._mutex:
                self._written += 1
            return
        failure = error if isinstance(error, Exception) else StoreError(f"The add was interrupted: {error!r}.")
        logger.error("An add in the background failed (ticket %s): %s", ticket, type(error).__name__)
        with self._mutex:
            self._failed.append({"ticket": ticket, "error": failure})
        if self._on_error is not None:
            self._on_error(ticket, failure)

    def take(self, waiting: int) -> FlushOutcome:
        """Return the counts, and start again from zero."""
        with self._mutex:
            outcome: FlushOutcome = {"written": self._written, "failed": self._failed, "waiting": waiting}
            self._written, self._failed = 0, []
        return outcome


class BackgroundWorker(Background):
    """A thread that runs the queued jobs one after the other, and calls ``on_error`` for those that failed.

    ``queue_size`` bounds the unfinished jobs; a further ``add`` blocks until one has ended.
    """

    def __init__(self, config: BackgroundConfig) -> None:
        self.default = config.default
        self.durable = config.durable
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mem0milvus-background")
        self._free = threading.BoundedSemaphore(config.queue_size)
        self._outcomes = BackgroundOutcomes(config.on_error)
        self._ended = threading.Condition()
        self._unfinished: set[Future[object]] = set()

    @override
    async def submit(self, scope: Hashable, job: Job) -> str:
        ticket = str(uuid4())
        self._free.acquire()
        try:
            future: Future[object] = self._pool.submit(lambda: run(job()))
        except RuntimeError as error:  # the pool was shut down, or Python is exiting and starts no thread
            self._free.release()
            raise StoreError(f"{CLOSED} Nothing can be written in the background any more.") from error
        with self._ended:
            self._unfinished.add(future)
            _keep(self)
        future.add_done_callback(lambda ended: self._end(ticket, ended))
        return ticket

    def _end(self, ticket: str, future: Future[object]) -> None:
        try:
            # Asked first: exception() of a cancelled future raises CancelledError.
            cancelled = StoreError("The program ended before the add was written.") if future.cancelled() else None
            self._outcomes.count(ticket, cancelled or future.exception())
        finally:
            with self._ended:
                self._unfinished.discard(future)
                if not self._unfinished:
                    _release(self)
                self._ended.notify_all()
            self._free.release()

    @override
    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        return self._outcomes.take(self._wait(timeout_s))

    def _wait(self, timeout_s: float | None) -> int:
        """Wait until all jobs queued now have ended and are counted. Return the number that did not end in time."""
        with self._ended:
            queued = set(self._unfinished)
            self._ended.wait_for(lambda: queued.isdisjoint(self._unfinished), timeout_s)
            return len(queued & self._unfinished)

    @override
    async def close(self) -> None:
        self._pool.shutdown(wait=True)

    def finish(self, timeout_s: float) -> None:
        """Finish the queue at the end of the program. Adds not written in time are cancelled, with an error logged."""
        if left := self._wait(timeout_s):
            logger.error("The program ends and %d adds in the background are not written.", left)
            # The add that runs cannot be cancelled: the exit hook of concurrent.futures waits for it after this one.
            self._pool.shutdown(wait=False, cancel_futures=True)


_busy: set[BackgroundWorker] = set()
_busy_mutex = threading.Lock()


def _keep(worker: BackgroundWorker) -> None:
    """Keep a reference to a worker with unfinished jobs: its memory may be garbage-collected before they end."""
    with _busy_mutex:
        _busy.add(worker)


def _release(worker: BackgroundWorker) -> None:
    with _busy_mutex:
        _busy.discard(worker)


def _finish_all() -> None:
    lite.stop_flushing()
    with _busy_mutex:
        workers = list(_busy)
    for worker in workers:
        worker.finish(EXIT_TIMEOUT_S)


# threading._register_atexit is private; concurrent.futures uses it in the same way since Python 3.9. Its hooks run in
# reverse order of registration: this one runs before the hook of concurrent.futures, which stops all pools, and before
# the hook of ``lite``. Both are registered by the imports above.
getattr(threading, "_register_atexit", atexit.register)(_finish_all)
