"""A client's use of an open store: its collections, its ports, and its end.

Blocking and async clients run the same operations. A ``Session`` hands the ports to the operation: those of a
``BlockingSession`` block and never suspend, those of an ``AsyncSession`` never block the event loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from typing_extensions import override

from mem0milvus import operations
from mem0milvus.errors import CLOSED, CLOSED_STORE, StoreError
from mem0milvus.ports import Ports, RecordPorts
from mem0milvus.runtime.blocking_driver import BlockingDriver, run

if TYPE_CHECKING:
    from mem0milvus.ports import Driver
    from mem0milvus.runtime.open_store import OpenStore
    from mem0milvus.runtime.thread_driver import ThreadDriver
    from mem0milvus.types import LLM, Embedder, Reranker

P = ParamSpec("P")
T = TypeVar("T")
PortsT = TypeVar("PortsT")

if TYPE_CHECKING:
    Operation = Callable[Concatenate[PortsT, P], Coroutine[Any, Any, T]]


@dataclass(frozen=True, slots=True)
class StorePart(Generic[PortsT]):
    """The collections of a store that one client uses: the memories, or one collection of records."""

    runtime: OpenStore  #: counts the clients of the store; the last one to close closes it
    describe: Callable[[], str]  #: returns the store, the collection and the embedder, for ``repr``
    closed_message: str  #: the error of a client that is used after it was closed
    is_open: Callable[[], bool]  #: whether the collections are open
    open: Callable[[], None]  #: connects and opens the collections
    #: ports that block and never suspend; require open collections, as all ports do, since they name the embedder
    blocking_ports: Callable[[], PortsT]
    async_ports: Callable[[ThreadDriver], PortsT]  #: ports that never block the event loop

    def share(self) -> StorePart[PortsT]:
        """Count one more client of the store."""
        self.runtime.share()
        return self


def new_store(
    config: Mapping[str, Any] | None, llm: LLM | None, embedder: Embedder | None, reranker: Reranker | None = None
) -> OpenStore:
    """Prepare a store from a configuration, without connecting, or raise a ConfigError."""
    # Imported here because it loads pymilvus and pydantic, which `import mem0milvus` must not.
    from mem0milvus.runtime.open_store import OpenStore

    return OpenStore(config, llm, embedder, reranker)


def memory_part(runtime: OpenStore) -> StorePart[Ports]:
    """Return the collections of memories and history."""
    return StorePart(
        runtime=runtime,
        describe=partial(repr, runtime),
        closed_message=CLOSED,
        is_open=lambda: runtime.is_open,
        open=runtime.open,
        blocking_ports=runtime.blocking_ports,
        async_ports=runtime.async_ports,
    )


def record_part(runtime: OpenStore, collection_name: str | None) -> StorePart[RecordPorts]:
    """Return a collection of records, by default ``<the memories' collection>_records``, or raise a ConfigError."""
    collection = runtime.records_name(collection_name)
    return StorePart(
        runtime=runtime,
        describe=lambda: f"{runtime!r}, records={collection!r}",
        closed_message=CLOSED_STORE,
        is_open=partial(runtime.has_records_open, collection),
        open=partial(runtime.open_records, collection),
        blocking_ports=partial(runtime.blocking_record_ports, collection),
        async_ports=partial(runtime.async_record_ports, collection),
    )


class Session(ABC, Generic[PortsT]):
    """One client's use of a part of a store, until it is closed.

    A session with an ``owner``, the session that opened the store, is open as long as its owner, and its ``close`` does
    nothing. A session without one counts as a client of the store.
    """

    driver: Driver

    def __init__(self, part: StorePart[PortsT], owner: Session[Any] | None = None) -> None:
        self.part = part
        self._owner = owner
        self._ports: PortsT | None = None
        self._is_closed = False

    @property
    def ports(self) -> PortsT:
        """The ports, made at their first use. Requires open collections."""
        if self._ports is None:
            self._ports = self._make_ports()
        return self._ports

    def check_open(self) -> None:
        """Raise a StoreError after the session, or its owner, was closed."""
        if self._owner is not None:
            self._owner.check_open()
        elif self._is_closed:
            raise StoreError(self.part.closed_message)

    async def open(self) -> PortsT:
        """Return the ports, after opening the collections at the first call. Raise a StoreError after closing."""
        self.check_open()
        if self._owner is not None:
            await self._owner.open()
        if not self.part.is_open():
            await self._open_part()
        return self.ports

    async def run(self, operation: Operation[PortsT, P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation with the ports of this session."""
        return await operation(await self.open(), *args, **kwargs)

    async def close(self) -> None:
        """Finish the background work and release the store; a second call does nothing."""
        if self._owner is None and not self._is_closed:
            self._is_closed = True
            if isinstance(self._ports, Ports):
                await self._ports.background.close()
            await self._close_runtime()

    async def _open_part(self) -> None:
        await self.driver.call(self.part.open)

    @abstractmethod
    def _make_ports(self) -> PortsT: ...

    @abstractmethod
    async def _close_runtime(self) -> None: ...


class BlockingSession(Session[PortsT]):
    """A session whose coroutines never suspend, so that ``blocking_driver.run`` drives them without an event loop.

    Without an owner, it opens the collections in its constructor. An owner must be a blocking session.
    """

    def __init__(self, part: StorePart[PortsT], owner: Session[Any] | None = None) -> None:
        super().__init__(part, owner)
        self.driver = BlockingDriver()
        if owner is None:
            try:
                part.open()
            except BaseException:  # KeyboardInterrupt too: another process may need the Milvus Lite file
                part.runtime.close()
                raise
        # Every call of blocking_ports makes a background queue; ``flush`` of the owner waits only for its own.
        self._ports = owner.ports if owner is not None and owner.part is part else part.blocking_ports()

    @override
    def _make_ports(self) -> PortsT:
        return self.part.blocking_ports()

    @override
    async def _close_runtime(self) -> None:
        self.part.runtime.close()


class AsyncSession(Session[PortsT]):
    """A session for one event loop after another. It opens the collections at the first operation."""

    driver: ThreadDriver

    def __init__(self, part: StorePart[PortsT], owner: Session[Any] | None = None) -> None:
        # Imported here because it loads asyncio, which `import mem0milvus` must not.
        from mem0milvus.runtime.thread_driver import ThreadDriver

        super().__init__(part, owner)
        self.driver = ThreadDriver(part.runtime.executor)

    @override
    def _make_ports(self) -> PortsT:
        return self.part.async_ports(self.driver)

    @override
    async def _open_part(self) -> None:
        await super()._open_part()
        await self.part.runtime.prepare()

    @override
    async def _close_runtime(self) -> None:
        await self.driver.settle()
        await self.part.runtime.aclose(self.driver)


class BorrowedMemorySession(AsyncSession[Ports]):
    """Async use of a memory that a blocking client opened, with that client's background worker."""

    def __init__(self, owner: Session[Ports]) -> None:
        super().__init__(owner.part, owner)
        self._blocking = owner

    @override
    async def run(self, operation: Operation[Ports, P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._is_background_work(operation, kwargs.get("background")):
            return await super().run(operation, *args, **kwargs)
        # A background task of an event loop dies with the loop, and some frameworks start a loop per call. So ``add``
        # and ``flush`` run in a thread with the blocking ports, whose worker thread outlives the loop.
        return await self.driver.call(lambda: run(self._blocking.run(operation, *args, **kwargs)))

    def _is_background_work(self, operation: object, background: object) -> bool:
        if operation is operations.add:
            return bool(self.ports.background.default if background is None else background)
        return operation is operations.flush
