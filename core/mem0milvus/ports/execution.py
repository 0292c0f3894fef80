"""How operations run: drivers, locks, the clock, background work, and positions in a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from mem0milvus.types import FlushOutcome

P = ParamSpec("P")
T = TypeVar("T")


class Driver(Protocol):
    """How a port runs a function that blocks."""

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result."""

    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """The results of several functions, in order; all have ended, also when one failed."""

    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        """The result of a step that runs to its end even when the caller is cancelled meanwhile."""


class Locks(Protocol):
    """Locks on memories, shared by everything in this process that has the same store open."""

    def hold(self, memory_ids: Collection[str]) -> AbstractAsyncContextManager[None]:
        """Hold these memories: nobody else in the process changes them meanwhile."""


class Positions(Protocol):
    """The next free position in each run or namespace that was written to lately."""

    def knows(self, run: Hashable) -> bool:
        """Whether the next position of this run is known."""

    def take(self, run: Hashable, count: int, at_least: int = 0) -> int:
        """Take ``count`` positions in a row and return the first, which is ``at_least`` or later."""

    def forget(self) -> None:
        """Forget all runs: their rows have changed in another way."""


#: Something to be done later, as a coroutine over the same ports.
Job: TypeAlias = "Callable[[], Coroutine[Any, Any, object]]"


class Background(Protocol):
    """What does things later, those of one scope in the order in which they came."""

    @property
    def default(self) -> bool:
        """Whether ``add`` works in the background where it is not told."""

    @property
    def durable(self) -> bool:
        """Whether what is to be extracted is stored before."""

    async def submit(self, scope: Hashable, job: Job) -> str:
        """Take a job, when there is a place for it. Returns the ticket under which a failure is told."""

    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        """Wait until all that was taken before is done or has failed, or the time is over."""

    async def close(self) -> None:
        """Wait until nothing is left to do, and take no more."""


class Clock(Protocol):
    """What tells the time."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""


class Shield(Protocol):
    """What carries a step through to its end, even when the operation is cancelled meanwhile."""

    def __call__(self, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """The step's result."""
