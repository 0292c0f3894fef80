"""Background adds of ``AsyncMemory``: tasks of the event loop; those of one scope run one after the other."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Hashable
from typing import TYPE_CHECKING
from uuid import uuid4

from typing_extensions import override

from mem0milvus.ports import Background, Job
from mem0milvus.runtime.background_worker import BackgroundOutcomes
from mem0milvus.types import FlushOutcome

if TYPE_CHECKING:
    from mem0milvus.config import BackgroundConfig


class BackgroundTasks(Background):
    """Tasks of the event loop, each waiting for the last one of its scope. ``on_error`` is called in the event loop.

    ``queue_size`` bounds the unfinished tasks; a further ``add`` waits until one has ended.
    """

    def __init__(self, config: BackgroundConfig) -> None:
        self.default = config.default
        self.durable = config.durable
        self._size = config.queue_size
        self._outcomes = BackgroundOutcomes(config.on_error)
        self._tasks: set[asyncio.Task[object]] = set()  # asyncio itself keeps only weak references to tasks
        self._last: dict[Hashable, asyncio.Task[object]] = {}
        self._warned = False

    @override
    async def submit(self, scope: Hashable, job: Job) -> str:
        while len(running := self._of_this_loop()) >= self._size:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        ticket = str(uuid4())
        before = self._last.get(scope)
        if before is not None and before.get_loop() is not asyncio.get_running_loop():
            before = None  # asyncio.wait takes tasks of other loops without an error; those of a closed loop never end
        task = asyncio.ensure_future(_run_after(before, job))
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
            self._outcomes.count(ticket, asyncio.CancelledError())
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"{lost} adds in the background are not written, because the event loop ended: await flush() or "
                    "aclose() first.",
                    ResourceWarning,
                    stacklevel=2,
                )
        else:
            self._outcomes.count(ticket, task.exception())

    def _of_this_loop(self) -> set[asyncio.Task[object]]:
        """Return the tasks of the running event loop. Tasks of a loop that was closed will never end."""
        loop = asyncio.get_running_loop()
        return {task for task in self._tasks if task.get_loop() is loop}

    @override
    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        unfinished: set[asyncio.Task[object]] = set()
        if running := self._of_this_loop():
            _, unfinished = await asyncio.wait(running, timeout=timeout_s)
            await asyncio.sleep(0)  # asyncio.wait may return before the callback that counts the last task has run
        return self._outcomes.take(len(unfinished))

    @override
    async def close(self) -> None:
        while running := self._of_this_loop():
            await asyncio.wait(running)
            await asyncio.sleep(0)  # as in flush: an ended task leaves the set in its callback


async def _run_after(before: asyncio.Task[object] | None, job: Job) -> object:
    if before is not None:
        await asyncio.wait([before])
    return await job()
