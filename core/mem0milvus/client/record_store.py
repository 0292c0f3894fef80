"""``RecordStore``: rows under the caller's own keys, the blocking face. Each method drives one operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus.client.lifecycle import Closing
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
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.types import Consistency, Embedder, SearchMode

if TYPE_CHECKING:
    from typing_extensions import Self

    from mem0milvus.client.async_memory import AsyncMemory
    from mem0milvus.client.async_record_store import AsyncRecordStore
    from mem0milvus.client.memory import Memory
    from mem0milvus.ports import RecordPorts
    from mem0milvus.runtime.open_store import OpenStore


class RecordStore(Closing):
    """Records in Milvus: JSON values under keys of the caller's, in namespaces, in order, with an end if wanted.

    They lie in a collection of their own, so no search of a memory finds them. A record is found by the texts that it
    is put with. It has no versions, and nothing is extracted from it.

    It is open from the start and can be used from several threads. Close it with ``close()`` or as a context manager.

    Args:
        config: as for ``Memory.from_config``.
        embedder: as for ``Memory.from_config``. It is asked only for texts that are put and questions that are asked.
        collection_name: the records' collection; left out, ``<collection_name>_records``.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: or one of its kinds: the store cannot be opened.
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
        self._runtime = runtime
        self._collection = collection
        self._closed = False
        try:
            runtime.open_records(collection)
        except BaseException:
            self.close()
            raise
        self._open_ports = runtime.blocking_record_ports(collection)

    @property
    def _ports(self) -> RecordPorts:
        if self._closed:
            raise StoreError(CLOSED_STORE)
        return self._open_ports

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, embedder: Embedder | None = None, collection_name: str | None = None
    ) -> Self:
        """Open a record store as a configuration describes it, and no memory.

        Args:
            config: as for ``Memory.from_config``.
            embedder: as for ``Memory.from_config``.
            collection_name: the records' collection; left out, ``<collection_name>_records``.

        Raises:
            ConfigError: an unknown key or provider, or a value that cannot be used.
            StoreUnavailableError: no server answers.
            StoreLockedError: another process has the Milvus Lite file open.
            SchemaMismatchError: the collection was not made by this library or has another layout.
            EmbedderMismatchError: another embedder filled the collection.
        """
        return cls(config, embedder=embedder, collection_name=collection_name)

    @classmethod
    def beside(cls, memory: Memory | AsyncMemory, *, collection_name: str | None = None) -> Self:
        """A record store over the open store of a memory: the same connection, embedder and locks.

        Each is closed on its own; the last one closes the connection.

        Args:
            memory: an open memory, of either face.
            collection_name: the records' collection; left out, ``<the memory's collection>_records``.

        Raises:
            ConfigError: that cannot be a collection's name.
            StoreError: or one of its kinds: the memory is closed, or the collection cannot be opened.
        """
        if memory._closed:
            raise StoreError(CLOSED)
        collection = memory._runtime.records_name(collection_name)
        return cls._over(memory._runtime.share(), collection)

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
        """Store a record, in the place of the one that has its key. That one's ``created_at`` and ``order`` stay.

        Args:
            namespace: one label or more, from the outside in, as in ``("user", "1")``; at most 1,024 bytes together.
            key: names the record in its namespace; at most 512 bytes, as each label.
            value: a dict that JSON can hold, at most 65,536 bytes of it.
            text: what the record is found by, or several texts, of which the best counts. Left out, no search with a
                question finds it.
            vector: a ready embedding, of ``text`` where both are given, instead of the embedder's.
            ttl_s: seconds after which the record is gone; left out, it stays.
            order: its position in the namespace; left out, after all that this store has put there before: the moment
                in microseconds since 1970.

        Raises:
            ValidationError: an argument is wrong. Nothing was changed.
            EmbeddingError: the embedding model failed. Nothing was changed.
            StoreError: Milvus failed.
        """
        run(operations.put(self._ports, namespace, key, value, text=text, vector=vector, ttl_s=ttl_s, order=order))

    def put_many(self, records: Sequence[PutRecord]) -> None:
        """Store several records as if one was put after the other, in one trip.

        Raises:
            ValidationError: a record is wrong. Nothing was changed.
            EmbeddingError: the embedding model failed. Nothing was changed.
            PartialWriteError: some of many records are stored and some are not; it names both, as
                ``namespace/label/key``.
            StoreError: Milvus failed.
        """
        run(operations.put_many(self._ports, records))

    def get(self, namespace: Namespace, key: str, *, refresh_ttl: bool = False) -> RecordItem | None:
        """One record; None where there is none, or no more.

        Args:
            namespace: where.
            key: which.
            refresh_ttl: let it stay, from now on, as long as it was put for.

        Raises:
            ValidationError: this can be no namespace or key.
            StoreError: Milvus failed.
        """
        return run(operations.get(self._ports, namespace, key, refresh_ttl=refresh_ttl))

    def get_many(self, keys: Sequence[tuple[Namespace, str]], *, refresh_ttl: bool = False) -> MaybeRecords:
        """Several records: for each pair of namespace and key a record or None. Errors are those of ``get``."""
        return run(operations.get_many(self._ports, keys, refresh_ttl=refresh_ttl))

    def delete(self, namespace: Namespace, key: str) -> bool:
        """Delete one record. Returns whether there was one.

        Raises:
            ValidationError: this can be no namespace or key.
            StoreError: Milvus failed.
        """
        return run(operations.delete(self._ports, namespace, key))

    def delete_many(self, keys: Sequence[tuple[Namespace, str]]) -> int:
        """Delete several records, each given by namespace and key. Returns how many of them there were.

        Raises:
            ValidationError: one can be no namespace or key. Nothing was deleted.
            PartialWriteError: some of many are gone and some are not; it names both.
            StoreError: Milvus failed.
        """
        return run(operations.delete_many(self._ports, keys))

    def delete_namespace(self, namespace: Namespace, *, prefix: bool = False) -> int:
        """Delete all records of a namespace, however many. Returns how many there were.

        Args:
            namespace: which; with ``prefix``, ``()`` is everything.
            prefix: also those of all namespaces within it.

        Raises:
            ValidationError: this can be no namespace.
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.delete_namespace(self._ports, namespace, prefix=prefix))

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
        """The records of a namespace, in order.

        Args:
            namespace: which; with ``prefix``, ``()`` is everything.
            prefix: also those of all namespaces within it.
            filters: conditions on the value, as in ``{"kind": "note", "size": {"gte": 3}}``; every name is a path into
                the value.
            limit: the most results; left out, all.
            offset: how many to pass over.
            order: by position (``order``), ``created_at``, ``updated_at``, or namespace and ``key``.
            descending: from the last to the first: with ``limit=n``, the last n.
            consistency: how fresh, where it should differ from the configuration.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters cannot be understood.
            StoreError: Milvus failed.
        """
        return run(
            operations.list_records(
                self._ports,
                namespace,
                prefix=prefix,
                filters=filters,
                limit=limit,
                offset=offset,
                order=order,
                descending=descending,
                consistency=consistency,
            )
        )

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
        """Find the records that a question is about, best first, each by the best of its texts.

        Args:
            query: the question; None to list records in order.
            namespace_prefix: where: this namespace and all within it; ``()`` is everywhere.
            filters: conditions on the value, as for ``list``.
            limit: the most results; with ``offset``, at most 16,384.
            offset: how many to pass over.
            threshold: the least ``relevance``, 0 to 1; left out, nothing is cut.
            mode: by meaning and words (``hybrid``), by meaning (``dense``) or by words (``lexical``).
            refresh_ttl: let what is found stay, from now on, as long as it was put for.
            consistency: how fresh, where it should differ from the configuration.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters cannot be understood.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.
        """
        return run(
            operations.search(
                self._ports,
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
        )

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
        """The namespaces that have records, sorted.

        Args:
            prefix: what they begin with; ``"*"`` stands for any label.
            suffix: what they end with, in the same form.
            conditions: more of both, as ``("prefix", labels)`` and ``("suffix", labels)``. All must hold.
            max_depth: cut them to so many labels.
            limit: the most results; left out, all.
            offset: how many to pass over.

        Raises:
            ValidationError: an argument is wrong.
            StoreError: Milvus failed.
        """
        return run(
            operations.list_namespaces(
                self._ports,
                prefix=prefix,
                suffix=suffix,
                conditions=conditions,
                max_depth=max_depth,
                limit=limit,
                offset=offset,
            )
        )

    def batch(self, requests: Sequence[RecordRequest]) -> RecordAnswers:
        """Answer several requests as if one came after the other: a record that one puts, the next one gets.

        Requests of a kind that stand side by side are answered in one trip. It is no transaction: where one fails,
        those before it are done.

        Args:
            requests: ``PutRecord``, ``GetRecord``, ``DeleteRecord``, ``SearchRecords`` and ``ListNamespaces``.

        Returns:
            The answer to each, as its class says.

        Raises:
            ValidationError: a request is wrong.
            Mem0MilvusError: what the methods raise.
        """
        return run(operations.batch(self._ports, requests))

    def sweep(self) -> int:
        """Delete the records whose time is over. They are not seen before, either. Returns how many there were.

        Raises:
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.sweep(self._ports))

    def to_async(self) -> AsyncRecordStore:
        """The awaiting face of the same open store. Each face is closed on its own; the last one closes the store."""
        from mem0milvus.client.async_record_store import AsyncRecordStore

        return AsyncRecordStore._over(self._runtime.share(), self._collection)

    @classmethod
    def _over(cls, runtime: OpenStore, collection: str) -> Self:
        store = cls.__new__(cls)
        store._attach(runtime, collection)
        return store

    def close(self) -> None:
        """Close this face; a second call does nothing. Using it afterwards is a StoreError."""
        if not self._closed:
            self._closed = True
            self._runtime.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runtime!r}, records={self._collection!r})"
