"""``RecordStore`` and ``AsyncRecordStore``. As for ``Memory`` and ``AsyncMemory``, their methods are inherited."""

from __future__ import annotations

from mem0milvus.client.async_record_methods import AsyncRecordMethods
from mem0milvus.client.record_methods import RecordMethods
from mem0milvus.client.sessions import AsyncSession, BlockingSession


class RecordStore(RecordMethods):
    """Records in Milvus: JSON values under the caller's own keys, in namespaces, ordered, with an optional lifetime.

    Records are in a collection of their own, so ``Memory.search`` does not find them; ``RecordStore.search`` does, by
    the texts given to ``put``. Records have no versions, and nothing is extracted from them.

    The constructor opens the store. Several threads can use it. Close it with ``close()`` or use it as a context
    manager.

    Args:
        config: as for ``Memory.from_config``.
        embedder: as for ``Memory.from_config``. It is only called for the texts of ``put`` and for questions.
        collection_name: the collection of the records; default: ``<the configured collection>_records``.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: the store cannot be opened; the subclasses name the reason.
    """

    def to_async(self) -> AsyncRecordStore:
        """Return an async client of the same open store. Close each client; the last one closes the store.

        Examples:
            >>> async with store.to_async() as async_store:
            ...     item = await async_store.get(("user", "alice"), "theme")
        """
        return AsyncRecordStore._over(AsyncSession(self._session.part.share()))


class AsyncRecordStore(AsyncRecordMethods):
    """Records in Milvus, for ``asyncio``. ``RecordStore`` describes them.

    The first operation, or ``async with``, opens the store without blocking the event loop. Many tasks can use it, and
    several event loops one after the other. Close it with ``aclose()``.

    A write runs to its end even if its caller is cancelled, so that no change is half stored. The arguments are those
    of ``RecordStore``; the ``aembed`` method of an embedding model is awaited if the object has one.

    Raises:
        ConfigError: the configuration is wrong. The first operation raises the errors of the store.
    """

    def to_sync(self) -> RecordStore:
        """Return a blocking client of the same store. Close each client; the last one closes the store.

        Examples:
            >>> with store.to_sync() as blocking_store:
            ...     item = blocking_store.get(("user", "alice"), "theme")
        """
        return RecordStore._over(BlockingSession(self._session.part.share()))
