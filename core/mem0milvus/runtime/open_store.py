"""An open store: the connection, models and locks that blocking and async memories and record stores share."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, runtime_checkable

from typing_extensions import override

from mem0milvus.config import RerankerSection, check_collection_name, load_config
from mem0milvus.config.secrets import Secrets
from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.lite_connection import make_connection
from mem0milvus.milvus.schema import CALIBRATION_PROPERTY, MEMORIES, RECORDS, Identity, Layout
from mem0milvus.milvus.table import MilvusTable
from mem0milvus.models.calibration_cache import CalibrationCache
from mem0milvus.models.checked_models import CheckedEmbedder, CheckedLLM, CheckedReranker, VectorCache
from mem0milvus.models.providers import choose_embedder, choose_llm, choose_reranker
from mem0milvus.operations.extraction.rules import RuleExtractor
from mem0milvus.ports import Background, Clock, Driver, Extraction, Locks, Origin, Ports, R, RecordPorts, Transfer
from mem0milvus.retrieval.text import ANALYSIS_VERSION, query_weights
from mem0milvus.runtime.background_tasks import BackgroundTasks
from mem0milvus.runtime.background_worker import BackgroundWorker
from mem0milvus.runtime.blocking_driver import BlockingDriver
from mem0milvus.runtime.local_files import LocalFiles
from mem0milvus.runtime.locks import AsyncLocks, BlockingLocks, LockTable
from mem0milvus.runtime.positions import RunPositions
from mem0milvus.runtime.replacement_store import MilvusReplacementStore, choose_replacement_embedder
from mem0milvus.runtime.thread_driver import ThreadDriver
from mem0milvus.types import LLM, Embedder, Reranker

#: Worker threads of ``AsyncMemory``, and so its most simultaneous requests to Milvus.
WORKERS = 16


class SystemClock(Clock):
    """The clock of this machine."""

    @override
    def now_us(self) -> int:
        return time.time_ns() // 1_000


@runtime_checkable
class _KeepsConnections(Protocol):
    """A model that keeps connections open."""

    async def prepare(self) -> None:
        """Make the client of the running event loop."""

    def close(self) -> None:
        """Close the connections of the blocking client."""

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""


class OpenStore:
    """The store and the models of one configuration. It counts its users, and closes when the last one has closed.

    Methods that connect raise ``StoreError`` or one of its subclasses; a wrong configuration is a ``ConfigError``.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None,
        llm: LLM | None,
        embedder: Embedder | None,
        reranker: Reranker | None = None,
    ) -> None:
        self._config = load_config(config)
        self._secrets = Secrets(config)
        self._llm = choose_llm(self._config, llm)
        self._vectors = VectorCache()
        self._calibrations = CalibrationCache(self._load_calibration, self._save_calibration)
        self._models_to_close: list[_KeepsConnections] = []
        if self._llm is not llm:
            self._close_at_the_end(self._llm)
        self._chosen: Embedder | None = None
        if embedder is not None or self._config.embedder is not None:
            self._chosen = choose_embedder(self._config, embedder)
            if self._chosen is not embedder:
                self._close_at_the_end(self._chosen)
        self._reranker = choose_reranker(self._config, reranker)
        if self._reranker is not None and self._reranker is not reranker:
            self._close_at_the_end(self._reranker)
        with self._secrets.kept_out():
            self._connection = make_connection(self._config.vector_store.config, self._choose_identity)
        self._locks = LockTable()
        self._positions = RunPositions()
        self._record_positions = RunPositions()
        self._executor: ThreadPoolExecutor | None = None
        self._users = 1
        self._mutex = threading.Lock()  # held only briefly, because the event loop may wait for it
        self._opening = threading.Lock()
        self._opened: dict[str, Layout[Any]] = {}
        self._closed = False

    def _close_at_the_end(self, model: object) -> None:
        if isinstance(model, _KeepsConnections):
            self._models_to_close.append(model)

    def _choose_identity(self, filled: Origin | None) -> Identity:
        """Choose the embedder, if none is configured: the one that filled the collections, or the default."""
        if self._chosen is None:
            self._chosen = choose_embedder(self._config, None, filled)
            self._close_at_the_end(self._chosen)
        metric = self._config.vector_store.config.metric_type
        return Identity(self._chosen.identity, self._chosen.dims, metric, ANALYSIS_VERSION)

    @property
    def _embedder(self) -> Embedder:
        """The embedder. If none is configured, it is known once a collection is open."""
        if self._chosen is None:
            raise StoreError(CLOSED)
        return self._chosen

    def __repr__(self) -> str:
        embedder = None if self._chosen is None else self._chosen.identity
        return f"collection={self._connection.live!r}, uri={self._connection.uri!r}, embedder={embedder!r}"

    def share(self) -> OpenStore:
        """Count one more user."""
        with self._mutex:
            self._users += 1
        return self

    def open(self) -> None:
        """Connect and open the memory's collections, unless they are open."""
        with self._opening, self._secrets.kept_out():
            if not self.is_open and not self._closed:
                # The first text analysis compiles patterns and imports the stemmer. This method runs in a worker thread
                # for AsyncMemory, so the event loop does not pause for that later.
                query_weights("any text")
                self._connection.open_memories()
                self._opened[self._connection.live] = MEMORIES

    async def prepare(self) -> None:
        """Make the clients of the models, in threads, before the first request needs them."""
        for model in self._models_to_close:
            await model.prepare()

    @property
    def is_open(self) -> bool:
        """True if the memory's collections are open."""
        return self._connection.live in self._opened

    def records_name(self, collection_name: str | None) -> str:
        """Return the collection of a record store: the one named, or with None the one beside the memory."""
        if collection_name is None:
            return Names(self._connection.live).records
        return check_collection_name(collection_name)

    def open_records(self, collection: str) -> None:
        """Connect and open the collection of a record store, unless it is open."""
        with self._opening, self._secrets.kept_out():
            if not self.has_records_open(collection) and not self._closed:
                self._connection.open_collections({collection: RECORDS})
                self._opened[collection] = RECORDS

    def has_records_open(self, collection: str) -> bool:
        """Return whether the collection of a record store is open."""
        return self._opened.get(collection) is RECORDS

    def close(self) -> None:
        """Count one user less, and close the store and the models after the last one."""
        with self._mutex:
            self._users -= 1
            if self._users > 0:
                return
        with self._opening:
            self._closed = True
            self._connection.close()
        for model in self._models_to_close:
            model.close()
        if self._executor is not None:
            # Without waiting: ``aclose`` runs this in one of the threads, which would wait for itself.
            self._executor.shutdown(wait=False)

    async def aclose(self, driver: ThreadDriver) -> None:
        """Close as ``close`` does, without blocking the event loop; also close the models' connections of this loop."""
        if self._users == 1:
            for model in self._models_to_close:
                await model.aclose()
        await driver.call(self.close)

    def executor(self) -> Executor:
        """Return the worker threads of async memories and record stores."""
        with self._mutex:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="mem0milvus")
            return self._executor

    def blocking_ports(self) -> Ports:
        """Return the ports of ``Memory``, which block and never suspend."""
        return self._memory_ports(BlockingDriver(), BackgroundWorker(self._config.background))

    def async_ports(self, driver: ThreadDriver) -> Ports:
        """Return the ports of ``AsyncMemory``, which never block the event loop."""
        return self._memory_ports(driver, BackgroundTasks(self._config.background))

    def blocking_record_ports(self, collection: str) -> RecordPorts:
        """Return the ports of ``RecordStore``, which block and never suspend."""
        return self._record_ports(BlockingDriver(), collection)

    def async_record_ports(self, collection: str, driver: ThreadDriver) -> RecordPorts:
        """Return the ports of ``AsyncRecordStore``, which never block the event loop."""
        return self._record_ports(driver, collection)

    def _memory_ports(self, driver: Driver, background: Background) -> Ports:
        settings, call = self._config.vector_store.config, driver.call
        return Ports(
            live=self._table(driver, self._connection.live, MEMORIES),
            history=self._table(driver, self._connection.history, MEMORIES),
            embedder=self._checked_embedder(driver),
            extractor=RuleExtractor(),
            locks=self._locks_for(driver),
            positions=self._positions,
            clock=SystemClock(),
            shield=driver.shield,
            background=background,
            empty=partial(call, self._empty),
            compact=partial(call, self._compact),
            metric=settings.metric_type,
            history_limit=settings.history_limit,
            dims=self._embedder.dims,
            consistency=settings.consistency_level,
            extraction=self._extraction(driver),
            transfer=Transfer(
                files=LocalFiles(driver),
                origin=Origin(self._connection.live, self._embedder.identity, self._embedder.dims),
                records=partial(self._records_beside_memory, driver),
                open_replacement=partial(self._open_replacement, driver),
                old=partial(call, self._old),
                drop_old=partial(call, self._drop_old),
            ),
            reranker=self._checked_reranker(driver),
        )

    def _record_ports(self, driver: Driver, collection: str) -> RecordPorts:
        settings = self._config.vector_store.config
        return RecordPorts(
            rows=self._table(driver, collection, RECORDS),
            embedder=self._checked_embedder(driver),
            locks=self._locks_for(driver),
            positions=self._record_positions,
            clock=SystemClock(),
            shield=driver.shield,
            metric=settings.metric_type,
            dims=self._embedder.dims,
            consistency=settings.consistency_level,
        )

    def _locks_for(self, driver: Driver) -> Locks:
        return AsyncLocks(self._locks) if driver.is_async else BlockingLocks(self._locks)

    def _table(self, driver: Driver, collection: str, layout: Layout[R]) -> MilvusTable[R]:
        level = self._config.vector_store.config.consistency_level
        return MilvusTable(self._connection, collection, layout, driver, level)

    def _checked_reranker(self, driver: Driver) -> CheckedReranker | None:
        if self._reranker is None:
            return None
        section = self._config.reranker or RerankerSection()
        return CheckedReranker(self._reranker, driver, section.top_n, self._secrets)

    def _extraction(self, driver: Driver) -> Extraction:
        config = self._config
        return Extraction(
            llm=None if self._llm is None else CheckedLLM(self._llm, driver, self._secrets),
            custom=config.custom_instructions,
            includes=config.includes,
            excludes=config.excludes,
            assistant=config.assistant_statements,
            related=config.related_memories,
            keeps_raw=config.on_extraction_error == "store_raw",
        )

    async def _records_beside_memory(self, driver: Driver, make: bool) -> RecordPorts | None:
        collection = self.records_name(None)
        if not make and not await driver.call(self._connection.exists, collection):
            return None
        await driver.call(self.open_records, collection)
        return self._record_ports(driver, collection)

    @asynccontextmanager
    async def _open_replacement(
        self, driver: Driver, wanted: Embedder | Mapping[str, Any]
    ) -> AsyncIterator[MilvusReplacementStore]:
        embedder = choose_replacement_embedder(self._config, wanted)
        secrets = Secrets(None if embedder is wanted else wanted)
        checked = CheckedEmbedder(embedder, driver, VectorCache(), secrets=secrets)
        replacement = MilvusReplacementStore(self._config.vector_store.config, self._connection, checked, driver)
        try:
            await replacement.begin()
            yield replacement
        finally:
            await replacement.close()
            if embedder is not wanted and isinstance(embedder, _KeepsConnections):
                await (embedder.aclose() if driver.is_async else driver.call(embedder.close))

    def _checked_embedder(self, driver: Driver) -> CheckedEmbedder:
        return CheckedEmbedder(
            self._embedder, driver, self._vectors, self._calibrations, self._locks_for(driver), self._secrets
        )

    def _load_calibration(self) -> str:
        kept = (self._connection.read_property(one, CALIBRATION_PROPERTY) for one in tuple(self._opened))
        return next(filter(None, kept), "")

    def _save_calibration(self, text: str) -> None:
        for collection in tuple(self._opened)[:1]:
            self._connection.write_property(collection, CALIBRATION_PROPERTY, text)

    def _empty(self) -> None:
        self._connection.reset()
        self._positions.forget()

    def _compact(self) -> None:
        for collection in dict.fromkeys((self._connection.live, self._connection.history, *self._opened)):
            self._connection.compact(collection)

    def _old(self) -> str | None:
        with self._connection.swap() as swap:
            name = swap.names.old.live
            return name if swap.exists(name) else None

    def _drop_old(self) -> None:
        with self._connection.swap() as swap:
            swap.drop(swap.names.old)
