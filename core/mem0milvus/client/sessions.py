"""How a client uses an open store: which collections, through which ports, and until when.

Blocking and async clients run the same operations. A ``Session`` hands the ports to the operation: those of a
``BlockingSession`` block and never suspend, those of an ``AsyncSession`` never block the event loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from typing_extensions import override

from mem0milvus import operations
from mem0milvus.errors import CLOSED, CLOSED_STORE, StoreError
from mem0milvus.ports import Ports, RecordPorts
from mem0milvus.runtime.blocking_driver import BlockingDriver, run

if TYPE_CHECKING:
    from typing_extensions import Self

    from mem0milvus.ports import Driver
    from mem0milvus.runtime.open_store import Runtime
    from mem0milvus.runtime.thread_driver import ThreadDriver
    from mem0milvus.types import LLM, Embedder

P = ParamSpec("P")
T = TypeVar("T")
PortsT = TypeVar("PortsT")


class StorePart(ABC, Generic[PortsT]):
    """The collections of one store that a client uses.

    Attributes:
        runtime: the store. It counts its clients, and the last one to close closes it.
        closed_message: the error of a client that is used after it was closed.
    """

    closed_message: ClassVar[str]

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def share(self) -> Self:
        """Count one more client of the store."""
        self.runtime.share()
        return self

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether the collections are open."""

    @abstractmethod
    def open(self) -> None:
        """Connect and open the collections."""

    @abstractmethod
    def blocking_ports(self) -> PortsT:
        """Return ports that block and never suspend."""

    @abstractmethod
    def async_ports(self, driver: ThreadDriver) -> PortsT:
        """Return ports that never block the event loop."""

    async def finish_background(self, ports: PortsT) -> None:
        """Wait for the adds in the background."""


class MemoryPart(StorePart[Ports]):
    """The memories and their history."""

    closed_message = CLOSED

    @classmethod
    def configured(cls, config: Mapping[str, Any] | None, llm: LLM | None, embedder: Embedder | None) -> MemoryPart:
        """Prepare a new store, without connecting."""
        # Imported here because it loads pymilvus and pydantic, which `import mem0milvus` must not.
        from mem0milvus.runtime.open_store import Runtime

        return cls(Runtime(config, llm, embedder))

    def __repr__(self) -> str:
        return repr(self.runtime)

    @property
    @override
    def is_open(self) -> bool:
        return self.runtime.is_open

    @override
    def open(self) -> None:
        self.runtime.open()

    @override
    def blocking_ports(self) -> Ports:
        return self.runtime.blocking_ports()

    @override
    def async_ports(self, driver: ThreadDriver) -> Ports:
        return self.runtime.awaiting_ports(driver)

    @override
    async def finish_background(self, ports: Ports) -> None:
        await ports.background.close()


class RecordPart(StorePart[RecordPorts]):
    """One collection of records.

    Args:
        runtime: the store.
        collection_name: the collection; None for ``<the memories' collection>_records``.

    Raises:
        ConfigError: the name cannot be used.
    """

    closed_message = CLOSED_STORE

    def __init__(self, runtime: Runtime, collection_name: str | None) -> None:
        super().__init__(runtime)
        self.collection = runtime.records_name(collection_name)

    @classmethod
    def configured(
        cls, config: Mapping[str, Any] | None, embedder: Embedder | None, collection_name: str | None
    ) -> RecordPart:
        """Prepare a new store, without connecting."""
        return cls(MemoryPart.configured(config, None, embedder).runtime, collection_name)

    @classmethod
    def beside(cls, memory: Session[Ports], collection_name: str | None) -> RecordPart:
        """Prepare a record store on the store of an open memory, and count one more client of it."""
        memory.check_open()
        return cls(memory.part.runtime, collection_name).share()

    def __repr__(self) -> str:
        return f"{self.runtime!r}, records={self.collection!r}"

    @property
    @override
    def is_open(self) -> bool:
        return self.runtime.has_records_open(self.collection)

    @override
    def open(self) -> None:
        self.runtime.open_records(self.collection)

    @override
    def blocking_ports(self) -> RecordPorts:
        return self.runtime.blocking_record_ports(self.collection)

    @override
    def async_ports(self, driver: ThreadDriver) -> RecordPorts:
        return self.runtime.awaiting_record_ports(self.collection, driver)


