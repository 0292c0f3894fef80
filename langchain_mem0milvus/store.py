"""``Mem0MilvusStore``: LangGraph's long-term store on Milvus."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langgraph.store.base import BaseStore, IndexConfig, Op, Result, TTLConfig, ensure_embeddings
from typing_extensions import override

from langchain_mem0milvus.models import LangChainEmbedder
from langchain_mem0milvus.store_operations import StoreOperations
from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    CloseOnExit,
    ConfigError,
    Embedder,
    Mem0MilvusError,
    Memory,
    RecordFaces,
    RecordStore,
    ValidationError,
)

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)

#: The paths that are indexed by default: the whole value, as JSON.
DEFAULT_FIELDS = ("$",)

INDEX_KEYS = ("dims", "embed", "fields")
TTL_KEYS = ("default_ttl", "refresh_on_read", "sweep_interval_minutes", "omit_expired")


class Mem0MilvusStore(CloseOnExit, BaseStore):
    """A LangGraph store on Milvus: items as JSON, found by key, by filter and by meaning and words.

    Give it to ``compile(store=…)`` or ``create_agent(store=…)``. It serves blocking and async callers, several threads
    and event loops at once. Items are stored in ``<collection_name>_records``, where no search of a memory finds them.

    In addition to the contract of ``BaseStore``:

    - A batch is answered as if its operations came one after another: a get sees the put before it. It is not a
      transaction.
    - ``score`` is absolute: 0 to 1, larger is better, independent of the other results. Results are ordered by meaning
      and words together, which may differ from the order of the scores. Items that are not indexed come last, without a
      score.
    - Expired items are not returned. ``sweep_ttl`` deletes them.
    - Values are JSON of up to 65,536 bytes; labels and keys have no control characters.

        >>> store = Mem0MilvusStore(memory, index={"fields": ["text"]})
        >>> store.put(("notes", "alice"), "tea", {"text": "Alice drinks green tea."})

    Args:
        memory: an open ``Memory`` or ``RecordStore``, or their async forms for async callers only. Its opener closes
            it.
        index: ``{"fields": […]}``, the paths into values that are indexed, the whole value by default; the embedding
            model is that of ``memory``. With False, no item is indexed and ``query`` is ignored.
        ttl: ``default_ttl`` in minutes, ``refresh_on_read``, ``sweep_interval_minutes`` (see ``start_ttl_sweeper``).
        collection_name: the collection, if a memory is given; by default ``<the memory's collection>_records``.

    Raises:
        ConfigError: ``index`` or ``ttl`` has an unknown key, or ``index`` names an embedding model beside that of
            ``memory``: use ``from_config`` instead.
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
                "An open memory has an embedding model already: give only the fields, as in index={'fields': "
                "['text']}, or use Mem0MilvusStore.from_config(config, index=…) for a store with its own model."
            )
        self._read_options(index, ttl)
        self._records = RecordFaces(memory, collection_name)

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
        """Open a store that is closed by ``close``, ``aclose`` or a ``with`` or ``async with`` block.

            >>> with Mem0MilvusStore.from_config(config, index={"fields": ["text"]}) as store:
            ...     graph = builder.compile(store=store)

        Args:
            config: as for ``Memory.from_config``.
            index: ``{"embed": …, "dims": …, "fields": […]}``: LangChain embeddings, a function, or a name such as
                ``"openai:text-embedding-3-small"``; the length of its vectors; the paths that are indexed. Without
                ``embed``, the embedding model is ``embedder`` or the configuration's.
            ttl: as for the class.
            embedder: as for ``Memory.from_config``.
            collection_name: the collection; by default ``<collection_name>_records``. A store with another embedding
                model than the memory's needs another collection.

        Raises:
            ConfigError: the configuration, ``index`` or ``ttl`` is invalid, or ``index`` and ``embedder`` both name an
                embedding model.
            StoreError: or one of its subclasses: the store cannot be opened.
        """
        store = cls.__new__(cls)
        store._read_options(index, ttl)
        store._owned = RecordStore.from_config(
            config, embedder=_read_embedder(index or None, embedder), collection_name=collection_name
        )
        store._records = RecordFaces(store._owned)
        return store

    @override
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Answer operations in order, each seeing the writes of those before it. Works inside a running event loop.

            >>> store.batch([PutOp(("notes",), "tea", {"text": "Green."}), GetOp(("notes",), "tea")])

        Raises:
            InvalidNamespaceError: a namespace is invalid. No operation was executed.
            FilterError: a filter is invalid. No operation was executed.
            ValidationError: an operation is invalid. Those before it may have been executed.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.
        """
        given = list(ops)
        return self._records.run(lambda records: self._operations.answer(records, given))

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        given = list(ops)
        return await self._records.arun(lambda records: self._operations.answer(records, given))

    def sweep_ttl(self) -> int:
        """Delete the expired records of the whole collection. Return their number.

            >>> store.sweep_ttl()
            12

        Raises:
            StoreError: Milvus failed; a second call continues the deletion.
        """
        return self._records.run(lambda records: records.sweep())

    async def asweep_ttl(self) -> int:
        """Delete the expired records, as ``sweep_ttl`` does."""
        return await self._records.arun(lambda records: records.sweep())

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> None:
        """Start a thread that calls ``sweep_ttl`` at intervals, until ``stop_ttl_sweeper`` or ``close``.

        A second call does nothing while the thread runs.

        Args:
            sweep_interval_minutes: the interval; by default, as ``ttl`` says, else five minutes.

        Raises:
            ValidationError: the interval is not above 0.
            StoreError: the store is closed, or serves async callers only: use ``asweep_ttl``.
        """
        minutes = sweep_interval_minutes or (self.ttl_config or {}).get("sweep_interval_minutes") or 5
        if not minutes > 0:
            raise ValidationError(f"sweep_interval_minutes must be above 0, not {minutes!r}.")
        # An empty request raises here, in the caller, if the store is closed or async. The thread could only log it.
        self._records.run(lambda records: records.get_many([]))
        if self._sweeper is None:
            self._sweeper = TTLSweeper(self.sweep_ttl, minutes * 60)
            self._sweeper.start()

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop that thread. Return whether it ended within ``timeout`` seconds; None sets no limit."""
        sweeper, self._sweeper = self._sweeper, None
        return sweeper is None or sweeper.stop(timeout)

    @override
    def close(self) -> None:
        """Stop the sweeper, and close the store if ``from_config`` opened it; a second call does nothing."""
        self.stop_ttl_sweeper()
        if self._owned is not None:
            self._owned.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._records!r})"


