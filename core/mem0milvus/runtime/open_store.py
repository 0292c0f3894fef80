"""An open store: connection, models and locks, shared by the faces of a memory and of the record stores beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, runtime_checkable

from mem0milvus.config import check_collection_name, load_config
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.lite_connection import make_connection
from mem0milvus.milvus.schema import MEMORIES, RECORDS, Identity, Layout
from mem0milvus.milvus.table import MilvusTable
from mem0milvus.models.checked_embedder import CheckedEmbedder
from mem0milvus.models.checked_llm import CheckedLLM
from mem0milvus.models.providers import choose_embedder, choose_llm
from mem0milvus.models.vector_cache import VectorCache
from mem0milvus.operations.extraction.rules import RuleExtractor
from mem0milvus.ports import Background, Extraction, Origin, Ports, RecordPorts, Transfer
from mem0milvus.retrieval.text import ANALYSIS_VERSION, query_weights
from mem0milvus.runtime.background_tasks import BackgroundTasks
from mem0milvus.runtime.background_worker import BackgroundWorker
from mem0milvus.runtime.blocking_driver import BlockingDriver
from mem0milvus.runtime.local_files import LocalFiles
from mem0milvus.runtime.locks import AwaitingLocks, BlockingLocks, LockTable
from mem0milvus.runtime.positions import RunPositions
from mem0milvus.runtime.replacement_store import StoreSuccessor, embedder_for
from mem0milvus.runtime.thread_driver import ThreadDriver
from mem0milvus.types import LLM, Embedder

#: Requests to Milvus that ``AsyncMemory`` has under way at once.
WORKERS = 16


class SystemClock:
    """The clock port: this machine's clock."""

    def now_us(self) -> int:
        """See ``ports.Clock``."""
        return time.time_ns() // 1_000


@runtime_checkable
class _Connected(Protocol):
    """A model that keeps connections open."""

    async def prepare(self) -> None:
        """Make what the running event loop needs for them."""

    def close(self) -> None:
        """Close those of its blocking face."""

    async def aclose(self) -> None:
        """Close those of the running event loop."""


