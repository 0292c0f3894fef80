"""The means by which operations run: drivers, locks, the clock, background adds, and positions in a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from mem0milvus.types import FlushOutcome

P = ParamSpec("P")
T = TypeVar("T")


class Driver(Protocol):
    """Runs blocking functions for a port: in the caller's thread, or in worker threads beside an event loop.

    Attributes:
        is_async: whether an event loop runs, so that async methods of models can be awaited.
    """

    is_async: bool

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function and return its result."""

    async def all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """Run several functions and return their results in order. None still runs when this returns or raises."""

    async def shield(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a step to its end, even if the caller is cancelled, and return its result."""


class Locks(Protocol):
    """Locks on memories, shared by all users of one store in this process."""

    def hold(self, memory_ids: Collection[str]) -> AbstractAsyncContextManager[None]:
        """Lock these memories against changes by other threads and tasks of this process."""


class Positions(Protocol):
    """The next free position in each recently written run or namespace."""

    def knows(self, run: Hashable) -> bool:
        """Return whether the next position of this run is known."""

    def take(self, run: Hashable, count: int, at_least: int = 0) -> int:
        """Reserve ``count`` consecutive positions and return the first one, which is at least ``at_least``."""

    def forget(self) -> None:
        """Forget all runs, because their rows have changed in another way."""


#: Work to be done later, as a function that returns a coroutine over the same ports.
Job: TypeAlias = "Callable[[], Coroutine[Any, Any, object]]"


class Background(Protocol):
    """Runs jobs later; those of one scope run in the order in which they were submitted.

    Attributes:
        default: whether ``add`` works in the background if the call does not say.
        durable: whether messages are stored as pending memories before they are extracted in the background.
    """

    default: bool
    durable: bool

    async def submit(self, scope: Hashable, job: Job) -> str:
        """Queue a job once the queue has space. Return the ticket under which a failure is reported.

        Raises ``StoreError`` if the memory was closed, or the program is ending.
        """

    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        """Wait until all jobs submitted so far have succeeded or failed, or until the time is over."""

    async def close(self) -> None:
        """Wait for all jobs, and accept no more."""


class Clock(Protocol):
    """The current time."""

    def now_us(self) -> int:
        """Return the microseconds since 1970 UTC."""


class Shield(Protocol):
    """Runs a step of an operation to its end, even if the operation is cancelled."""

    def __call__(self, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Run the step and return its result."""
