"""Blocking and async access to an open memory, for code that is written once as a coroutine function.

Frameworks call a blocking and an async method for each task. With ``Faces``, one ``async def`` is the body of both. It
receives an ``AsyncMemory``: ``arun`` passes one for the event loop, ``run`` one whose methods block and never suspend.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from mem0milvus.client.memory import AsyncMemory, Memory
from mem0milvus.client.record_store import AsyncRecordStore, RecordStore
from mem0milvus.client.sessions import AsyncSession, BlockingSession, record_part
from mem0milvus.errors import ConfigError, StoreError, ValidationError
from mem0milvus.runtime.blocking_driver import run

T = TypeVar("T")
ClientT = TypeVar("ClientT", AsyncMemory, AsyncRecordStore)


class _BlockingAndAsync(Generic[ClientT]):
    """The methods of ``Faces`` and ``RecordFaces``, which differ only in the client that a body receives."""

    _owner: Memory | AsyncMemory | RecordStore | AsyncRecordStore
    _blocking: ClientT | None  # None if the owner is an async client
    _async: ClientT

    def run(self, body: Callable[[ClientT], Coroutine[Any, Any, T]]) -> T:
        """Run a body for a blocking caller, and return its result. Works with and without a running event loop.

        Args:
            body: a coroutine function that awaits only methods of the client that it receives.

        Raises:
            StoreError: the client given to the constructor is an async one, or is closed.
        """
        if self._blocking is None:
            raise StoreError(
                f"{type(self._owner).__name__} serves async callers only. Pass the client that its to_sync() method "
                "returns, which serves blocking and async callers."
            )
        return run(body(self._blocking))

    async def arun(self, body: Callable[[ClientT], Coroutine[Any, Any, T]]) -> T:
        """Run a body for an async caller, and return its result.

        For a ``Memory``, its own worker thread writes the adds in the background, so they outlive the event loop.
        """
        return await body(self._async)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._owner!r})"


class Faces(_BlockingAndAsync[AsyncMemory]):
    """Blocking and async access to one open memory. It does not own the memory: closing stays with its opener.

    Args:
        memory: a ``Memory``, for blocking and async callers; or an ``AsyncMemory``, for async callers only.

    Raises:
        ValidationError: the argument is neither.

    Examples:
        >>> async def count(memory: AsyncMemory) -> int:
        ...     return len((await memory.get_all(user_id="alice"))["results"])
        >>> Faces(memory).run(count)  # or: await Faces(memory).arun(count)
    """

    def __init__(self, memory: Memory | AsyncMemory) -> None:
        if not isinstance(memory, (Memory, AsyncMemory)):
            raise ValidationError(
                f"memory must be a Memory or an AsyncMemory of mem0milvus, not {type(memory).__name__}."
            )
        self._owner = self._memory = memory
        self._blocking = memory._coroutines() if isinstance(memory, Memory) else None
        self._async = memory._borrowed_async() if isinstance(memory, Memory) else memory

    @property
    def memory(self) -> Memory | AsyncMemory:
        """The memory given to the constructor."""
        return self._memory

    def records(self, collection_name: str | None = None) -> RecordFaces:
        """Return blocking and async access to a record store beside the memory, open as long as the memory is.

        Args:
            collection_name: the collection of the records; default: ``<the memory's collection>_records``.

        Raises:
            ConfigError: the collection name cannot be used.
        """
        return RecordFaces(self._memory, collection_name)


class RecordFaces(_BlockingAndAsync[AsyncRecordStore]):
    """Blocking and async access to one open record store. It does not own the store: closing stays with its opener.

    Args:
        store: a ``RecordStore`` or a ``Memory``, for blocking and async callers; or an ``AsyncRecordStore`` or an
            ``AsyncMemory``, for async callers only.
        collection_name: the collection beside a memory; default: ``<the memory's collection>_records``.

    Raises:
        ValidationError: ``store`` is none of these.
        ConfigError: the collection name cannot be used, or is given with a record store, which has one.
    """

    def __init__(
        self, store: Memory | AsyncMemory | RecordStore | AsyncRecordStore, collection_name: str | None = None
    ) -> None:
        if isinstance(store, (Memory, AsyncMemory)):
            part = record_part(store._runtime, collection_name)
        elif not isinstance(store, (RecordStore, AsyncRecordStore)):
            raise ValidationError(
                f"Give a Memory or a RecordStore of mem0milvus, or an async one, not {type(store).__name__}."
            )
        elif collection_name is not None:
            raise ConfigError("A record store has a collection already: give collection_name= where it is opened.")
        else:
            part = store._session.part
        self._owner = store
        is_blocking = isinstance(store, (Memory, RecordStore))
        self._blocking = AsyncRecordStore._over(BlockingSession(part, store._session)) if is_blocking else None
        if isinstance(store, AsyncRecordStore):
            self._async = store
        else:
            self._async = AsyncRecordStore._over(AsyncSession(part, store._session))
