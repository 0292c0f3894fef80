"""``Memory``: the blocking face. Each method drives one operation of ``operations/``; start reading at ``add``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus import operations
from mem0milvus.client.lifecycle import BlockingFace
from mem0milvus.operations.memories.timeline import DEFAULT_LINES
from mem0milvus.retrieval.ranking import DEFAULT_PRESET, PresetName
from mem0milvus.runtime.blocking_driver import iterate, run
from mem0milvus.types import (
    UNSET,
    AddResult,
    Background,
    Consistency,
    DeleteOutcome,
    DumpOutcome,
    Embedder,
    FilePath,
    FlushOutcome,
    HistoryEntry,
    LoadOutcome,
    MemoryItem,
    MemoryList,
    Messages,
    Moment,
    OnConflict,
    Outcome,
    PendingOutcome,
    Progress,
    ReembedOutcome,
    ScopeId,
    SearchMode,
    SearchResult,
    Unset,
    VacuumOutcome,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mem0milvus.client.async_memory import AsyncMemory


class Memory(BlockingFace):
    """Long-term memory in Milvus.

    It is open from the start and can be used from several threads. Close it with ``close()`` or as a context manager;
    a Milvus Lite file is free for other processes then.

    Args:
        config: as for ``from_config``; left out, Milvus Lite in ``./milvus.db`` (or the server that ``MILVUS_URI``
            names) with OpenAI's embeddings where ``OPENAI_API_KEY`` is set, else the offline embedder.
        llm: as for ``from_config``.
        embedder: as for ``from_config``.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: or one of its kinds: the store cannot be opened.
    """

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
        prompt: str | None = None,
        ids: Sequence[str] | None = None,
        background: Background = None,
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
            infer: True to keep what is worth remembering, reconciled with what the scope has already: by the language
                model that is configured, or by rules; False to keep each message as it is.
            timestamp: when it was said, for memories of the past; left out, now.
            expires_at: from when on the memories are no longer found.
            prompt: what the language model is told for this call, in the place of ``custom_instructions``.
            ids: ids for the memories, one each. The same call again changes nothing, so a retry is safe. With a
                language model, which decides how many there are, they are the most new memories that there may be.
            background: True to return at once with a ``ticket`` and to write later, in the order of the calls; see
                ``flush``. ``"durable"`` stores what is to be extracted as pending memories before it returns, so that
                it survives the end of the process and a failing model; with ``infer=False`` it is the same as True.
                Left out, as configured.

        Returns:
            ``{"results": [{"id", "memory", "event"}], "relations": []}``: what was written. ``event`` is ``ADD``,
            ``UPDATE`` or ``DELETE``; the latter two have ``previous_memory``. What the language model proposed and was
            not followed stands under ``rejected``, with the reason.

        Raises:
            ValidationError: an argument is wrong, or an id is taken by another memory.
            EmbeddingError: the embedding model failed.
            ExtractionError: the language model failed or gave no answer that can be used. Nothing was written.
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
                prompt=prompt,
                ids=ids,
                background=background,
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
        preset: PresetName = DEFAULT_PRESET,
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
            preset: what makes a place: ``balanced``, ``recent`` (newer memories gain) or ``diverse`` (what repeats a
                better result steps back).
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
                preset=preset,
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

    def timeline(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        limit: int = DEFAULT_LINES,
    ) -> Figure:
        """Draw what was learnt, changed and forgotten over time. It needs matplotlib, the extra ``plot``.

        A memory is a line, with the texts that it had; a curve below tells how many were known. Times are those of
        recording, as ``as_of`` reads them, in UTC.

        Args:
            user_id: whose memories; with no id at all, everybody's.
            agent_id: which agent's.
            run_id: which conversation's.
            limit: the most memories that have a line: those that changed last. The curve counts all.

        Returns:
            A figure of matplotlib, made without ``pyplot``: a notebook shows it, ``savefig`` keeps it.

        Raises:
            ConfigError: matplotlib is not installed.
            ValidationError: an argument is wrong.
            StoreError: Milvus failed.
        """
        from mem0milvus.client.timeline_chart import draw_timeline

        return draw_timeline(
            run(operations.timeline(self._ports, user_id, agent_id=agent_id, run_id=run_id, limit=limit))
        )

    def flush(self, timeout: float | None = None) -> FlushOutcome:
        """Wait for adds in the background.

        Args:
            timeout: seconds to wait at most; left out, until all are done.

        Returns:
            ``{"written", "failed", "waiting"}``: how many are done since the last ``flush``; the tickets and errors of
            those that failed; how many are still under way.

        Raises:
            ValidationError: the timeout is no number of seconds.
        """
        return run(operations.flush(self._ports, timeout))

    def process_pending(
        self, *, user_id: ScopeId = UNSET, agent_id: ScopeId = UNSET, run_id: ScopeId = UNSET
    ) -> PendingOutcome:
        """Extract what was kept as it is because a model failed (``on_extraction_error: "store_raw"``).

        Each turn is extracted once, also when this is interrupted and called again. Where it fails again, its messages
        stay pending; after three failures in a row the rest is left for later.

        Args:
            user_id: whose; with no id at all, everybody's.
            agent_id: which agent's.
            run_id: which conversation's.

        Returns:
            ``{"results", "rejected", "processed", "failed"}``: what was written, as ``add`` gives it, how many turns
            are done, and why others failed.

        Raises:
            ExtractionError: the language model failed, and no turn is done.
            EmbeddingError: the embedding model failed, and no turn is done.
            ValidationError: an id is wrong.
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.process_pending(self._ports, user_id=user_id, agent_id=agent_id, run_id=run_id))

    def vacuum(self) -> VacuumOutcome:
        """Clear out what is no longer wanted, in this memory's collections, for everybody.

        Expired memories are erased with their past. Where ``history_limit`` is configured, each memory keeps so many
        past versions and the older ones are erased. Then Milvus is told to give up the bytes of all rows that were
        deleted or replaced, those of purged memories among them: on Milvus Lite this has happened when the call
        returns, a server does it in its own time.

        Returns:
            ``{"message", "expired", "versions"}``: how many memories had expired, and how many versions were erased.

        Raises:
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.vacuum(self._ports))

    def dump(
        self, path: FilePath, *, vectors: bool = True, overwrite: bool = False, progress: Progress | None = None
    ) -> DumpOutcome:
        """Write everything into one file.

        That is all memories of everybody, all that they used to say, those that were deleted, and the records of the
        record store beside the memory. The file is JSON Lines, as the documentation describes it, and has a checksum.
        It gets its name when it is whole, and is readable by its owner alone; a process that is killed leaves a hidden
        file beside it, whose name ends in ``.partial``. Changes that are made meanwhile may be in it or not.

        Args:
            path: where.
            vectors: False to leave the vectors out, for a file of a fifth of the size; ``load`` then embeds the texts
                anew.
            overwrite: True to replace a file that is there.
            progress: called now and then with the number of rows that are written and of those that there are.

        Returns:
            ``{"message", "memories", "deleted", "versions", "records"}``: how many of each are in the file.

        Raises:
            ValidationError: the path cannot be used.
            StoreError: Milvus failed, or the file cannot be written. Nothing is left of it.
        """
        return run(operations.dump(self._ports, path, vectors=vectors, overwrite=overwrite, progress=progress))

    def load(
        self, path: FilePath, *, on_conflict: OnConflict = "error", progress: Progress | None = None
    ) -> LoadOutcome:
        """Read a file that ``dump`` wrote, into an empty memory or to what is there.

        The file is checked before anything is written. What is there already is passed over, so calling this again
        after an interruption goes on. Where another embedder filled the file, or it has no vectors, its texts are
        embedded.

        Args:
            path: where.
            on_conflict: what to do with a memory or record whose id another one has: ``error`` to load nothing at all,
                ``skip`` to leave it out, ``rename`` to load it under another id.
            progress: called now and then with the number of lines that are done and of those that there are.

        Returns:
            ``{"message", "memories", "deleted", "versions", "records", "present", "skipped", "renamed",
            "unsearchable"}``: how many of each were written; how many memories and records were there already, and how
            many were left out; new ids by old ones; how many records have lost the vector that they were put with,
            because it is another embedder's.

        Raises:
            ValidationError: this is no whole dump, or ids are taken. Nothing was loaded.
            EmbeddingError: the embedding model failed; calling again goes on.
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.load(self._ports, path, on_conflict=on_conflict, progress=progress))

    def reembed(
        self,
        embedder: Embedder | Mapping[str, Any] | None = None,
        *,
        drop_old: bool = False,
        progress: Progress | None = None,
    ) -> ReembedOutcome:
        """Move everything to another embedding model, of vectors as long or longer or shorter.

        New collections are filled beside those that are there, and take their names when they are full. Until then
        nothing changes: an interrupted call leaves the memory as it was, and calling again with the same embedder goes
        on. Afterwards this memory, its other faces and the record stores beside it are closed to all requests: open
        them again with the new embedder. The former collections are kept as ``<collection_name>__old``, and can be
        opened under that name with the former embedder, until they are dropped.

        What this memory and its other faces write meanwhile is moved as well, and refused in the moment of the switch.
        Others that have the collections open must not write meanwhile. MemoryRow stores with a ``collection_name`` of
        their own are not moved. What is purged later is still in the former collections, until these are dropped.

        Args:
            embedder: a ready embedding model, or a dict as in the configuration: ``{"provider", "config"}``. Left out,
                nothing is moved, and ``drop_old`` drops what an earlier call kept.
            drop_old: True to drop the former collections when all is done.
            progress: called now and then with the number of rows that are done and of those that there are.

        Returns:
            ``{"message", "memories", "versions", "records", "kept", "unsearchable"}``: how many rows were moved, the
            name under which the former memories are kept, and how many records have lost the vector that they were
            put with.

        Raises:
            ConfigError: the embedder's configuration is wrong.
            ValidationError: collections of an earlier call are kept, and ``drop_old`` does not say that they may go.
            EmbeddingError: the embedding model failed; calling again goes on.
            StoreError: Milvus failed; calling again goes on.
        """
        return run(operations.reembed(self._ports, embedder, drop_old=drop_old, progress=progress))

    def reset(self) -> Outcome:
        """Delete everything of everybody: this memory's two collections are dropped and made anew.

        What ``reembed`` has kept or left behind is dropped as well.

        Raises:
            StoreError: Milvus failed.
        """
        return run(operations.reset(self._ports))

    def to_async(self) -> AsyncMemory:
        """The awaiting face of the same open store. Each face is closed on its own; the last one closes the store."""
        from mem0milvus.client.async_memory import AsyncMemory

        return AsyncMemory._over(self._runtime.share())
