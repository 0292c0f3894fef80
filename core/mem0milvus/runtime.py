"""An open memory: the connection, the models and the locks, shared by its blocking and its awaiting face."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

from mem0milvus.awaiting import ThreadDriver
from mem0milvus.config import load_config
from mem0milvus.drivers import BlockingDriver
from mem0milvus.embedders.port import CheckedEmbedder
from mem0milvus.extraction.rules import RuleExtractor
from mem0milvus.locks import AwaitingLocks, BlockingLocks, LockTable
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.schema import Identity
from mem0milvus.milvus.table import MilvusTable
from mem0milvus.ports import Ports
from mem0milvus.positions import RunPositions
from mem0milvus.providers import check_extraction, choose_embedder
from mem0milvus.text import ANALYSIS_VERSION
from mem0milvus.types import Embedder

#: Requests to Milvus that ``AsyncMemory`` has under way at once.
WORKERS = 16


class SystemClock:
    """The clock port: this machine's clock."""

    def now_us(self) -> int:
        """See ``ports.Clock``."""
        return time.time_ns() // 1_000


class Runtime:
    """What one configuration opens. It counts its users and closes with the last.

    Raises:
        ConfigError: the configuration is wrong.
    """

    def __init__(self, config: Mapping[str, Any] | None, embedder: Embedder | None) -> None:
        self._config = load_config(config)
        check_extraction(self._config.llm)
        self._embedder = choose_embedder(self._config, embedder)
        store = self._config.vector_store.config
        identity = Identity(self._embedder.identity, self._embedder.dims, store.metric_type, ANALYSIS_VERSION)
        self._connection = Connection(store, identity)
        self._locks = LockTable()
        self._positions = RunPositions()
        self._executor: ThreadPoolExecutor | None = None
        self._users = 1
        self._mutex = threading.Lock()  # never held for long: the event loop may wait for it
        self._opening = threading.Lock()
        self._opened = False
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
        """Connect, unless that was done before.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._opening:
            if not self._opened and not self._closed:
                self._connection.open()
                self._opened = True

    @property
    def is_open(self) -> bool:
        """Whether the store has been opened."""
        return self._opened

    def close(self) -> None:
        """Count one user less; after the last, close everything."""
        with self._mutex:
            self._users -= 1
            if self._users > 0:
                return
        with self._opening:
            self._closed = True
            self._connection.close()
        if self._executor is not None:
            self._executor.shutdown(wait=False)

    def _empty(self) -> None:
        self._connection.reset()
        self._positions.forget()

    def executor(self) -> Executor:
        """The worker threads of the awaiting face."""
        with self._mutex:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="mem0milvus")
            return self._executor

    def blocking_ports(self) -> Ports:
        """The ports of ``Memory``: they block and never suspend."""
        return self._ports(BlockingDriver(), BlockingLocks(self._locks), awaits=False)

    def awaiting_ports(self, driver: ThreadDriver) -> Ports:
        """The ports of ``AsyncMemory``: they never block the event loop."""
        return self._ports(driver, AwaitingLocks(self._locks), awaits=True)

    def _ports(
        self, driver: BlockingDriver | ThreadDriver, locks: BlockingLocks | AwaitingLocks, *, awaits: bool
    ) -> Ports:
        consistency = self._config.vector_store.config.consistency_level
        return Ports(
            live=MilvusTable(self._connection, self._connection.live, driver, consistency),
            past=MilvusTable(self._connection, self._connection.past, driver, consistency),
            embedder=CheckedEmbedder(self._embedder, driver, awaits=awaits),
            extractor=RuleExtractor(),
            locks=locks,
            positions=self._positions,
            clock=SystemClock(),
            shield=driver.shield,
            empty=partial(driver.call, self._empty),
            metric=self._config.vector_store.config.metric_type,
        )
