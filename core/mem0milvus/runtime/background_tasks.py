"""Adds in the background of ``AsyncMemory``: tasks of the event loop, those of one scope one after the other."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Hashable
from typing import TYPE_CHECKING
from uuid import uuid4

from mem0milvus.ports import Job
from mem0milvus.runtime.background_worker import Tally
from mem0milvus.types import FlushOutcome

if TYPE_CHECKING:
    from mem0milvus.config import BackgroundConfig


class BackgroundTasks:
    """The background port of ``AsyncMemory``: tasks, at most so many.

    Args:
        config: whoever brings more than ``queue_size`` adds waits for a place; ``on_error`` is called in the event
            loop.
    """

    def __init__(self, config: BackgroundConfig) -> None:
        self.default = config.default
        self.durable = config.durable
        self._size = config.queue_size
        self._tally = Tally(config.on_error)
        self._tasks: set[asyncio.Task[object]] = set()
        self._last: dict[Hashable, asyncio.Task[object]] = {}
        self._warned = False

    async def submit(self, scope: Hashable, job: Job) -> str:
        """See ``ports.Background``."""
        while len(mine := self._mine()) >= self._size:
            await asyncio.wait(mine, return_when=asyncio.FIRST_COMPLETED)
        ticket = str(uuid4())
        before = self._last.get(scope)
        if before is not None and before.get_loop() is not asyncio.get_running_loop():
            before = None
        task = asyncio.ensure_future(_after(before, job))
        self._tasks.add(task)
        self._last[scope] = task
        task.add_done_callback(lambda ended: self._end(ticket, scope, ended))
        return ticket

    def _end(self, ticket: str, scope: Hashable, task: asyncio.Task[object]) -> None:
        lost = len(self._tasks)
        self._tasks.discard(task)
        if self._last.get(scope) is task:
            del self._last[scope]
        if task.cancelled():
            self._tally.count(ticket, asyncio.CancelledError())
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"The event loop ended and {lost} adds in the background are not written: await flush() or "
                    "aclose() before.",
                    ResourceWarning,
                    stacklevel=2,
                )
        else:
            self._tally.count(ticket, task.exception())

    def _mine(self) -> set[asyncio.Task[object]]:
        """The jobs of the running event loop. Those of one that has ended will never end."""
        loop = asyncio.get_running_loop()
        return {task for task in self._tasks if task.get_loop() is loop}

    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        """See ``ports.Background``."""
        waiting: set[asyncio.Task[object]] = set()
        if mine := self._mine():
            _, waiting = await asyncio.wait(mine, timeout=timeout_s)
            await asyncio.sleep(0)  # the callbacks of the last one
        return self._tally.take(len(waiting))

    async def close(self) -> None:
        """See ``ports.Background``."""
        while mine := self._mine():
            await asyncio.wait(mine)
            await asyncio.sleep(0)


async def _after(before: asyncio.Task[object] | None, job: Job) -> object:
    if before is not None:
        await asyncio.wait([before])
    return await job()
