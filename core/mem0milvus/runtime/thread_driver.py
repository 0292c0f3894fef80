"""Running blocking functions in threads beside an event loop, which is how ``AsyncMemory`` works."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar

from typing_extensions import override

from mem0milvus.ports import Driver

T = TypeVar("T")
P = ParamSpec("P")

logger = logging.getLogger(__name__)

_in_shielded_step: ContextVar[bool] = ContextVar("mem0milvus_in_shielded_step", default=False)


async def _shielded(step: Coroutine[Any, Any, T]) -> T:
    """Run a step in a task of its own, whose context has the mark for ``call``."""
    _in_shielded_step.set(True)
    return await step


def _log_abandoned(step: asyncio.Future[Any]) -> None:
    """Log the failure of a step whose caller was cancelled; asyncio complains of one that nobody asks for."""
    if not step.cancelled() and (error := step.exception()) is not None:
        logger.debug("A step failed after its caller was cancelled: %s", type(error).__name__)


class ThreadDriver(Driver):
    """Calls functions in the threads of a pool, several at the same time, while the event loop runs."""

    is_async = True

    def __init__(self, executor: Callable[[], Executor]) -> None:
        self._executor = executor
        # asyncio keeps only weak references to tasks: a step whose caller was cancelled could be collected half done.
        self._steps: set[asyncio.Future[Any]] = set()

    @override
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor(), partial(function, *args, **kwargs))
        while _in_shielded_step.get() and not future.cancelled():
            # asyncio.run cancels every task at its end, shielded steps too. The thread of this call goes on all the
            # same, so the step waits for it and then does its other writes.
            with suppress(asyncio.CancelledError):
                return await asyncio.shield(future)
        return await future

    @override
    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        # Without return_exceptions, gather raises the first error while the other threads still run.
        results = await asyncio.gather(*map(self.call, functions), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]  # no exception is left in the list

    @override
    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(_shielded(step))
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_abandoned)
            raise

    async def settle(self) -> None:
        """Wait for the shielded steps of this event loop, whose callers may have been cancelled."""
        loop = asyncio.get_running_loop()
        if mine := [step for step in tuple(self._steps) if step.get_loop() is loop]:
            await asyncio.wait(mine)
