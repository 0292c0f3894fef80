"""``Memory`` and ``AsyncMemory``. They convert into each other, so they are defined in one file.

Their methods are inherited: the async ones are written by hand, the blocking ones are generated from them.
"""

from __future__ import annotations

from mem0milvus.client.async_memory_methods import AsyncMemoryMethods
from mem0milvus.client.memory_methods import MemoryMethods
from mem0milvus.client.sessions import AsyncSession, BlockingSession, BorrowedMemorySession


class Memory(MemoryMethods):
    """Long-term memory in Milvus.

    The constructor opens the store. Several threads can use it. Close it with ``close()`` or use it as a context
    manager, which frees a Milvus Lite file for other processes.

    Args:
        config: as for ``from_config``; default: Milvus Lite in ``./milvus.db`` (or the server in ``MILVUS_URI``) with
            the embedder that filled the collection. A new one gets OpenAI's embeddings if ``OPENAI_API_KEY`` is set,
            else the local model if it is installed, else the offline embedder.
        llm: as for ``from_config``.
        embedder: as for ``from_config``.
        reranker: as for ``from_config``.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: the store cannot be opened; the subclasses name the reason.
    """

    def to_async(self) -> AsyncMemory:
        """Return an async client of the same open store. Close each client; the last one closes the store.

        Examples:
            >>> async with memory.to_async() as async_memory:
            ...     found = await async_memory.search("What are my hobbies?", user_id="alice")
        """
        return AsyncMemory._over(AsyncSession(self._session.part.share()))

    def _coroutines(self) -> AsyncMemory:
        """Return the coroutine form of this memory: its methods never suspend, and it is closed with this memory."""
        return AsyncMemory._over(BlockingSession(self._session.part, self._session))

    def _borrowed_async(self) -> AsyncMemory:
        """Return an async client that uses this memory's background worker, and is closed with this memory."""
        return AsyncMemory._over(BorrowedMemorySession(self._session))


class AsyncMemory(AsyncMemoryMethods):
    """Long-term memory in Milvus, for ``asyncio``.

    The first operation, or ``async with``, opens the store without blocking the event loop. Many tasks can use it, and
    several event loops one after the other. Close it with ``aclose()``.

    Cancelling an operation stops it only before its first write: a write runs to its end, so that no change is half
    stored. The arguments are those of ``Memory``; the methods ``acomplete`` of a language model, ``aembed`` of an
    embedding model and ``ascore`` of a reranker are awaited if the object has them.

    Raises:
        ConfigError: the configuration is wrong. The first operation raises the errors of the store.
    """

    def to_sync(self) -> Memory:
        """Return a blocking client of the same store. Close each client; the last one closes the store.

        Examples:
            >>> with memory.to_sync() as blocking_memory:
            ...     found = blocking_memory.search("What are my hobbies?", user_id="alice")
        """
        return Memory._over(BlockingSession(self._session.part.share()))