class Runtime:
    """What one configuration opens. It counts its users and closes with the last.

    Raises:
        ConfigError: the configuration is wrong.
    """

    def __init__(self, config: Mapping[str, Any] | None, llm: LLM | None, embedder: Embedder | None) -> None:
        self._config = load_config(config)
        self._llm = choose_llm(self._config, llm)
        self._embedder = choose_embedder(self._config, embedder)
        self._vectors = VectorCache()
        brought: tuple[object, ...] = (llm, embedder)
        models: list[object] = [self._llm, self._embedder]
        self._own = [one for one in models if isinstance(one, _Connected) and one not in brought]
        store = self._config.vector_store.config
        identity = Identity(self._embedder.identity, self._embedder.dims, store.metric_type, ANALYSIS_VERSION)
        self._connection = make_connection(store, identity)
        self._locks = LockTable()
        self._positions = RunPositions()
        self._record_positions = RunPositions()
        self._executor: ThreadPoolExecutor | None = None
        self._users = 1
        self._mutex = threading.Lock()  # never held for long: the event loop may wait for it
        self._opening = threading.Lock()
        self._opened: dict[str, Layout[Any]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return (
            f"collection={self._connection.live!r}, uri={self._connection.uri!r}, embedder={self._embedder.identity!r}"
        )

    def share(self) -> Runtime:
        """Count one more user."""
        with self._mutex:
            self._users += 1
        return self

    def open(self) -> None:
        """Connect and open the memory's collections, unless that was done before.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._opening:
            if not self.is_open and not self._closed:
                query_weights("loading what text analysis needs takes long")  # here, it does not keep an event loop
                self._connection.open_memories()
                self._opened[self._connection.live] = MEMORIES

    async def prepare(self) -> None:
        """Have the models import and make what they need before the first request, in threads."""
        for model in self._own:
            await model.prepare()

    @property
    def is_open(self) -> bool:
        """Whether the memory's collections have been opened."""
        return self._connection.live in self._opened

    def records_name(self, collection_name: str | None) -> str:
        """The collection of a record store: this one, or the one beside the memory.

        Raises:
            ConfigError: that cannot be a collection's name.
        """
        if collection_name is None:
            return Names(self._connection.live).records
        return check_collection_name(collection_name)

    def open_records(self, collection: str) -> None:
        """Connect and open the collection of a record store, unless that was done before.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._opening:
            if not self.has_records_open(collection) and not self._closed:
                self._connection.open_collections({collection: RECORDS})
                self._opened[collection] = RECORDS

    def has_records_open(self, collection: str) -> bool:
        """Whether the collection of a record store has been opened."""
        return self._opened.get(collection) is RECORDS

    def close(self) -> None:
        """Count one user less; after the last, close everything."""
        with self._mutex:
            self._users -= 1
            if self._users > 0:
                return
        with self._opening:
            self._closed = True
            self._connection.close()
        for model in self._own:
            model.close()
        if self._executor is not None:
            self._executor.shutdown(wait=False)

    async def aclose(self, driver: ThreadDriver) -> None:
        """As ``close``, without blocking the event loop; with its connections to the models."""
        if self._users == 1:
            for model in self._own:
                await model.aclose()
        await driver.call(self.close)

    def _empty(self) -> None:
        self._connection.reset()
        self._positions.forget()

    def _compact(self) -> None:
        for collection in dict.fromkeys((self._connection.live, self._connection.history, *self._opened)):
            self._connection.compact(collection)

    def executor(self) -> Executor:
        """The worker threads of the awaiting face."""
        with self._mutex:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="mem0milvus")
            return self._executor

    def blocking_ports(self) -> Ports:
        """The ports of ``Memory``: they block and never suspend."""
        background = BackgroundWorker(self._config.background)
        return self._ports(BlockingDriver(), BlockingLocks(self._locks), background, awaits=False)

    def awaiting_ports(self, driver: ThreadDriver) -> Ports:
        """The ports of ``AsyncMemory``: they never block the event loop."""
        background = BackgroundTasks(self._config.background)
        return self._ports(driver, AwaitingLocks(self._locks), background, awaits=True)

    def _ports(
        self,
        driver: BlockingDriver | ThreadDriver,
        locks: BlockingLocks | AwaitingLocks,
        background: Background,
        *,
        awaits: bool,
    ) -> Ports:
        consistency = self._config.vector_store.config.consistency_level
        return Ports(
            live=MilvusTable(self._connection, self._connection.live, MEMORIES, driver, consistency),
            history=MilvusTable(self._connection, self._connection.history, MEMORIES, driver, consistency),
            embedder=CheckedEmbedder(self._embedder, driver, self._vectors, awaits=awaits),
            extractor=RuleExtractor(),
            locks=locks,
            positions=self._positions,
            clock=SystemClock(),
            shield=driver.shield,
            background=background,
            empty=partial(driver.call, self._empty),
            compact=partial(driver.call, self._compact),
            metric=self._config.vector_store.config.metric_type,
            history_limit=self._config.vector_store.config.history_limit,
            dims=self._embedder.dims,
            reading=consistency,
            extraction=self._extraction(driver, awaits=awaits),
            transfer=self._transfer(driver, locks, awaits=awaits),
        )

    def _transfer(
        self, driver: BlockingDriver | ThreadDriver, locks: BlockingLocks | AwaitingLocks, *, awaits: bool
    ) -> Transfer:
        collection = self.records_name(None)

        async def records(make: bool) -> RecordPorts | None:
            if not make and not await driver.call(self._connection.exists, collection):
                return None
            await driver.call(self.open_records, collection)
            return self._record_ports(collection, driver, locks, awaits=awaits)

        @asynccontextmanager
        async def succeed(wanted: Embedder | Mapping[str, Any]) -> AsyncIterator[StoreSuccessor]:
            embedder = embedder_for(self._config, wanted)
            successor = StoreSuccessor(self._config, self._connection, embedder, driver, awaits=awaits)
            try:
                await successor.begin()
                yield successor
            finally:
                await successor.close()
                if embedder is not wanted and isinstance(embedder, _Connected):
                    await (embedder.aclose() if awaits else driver.call(embedder.close))

        return Transfer(
            files=LocalFiles(driver),
            origin=Origin(self._connection.live, self._embedder.identity, self._embedder.dims),
            records=records,
            succeed=succeed,
            old=partial(driver.call, self._old),
            drop_old=partial(driver.call, self._drop_old),
        )

    def _old(self) -> str | None:
        with self._connection.swap() as swap:
            name = swap.names.old.live
            return name if swap.exists(name) else None

    def _drop_old(self) -> None:
        with self._connection.swap() as swap:
            swap.drop(swap.names.old)

    def _extraction(self, driver: BlockingDriver | ThreadDriver, *, awaits: bool) -> Extraction:
        config = self._config
        return Extraction(
            llm=None if self._llm is None else CheckedLLM(self._llm, driver, awaits=awaits),
            custom=config.custom_instructions,
            includes=config.includes,
            excludes=config.excludes,
            assistant=config.assistant_statements,
            related=config.related_memories,
            keeps_raw=config.on_extraction_error == "store_raw",
        )

    def blocking_record_ports(self, collection: str) -> RecordPorts:
        """The ports of ``RecordStore``: they block and never suspend."""
        return self._record_ports(collection, BlockingDriver(), BlockingLocks(self._locks), awaits=False)

    def awaiting_record_ports(self, collection: str, driver: ThreadDriver) -> RecordPorts:
        """The ports of ``AsyncRecordStore``: they never block the event loop."""
        return self._record_ports(collection, driver, AwaitingLocks(self._locks), awaits=True)

    def _record_ports(
        self,
        collection: str,
        driver: BlockingDriver | ThreadDriver,
        locks: BlockingLocks | AwaitingLocks,
        *,
        awaits: bool,
    ) -> RecordPorts:
        store = self._config.vector_store.config
        return RecordPorts(
            rows=MilvusTable(self._connection, collection, RECORDS, driver, store.consistency_level),
            embedder=CheckedEmbedder(self._embedder, driver, self._vectors, awaits=awaits),
            locks=locks,
            positions=self._record_positions,
            clock=SystemClock(),
            shield=driver.shield,
            metric=store.metric_type,
            dims=self._embedder.dims,
            reading=store.consistency_level,
        )
