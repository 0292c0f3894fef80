"""``Mem0MilvusStore``: LangGraph's long-term store on Milvus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langgraph.store.base import BaseStore, IndexConfig, Op, Result, TTLConfig, ensure_embeddings

from langchain_mem0milvus.models import LangChainEmbedder
from langchain_mem0milvus.records import record_faces
from langchain_mem0milvus.store_operations import StoreOperations
from langchain_mem0milvus.ttl_sweeper import TTLSweeper
from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    ConfigError,
    Embedder,
    Memory,
    RecordFaces,
    RecordStore,
    ValidationError,
)

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

#: What items are found by where nothing is configured: all of the value, as JSON.
DEFAULT_FIELDS = ("$",)

INDEX_KEYS = ("dims", "embed", "fields")
TTL_KEYS = ("default_ttl", "refresh_on_read", "sweep_interval_minutes", "omit_expired")


class Mem0MilvusStore(BaseStore):
    """A LangGraph store on Milvus: items as JSON, found by key, by filter and by meaning and words.

    It is given to ``compile(store=…)`` or ``create_agent(store=…)`` and serves blocking and awaiting callers, several
    threads and event loops at once. Items lie in ``<collection_name>_records`` and are found by no search of a memory.

    Beside what ``BaseStore`` says:

    - A batch is answered as if one operation came after the other: a get sees the put before it. It is no transaction.
    - ``score`` is absolute: 0 to 1, larger is better, the same for a question and an item whatever else was found.
      Results stand in the order of meaning and words together, which may differ from that of the scores. Items that
      are not indexed come last, without a score.
    - Items that have expired are not seen. ``sweep_ttl`` frees what they take.
    - Values are what JSON can hold, up to 65,536 bytes; labels and keys have no control characters.

    Args:
        memory: an open ``Memory`` or ``RecordStore``; their asynchronous forms serve awaiting callers only. It stays
            the caller's to close.
        index: ``{"fields": […]}``: the paths into values that items are found by, all of the value by default; the
            embedding model is that of ``memory``. With False, no item is indexed and a ``query`` means nothing.
        ttl: ``default_ttl`` in minutes, ``refresh_on_read``, ``sweep_interval_minutes`` (see ``start_ttl_sweeper``).
        collection_name: the collection, where a memory is given; left out, ``<the memory's collection>_records``.

    Raises:
        ConfigError: ``index`` or ``ttl`` has a key that is not known, or ``index`` names an embedding model beside
            that of ``memory``: use ``from_config`` then.
        ValidationError: ``memory`` is none of these.
    """

    supports_ttl = True

    def __init__(
        self,
        memory: Memory | AsyncMemory | RecordStore | AsyncRecordStore,
        *,
        index: IndexConfig | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
        collection_name: str | None = None,
    ) -> None:
        if isinstance(index, Mapping) and index.keys() & {"embed", "dims"}:
            raise ConfigError(
                "What is open has an embedding model already: give only the fields, as in index={'fields': ['text']}, "
                "or use Mem0MilvusStore.from_config(config, index=…) for a store with an embedding model of its own."
            )
        self._read_options(index, ttl)
        self._faces = record_faces(memory, collection_name)

    def _read_options(self, index: IndexConfig | Literal[False] | None, ttl: TTLConfig | None) -> None:
        self._operations = StoreOperations(_read_fields(index))
        self.ttl_config = _checked(ttl, "ttl", TTL_KEYS)
        self._owned: RecordStore | None = None
        self._sweeper: TTLSweeper | None = None

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        index: IndexConfig | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
        embedder: Embedder | None = None,
        collection_name: str | None = None,
    ) -> Self:
        """Open a store of its own, to be closed with ``close``, ``aclose`` or as a context manager of either kind.

        Args:
            config: as for ``Memory.from_config``.
            index: ``{"embed": …, "dims": …, "fields": […]}``: LangChain embeddings, a function, or a name such as
                ``"openai:text-embedding-3-small"``; the length of its vectors; what items are found by. Without
                ``embed``, the embedding model is ``embedder`` or the configuration's.
            ttl: as for the class.
            embedder: as for ``Memory.from_config``.
            collection_name: the collection; left out, ``<collection_name>_records``. A memory with another embedding
                model needs another one.

        Raises:
            ConfigError: the configuration, ``index`` or ``ttl`` is wrong, or ``index`` and ``embedder`` both name an
                embedding model.
            StoreError: or one of its kinds: the store cannot be opened.
        """
        store = cls.__new__(cls)
        store._read_options(index, ttl)
        store._owned = RecordStore.from_config(
            config, embedder=_read_embedder(index or None, embedder), collection_name=collection_name
        )
        store._faces = RecordFaces(store._owned)
        return store

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Answer operations in order, each seeing what those before it wrote. It works inside a running event loop.

        Raises:
            InvalidNamespaceError: a namespace cannot be one. Nothing was done.
            FilterError: a filter cannot be understood. Nothing was done.
            ValidationError: an operation is wrong. Those before it may be done.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.
        """
        given = list(ops)
        return self._faces.run(lambda records: self._operations.answer(records, given))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As ``batch``."""
        given = list(ops)
        return await self._faces.arun(lambda records: self._operations.answer(records, given))

    def sweep_ttl(self) -> int:
        """Delete the items that have expired, which are not seen before, either. Returns how many there were.

        All that has an end in the collection is swept.

        Raises:
            StoreError: Milvus failed; calling again goes on.
        """
        return self._faces.run(lambda records: records.sweep())

    async def asweep_ttl(self) -> int:
        """As ``sweep_ttl``."""
        return await self._faces.arun(lambda records: records.sweep())

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> None:
        """Let a thread of its own call ``sweep_ttl`` from time to time, until ``stop_ttl_sweeper`` or ``close``.

        A second call does nothing while the first one's thread runs.

        Args:
            sweep_interval_minutes: how often; left out, as ``ttl`` says, else every five minutes.

        Raises:
            ValidationError: that is no time.
            StoreError: the store only serves awaiting callers: use ``asweep_ttl``; or it is closed.
        """
        minutes = sweep_interval_minutes or (self.ttl_config or {}).get("sweep_interval_minutes") or 5
        if not minutes > 0:
            raise ValidationError(f"sweep_interval_minutes must be above 0, not {minutes!r}.")
        self._faces.run(lambda records: records.get_many([]))  # an error now, rather than in the thread
        if self._sweeper is None:
            self._sweeper = TTLSweeper(self.sweep_ttl, minutes * 60)
            self._sweeper.start()

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """End that thread. Returns whether it has ended within ``timeout`` seconds; left out, it is waited for."""
        sweeper, self._sweeper = self._sweeper, None
        return sweeper is None or sweeper.stop(timeout)

    def close(self) -> None:
        """End the sweeper, and close what ``from_config`` opened; a second call does nothing."""
        self.stop_ttl_sweeper()
        if self._owned is not None:
            self._owned.close()

    async def aclose(self) -> None:
        """As ``close``, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._faces!r})"


