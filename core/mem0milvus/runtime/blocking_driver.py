"""Running an asynchronous body without an event loop, which is how ``Memory`` works.

``Memory`` drives a coroutine by hand. All its ports block and return, so the coroutine runs to its end without ever
suspending; no loop, no thread and no patching is needed, and it works inside a running loop as well. (EdgeDB's
Python client works in this way.) ``AsyncMemory`` awaits the same coroutine, with ports that really wait: see
``awaiting.py``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class BlockingDriver:
    """Calls at once, in the caller's thread."""

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """See ``Driver``."""
        return function(*args, **kwargs)

    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """See ``Driver``."""
        return [function() for function in functions]

    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        """See ``Driver``. Nobody can cancel what does not suspend."""
        return await step


def run(operation: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose ports never suspend, and return its result."""
    try:
        operation.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    operation.close()
    raise RuntimeError("a blocking port suspended: it must block and return")


def iterate(generator: AsyncGenerator[T, None]) -> Iterator[T]:
    """An asynchronous generator whose ports never suspend, as a plain one. It is closed with the plain one."""
    try:
        while True:
            try:
                item = run(generator.__anext__())
            except StopAsyncIteration:
                return
            yield item
    finally:
        run(generator.aclose())
