"""Both faces of what is open already, for code that is written once and called from blocking and from awaiting code.

Frameworks ask for a blocking and an asynchronous method each time. With ``Faces`` the body of both is one ``async def``
that is given an ``AsyncMemory``: ``run`` gives it one whose methods block and never suspend, ``arun`` a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from mem0milvus.client.async_memory import AsyncMemory
from mem0milvus.client.async_record_store import AsyncRecordStore
from mem0milvus.client.memory import Memory
from mem0milvus.client.record_store import RecordStore
from mem0milvus.errors import CLOSED, CLOSED_STORE, StoreError, ValidationError
from mem0milvus.runtime.blocking_driver import BlockingDriver, run
from mem0milvus.types import AddResult, FlushOutcome, Messages

if TYPE_CHECKING:
    from mem0milvus.ports import Ports, RecordPorts
    from mem0milvus.runtime.open_store import OpenStore

T = TypeVar("T")

_AWAITED = "{} can only be awaited. Give a {} (to_sync() makes one), which serves blocking and awaiting callers."


class Faces:
    """Both faces of one open memory. It is no user of its own: the memory is closed by whoever opened it.

    Args:
        memory: a ``Memory``, for blocking and awaiting callers; or an ``AsyncMemory``, for awaiting ones only.

    Raises:
        ValidationError: it is neither.
    """

    def __init__(self, memory: Memory | AsyncMemory) -> None:
        if not isinstance(memory, (Memory, AsyncMemory)):
            raise ValidationError(
                f"memory must be a Memory or an AsyncMemory of mem0milvus, not {type(memory).__name__}."
            )
        self._memory = memory
        self._driven = _DrivenMemory(memory) if isinstance(memory, Memory) else None
        self._awaiting: AsyncMemory = _AwaitedMemory(memory) if isinstance(memory, Memory) else memory

    @property
    def memory(self) -> Memory | AsyncMemory:
        """What was given."""
        return self._memory

    def run(self, body: Callable[[AsyncMemory], Coroutine[Any, Any, T]]) -> T:
        """The result of a body, for a blocking caller. It needs no event loop and does not mind a running one.

        Args:
            body: awaits methods of the memory that it is given, and nothing else.

        Raises:
            StoreError: an ``AsyncMemory`` was given, or the memory is closed.
        """
        if self._driven is None:
            raise StoreError(_AWAITED.format("An AsyncMemory", "Memory"))
        return run(body(self._driven))

    async def arun(self, body: Callable[[AsyncMemory], Coroutine[Any, Any, T]]) -> T:
        """The result of a body, for an awaiting caller.

        What is added in the background is written by the memory's own worker thread where a ``Memory`` was given, and
        outlives the event loop.
        """
        return await body(self._awaiting)

    def records(self, collection_name: str | None = None) -> RecordFaces:
        """Both faces of a record store beside the memory, which is open as long as the memory is.

        Args:
            collection_name: the records' collection; left out, ``<the memory's collection>_records``.

        Raises:
            ConfigError: that cannot be a collection's name.
        """
        return RecordFaces._over(self._memory, self._memory._runtime.records_name(collection_name))

    def __repr__(self) -> str:
        return f"Faces({self._memory!r})"


class RecordFaces:
    """Both faces of one open record store. It is no user of its own: the store is closed by whoever opened it.

    Args:
        store: a ``RecordStore``, for blocking and awaiting callers; or an ``AsyncRecordStore``, for awaiting ones only.

    Raises:
        ValidationError: it is neither.
    """

    def __init__(self, store: RecordStore | AsyncRecordStore) -> None:
        if not isinstance(store, (RecordStore, AsyncRecordStore)):
            raise ValidationError(
                f"store must be a RecordStore or an AsyncRecordStore of mem0milvus, not {type(store).__name__}."
            )
        self._attach(store, store._collection)

    def _attach(self, owner: Owner, collection: str) -> None:
        self._owner = owner
        blocking = isinstance(owner, (Memory, RecordStore))
        self._driven = _DrivenRecords(owner, collection) if blocking else None
        self._awaiting = owner if isinstance(owner, AsyncRecordStore) else _AwaitedRecords(owner, collection)

    @classmethod
    def _over(cls, owner: Owner, collection: str) -> RecordFaces:
        faces = cls.__new__(cls)
        faces._attach(owner, collection)
        return faces

    def run(self, body: Callable[[AsyncRecordStore], Coroutine[Any, Any, T]]) -> T:
        """The result of a body, for a blocking caller. It needs no event loop and does not mind a running one.

        Args:
            body: awaits methods of the store that it is given, and nothing else.

        Raises:
            StoreError: an awaiting face was given, or the store is closed.
        """
        if self._driven is None:
            raise StoreError(_AWAITED.format("This", "RecordStore or a Memory"))
        return run(body(self._driven))

    async def arun(self, body: Callable[[AsyncRecordStore], Coroutine[Any, Any, T]]) -> T:
        """The result of a body, for an awaiting caller."""
        return await body(self._awaiting)

    def __repr__(self) -> str:
        return f"RecordFaces({self._owner!r})"


#: What is open, and how long.
Owner = Memory | AsyncMemory | RecordStore | AsyncRecordStore


class _DrivenMemory(AsyncMemory):
    """The operations of a ``Memory`` as coroutines that never suspend."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._runtime = memory._runtime
        self._closed = False

    async def _open(self) -> Ports:
        return self._memory._ports

    async def aclose(self) -> None:
        """Nothing: the memory is closed by whoever opened it."""


class _AwaitedMemory(AsyncMemory):
    """The operations of a ``Memory``, to be awaited. Its worker thread does what is done in the background."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._attach(memory._runtime)

    async def _open(self) -> Ports:
        if self._memory._closed:
            raise StoreError(CLOSED)
        return self._ports

    async def add(self, messages: Messages, **options: Any) -> AddResult:
        """See ``Memory.add``."""
        background = options.get("background")
        if background or (background is None and self._ports.background.default):
            return await self._driver.call(self._memory.add, messages, **options)
        return await super().add(messages, **options)

    async def flush(self, timeout: float | None = None) -> FlushOutcome:
        """See ``Memory.flush``."""
        return await self._driver.call(self._memory.flush, timeout)

    async def aclose(self) -> None:
        """Nothing: the memory is closed by whoever opened it."""


class _DrivenRecords(AsyncRecordStore):
    """The operations of a record store as coroutines that never suspend."""

    def __init__(self, owner: Owner, collection: str) -> None:
        self._owner = owner
        self._runtime: OpenStore = owner._runtime
        self._collection = collection
        self._driver = BlockingDriver()  # type: ignore[assignment]  # it has ``call``, which is all that is used
        self._ports = owner._runtime.blocking_record_ports(collection)
        self._closed = False

    async def _open(self) -> RecordPorts:
        _check_open(self._owner)
        return await super()._open()

    async def aclose(self) -> None:
        """Nothing: what it belongs to is closed by whoever opened it."""


class _AwaitedRecords(AsyncRecordStore):
    """The operations of a record store, to be awaited."""

    def __init__(self, owner: Owner, collection: str) -> None:
        self._owner = owner
        self._attach(owner._runtime, collection)

    async def _open(self) -> RecordPorts:
        _check_open(self._owner)
        if isinstance(self._owner, AsyncMemory):
            await self._owner._open()
        return await super()._open()

    async def aclose(self) -> None:
        """Nothing: what it belongs to is closed by whoever opened it."""


def _check_open(owner: Owner) -> None:
    if owner._closed:
        raise StoreError(CLOSED if isinstance(owner, (Memory, AsyncMemory)) else CLOSED_STORE)
