"""``AsyncMemory``: the awaiting face. The same operations as ``Memory``, which documents them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from mem0milvus import operations
from mem0milvus.client.lifecycle import AwaitingClose
from mem0milvus.client.memory import Memory
from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.operations.memories.timeline import DEFAULT_LINES
from mem0milvus.retrieval.ranking import DEFAULT_PRESET, PresetName
from mem0milvus.types import (
    LLM,
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
    from typing_extensions import Self

    from mem0milvus.ports import Ports
    from mem0milvus.runtime.open_store import OpenStore


class AsyncMemory(AwaitingClose):
    """Long-term memory in Milvus, for ``asyncio``. Its methods are those of ``Memory``, to be awaited.

    The store is opened by the first operation, or by ``async with``, without blocking the event loop. It can be used
    from many tasks, and from several event loops one after the other. Close it with ``aclose()``.

    A write whose caller is cancelled is carried through to its end, so that nothing is left half done; until
    the first write, cancelling an operation stops it.

    Args:
        config: as for ``Memory``.
        llm: as for ``Memory``; an object with ``acomplete`` is awaited.
        embedder: as for ``Memory``; an object with ``aembed`` is awaited.

    Raises:
        ConfigError: the configuration is wrong. Errors of the store come with the first operation.
    """

    def __init__(
        self, config: Mapping[str, Any] | None = None, *, llm: LLM | None = None, embedder: Embedder | None = None
    ) -> None:
        from mem0milvus.runtime.open_store import OpenStore

        self._attach(OpenStore(config, llm, embedder))

    def _attach(self, runtime: OpenStore) -> None:
        from mem0milvus.runtime.thread_driver import ThreadDriver

        self._runtime = runtime
        self._driver = ThreadDriver(runtime.executor)
        self._ports = runtime.async_ports(self._driver)
        self._closed = False

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, llm: LLM | None = None, embedder: Embedder | None = None
    ) -> Self:
        """See ``Memory.from_config``. The store itself is opened by the first operation."""
        return cls(config, llm=llm, embedder=embedder)

    async def _open(self) -> Ports:
        if self._closed:
            raise StoreError(CLOSED)
        if not self._runtime.is_open:
            await self._driver.call(self._runtime.open)
            await self._runtime.prepare()
        return self._ports

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
        """See ``Memory.add``."""
        ports = await self._open()
        return await operations.add(
            ports,
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
    ) -> SearchResult:
        """See ``Memory.search``."""
        ports = await self._open()
        return await operations.search(
            ports,
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

    async def get(self, memory_id: str) -> MemoryItem:
        """See ``Memory.get``."""
        ports = await self._open()
        return await operations.get(ports, memory_id)

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
        """See ``Memory.get_all``."""
        ports = await self._open()
        return await operations.get_all(
            ports,
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

    async def iterate(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        filters: Mapping[str, Any] | None = None,
        as_of: Moment | None = None,
        consistency: Consistency | None = None,
    ) -> AsyncIterator[MemoryItem]:
        """See ``Memory.iterate``. Close it (``contextlib.aclosing``) where it is left before its end."""
        ports = await self._open()
        found = operations.iterate(
            ports,
            user_id,
            agent_id=agent_id,
            run_id=run_id,
            filters=filters,
            as_of=as_of,
            consistency=consistency,
        )
        async with aclosing(found):
            async for item in found:
                yield item

    async def update(self, memory_id: str, data: str, metadata: Mapping[str, Any] | None = None) -> Outcome:
        """See ``Memory.update``."""
        ports = await self._open()
        return await operations.update(ports, memory_id, data, metadata)

    async def delete(
        self,
        memory_id: str | Unset = UNSET,
        *,
        memory_ids: Sequence[str] | Unset = UNSET,
        user_id: ScopeId = UNSET,
        purge: bool = False,
    ) -> DeleteOutcome:
        """See ``Memory.delete``."""
        ports = await self._open()
        return await operations.delete(ports, memory_id, memory_ids=memory_ids, user_id=user_id, purge=purge)

    async def delete_all(
        self,
        *,
        user_id: ScopeId = UNSET,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        purge: bool = False,
    ) -> DeleteOutcome:
        """See ``Memory.delete_all``."""
        ports = await self._open()
        return await operations.delete_all(ports, user_id=user_id, agent_id=agent_id, run_id=run_id, purge=purge)

    async def history(self, memory_id: str) -> list[HistoryEntry]:
        """See ``Memory.history``."""
        ports = await self._open()
        return await operations.history(ports, memory_id)

    async def restore(self, memory_id: str, version: int) -> Outcome:
        """See ``Memory.restore``."""
        ports = await self._open()
        return await operations.restore(ports, memory_id, version)

    async def timeline(
        self,
        user_id: ScopeId = UNSET,
        *,
        agent_id: ScopeId = UNSET,
        run_id: ScopeId = UNSET,
        limit: int = DEFAULT_LINES,
    ) -> Figure:
        """See ``Memory.timeline``."""
        from mem0milvus.client.timeline_chart import draw_timeline

        ports = await self._open()
        lives = await operations.timeline(ports, user_id, agent_id=agent_id, run_id=run_id, limit=limit)
        return await self._driver.call(draw_timeline, lives)

    async def flush(self, timeout: float | None = None) -> FlushOutcome:
        """See ``Memory.flush``."""
        ports = await self._open()
        return await operations.flush(ports, timeout)

    async def process_pending(
        self, *, user_id: ScopeId = UNSET, agent_id: ScopeId = UNSET, run_id: ScopeId = UNSET
    ) -> PendingOutcome:
        """See ``Memory.process_pending``."""
        ports = await self._open()
        return await operations.process_pending(ports, user_id=user_id, agent_id=agent_id, run_id=run_id)

    async def vacuum(self) -> VacuumOutcome:
        """See ``Memory.vacuum``."""
        ports = await self._open()
        return await operations.vacuum(ports)

    async def dump(
        self, path: FilePath, *, vectors: bool = True, overwrite: bool = False, progress: Progress | None = None
    ) -> DumpOutcome:
        """See ``Memory.dump``."""
        ports = await self._open()
        return await operations.dump(ports, path, vectors=vectors, overwrite=overwrite, progress=progress)

    async def load(
        self, path: FilePath, *, on_conflict: OnConflict = "error", progress: Progress | None = None
    ) -> LoadOutcome:
        """See ``Memory.load``."""
        ports = await self._open()
        return await operations.load(ports, path, on_conflict=on_conflict, progress=progress)

    async def reembed(
        self,
        embedder: Embedder | Mapping[str, Any] | None = None,
        *,
        drop_old: bool = False,
        progress: Progress | None = None,
    ) -> ReembedOutcome:
        """See ``Memory.reembed``."""
        ports = await self._open()
        return await operations.reembed(ports, embedder, drop_old=drop_old, progress=progress)

    async def reset(self) -> Outcome:
        """See ``Memory.reset``."""
        ports = await self._open()
        return await operations.reset(ports)

    def to_sync(self) -> Memory:
        """The blocking face of the same store. Each face is closed on its own; the last one closes the store."""
        return Memory._over(self._runtime.share())

    @classmethod
    def _over(cls, runtime: OpenStore) -> Self:
        memory = cls.__new__(cls)
        memory._attach(runtime)
        return memory

    async def aclose(self) -> None:
        """Wait for adds in the background and writes that go on, then close this face; a second call does nothing."""
        if not self._closed:
            self._closed = True
            await self._ports.background.close()
            await self._driver.settle()
            await self._runtime.aclose(self._driver)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runtime!r})"
