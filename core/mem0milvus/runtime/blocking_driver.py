"""Running a coroutine without an event loop, which is how ``Memory`` works.

``Memory`` drives the coroutines of the operations by hand. All its ports block and return, so a coroutine runs to its
end without suspending. That needs no event loop, no thread and no patching, and also works inside a running event loop.
(EdgeDB's Python client does the same.) ``AsyncMemory`` awaits the same coroutines, with ports that do suspend: see
``thread_driver.py``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

from typing_extensions import override

from mem0milvus.ports import Driver

T = TypeVar("T")
P = ParamSpec("P")


class BlockingDriver(Driver):
    """Calls functions in the caller's thread."""

    is_async = False

    @override
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    @override
    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        return [function() for function in functions]

    @override
    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        return await step  # a coroutine that does not suspend cannot be cancelled


def run(operation: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose ports never suspend, and return its result."""
    try:
        operation.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    operation.close()  # runs its finally blocks now rather than when it is garbage-collected
    raise RuntimeError("a blocking port suspended: it must block and return")


def iterate(generator: AsyncGenerator[T, None]) -> Iterator[T]:
    """Yield the items of an async generator whose ports never suspend. Closing the iterator closes the generator."""
    try:
        while True:
            try:
                item = run(generator.__anext__())
            except StopAsyncIteration:
                return
            yield item
    finally:
        # An event loop closes the async generators that are left in it. Here is none, so this one is closed by hand.
        run(generator.aclose())
