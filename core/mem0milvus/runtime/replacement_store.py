"""Collections that are filled with the vectors of another embedder, to take the place of those of an open store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mem0milvus.config import MemoryConfig, ProviderSection, read_section
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.record_row import RecordRow
from mem0milvus.errors import EmbedderMismatchError
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.lite_connection import make_connection
from mem0milvus.milvus.schema import MEMORIES, RECORDS, Identity
from mem0milvus.milvus.table import MilvusTable
from mem0milvus.models.checked_embedder import CheckedEmbedder
from mem0milvus.models.providers import choose_embedder
from mem0milvus.models.vector_cache import VectorCache
from mem0milvus.ports import Driver, Table
from mem0milvus.retrieval.text import ANALYSIS_VERSION
from mem0milvus.types import Embedder


def embedder_for(config: MemoryConfig, wanted: Embedder | Mapping[str, Any]) -> Embedder:
    """A ready embedder, or the one that ``{"provider": ..., "config": {...}}`` describes.

    Raises:
        ConfigError: there is no such provider, or its settings are wrong.
    """
    store = config.vector_store.config.model_copy(update={"embedding_model_dims": None})
    free = config.model_copy(update={"vector_store": config.vector_store.model_copy(update={"config": store})})
    if not isinstance(wanted, Mapping):
        return choose_embedder(free, wanted)
    section = read_section(ProviderSection, wanted, "embedder")
    return choose_embedder(free.model_copy(update={"embedder": section}), None)


class StoreSuccessor:
    """See ``ports.Successor``. One body for both drivers.

    Args:
        config: of the store.
        place: the connection whose place is to be taken.
        embedder: what is to fill the store.
        driver: how blocking functions are run.
        awaits: whether to await the embedder, where it can be.
    """

    def __init__(
        self, config: MemoryConfig, place: Connection, embedder: Embedder, driver: Driver, *, awaits: bool
    ) -> None:
        store = config.vector_store.config
        self._names = Names(place.live)
        self._place = place
        self._driver = driver
        self._level = store.consistency_level
        self._connection = make_connection(
            store.model_copy(update={"collection_name": self._names.next.live}),
            Identity(embedder.identity, embedder.dims, store.metric_type, ANALYSIS_VERSION),
        )
        self._identity = embedder.identity
        self._takes_place = False
        self.dims = embedder.dims
        self.embedder = CheckedEmbedder(embedder, driver, VectorCache(), awaits=awaits)

    @property
    def live(self) -> Table[MemoryRow]:
        """See ``ports.Successor``."""
        return MilvusTable(self._connection, self._names.next.live, MEMORIES, self._driver, self._level)

    @property
    def history(self) -> Table[MemoryRow]:
        """See ``ports.Successor``."""
        return MilvusTable(self._connection, self._names.next.history, MEMORIES, self._driver, self._level)

    async def records(self) -> Table[RecordRow]:
        """See ``ports.Successor``."""
        name = self._names.next.records
        await self._driver.call(self._begin, partial(self._connection.open_collections, {name: RECORDS}))
        return MilvusTable(self._connection, name, RECORDS, self._driver, self._level)

    async def begin(self) -> None:
        """Make the collections, or go on with those that an interrupted call left.

        Raises:
            StoreError: or one of its kinds.
        """
        await self._driver.call(self._begin, self._connection.open_memories)

    def _begin(self, use: Callable[[], None]) -> None:
        try:
            use()
        except EmbedderMismatchError:  # left by a call that was given another embedder
            with self._place.swap() as swap:
                swap.drop(self._names.next)
            use()

    async def freeze(self) -> None:
        """See ``ports.Successor``."""
        self._place.closed_to_writes = (
            f"The memories are about to be moved to the embedder {self._identity!r}, and nothing can be written "
            "meanwhile. Nothing was changed."
        )

    async def take_place(self, *, drop_old: bool) -> None:
        """See ``ports.Successor``."""
        self._takes_place = True
        try:
            await self._driver.call(self._take_place, drop_old)
        finally:
            self._place.closed_to_writes = ""

    def _take_place(self, drop_old: bool) -> None:
        self._connection.close()
        with self._place.swap() as swap:
            if drop_old:
                swap.drop(self._names.old)
            swap.commit()
            self._place.closed = (
                f"The memories were moved to the embedder {self._identity!r}, with {self.dims} dimensions. Open them "
                "again with it: Memory.from_config(config)."
            )
            swap.finish()
            if drop_old:
                swap.drop(self._names.old)

    async def close(self) -> None:
        """Close the connection, and let others write again."""
        if not self._takes_place:  # else it does so itself; whoever waits for it may have been cancelled
            self._place.closed_to_writes = ""
        await self._driver.call(self._connection.close)