class TTLSweeper(threading.Thread):
    """A daemon thread that calls ``sweep``, with ``interval_s`` seconds before each call."""

    def __init__(self, sweep: Callable[[], int], interval_s: float) -> None:
        super().__init__(name="mem0milvus-ttl-sweeper", daemon=True)
        self._sweep = sweep
        self._interval_s = interval_s
        self._asked_to_stop = threading.Event()

    @override
    def run(self) -> None:
        while not self._asked_to_stop.wait(self._interval_s):
            self._sweep_once()

    def stop(self, timeout: float | None = None) -> bool:
        """Finish a sweep in progress and start no other. Return whether the thread has ended within the timeout."""
        self._asked_to_stop.set()
        self.join(timeout)
        return not self.is_alive()

    def _sweep_once(self) -> None:
        try:
            swept = self._sweep()
        except Mem0MilvusError as error:
            logger.warning("Expired items could not be deleted; reads still leave them out: %s", error)
        else:
            logger.debug("Deleted %d expired items.", swept)


def _read_fields(index: IndexConfig | Literal[False] | None) -> Sequence[str] | None:
    """Return the paths that are indexed; None for no index."""
    if index is False:
        return None
    fields = (_checked(index, "index", INDEX_KEYS) or {}).get("fields")
    if isinstance(fields, str) or not all(isinstance(field, str) for field in fields or ()):
        raise ConfigError(f"index['fields'] must be a list of paths, as in ['text', 'tags[*]'], not {fields!r}.")
    return fields or DEFAULT_FIELDS


def _read_embedder(index: IndexConfig | None, embedder: Embedder | None) -> Embedder | None:
    """Return the embedding model that was given in either place, if any."""
    if index is None or index.get("embed") is None:
        if index is not None and "dims" in index:
            raise ConfigError("index['dims'] goes with index['embed']: it is the length of that model's vectors.")
        return embedder
    if embedder is not None:
        raise ConfigError("index['embed'] and embedder are two embedding models: give one of them.")
    return LangChainEmbedder(ensure_embeddings(index["embed"]), dims=index.get("dims"))


_Settings = TypeVar("_Settings", IndexConfig, TTLConfig)


def _checked(given: _Settings | None, name: str, known: Sequence[str]) -> _Settings | None:
    """Check the keys of a dict of settings; LangGraph's own stores ignore a misspelled key."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name} must be a dict with some of {', '.join(known)}, not {given!r}.")
    for key in given:
        if key not in known:
            raise ConfigError(f"{name} has the unknown key {key!r}; known are {', '.join(known)}.")
    return given
