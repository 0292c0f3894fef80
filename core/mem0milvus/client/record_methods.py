# Do not edit: generated from async_record_methods.py by tools/blocking_client.py.
# mypy: disable-error-code="empty-body"
"""Methods of ``RecordStore``. A decorated one has no body: its decorator passes the arguments to the operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus.client.lifecycle import BlockingClient, blocking_operation
from mem0milvus.client.sessions import BlockingSession, new_store, record_part
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


class RecordMethods(BlockingClient[RecordPorts]):
    """Opening a record store; storing, finding and deleting records."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        embedder: Embedder | None = None,
        collection_name: str | None = None,
    ) -> None:
        self._session = BlockingSession(record_part(new_store(config, None, embedder), collection_name))

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, embedder: Embedder | None = None, collection_name: str | None = None
    ) -> Self:
        """Create a record store from a configuration, without a memory.

        The blocking class connects immediately; the async class connects at the first operation, which then raises
        the errors of the store.

        Args:
            config: as for ``Memory.from_config``.
            embedder: as for ``Memory.from_config``.
            collection_name: the collection of the records; default: ``<collection_name>_records``.

        Raises:
            ConfigError: a key or provider is unknown, or a value is wrong.
            StoreUnavailableError: the server does not answer.
            StoreLockedError: another process has the Milvus Lite file open.
            SchemaMismatchError: the collection has another layout, or another program made it.
            EmbedderMismatchError: the collection holds vectors of another embedding model.

        Examples:
            >>> config = {"vector_store": {"config": {"url": "./milvus.db"}}, "embedder": {"provider": "offline"}}
            >>> store = RecordStore.from_config(config)
        """
        return cls(config, embedder=embedder, collection_name=collection_name)

    @classmethod
    def beside(cls, memory: Memory | AsyncMemory, *, collection_name: str | None = None) -> Self:
        """Create a record store on the open store of a memory, with the same connection, embedder and locks.

        Close each of them; the last one closes the connection.

        Args:
            memory: an open memory, blocking or async.
            collection_name: the collection of the records; default: ``<the memory's collection>_records``.

        Raises:
            ConfigError: the collection name cannot be used.
            StoreError: the memory is closed, or the collection cannot be opened.

        Examples:
            >>> store = RecordStore.beside(memory)
            >>> store.put(("user", "alice"), "theme", {"dark": True})
        """
        memory._session.check_open()
        return cls._over(BlockingSession(record_part(memory._runtime, collection_name).share()))

    @blocking_operation(operations.put)
    def put(
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
        """Store a record. One that has this key already is replaced, and keeps ``created_at`` and ``order``.

        Args:
            namespace: one or more labels, the outermost first, such as ``("user", "1")``; at most 1,024 bytes together.
            key: the record's name in its namespace; at most 512 bytes, like each label.
            value: a dict for JSON, at most 65,536 bytes long.
            text: the text by which a search finds the record, or several texts, of which the best match counts.
                Default: no search with a question finds the record.
            vector: the embedding of the record, or of all its texts, instead of calling the embedder.
            ttl_s: the lifetime in seconds; default: unlimited.
            order: the position in the namespace; default: after all records that this store has put there before,
                as microseconds since 1970.

        Raises:
            ValidationError: an argument is wrong. Nothing was changed.
            EmbeddingError: the embedding model failed. Nothing was changed.
            StoreError: Milvus failed.

        Examples:
            >>> store.put(("user", "alice"), "theme", {"dark": True}, text="Prefers a dark theme.")
            >>> store.get(("user", "alice"), "theme")
        """

    @blocking_operation(operations.put_many)
    def put_many(self, records: Sequence[PutRecord]) -> None:
        """Store several records in one request, with the result of one ``put`` after the other.

        Raises:
            ValidationError: a record is wrong. Nothing was changed.
            EmbeddingError: the embedding model failed. Nothing was changed.
            PartialWriteError: only some of many records were stored; the error lists both parts, as
                ``namespace/label/key``.
            StoreError: Milvus failed.

        Examples:
            >>> from mem0milvus import PutRecord
            >>> store.put_many([PutRecord(namespace=("user", "alice"), key="theme", value={"dark": True})])
        """

    @blocking_operation(operations.get)
    def get(self, namespace: Namespace, key: str, *, refresh_ttl: bool = False) -> RecordItem | None:
        """Return one record, or None if there is none or its lifetime is over.

        Args:
            namespace: the record's namespace.
            key: the record's key.
            refresh_ttl: restart the record's lifetime now.

        Raises:
            ValidationError: the namespace or key is malformed.
            StoreError: Milvus failed.

        Examples:
            >>> item = store.get(("user", "alice"), "theme")
            >>> item and item["value"]
        """

    @blocking_operation(operations.get_many)
    def get_many(self, keys: Sequence[tuple[Namespace, str]], *, refresh_ttl: bool = False) -> MaybeRecords:
        """Return a record or None for each pair of namespace and key. The errors are those of ``get``.

        Examples:
            >>> items = store.get_many([(("user", "alice"), "theme"), (("user", "bob"), "theme")])
            >>> [item and item["value"] for item in items]
        """

    @blocking_operation(operations.delete)
    def delete(self, namespace: Namespace, key: str) -> bool:
        """Delete one record, and return whether it existed.

        Raises:
            ValidationError: the namespace or key is malformed.
            StoreError: Milvus failed.

        Examples:
            >>> store.delete(("user", "alice"), "no such key")
            False
        """

    @blocking_operation(operations.delete_many)
    def delete_many(self, keys: Sequence[tuple[Namespace, str]]) -> int:
        """Delete the records of several pairs of namespace and key, and return how many existed.

        Raises:
            ValidationError: a namespace or key is malformed. Nothing was deleted.
            PartialWriteError: only some of many records were deleted; the error lists both parts.
            StoreError: Milvus failed.

        Examples:
            >>> store.delete_many([(("user", "alice"), "theme"), (("user", "bob"), "no such key")])
            1
        """

    @blocking_operation(operations.delete_namespace)
    def delete_namespace(self, namespace: Namespace, *, prefix: bool = False) -> int:
        """Delete all records of a namespace, and return how many there were.

        Args:
            namespace: the namespace; ``()`` with ``prefix`` means all namespaces.
            prefix: also delete the records of all namespaces within it.

        Raises:
            ValidationError: the namespace is malformed.
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> store.delete_namespace(("user", "alice"), prefix=True)
            1
        """

    @blocking_operation(operations.list_records)
    def list(
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
            descending: the last first: with ``limit=n``, the last n records.
            consistency: the consistency of this read; default: the configured one.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters are wrong.
            StoreError: Milvus failed.

        Examples:
            >>> latest = store.list(("user", "alice"), limit=5, descending=True)
            >>> [(item["key"], item["value"]) for item in latest]
        """

    @blocking_operation(operations.search)
    def search(
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
        """Find the records that are relevant to a question, best first. The best text of each record counts.

        Args:
            query: the question; None to list records in order.
            namespace_prefix: search this namespace and all within it; ``()`` means all namespaces.
            filters: conditions on the value, as for ``list``.
            limit: the maximum number of results; together with ``offset`` at most 16,384.
            offset: the number of records to skip.
            threshold: the minimum ``relevance``, 0 to 1; default: no minimum.
            mode: match meaning and words (``hybrid``), meaning only (``dense``) or words only (``lexical``).
            refresh_ttl: restart the lifetime of the records found now.
            consistency: the consistency of this read; default: the configured one.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters are wrong.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.

        Examples:
            >>> found = store.search("Which theme?", ("user",), limit=3)
            >>> [(item["key"], item["relevance"]) for item in found]
        """

    @blocking_operation(operations.list_namespaces)
    def list_namespaces(
        self,
        *,
        prefix: Namespace = (),
        suffix: Namespace = (),
        conditions: Sequence[NamespaceCondition] = (),
        max_depth: int | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Namespaces:
        """Return the namespaces that have records, sorted.

        Args:
            prefix: labels that they begin with; ``"*"`` matches any label.
            suffix: labels that they end with, in the same form.
            conditions: more of both, as ``("prefix", labels)`` and ``("suffix", labels)``. All must match.
            max_depth: cut the namespaces to this number of labels.
            limit: the maximum number of results; default: all.
            offset: the number of namespaces to skip.

        Raises:
            ValidationError: an argument is wrong.
            StoreError: Milvus failed.

        Examples:
            >>> store.list_namespaces(prefix=("user",), max_depth=2)
            [('user', 'alice')]
        """

    @blocking_operation(operations.batch)
    def batch(self, requests: Sequence[RecordRequest]) -> RecordAnswers:
        """Answer several requests one after the other: a later request sees what an earlier one stored.

        Neighbouring requests of one kind share a request to Milvus. This is no transaction: when one fails, those
        before it are done.

        Args:
            requests: ``PutRecord``, ``GetRecord``, ``DeleteRecord``, ``SearchRecords`` and ``ListNamespaces``.

        Returns:
            The answer to each request, which its class describes.

        Raises:
            ValidationError: a request is wrong.
            Mem0MilvusError: the errors of the methods.

        Examples:
            >>> from mem0milvus import GetRecord
            >>> store.batch([GetRecord(namespace=("user", "alice"), key="no such key")])
            [None]
        """

    @blocking_operation(operations.sweep)
    def sweep(self) -> int:
        """Delete the records whose lifetime is over, which no read returns any more, and return how many there were.

        Raises:
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> store.sweep()
            0
        """

    def close(self) -> None:
        """Close this client. A second call does nothing; any other method raises StoreError afterwards.

        The last client of a store closes the store, and frees a Milvus Lite file for other processes.

        Examples:
            >>> store.close()
            >>> store.close()  # does nothing
        """
        self._close()
