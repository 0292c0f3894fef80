# After a change, run tools/blocking_client.py, which generates record_methods.py from this file.
# mypy: disable-error-code="empty-body"
"""Methods of ``AsyncRecordStore``. A decorated one has no body: its decorator passes the arguments to the operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus.client.lifecycle import AsyncClient, async_operation
from mem0milvus.client.sessions import AsyncSession, new_store, record_part
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
from mem0milvus.operations import records as operations
from mem0milvus.ports import RecordPorts
from mem0milvus.types import Consistency, Embedder, SearchMode

if TYPE_CHECKING:
    from typing_extensions import Self

    from mem0milvus.client.memory import AsyncMemory, Memory


class AsyncRecordMethods(AsyncClient[RecordPorts]):
    """Opening a record store; storing, finding and deleting records."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        embedder: Embedder | None = None,
        collection_name: str | None = None,
    ) -> None:
        self._session = AsyncSession(record_part(new_store(config, None, embedder), collection_name))

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, embedder: Embedder | None = None, collection_name: str | None = None
    ) -> Self:
        """Create a record store from a configuration, without a memory, as ``Memory.from_config`` does.

        Args:
            config: as for ``Memory.from_config``.
            embedder: as for ``Memory.from_config``.
            collection_name: the collection of the records; default: ``<the configured collection>_records``.

        Raises:
            Mem0MilvusError: the errors of ``Memory.from_config``.

        Examples:
            >>> config = {"vector_store": {"config": {"url": "./milvus.db"}}, "embedder": {"provider": "offline"}}
            >>> store = AsyncRecordStore.from_config(config)
        """
        return cls(config, embedder=embedder, collection_name=collection_name)

    @classmethod
    def beside(cls, memory: Memory | AsyncMemory, *, collection_name: str | None = None) -> Self:
        """Create a record store on the open store of a memory, with the same connection, embedder and locks.

        Close both clients; the last one closes the connection.

        Args:
            memory: an open memory, blocking or async.
            collection_name: the collection of the records; default: ``<the memory's collection>_records``.

        Raises:
            ConfigError: the collection name cannot be used.
            StoreError: the memory is closed, or the collection cannot be opened.

        Examples:
            >>> store = AsyncRecordStore.beside(memory)
            >>> await store.put(("user", "alice"), "theme", {"dark": True})
        """
        memory._session.check_open()
        return cls._over(AsyncSession(record_part(memory._runtime, collection_name).share()))

    @async_operation(operations.put)
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
        """Store a record, or replace the one with this key, which keeps its ``created_at`` and ``order``.

        Args:
            namespace: one or more labels, the outermost first, such as ``("user", "1")``; at most 1,024 bytes together.
            key: the record's name in its namespace; at most 512 bytes, like each label.
            value: a dict for JSON, at most 65,536 bytes long.
            text: the text by which a search finds the record, or several texts, of which the best match counts.
                Default: no search with a question finds the record.
            vector: the embedding of the record, or of all its texts, instead of calling the embedder.
            ttl_s: the lifetime in seconds; default: unlimited.
            order: the position in the namespace. Default for a new record: the current time in microseconds since
                1970, or more if needed to follow the records that this store put there before.

        Raises:
            ValidationError: an argument is wrong. Nothing was changed.
            EmbeddingError: the embedding model failed. Nothing was changed.
            StoreError: Milvus failed.

        Examples:
            >>> await store.put(("user", "alice"), "theme", {"dark": True}, text="Prefers a dark theme.")
            >>> await store.get(("user", "alice"), "theme")
        """

    @async_operation(operations.put_many)
    async def put_many(self, records: Sequence[PutRecord]) -> None:
        """Store several records in one request, with the same result as one ``put`` after the other.

        Raises:
            ValidationError: a record is wrong. Nothing was changed.
            EmbeddingError: the embedding model failed. Nothing was changed.
            PartialWriteError: only some of many records were stored; the error lists the ids of both parts, such as
                ``user/alice/theme``.
            StoreError: Milvus failed.

        Examples:
            >>> from mem0milvus import PutRecord
            >>> await store.put_many([PutRecord(namespace=("user", "alice"), key="theme", value={"dark": True})])
        """

    @async_operation(operations.get)
    async def get(self, namespace: Namespace, key: str, *, refresh_ttl: bool = False) -> RecordItem | None:
        """Return one record, or None if it does not exist or has expired. With ``refresh_ttl``, restart its lifetime.

        Raises:
            ValidationError: the namespace or key is malformed.
            StoreError: Milvus failed.

        Examples:
            >>> item = await store.get(("user", "alice"), "theme")
            >>> item and item["value"]
        """

    @async_operation(operations.get_many)
    async def get_many(self, keys: Sequence[tuple[Namespace, str]], *, refresh_ttl: bool = False) -> MaybeRecords:
        """Return a record or None for each pair of namespace and key. The errors are those of ``get``.

        Examples:
            >>> items = await store.get_many([(("user", "alice"), "theme"), (("user", "bob"), "theme")])
            >>> [item and item["value"] for item in items]
        """

    @async_operation(operations.delete)
    async def delete(self, namespace: Namespace, key: str) -> bool:
        """Delete one record, and return whether it existed. The errors are those of ``get``.

        Examples:
            >>> await store.delete(("user", "alice"), "no such key")
            False
        """

    @async_operation(operations.delete_many)
    async def delete_many(self, keys: Sequence[tuple[Namespace, str]]) -> int:
        """Delete the records with these pairs of namespace and key, and return how many existed.

        Raises:
            ValidationError: a namespace or key is malformed. Nothing was deleted.
            PartialWriteError: only some of many records were deleted; the error lists the ids of both parts.
            StoreError: Milvus failed.

        Examples:
            >>> await store.delete_many([(("user", "alice"), "theme"), (("user", "bob"), "no such key")])
            1
        """

    @async_operation(operations.delete_namespace)
    async def delete_namespace(self, namespace: Namespace, *, prefix: bool = False) -> int:
        """Delete all records of a namespace, and return how many there were.

        With ``prefix``, also delete the records of all namespaces within it; ``()`` then means all namespaces.

        Raises:
            ValidationError: the namespace is malformed.
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> await store.delete_namespace(("user", "alice"), prefix=True)
            1
        """

    @async_operation(operations.list_records)
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
        """Return the records of a namespace, in order.

        Args:
            namespace: the namespace; ``()`` with ``prefix`` means all namespaces.
            prefix: also list the records of all namespaces within it.
            filters: conditions on the value, such as ``{"kind": "note", "size": {"gte": 3}}``; every name is a path
                into the value.
            limit: the maximum number of results; default: all.
            offset: the number of records to skip.
            order: sort by position (``order``), ``created_at``, ``updated_at``, or namespace and ``key``.
            descending: reverse the order; with ``limit=n``, this returns the last n records.
            consistency: the consistency of this read; default: the configured one.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters are wrong.
            StoreError: Milvus failed.

        Examples:
            >>> latest = await store.list(("user", "alice"), limit=5, descending=True)
            >>> [(item["key"], item["value"]) for item in latest]
        """

    @async_operation(operations.search)
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
        """Find the records that are relevant to a question, best first. A record counts by its best text.

        Args:
            query: the question; None to list records by position.
            namespace_prefix: search this namespace and all within it; ``()`` means all namespaces.
            filters: conditions on the value, as for ``list``.
            limit: the maximum number of results; together with ``offset`` at most 16,384.
            offset: the number of records to skip.
            threshold: the minimum ``relevance``, 0 to 1; default: no minimum.
            mode: match meaning and words (``hybrid``), meaning only (``dense``) or words only (``lexical``).
            refresh_ttl: restart the lifetime of the records found.
            consistency: the consistency of this read; default: the configured one.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters are wrong.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.

        Examples:
            >>> found = await store.search("Which theme?", ("user",), limit=3)
            >>> [(item["key"], item["relevance"]) for item in found]
        """

    @async_operation(operations.list_namespaces)
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
        """Return the namespaces that have records, sorted. The errors are those of ``get``.

        Args:
            prefix: the first labels of the namespaces; ``"*"`` matches any label.
            suffix: the last labels of the namespaces, in the same form.
            conditions: further conditions, as ``("prefix", labels)`` or ``("suffix", labels)``. All must match.
            max_depth: cut the namespaces to this number of labels.
            limit: the maximum number of results; default: all.
            offset: the number of namespaces to skip.

        Examples:
            >>> await store.list_namespaces(prefix=("user",), max_depth=2)
            [('user', 'alice')]
        """

    @async_operation(operations.batch)
    async def batch(self, requests: Sequence[RecordRequest]) -> RecordAnswers:
        """Answer several requests one after the other: a later request sees what an earlier one stored.

        Adjacent requests of one kind share a request to Milvus. This is not a transaction: if a request fails, those
        before it stay done.

        Args:
            requests: ``PutRecord``, ``GetRecord``, ``DeleteRecord``, ``SearchRecords`` and ``ListNamespaces``.

        Returns:
            The answer to each request, described by the request's class.

        Raises:
            Mem0MilvusError: the errors of the methods, such as ValidationError for a wrong request.

        Examples:
            >>> from mem0milvus import GetRecord
            >>> await store.batch([GetRecord(namespace=("user", "alice"), key="no such key")])
            [None]
        """

    @async_operation(operations.sweep)
    async def sweep(self) -> int:
        """Delete the expired records, which no read returns any more, and return how many there were.

        Raises:
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> await store.sweep()
            0
        """
