"""Collections with the vectors of another embedder, which replace the collections of an open store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mem0milvus.config import MemoryConfig, ProviderSection, VectorStoreConfig, read_section
from mem0milvus.errors import EmbedderMismatchError
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.lite_connection import make_connection
from mem0milvus.milvus.schema import MEMORIES, RECORDS, Identity, Layout
from mem0milvus.milvus.table import MilvusTable
from mem0milvus.models.providers import choose_embedder
from mem0milvus.ports import Driver, R, ReplacementStore, Table
from mem0milvus.retrieval.text import ANALYSIS_VERSION

if TYPE_CHECKING:
    from mem0milvus.data.record_row import RecordRow
    from mem0milvus.models.checked_models import CheckedEmbedder
    from mem0milvus.types import Embedder


def choose_replacement_embedder(config: MemoryConfig, wanted: Embedder | Mapping[str, Any]) -> Embedder:
    """Return a ready embedder, or make the one that ``{"provider": ..., "config": {...}}`` describes."""
    # Without the dims of the present vectors, which the new embedder need not have.
    store = config.vector_store.config.model_copy(update={"embedding_model_dims": None})
    free = config.model_copy(update={"vector_store": config.vector_store.model_copy(update={"config": store})})
    if not isinstance(wanted, Mapping):
        return choose_embedder(free, wanted)
    section = read_section(ProviderSection, wanted, "embedder")
    return choose_embedder(free.model_copy(update={"embedder": section}), None)


class MilvusReplacementStore(ReplacementStore):
    """The replacement of the open store with the connection ``replaced``, for both drivers."""

    def __init__(
        self, settings: VectorStoreConfig, replaced: Connection, embedder: CheckedEmbedder, driver: Driver
    ) -> None:
        self._names = Names(replaced.live)
        self._replaced = replaced
        self._driver = driver
        self._consistency = settings.consistency_level
        self._identity = embedder.identity
        self._connection = make_connection(
            settings.model_copy(update={"collection_name": self._names.next.live}),
            Identity(embedder.identity, embedder.dims, settings.metric_type, ANALYSIS_VERSION),
        )
        self._swapping = False
        self.dims = embedder.dims
        self.embedder = embedder
        self.live = self._table(self._names.next.live, MEMORIES)
        self.history = self._table(self._names.next.history, MEMORIES)

    def _table(self, collection: str, layout: Layout[R]) -> MilvusTable[R]:
        return MilvusTable(self._connection, collection, layout, self._driver, self._consistency)

    @override
    async def records(self) -> Table[RecordRow]:
        name = self._names.next.records
        await self._driver.call(self._begin, partial(self._connection.open_collections, {name: RECORDS}))
        return self._table(name, RECORDS)

    async def begin(self) -> None:
        """Make the collections, or reuse those that an interrupted ``reembed`` with the same embedder left."""
        await self._driver.call(self._begin, self._connection.open_memories)

    def _begin(self, use: Callable[[], None]) -> None:
        try:
            use()
        except EmbedderMismatchError:  # left by an interrupted reembed with another embedder
            with self._replaced.swap() as swap:
                swap.drop(self._names.next)
            use()

    @override
    async def block_writes(self) -> None:
        self._replaced.closed_to_writes = (
            f"The memories are about to be moved to the embedder {self._identity!r}, and nothing can be written "
            "meanwhile. Nothing was changed."
        )

    @override
    async def swap_in(self, *, drop_old: bool) -> None:
        self._swapping = True
        try:
            await self._driver.call(self._swap_in, drop_old)
        finally:
            self._replaced.closed_to_writes = ""

    def _swap_in(self, drop_old: bool) -> None:
        self._connection.close()
        with self._replaced.swap() as swap:
            if drop_old:
                swap.drop(self._names.old)
            swap.commit()
            self._replaced.closed = (
                f"The memories were moved to the embedder {self._identity!r}, with {self.dims} dimensions. Open them "
                "again with it: Memory.from_config(config)."
            )
            swap.finish()
            if drop_old:
                swap.drop(self._names.old)

    async def close(self) -> None:
        """Close the connection, and allow writes to the open store again."""
        # A swap that has begun continues even if its caller is cancelled, and allows writes itself at its end.
        if not self._swapping:
            self._replaced.closed_to_writes = ""
        await self._driver.call(self._connection.close)
