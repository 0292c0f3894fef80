"""Locks on memories. Threads and tasks of event loops wait for a lock in one queue.

Each open store has one table of stripes, and a memory's id is hashed to a stripe. A lock is granted in the order of
requests: ``release`` hands it to the next waiter, which may be a thread or a task. A lock belongs to no thread, so one
thread may release what another acquired.
"""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from zlib import crc32

from typing_extensions import override

from mem0milvus.ports import Locks

STRIPES = 256


class _Stripe:
    """One lock. When it is handed to a waiter, the waiter's ``wake`` is called once, outside the mutex."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._locked = False
        self._queue: deque[Callable[[], None]] = deque()

    def acquire(self, wake: Callable[[], None]) -> bool:
        """Acquire a free lock and return True; else queue ``wake``, which is called when the lock was handed over."""
        with self._mutex:
            if self._locked:
                self._queue.append(wake)
                return False
            self._locked = True
            return True

    def cancel(self, wake: Callable[[], None]) -> bool:
        """Leave the queue. Return False if the lock was already handed over, so that it must be released."""
        with self._mutex:
            if wake in self._queue:
                self._queue.remove(wake)
                return True
            return False

    def release(self) -> None:
        """Hand the lock to the next waiter, or free it."""
        while True:
            with self._mutex:
                if not self._queue:
                    self._locked = False
                    return
                wake = self._queue.popleft()
            try:
                wake()
            except RuntimeError:
                continue  # call_soon_threadsafe raises it if the waiter's event loop is closed: try the next waiter
            return


class LockTable:
    """The stripes of one open store."""

    def __init__(self) -> None:
        self._stripes = tuple(_Stripe() for _ in range(STRIPES))

    def of(self, memory_ids: Iterable[str]) -> list[_Stripe]:
        """Return the stripes of these memories in ascending order. All callers lock in this order: no deadlock."""
        return [self._stripes[index] for index in sorted({crc32(i.encode()) % STRIPES for i in memory_ids})]


class _TableLocks(Locks):
    def __init__(self, table: LockTable) -> None:
        self._table = table

    @override
    @asynccontextmanager
    async def hold(self, memory_ids: Collection[str]) -> AsyncIterator[None]:
        acquired: list[_Stripe] = []
        try:
            for stripe in self._table.of(memory_ids):
                await self._acquire(stripe)
                acquired.append(stripe)
            yield
        finally:
            for stripe in reversed(acquired):
                stripe.release()

    @abstractmethod
    async def _acquire(self, stripe: _Stripe) -> None:
        """Wait for a stripe and acquire it."""


class BlockingLocks(_TableLocks):
    """The locks of ``Memory``: waiting blocks the thread."""

    @override
    async def _acquire(self, stripe: _Stripe) -> None:
        ready = threading.Event()
        if stripe.acquire(ready.set):
            return
        try:
            ready.wait()
        except BaseException:  # above all KeyboardInterrupt: the lock may be handed over between wait() and here
            if not stripe.cancel(ready.set):
                stripe.release()
            raise


class AsyncLocks(_TableLocks):
    """The locks of ``AsyncMemory``: waiting does not block the event loop."""

    @override
    async def _acquire(self, stripe: _Stripe) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if ready.cancelled():
                stripe.release()
            else:
                ready.set_result(None)

        def wake() -> None:  # called in the releasing thread, and a future is not thread-safe
            loop.call_soon_threadsafe(settle)

        if stripe.acquire(wake):
            return
        try:
            await ready
        except asyncio.CancelledError:
            # If the lock was handed over before the cancellation, `settle` either has not run yet, and will release it,
            # or has set the result already: then it is released here.
            if not stripe.cancel(wake) and ready.done() and not ready.cancelled():
                stripe.release()
            raise
