"""Running blocking functions beside an event loop, which is how ``AsyncMemory`` works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


_in_shielded_step: ContextVar[bool] = ContextVar("mem0milvus_in_shielded_step", default=False)


async def _shielded(step: Coroutine[Any, Any, T]) -> T:
    """A step that runs in a task, and so in a context, of its own."""
    _in_shielded_step.set(True)
    return await step


class ThreadDriver:
    """Calls in a worker thread, side by side where there are several, while the event loop goes on."""

    def __init__(self, executor: Callable[[], Executor]) -> None:
        self._executor = executor
        self._steps: set[asyncio.Future[Any]] = set()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """See ``Driver``."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor(), partial(function, *args, **kwargs))
        while _in_shielded_step.get() and not future.cancelled():
            # The thread cannot be stopped: whoever cancels every task, as asyncio.run does at its end, has to wait.
            with suppress(asyncio.CancelledError):
                return await asyncio.shield(future)
        return await future

    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """See ``Driver``."""
        results = await asyncio.gather(*map(self.call, functions), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]  # the exceptions are gone

    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        """See ``Driver``."""
        task = asyncio.ensure_future(_shielded(step))
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for the shielded steps of this event loop whose callers were cancelled."""
        loop = asyncio.get_running_loop()
        if mine := [step for step in tuple(self._steps) if step.get_loop() is loop]:
            await asyncio.wait(mine)
