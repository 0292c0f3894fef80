"""``Memory``: the blocking face. Each method drives one operation of ``operations/``; start reading at ``add``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus import operations
from mem0milvus.drivers import iterate, run
from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.types import (
    UNSET,
    AddResult,
    Consistency,
    DeleteOutcome,
    Embedder,
    HistoryEntry,
    MemoryItem,
    MemoryList,
    Messages,
    Moment,
    Outcome,
    ScopeId,
    SearchMode,
    SearchResult,
    Unset,
)

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from mem0milvus.async_memory import AsyncMemory
    from mem0milvus.ports import Ports
    from mem0milvus.runtime import Runtime


class Memory:
    """Long-term memory in Milvus.

    It is open from the start and can be used from several threads. Close it with ``close()`` or as a context manager;
    a Milvus Lite file is free for other processes then.

    Args:
        config: as for ``from_config``; left out, Milvus Lite in ``./milvus.db`` (or the server that ``MILVUS_URI``
            names) with OpenAI's embeddings where ``OPENAI_API_KEY`` is set, else the offline embedder.
        embedder: as for ``from_config``.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: or one of its kinds: the store cannot be opened.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, *, embedder: Embedder | None = None) -> None:
        from mem0milvus.runtime import Runtime

        self._attach(Runtime(config, embedder))

    def _attach(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._closed = False
        runtime.open()
        self._open_ports = runtime.blocking_ports()

    @property
    def _ports(self) -> Ports:
        if self._closed:
            raise StoreError(CLOSED)
        return self._open_ports

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, embedder: Embedder | None = None) -> Self:
        """Open a memory as a configuration describes it.

        Args:
            config: a dict as Mem0 has it: ``{"vector_store": {"provider": "milvus", "config": {"url": …,
                "collection_name": …}}, "embedder": {"provider": …, "config": {…}}}``. The configuration reference in
                the documentation lists all keys.
            embedder: a ready embedding model, instead of one named in ``config``.

        Raises:
            ConfigError: an unknown key or provider, or a value that cannot be used.
            StoreUnavailableError: no server answers.
            StoreLockedError: another process has the Milvus Lite file open.
            SchemaMismatchError: the collection was not made by this library or has another layout.
            EmbedderMismatchError: another embedder filled the collection.
        """
        return cls(config, embedder=embedder)

    def add(
        self,
        messages: Messages,
        *,
        user_id: ScopeId = UNSET,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        metadata: Mapping[str, Any] | None = None,
        infer: bool = True,
        timestamp: Moment | None = None,
        expires_at: Moment | None = None,
        ids: Sequence[str] | None = None,
    ) -> AddResult:
        """Remember what was said.

        Args:
            messages: a text that the user said, a message ``{"role", "content", "name"}``, or a list of messages. Of a
                list of content parts the text parts are read. Messages of the roles system, developer, tool and
                function are passed over, as are those without text.
            user_id: whose memory it is; at least one of the three ids is needed.
            agent_id: which agent's.
            run_id: which conversation's. Memories of one run keep their order and help to find each other.
            metadata: kept with each memory; filters see it, and its texts count in searches.
            infer: True to keep what is worth remembering, without what the scope has already; False to keep each
                message as it is.
            timestamp: when it was said, for memories of the past; left out, now.
            expires_at: from when on the memories are no longer found.
            ids: ids for the memories, one each. The same call again changes nothing, so a retry is safe.

        Returns:
            ``{"results": [{"id", "memory", "event"}], "relations": []}``: what was written.

        Raises:
            ValidationError: an argument is wrong, or an id is taken by another memory.
            EmbeddingError: the embedding model failed.
            PartialWriteError: some of a large batch is written and some is not; it names both.
            StoreError: Milvus failed.
        """
        return run(
            operations.add(
                self._ports,
                messages,
                user_id=user_id,
                agent_id=agent_id,
                run_id=run_id,
                metadata=metadata,
                infer=infer,
                timestamp=timestamp,
                expires_at=expires_at,
                ids=ids,
            )
        )

    def search(
        self,
        query: str,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        filters: Mapping[str, Any] | None = None,
        top_k: int | None = None,
        limit: int | None = None,
        threshold: float | None = None,
        as_of: Moment | None = None,
        mode: SearchMode = "hybrid",
        consistency: Consistency | None = None,
        explain: bool = False,
    ) -> SearchResult:
        """Find the memories that a question is about, best first.

        Args:
            query: the question.
            user_id: whose memories; at least one of the three ids is needed, here or in ``filters``.
            agent_id: which agent's.
            run_id: which conversation's.
            filters: conditions on metadata and fields, as in ``{"category": "hobbies", "age": {"gte": 3}}``.
            top_k: the most results; 10 when left out, at most 16,384.
            limit: the same, as Mem0 also calls it.
            threshold: the least ``relevance``, 0 to 1; left out, nothing is cut.
            as_of: search the memories as they were at this moment.
            mode: by meaning and words (``hybrid``), by meaning (``dense``) or by words (``lexical``, which asks no
                embedding model; ``score`` is then the weight of the shared words, larger is better).
            consistency: how fresh, where it should differ from the configuration.
            explain: add to each result what its place and relevance are made of.

        Returns:
            ``{"results": [...]}``: memories with ``score``, the metric's own value, and ``relevance``, 0 to 1, larger
            is better, which depends on the question and the memory alone.

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
                user_id,
                agent_id=agent_id,
                run_id=run_id,
                filters=filters,
                top_k=top_k,
                limit=limit,
                threshold=threshold,
                as_of=as_of,
                mode=mode,
                consistency=consistency,
                explain=explain,
            )
        )

    def get(self, memory_id: str) -> MemoryItem:
        """One memory.

        Raises:
            NotFoundError: no memory has this id, or it was deleted or has expired.
            ValidationError: this cannot be an id.
            StoreError: Milvus failed.
        """
        return run(operations.get(self._ports, memory_id))

    def get_all(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        filters: Mapping[str, Any] | None = None,
        top_k: int | None = None,
        limit: int | None = None,
        offset: int = 0,
        as_of: Moment | None = None,
        consistency: Consistency | None = None,
    ) -> MemoryList:
        """All memories of a scope, in the order in which they were first stored.

        Args:
            user_id: whose; with no id at all, everybody's.
            agent_id: which agent's.
            run_id: which conversation's.
            filters: conditions, as for ``search``.
            top_k: the most results; left out, all.
            limit: the same, as Mem0 also calls it.
            offset: how many to pass over.
            as_of: as they were at this moment.
            consistency: how fresh, where it should differ from the configuration.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters cannot be understood.
            StoreError: Milvus failed.
        """
        return run(
            operations.get_all(
                self._ports,
                user_id,
                agent_id=agent_id,
                run_id=run_id,
                filters=filters,
                top_k=top_k,
                limit=limit,
                offset=offset,
                as_of=as_of,
                consistency=consistency,
            )
        )

    def iterate(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        filters: Mapping[str, Any] | None = None,
        as_of: Moment | None = None,
        consistency: Consistency | None = None,
    ) -> Iterator[MemoryItem]:
        """All memories of a scope one by one, in the order of their ids, holding one page in memory at a time.

        The arguments and errors are those of ``get_all``.
        """
        return iterate(
            operations.iterate(
                self._ports,
                user_id,
                agent_id=agent_id,
                run_id=run_id,
                filters=filters,
                as_of=as_of,
                consistency=consistency,
            )
        )

    def update(self, memory_id: str, data: str, metadata: Mapping[str, Any] | None = None) -> Outcome:
        """Change what a memory says. The version before is kept in its history.

        Args:
            memory_id: which memory.
            data: its new text.
            metadata: keys to set; the others stay as they are.

        Raises:
            NotFoundError: no memory has this id.
            ValidationError: an argument is wrong.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.
        """
        return run(operations.update(self._ports, memory_id, data, metadata))

    def delete(
        self,
        memory_id: str | Unset = UNSET,
        *,
        memory_ids: Sequence[str] | Unset = UNSET,
        user_id: ScopeId = UNSET,
        purge: bool = False,
    ) -> DeleteOutcome:
        """Delete one memory, several, or all of a user. Exactly one of the three is given.

        Args:
            memory_id: the memory to delete.
            memory_ids: several, of one user or of many. When one of them does not exist, none is deleted.
            user_id: whose memories to delete, all of them.
            purge: also erase what the memories used to say; otherwise ``history`` and ``restore`` still know it.

        Returns:
            ``{"message", "deleted"}``, the latter being how many memories are gone.

        Raises:
            ValidationError: none or two of the three are given, or one is wrong. Nothing was deleted.
            NotFoundError: an id is unknown. Nothing was deleted.
            PartialWriteError: Milvus failed midway; it names what is gone and what is not.
            StoreError: Milvus failed.
        """
        return run(operations.delete(self._ports, memory_id, memory_ids=memory_ids, user_id=user_id, purge=purge))

    def delete_all(
        self,
        *,
        user_id: ScopeId = UNSET,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        purge: bool = False,
    ) -> DeleteOutcome:
        """Delete all memories of a scope, however many. At least one id is needed.

        Args:
            user_id: whose.
            agent_id: which agent's.
            run_id: which conversation's.
            purge: also erase what they used to say, and what is left of memories deleted before.

        Returns:
            ``{"message", "deleted"}``.

        Raises:
            ValidationError: no id is given, or one is wrong.
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.delete_all(self._ports, user_id=user_id, agent_id=agent_id, run_id=run_id, purge=purge))

    def history(self, memory_id: str) -> list[HistoryEntry]:
        """All changes of a memory, oldest first; of a deleted one as well.

        Raises:
            NotFoundError: there never was such a memory, or it was purged.
            ValidationError: this cannot be an id.
            StoreError: Milvus failed.
        """
        return run(operations.history(self._ports, memory_id))

    def restore(self, memory_id: str, version: int) -> Outcome:
        """Bring back an earlier version of a memory, as a new version. It may have been deleted since.

        Args:
            memory_id: which memory.
            version: which version, as ``history`` counts them, from 1.

        Raises:
            NotFoundError: there is no such memory or version.
            ValidationError: an argument is wrong, or that version is a deletion.
            StoreError: Milvus failed.
        """
        return run(operations.restore(self._ports, memory_id, version))

    def reset(self) -> Outcome:
        """Delete everything of everybody: this memory's two collections are dropped and made anew.

        Raises:
            StoreError: Milvus failed.
        """
        return run(operations.reset(self._ports))

    def to_async(self) -> AsyncMemory:
        """The awaiting face of the same open store. Each face is closed on its own; the last one closes the store."""
        from mem0milvus.async_memory import AsyncMemory

        return AsyncMemory._over(self._runtime.share())

    @classmethod
    def _over(cls, runtime: Runtime) -> Self:
        memory = cls.__new__(cls)
        memory._attach(runtime)
        return memory

    def close(self) -> None:
        """Close this face; a second call does nothing. Using it afterwards is a StoreError."""
        if not self._closed:
            self._closed = True
            self._runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runtime!r})"
