"""Running blocking functions beside an event loop, which is how ``AsyncMemory`` works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class ThreadDriver:
    """Calls in a worker thread, side by side where there are several, while the event loop goes on."""

    def __init__(self, executor: Callable[[], Executor]) -> None:
        self._executor = executor
        self._steps: set[asyncio.Future[Any]] = set()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """See ``Driver``."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor(), partial(function, *args, **kwargs))

    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """See ``Driver``."""
        results = await asyncio.gather(*map(self.call, functions), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]  # the exceptions are gone

    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        """See ``Driver``."""
        task = asyncio.ensure_future(step)
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for the shielded steps of this event loop whose callers were cancelled."""
        loop = asyncio.get_running_loop()
        if mine := [step for step in tuple(self._steps) if step.get_loop() is loop]:
            await asyncio.wait(mine)