def _read_fields(index: IndexConfig | Literal[False] | None) -> Sequence[str] | None:
    """The paths that items are found by; None for no index."""
    if index is False:
        return None
    fields = (_checked(index, "index", INDEX_KEYS) or {}).get("fields")
    if isinstance(fields, str) or not all(isinstance(field, str) for field in fields or ()):
        raise ConfigError(f"index['fields'] must be a list of paths, as in ['text', 'tags[*]'], not {fields!r}.")
    return fields or DEFAULT_FIELDS


def _read_embedder(index: IndexConfig | None, embedder: Embedder | None) -> Embedder | None:
    """The embedding model that was named, if one was."""
    if index is None or index.get("embed") is None:
        if index is not None and "dims" in index:
            raise ConfigError("index['dims'] goes with index['embed']: it is the length of that model's vectors.")
        return embedder
    if embedder is not None:
        raise ConfigError("index['embed'] and embedder are two embedding models: give one of them.")
    return LangChainEmbedder(ensure_embeddings(index["embed"]), dims=index.get("dims"))


_Settings = TypeVar("_Settings", IndexConfig, TTLConfig)


def _checked(given: _Settings | None, name: str, known: Sequence[str]) -> _Settings | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name} must be a dict with some of {', '.join(known)}, not {given!r}.")
    for key in given:
        if key not in known:
            raise ConfigError(f"{name} has the key {key!r}; known are {', '.join(known)}.")
    return given
