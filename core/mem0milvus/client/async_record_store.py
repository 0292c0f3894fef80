"""``AsyncRecordStore``: the awaiting face. The same operations as ``RecordStore``, which documents them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus.client.lifecycle import AwaitingClose
from mem0milvus.client.record_store import RecordStore
from mem0milvus.data.record_types import (
    FoundRecords,
    MaybeRecords,
    Namespace,
    NamespaceCondition,
    Namespaces,
    PutRecord,
    RecordAnswers,
    RecordItem,
    RecordItems,
    RecordOrder,
    RecordRequest,
)
from mem0milvus.errors import CLOSED, CLOSED_STORE, StoreError
from mem0milvus.operations import records as operations
from mem0milvus.types import Consistency, Embedder, SearchMode

if TYPE_CHECKING:
    from typing_extensions import Self

    from mem0milvus.client.async_memory import AsyncMemory
    from mem0milvus.client.memory import Memory
    from mem0milvus.ports import RecordPorts
    from mem0milvus.runtime.open_store import OpenStore


class AsyncRecordStore(AwaitingClose):
    """Records in Milvus, for ``asyncio``. Its methods are those of ``RecordStore``, to be awaited.

    The store is opened by the first operation, or by ``async with``, without blocking the event loop. It can be used
    from many tasks, and from several event loops one after the other. Close it with ``aclose()``.

    A write whose caller is cancelled is carried through to its end, so that nothing is left half done.

    Args:
        config: as for ``RecordStore``.
        embedder: as for ``RecordStore``; an object with ``aembed`` is awaited.
        collection_name: as for ``RecordStore``.

    Raises:
        ConfigError: the configuration is wrong. Errors of the store come with the first operation.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        embedder: Embedder | None = None,
        collection_name: str | None = None,
    ) -> None:
        from mem0milvus.runtime.open_store import OpenStore

        runtime = OpenStore(config, llm=None, embedder=embedder)
        self._attach(runtime, runtime.records_name(collection_name))

    def _attach(self, runtime: OpenStore, collection: str) -> None:
        from mem0milvus.runtime.thread_driver import ThreadDriver

        self._runtime = runtime
        self._collection = collection
        self._driver = ThreadDriver(runtime.executor)
        self._ports = runtime.async_record_ports(collection, self._driver)
        self._closed = False

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, embedder: Embedder | None = None, collection_name: str | None = None
    ) -> Self:
        """See ``RecordStore.from_config``. The store itself is opened by the first operation."""
        return cls(config, embedder=embedder, collection_name=collection_name)

    @classmethod
    def beside(cls, memory: Memory | AsyncMemory, *, collection_name: str | None = None) -> Self:
        """See ``RecordStore.beside``. The collection itself is opened by the first operation."""
        if memory._closed:
            raise StoreError(CLOSED)
        collection = memory._runtime.records_name(collection_name)
        return cls._over(memory._runtime.share(), collection)

    async def _open(self) -> RecordPorts:
        if self._closed:
            raise StoreError(CLOSED_STORE)
        if not self._runtime.has_records_open(self._collection):
            await self._driver.call(self._runtime.open_records, self._collection)
            await self._runtime.prepare()
        return self._ports

    async def put(
        self,
        namespace: Namespace,
        key: str,
        value: Mapping[str, Any],
        *,
        text: str | Sequence[str] | None = None,
        vector: Sequence[float] | None = None,
        ttl_s: float | None = None,
        order: int | None = None,
    ) -> None:
        """See ``RecordStore.put``."""
        ports = await self._open()
        await operations.put(ports, namespace, key, value, text=text, vector=vector, ttl_s=ttl_s, order=order)

    async def put_many(self, records: Sequence[PutRecord]) -> None:
        """See ``RecordStore.put_many``."""
        ports = await self._open()
        await operations.put_many(ports, records)

    async def get(self, namespace: Namespace, key: str, *, refresh_ttl: bool = False) -> RecordItem | None:
        """See ``RecordStore.get``."""
        ports = await self._open()
        return await operations.get(ports, namespace, key, refresh_ttl=refresh_ttl)

    async def get_many(self, keys: Sequence[tuple[Namespace, str]], *, refresh_ttl: bool = False) -> MaybeRecords:
        """See ``RecordStore.get_many``."""
        ports = await self._open()
        return await operations.get_many(ports, keys, refresh_ttl=refresh_ttl)

    async def delete(self, namespace: Namespace, key: str) -> bool:
        """See ``RecordStore.delete``."""
        ports = await self._open()
        return await operations.delete(ports, namespace, key)

    async def delete_many(self, keys: Sequence[tuple[Namespace, str]]) -> int:
        """See ``RecordStore.delete_many``."""
        ports = await self._open()
        return await operations.delete_many(ports, keys)

    async def delete_namespace(self, namespace: Namespace, *, prefix: bool = False) -> int:
        """See ``RecordStore.delete_namespace``."""
        ports = await self._open()
        return await operations.delete_namespace(ports, namespace, prefix=prefix)

    async def list(
        self,
        namespace: Namespace,
        *,
        prefix: bool = False,
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int = 0,
        order: RecordOrder = "order",
        descending: bool = False,
        consistency: Consistency | None = None,
    ) -> RecordItems:
        """See ``RecordStore.list``."""
        ports = await self._open()
        return await operations.list_records(
            ports,
            namespace,
            prefix=prefix,
            filters=filters,
            limit=limit,
            offset=offset,
            order=order,
            descending=descending,
            consistency=consistency,
        )

    async def search(
        self,
        query: str | None,
        namespace_prefix: Namespace,
        *,
        filters: Mapping[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        threshold: float | None = None,
        mode: SearchMode = "hybrid",
        refresh_ttl: bool = False,
        consistency: Consistency | None = None,
    ) -> FoundRecords:
        """See ``RecordStore.search``."""
        ports = await self._open()
        return await operations.search(
            ports,
            query,
            namespace_prefix,
            filters=filters,
            limit=limit,
            offset=offset,
            threshold=threshold,
            mode=mode,
            refresh_ttl=refresh_ttl,
            consistency=consistency,
        )

    async def list_namespaces(
        self,
        *,
        prefix: Namespace = (),
        suffix: Namespace = (),
        conditions: Sequence[NamespaceCondition] = (),
        max_depth: int | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Namespaces:
        """See ``RecordStore.list_namespaces``."""
        ports = await self._open()
        return await operations.list_namespaces(
            ports,
            prefix=prefix,
            suffix=suffix,
            conditions=conditions,
            max_depth=max_depth,
            limit=limit,
            offset=offset,
        )

    async def batch(self, requests: Sequence[RecordRequest]) -> RecordAnswers:
        """See ``RecordStore.batch``."""
        ports = await self._open()
        return await operations.batch(ports, requests)

    async def sweep(self) -> int:
        """See ``RecordStore.sweep``."""
        ports = await self._open()
        return await operations.sweep(ports)

    def to_sync(self) -> RecordStore:
        """The blocking face of the same store. Each face is closed on its own; the last one closes the store."""
        return RecordStore._over(self._runtime.share(), self._collection)

    @classmethod
    def _over(cls, runtime: OpenStore, collection: str) -> Self:
        store = cls.__new__(cls)
        store._attach(runtime, collection)
        return store

    async def aclose(self) -> None:
        """Wait for writes that go on, then close this face; a second call does nothing."""
        if not self._closed:
            self._closed = True
            await self._driver.settle()
            await self._runtime.aclose(self._driver)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runtime!r}, records={self._collection!r})"
