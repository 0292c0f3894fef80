# After a change, run tools/blocking_client.py, which generates memory_methods.py from this file.
# mypy: disable-error-code="empty-body"
"""Methods of ``AsyncMemory`` that add, find and change memories.

A decorated method has no body: its decorator passes the arguments to the operation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mem0milvus import operations
from mem0milvus.client.async_maintenance import AsyncMaintenance
from mem0milvus.client.lifecycle import async_operation
from mem0milvus.retrieval.ranking import DEFAULT_PRESET, PresetName
from mem0milvus.types import (
    UNSET,
    AddResult,
    Background,
    Consistency,
    DeleteOutcome,
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


class AsyncMemoryMethods(AsyncMaintenance):
    """Adding, finding and changing memories."""

    @async_operation(operations.add)
    async def add(
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
        prompt: str | None = None,
        ids: Sequence[str] | None = None,
        background: Background = None,
    ) -> AddResult:
        """Extract memories from messages and store them.

        Args:
            messages: a text said by the user, a message ``{"role", "content", "name"}``, or a list of messages. If
                ``content`` is a list of parts, its text parts are used. Messages without text, and those with the role
                system, developer, tool or function, are skipped.
            user_id: the user; at least one of the three ids is required.
            agent_id: the agent.
            run_id: the conversation. Its memories keep their order, and a search considers the neighbours of a match.
            metadata: stored with each memory; filters read it, and searches match its texts.
            infer: True to extract the facts worth remembering and reconcile them with the scope's memories, with the
                configured language model or, without one, with rules; False to store each message unchanged.
            timestamp: when the messages were said; default: now.
            expires_at: when the memories stop being found; default: never.
            prompt: instructions to the language model for this call, instead of ``custom_instructions``.
            ids: one id per memory, which makes a retry safe: repeating the call changes nothing. A language model
                decides the number of memories itself, so with one, this is the maximum number of new memories.
            background: True to return a ``ticket`` immediately and write later, in the order of the calls; see
                ``flush``. ``"durable"`` also stores the messages as pending memories before returning, so that they
                are not lost if the process ends or a model fails; with ``infer=False`` it is the same as True.
                Default: the configured ``background``.

        Returns:
            ``{"results": [{"id", "memory", "event"}], "relations": []}``: the changes. ``event`` is ``ADD``,
            ``UPDATE`` or ``DELETE``; the latter two come with ``previous_memory``. ``rejected`` lists the changes that
            the language model proposed and that were not made, each with the reason.

        Raises:
            ValidationError: an argument is wrong, or another memory has one of the ids.
            EmbeddingError: the embedding model failed. Nothing was written.
            ExtractionError: the language model failed or gave an unusable answer. Nothing was written.
            PartialWriteError: only part of a large batch was written; the error lists the ids of both parts.
            StoreError: Milvus failed.

        Examples:
            >>> added = await memory.add("I like to play tennis on weekends.", user_id="alice")
            >>> [change["memory"] for change in added["results"]]
            ['I like to play tennis on weekends.']
        """

    @async_operation(operations.search)
    async def search(
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
        preset: PresetName = DEFAULT_PRESET,
        consistency: Consistency | None = None,
        explain: bool = False,
        rerank: bool | None = None,
    ) -> SearchResult:
        """Find the memories that are relevant to a question, best first.

        Args:
            query: the question.
            user_id: the user; at least one of the three ids is required, here or in ``filters``.
            agent_id: the agent.
            run_id: the conversation.
            filters: conditions on metadata and fields, such as ``{"category": "hobbies", "age": {"gte": 3}}``.
            top_k: the maximum number of results, 1 to 16,384; default: 10.
            limit: another name of ``top_k``, for code written for Mem0.
            threshold: the minimum ``relevance``, 0 to 1; default: no minimum.
            as_of: search the versions that were current at this point in time; default: now.
            mode: match meaning and words (``hybrid``), meaning only (``dense``) or words only (``lexical``). The last
                mode calls no embedding model; its ``score`` is the weight of the shared words, and higher is better.
            preset: the order of results: ``balanced``, ``recent`` (favours newer memories) or ``diverse`` (moves
                repetitions of a better result down).
            consistency: the consistency of this read; default: the configured one.
            explain: add the components of rank and relevance to each result.
            rerank: False leaves the configured reranker out; True refuses to search without one. Default: rerank if a
                reranker is configured. If it fails, that is logged, and the order is that of a search without it.

        Returns:
            ``{"results": [...]}``: memories with ``score``, the metric's own value, and ``relevance``, 0 to 1. A higher
            relevance is better; it depends on the question and the memory alone.

        Raises:
            ValidationError: an argument is wrong.
            FilterError: the filters are wrong.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.

        Examples:
            >>> found = await memory.search("What are my hobbies?", user_id="alice", top_k=3)
            >>> [(item["memory"], item["relevance"]) for item in found["results"]]
        """

    @async_operation(operations.get)
    async def get(self, memory_id: str) -> MemoryItem:
        """Return one memory.

        Raises:
            NotFoundError: no memory has this id, or it was deleted or has expired.
            ValidationError: the id is malformed.
            StoreError: Milvus failed.

        Examples:
            >>> item = await memory.get("tennis")
            >>> item["memory"], item["version"]
        """

    @async_operation(operations.get_all)
    async def get_all(
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
        """Return the memories of a scope, the first stored first. The errors are those of ``search``.

        Args:
            user_id: the user; without any id, the memories of all users.
            agent_id: the agent.
            run_id: the conversation.
            filters: conditions, as for ``search``.
            top_k: the maximum number of results; default: all.
            limit: another name of ``top_k``, for code written for Mem0.
            offset: the number of memories to skip.
            as_of: return the versions that were current at this point in time; default: now.
            consistency: the consistency of this read; default: the configured one.

        Examples:
            >>> page = await memory.get_all(user_id="alice", top_k=20, offset=40)
            >>> [item["memory"] for item in page["results"]]
        """

    def iterate(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        filters: Mapping[str, Any] | None = None,
        as_of: Moment | None = None,
        consistency: Consistency | None = None,
    ) -> AsyncIterator[MemoryItem]:
        """Yield the memories of a scope in the order of their ids, holding one page in memory at a time.

        The arguments and errors are those of ``get_all``. If you stop before the last memory, close the iterator with
        its ``aclose`` method.

        Examples:
            >>> async for item in memory.iterate(user_id="alice"):
            ...     print(item["id"], item["memory"])
        """
        return self._iterate(
            operations.iterate,
            user_id,
            agent_id=agent_id,
            run_id=run_id,
            filters=filters,
            as_of=as_of,
            consistency=consistency,
        )

    @async_operation(operations.update)
    async def update(self, memory_id: str, data: str, metadata: Mapping[str, Any] | None = None) -> Outcome:
        """Store a new version of a memory. The previous version stays in its history.

        Args:
            memory_id: the memory.
            data: its new text.
            metadata: keys to set; other keys keep their values.

        Raises:
            NotFoundError: no memory has this id.
            ValidationError: an argument is wrong.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.

        Examples:
            >>> await memory.update("tennis", "I like to play golf.", {"category": "hobbies"})
            {'message': 'Memory updated successfully!'}
        """

    @async_operation(operations.delete)
    async def delete(
        self,
        memory_id: str | Unset = UNSET,
        *,
        memory_ids: Sequence[str] | Unset = UNSET,
        user_id: ScopeId = UNSET,
        purge: bool = False,
    ) -> DeleteOutcome:
        """Delete one memory, several, or all of a user. Pass exactly one of the first three arguments.

        Args:
            memory_id: the memory.
            memory_ids: several memories, of any users. If one of them does not exist, none is deleted.
            user_id: the user whose memories are all deleted.
            purge: also erase the history; otherwise ``history`` and ``restore`` can still read it.

        Returns:
            ``{"message", "deleted"}``; ``deleted`` is the number of deleted memories.

        Raises:
            ValidationError: an argument is wrong, or not exactly one of the three was given. Nothing was deleted.
            NotFoundError: no memory has one of the ids. Nothing was deleted.
            PartialWriteError: Milvus failed midway; the error lists the ids deleted and not deleted.
            StoreError: Milvus failed.

        Examples:
            >>> await memory.delete("tennis")
            {'message': 'Memory deleted successfully!', 'deleted': 1}
        """

    @async_operation(operations.delete_all)
    async def delete_all(
        self,
        *,
        user_id: ScopeId = UNSET,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        purge: bool = False,
    ) -> DeleteOutcome:
        """Delete all memories of a scope, and return the same as ``delete``.

        With ``purge``, also erase their history, and that of memories deleted earlier.

        Raises:
            ValidationError: no id is given, or an id is malformed.
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> outcome = await memory.delete_all(user_id="alice", run_id="session-1")
            >>> outcome["deleted"]
        """

    @async_operation(operations.history)
    async def history(self, memory_id: str) -> list[HistoryEntry]:
        """Return all changes of a memory, deleted or not, oldest first.

        Raises:
            NotFoundError: no memory ever had this id, or it was purged.
            ValidationError: the id is malformed.
            StoreError: Milvus failed.

        Examples:
            >>> entries = await memory.history("tennis")
            >>> [(entry["version"], entry["event"], entry["new_memory"]) for entry in entries]
        """

    @async_operation(operations.restore)
    async def restore(self, memory_id: str, version: int) -> Outcome:
        """Store an earlier version of a memory, deleted or not, as its newest version.

        Args:
            memory_id: the memory.
            version: the number of the version in ``history``, from 1.

        Raises:
            NotFoundError: the memory or the version does not exist.
            ValidationError: an argument is wrong, or the version is a deletion.
            StoreError: Milvus failed.

        Examples:
            >>> await memory.restore("tennis", version=1)
            {'message': 'Memory restored successfully!'}
        """
