"""Blocking and async access to an open memory, for code that is written once as a coroutine.

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
ClientT = TypeVar("ClientT")


class Bridge(Generic[ClientT]):
    """Runs coroutine functions for blocking and async callers. It does not own the client: its opener closes it.

    Args:
        given: the open client.
        blocking: the client whose methods never suspend; None if only async callers are served.
        for_async: the client for event loops.
    """

    def __init__(self, given: object, blocking: ClientT | None, for_async: ClientT) -> None:
        self._given = given
        self._blocking = blocking
        self._async = for_async

    def run(self, body: Callable[[ClientT], Coroutine[Any, Any, T]]) -> T:
        """Run a body for a blocking caller, and return its result. Works with and without a running event loop.

        Args:
            body: a coroutine function that awaits only methods of the client that it receives.

        Raises:
            StoreError: the given memory or store is an async one, or is closed.
        """
        if self._blocking is None:
            name = type(self._given).__name__
            raise StoreError(
                f"An {name} can only be awaited. Its to_sync() makes a {name.removeprefix('Async')}, which serves "
                "blocking and async callers."
            )
        return run(body(self._blocking))

    async def arun(self, body: Callable[[ClientT], Coroutine[Any, Any, T]]) -> T:
        """Run a body for an async caller, and return its result.

        For a ``Memory``, its own worker thread writes the adds in the background, so they outlive the event loop.
        """
        return await body(self._async)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._given!r})"


class Faces(Bridge[AsyncMemory]):
    """Blocking and async access to one open memory. It does not own the memory: its opener closes it.

    Args:
        memory: a ``Memory``, for blocking and async callers; or an ``AsyncMemory``, for async callers only.

    Raises:
        ValidationError: the argument is neither.
    """

    def __init__(self, memory: Memory | AsyncMemory) -> None:
        self.memory = memory
        if isinstance(memory, Memory):
            super().__init__(memory, memory._coroutines(), memory._borrowed_async())
        elif isinstance(memory, AsyncMemory):
            super().__init__(memory, None, memory)
        else:
            raise ValidationError(
                f"memory must be a Memory or an AsyncMemory of mem0milvus, not {type(memory).__name__}."
            )

    def records(self, collection_name: str | None = None) -> RecordFaces:
        """Return blocking and async access to a record store beside the memory, open as long as the memory is.

        Args:
            collection_name: the collection of the records; default: ``<the memory's collection>_records``.

        Raises:
            ConfigError: the collection name cannot be used.
        """
        return RecordFaces(self.memory, collection_name)


class RecordFaces(Bridge[AsyncRecordStore]):
    """Blocking and async access to one open record store. It does not own the store: its opener closes it.

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
        is_blocking = isinstance(store, (Memory, RecordStore))
        blocking = AsyncRecordStore._over(BlockingSession(part, store._session)) if is_blocking else None
        if isinstance(store, AsyncRecordStore):
            for_async = store
        else:
            for_async = AsyncRecordStore._over(AsyncSession(part, store._session))
        super().__init__(store, blocking, for_async)
