# After a change, run tools/blocking_client.py, which generates maintenance.py from this file.
# mypy: disable-error-code="empty-body"
"""Methods of ``AsyncMemory`` for a whole store: opening, upkeep, dumps and closing.

A decorated method has no body: its decorator passes the arguments to the operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem0milvus import operations
from mem0milvus.client.lifecycle import AsyncClient, async_operation
from mem0milvus.client.sessions import AsyncSession, memory_part, new_store
from mem0milvus.client.timeline_chart import draw_timeline
from mem0milvus.operations.memories.timeline import DEFAULT_LINES
from mem0milvus.ports import Ports
from mem0milvus.types import (
    LLM,
    UNSET,
    DumpOutcome,
    Embedder,
    FilePath,
    FlushOutcome,
    LoadOutcome,
    OnConflict,
    Outcome,
    PendingOutcome,
    Progress,
    ReembedOutcome,
    Reranker,
    ScopeId,
    VacuumOutcome,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from typing_extensions import Self


class AsyncMaintenance(AsyncClient[Ports]):
    """Opening, maintaining and closing the store of a memory."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        llm: LLM | None = None,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._session = AsyncSession(memory_part(new_store(config, llm, embedder, reranker)))

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        llm: LLM | None = None,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
    ) -> Self:
        """Create a memory from a configuration.

        The blocking class connects immediately; the async class connects at the first operation, which then raises
        any error of the store.

        Args:
            config: a dict in Mem0's form: ``{"vector_store": {"provider": "milvus", "config": {"url": …,
                "collection_name": …}}, "embedder": {"provider": …, "config": {…}}}``. The configuration reference in
                the documentation lists all keys.
            llm: a language model object, instead of the one named in ``config``.
            embedder: an embedding model object, instead of the one named in ``config``.
            reranker: a reranker object, instead of the one named in ``config``.

        Raises:
            ConfigError: a key or provider is unknown, or a value is wrong.
            StoreUnavailableError: the server does not answer.
            StoreLockedError: another process has the Milvus Lite file open.
            SchemaMismatchError: the collection has another layout, or was created by another program.
            EmbedderMismatchError: the collection holds vectors of another embedding model.

        Examples:
            >>> config = {"vector_store": {"config": {"url": "./milvus.db"}}, "embedder": {"provider": "offline"}}
            >>> memory = AsyncMemory.from_config(config)
        """
        return cls(config, llm=llm, embedder=embedder, reranker=reranker)

    async def timeline(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        limit: int = DEFAULT_LINES,
    ) -> Figure:
        """Draw when the memories of a scope were added, changed and deleted. Requires the extra ``plot``, matplotlib.

        Each memory is a line that shows the texts of its versions; a curve below shows the number of memories. Times
        are those of storing, as in ``as_of``, in UTC. Without any id, the memories of all users are drawn. At most
        ``limit`` memories, those that changed last, have a line; the curve counts all.

        Returns:
            A matplotlib figure, made without ``pyplot``: a notebook displays it, ``savefig`` writes it to a file.

        Raises:
            ConfigError: matplotlib is not installed.
            ValidationError: an argument is wrong.
            StoreError: Milvus failed.

        Examples:
            >>> figure = await memory.timeline(user_id="alice")
            >>> figure.savefig("alice.png")
        """
        lives = await self._run(operations.timeline, user_id, agent_id=agent_id, run_id=run_id, limit=limit)
        return await self._call(draw_timeline, lives)

    @async_operation(operations.flush)
    async def flush(self, timeout: float | None = None) -> FlushOutcome:
        """Wait until all background adds are finished, at most ``timeout`` seconds; default: no limit.

        Returns:
            ``{"written", "failed", "waiting"}``: the number of adds written since the last ``flush``, the tickets and
            errors of those that failed, and the number of unfinished ones.

        Raises:
            ValidationError: the timeout is not a number of seconds.

        Examples:
            >>> await memory.add("I like to play tennis on weekends.", user_id="alice", background=True)
            >>> outcome = await memory.flush(timeout=30.0)
        """

    @async_operation(operations.process_pending)
    async def process_pending(
        self, *, user_id: ScopeId = UNSET, agent_id: ScopeId = UNSET, run_id: ScopeId = UNSET
    ) -> PendingOutcome:
        """Extract the pending memories of a scope or, without any id, of all users.

        ``add`` stores messages as pending memories with ``background="durable"``, and if a model fails while
        ``on_extraction_error`` is ``store_raw``. Each turn is extracted once, even if this call is interrupted and
        repeated. A turn that fails again stays pending; after three failures in a row, so do the remaining turns.

        Returns:
            ``{"results", "rejected", "processed", "failed"}``: the changes, as ``add`` returns them, the number of
            extracted turns, and the errors of the turns that failed.

        Raises:
            ExtractionError: the language model failed, and no turn was extracted.
            EmbeddingError: the embedding model failed, and no turn was extracted.
            ValidationError: an id is malformed.
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> outcome = await memory.process_pending()
            >>> outcome["processed"], outcome["failed"]
        """

    @async_operation(operations.vacuum)
    async def vacuum(self) -> VacuumOutcome:
        """Erase the expired memories of all users, and free the space of deleted rows.

        Expired memories are erased with their history. If ``history_limit`` is configured, each memory keeps that many
        closed versions, and older ones are erased. Then Milvus frees the space of all rows that were deleted, replaced
        or purged: Milvus Lite before this call returns, a server later.

        Returns:
            ``{"message", "expired", "versions"}``: the numbers of memories and of versions that were erased.

        Raises:
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> outcome = await memory.vacuum()
            >>> outcome["expired"], outcome["versions"]
        """

    @async_operation(operations.dump)
    async def dump(
        self, path: FilePath, *, vectors: bool = True, overwrite: bool = False, progress: Progress | None = None
    ) -> DumpOutcome:
        """Write the whole store to one file: memories of all users, deleted ones too, their history, and records.

        The records are those of the record store beside the memory. The file is JSON Lines with a checksum, in the
        documented format, and only its owner can read it. It is written under a hidden name that ends in ``.partial``
        and renamed at the end; a killed process leaves the hidden file behind. Changes made during the dump may or may
        not be in the file.

        Args:
            path: the file.
            vectors: False to omit the vectors, which makes the file about five times smaller; ``load`` then embeds the
                texts again.
            overwrite: True to replace an existing file.
            progress: called repeatedly with the number of rows written and the number of all rows.

        Returns:
            ``{"message", "memories", "deleted", "versions", "records"}``: how many of each are in the file.

        Raises:
            ValidationError: the path cannot be used.
            StoreError: Milvus failed, or the file cannot be written. The unfinished file is removed.

        Examples:
            >>> outcome = await memory.dump("memories.jsonl", overwrite=True)
            >>> outcome["memories"], outcome["versions"]
        """

    @async_operation(operations.load)
    async def load(
        self, path: FilePath, *, on_conflict: OnConflict = "error", progress: Progress | None = None
    ) -> LoadOutcome:
        """Read a file written by ``dump`` into the store, which may already hold memories.

        The whole file is checked before anything is written. Memories and records that the store already has are
        skipped, so calling again continues an interrupted load. Texts are embedded again if the file has no vectors or
        has those of another embedding model.

        Args:
            path: the file.
            on_conflict: for a memory or record whose id belongs to a different one in the store: ``error`` to load
                nothing at all, ``skip`` to omit it, ``rename`` to load it under a new id.
            progress: called repeatedly with the number of lines loaded and the number of all lines.

        Returns:
            ``{"message", "memories", "deleted", "versions", "records", "present", "skipped", "renamed",
            "unsearchable"}``: the numbers of memories, deleted memories, versions and records written, of memories and
            records already present, and of those omitted; the new ids by old ids; and the number of records whose own
            vector was dropped because it belongs to another embedding model.

        Raises:
            ValidationError: the file is not a complete dump, or ids are taken. Nothing was loaded.
            EmbeddingError: the embedding model failed; call again to continue.
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> outcome = await memory.load("memories.jsonl", on_conflict="skip")
            >>> outcome["memories"], outcome["present"]
        """

    @async_operation(operations.reembed)
    async def reembed(
        self,
        embedder: Embedder | Mapping[str, Any] | None = None,
        *,
        drop_old: bool = False,
        progress: Progress | None = None,
    ) -> ReembedOutcome:
        """Move the whole store to another embedding model; its vectors may have another length.

        New collections are filled beside the current ones and take over their names once they are complete. Until then
        nothing changes: an interruption leaves the memory as it was, and calling again with the same embedder
        continues. Afterwards this memory and every other client of the same store refuse all requests: open the store
        again with the new embedder. The old collections are kept as ``<collection_name>__old`` until they are dropped.
        They can be opened under that name with the old embedder, and still hold memories that are purged later.

        Writes through clients of this store during the move are moved too; during the final switch they are refused.
        Other processes and stores must not write to the collections meanwhile. Record stores with a
        ``collection_name`` of their own are not moved.

        Args:
            embedder: an embedding model object, or ``{"provider", "config"}`` as in the configuration. Default: move
                nothing; ``drop_old`` then drops the collections kept by an earlier call.
            drop_old: True to drop the old collections at the end.
            progress: called repeatedly with the number of rows moved and the number of all rows.

        Returns:
            ``{"message", "memories", "versions", "records", "kept", "unsearchable"}``: the numbers of rows moved, the
            name of the old memories' collection, and the number of records that lost their own vector.

        Raises:
            ConfigError: the embedder's configuration is wrong.
            ValidationError: old collections of an earlier call exist, and ``drop_old`` is False.
            EmbeddingError: the embedding model failed; call again to continue.
            StoreError: Milvus failed; call again to continue.

        Examples:
            >>> outcome = await memory.reembed({"provider": "offline", "config": {"embedding_dims": 256}})
            >>> outcome["memories"], outcome["kept"]
        """

    @async_operation(operations.reset)
    async def reset(self) -> Outcome:
        """Delete the memories of all users: drop both collections and create them again.

        Collections that ``reembed`` kept or left unfinished are dropped too.

        Raises:
            StoreError: Milvus failed.

        Examples:
            >>> await memory.reset()
            {'message': 'Memory reset successfully!'}
        """