class Session(ABC, Generic[PortsT]):
    """One client's use of a part of the store, until it is closed.

    Args:
        part: the collections.
        owner: the session that opened the store. A session with an owner is open as long as its owner, and ``close``
            does nothing. None: this session counts as a client of the store and closes it.
    """

    ports: PortsT
    driver: Driver

    def __init__(self, part: StorePart[PortsT], owner: Session[Any] | None = None) -> None:
        self.part = part
        self._owner = owner
        self._is_closed = False

    def check_open(self) -> None:
        """Raise a StoreError after the session, or its owner, was closed."""
        if self._owner is not None:
            self._owner.check_open()
        elif self._is_closed:
            raise StoreError(self.part.closed_message)

    async def open(self) -> PortsT:
        """Open the collections at the first call, and return the ports.

        Raises:
            StoreError: the session was closed, or the store cannot be opened.
        """
        self.check_open()
        if self._owner is not None:
            await self._owner.open()
        if not self.part.is_open:
            await self._open_part()
        return self.ports

    async def run(
        self, operation: Callable[Concatenate[PortsT, P], Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an operation with the ports of this session."""
        return await operation(await self.open(), *args, **kwargs)

    async def close(self) -> None:
        """Finish the background work and give up the store; a second call does nothing."""
        if self._owner is None and not self._is_closed:
            self._is_closed = True
            await self.part.finish_background(self.ports)
            await self._close_runtime()

    async def _open_part(self) -> None:
        await self.driver.call(self.part.open)

    @abstractmethod
    async def _close_runtime(self) -> None: ...


class BlockingSession(Session[PortsT]):
    """A session whose coroutines never suspend, so that ``blocking_driver.run`` drives them without an event loop.

    Without an owner, it opens the collections in its constructor.

    Args:
        part: the collections.
        owner: as for ``Session``, a blocking one.

    Raises:
        StoreError: the store cannot be opened.
    """

    def __init__(self, part: StorePart[PortsT], owner: Session[Any] | None = None) -> None:
        super().__init__(part, owner)
        self.driver = BlockingDriver()
        if owner is None:
            try:
                part.open()
            except BaseException:  # KeyboardInterrupt too: another process needs the Milvus Lite file
                part.runtime.close()
                raise
        # Each bundle of memory ports has its own background queue; that of the owner is the one that is flushed.
        self.ports = part.blocking_ports() if owner is None or owner.part is not part else owner.ports

    @override
    async def _close_runtime(self) -> None:
        self.part.runtime.close()


class AsyncSession(Session[PortsT]):
    """A session for event loops, one or several one after the other. It opens the collections at the first operation.

    Args:
        part: the collections.
        owner: as for ``Session``.
    """

    driver: ThreadDriver

    def __init__(self, part: StorePart[PortsT], owner: Session[Any] | None = None) -> None:
        # Imported here because it loads asyncio, which `import mem0milvus` must not.
        from mem0milvus.runtime.thread_driver import ThreadDriver

        super().__init__(part, owner)
        self.driver = ThreadDriver(part.runtime.executor)
        self.ports = part.async_ports(self.driver)

    @override
    async def _open_part(self) -> None:
        await super()._open_part()
        await self.part.runtime.prepare()

    @override
    async def _close_runtime(self) -> None:
        await self.driver.settle()
        await self.part.runtime.aclose(self.driver)


class BorrowedMemorySession(AsyncSession[Ports]):
    """Async use of a memory that a blocking client opened, with that client's background worker.

    Args:
        owner: the session of the blocking client.
    """

    def __init__(self, owner: Session[Ports]) -> None:
        super().__init__(owner.part, owner)
        self._blocking = owner

    @override
    async def run(
        self, operation: Callable[Concatenate[Ports, P], Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if not self._is_background_work(operation, kwargs.get("background")):
            return await super().run(operation, *args, **kwargs)
        # A background task of an event loop dies with the loop, and frameworks start a loop per call. So these two
        # run in a thread with the blocking ports, whose worker thread outlives the loop.
        return await self.driver.call(lambda: run(self._blocking.run(operation, *args, **kwargs)))

    def _is_background_work(self, operation: object, background: object) -> bool:
        if operation is operations.add:
            return bool(self.ports.background.default if background is None else background)
        return operation is operations.flush
