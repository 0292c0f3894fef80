"""Locks on memories that threads and event loops can wait for alike.

One table of stripes per open store. Waiting is first come, first served, and whoever lets go hands the lock to the next
in line, whether that is a thread or a task of some event loop. A lock belongs to no thread: what took it in one may
release it in another.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from zlib import crc32

STRIPES = 256


class _Stripe:
    """One lock. A waiter's ``wake`` is called once, outside the mutex, when the lock has become the waiter's."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, wake: Callable[[], None]) -> bool:
        """Take the lock; if somebody has it, stand in line and be woken as its holder."""
        with self._mutex:
            if self._held:
                self._waiting.append(wake)
                return False
            self._held = True
            return True

    def leave_line(self, wake: Callable[[], None]) -> bool:
        """Stop waiting. False when it is too late: the lock was handed over and must be released."""
        with self._mutex:
            if wake in self._waiting:
                self._waiting.remove(wake)
                return True
            return False

    def release(self) -> None:
        """Hand the lock to the next in line, or let go of it."""
        while True:
            with self._mutex:
                if not self._waiting:
                    self._held = False
                    return
                wake = self._waiting.popleft()
            try:
                wake()
            except RuntimeError:
                continue  # the waiter's event loop is closed: nobody is there to take it
            return


class LockTable:
    """The stripes of one open store."""

    def __init__(self) -> None:
        self._stripes = tuple(_Stripe() for _ in range(STRIPES))

    def of(self, memory_ids: Iterable[str]) -> list[_Stripe]:
        """The stripes of these memories, in the one order in which everybody takes them."""
        return [self._stripes[index] for index in sorted({crc32(i.encode()) % STRIPES for i in memory_ids})]


class BlockingLocks:
    """The lock port of ``Memory``: waits by blocking the thread."""

    def __init__(self, table: LockTable) -> None:
        self._table = table

    def hold(self, memory_ids: Collection[str]) -> AbstractAsyncContextManager[None]:
        """See ``ports.Locks``."""
        return _hold(self._table.of(memory_ids), _wait_in_thread)


class AwaitingLocks:
    """The lock port of ``AsyncMemory``: waits without blocking the event loop."""

    def __init__(self, table: LockTable) -> None:
        self._table = table

    def hold(self, memory_ids: Collection[str]) -> AbstractAsyncContextManager[None]:
        """See ``ports.Locks``."""
        return _hold(self._table.of(memory_ids), _wait_in_loop)


@asynccontextmanager
async def _hold(stripes: Iterable[_Stripe], wait: Callable[[_Stripe], Awaitable[None]]) -> AsyncIterator[None]:
    held: list[_Stripe] = []
    try:
        for stripe in stripes:
            await wait(stripe)
            held.append(stripe)
        yield
    finally:
        for stripe in reversed(held):
            stripe.release()


async def _wait_in_thread(stripe: _Stripe) -> None:
    ready = threading.Event()
    if stripe.take(ready.set):
        return
    try:
        ready.wait()
    except BaseException:  # KeyboardInterrupt, above all
        if not stripe.leave_line(ready.set):
            stripe.release()
        raise


async def _wait_in_loop(stripe: _Stripe) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if ready.cancelled():
            stripe.release()
        else:
            ready.set_result(None)

    def wake() -> None:
        loop.call_soon_threadsafe(settle)

    if stripe.take(wake):
        return
    try:
        await ready
    except asyncio.CancelledError:
        # Handed over before the cancellation was seen: `settle` has not run yet, or has set the result.
        if not stripe.leave_line(wake) and ready.done() and not ready.cancelled():
            stripe.release()
        raise
