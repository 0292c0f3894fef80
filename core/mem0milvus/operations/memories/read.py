"""Reading memories without a question: one, all of a scope, or a stream of them, and a memory's history."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from mem0milvus.data.memory_row import MemoryRow, to_history, to_item, version_key
from mem0milvus.data.notebook_tables import as_table
from mem0milvus.data.scope import check_memory_id
from mem0milvus.errors import NotFoundError, ValidationError
from mem0milvus.operations.memories import as_of as visible
from mem0milvus.operations.memories.update import latest, unknown_id
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of
from mem0milvus.retrieval.filters.scope_filters import in_scope, read_scope_and_filters
from mem0milvus.types import UNSET, Consistency, HistoryEntry, MemoryItem, MemoryList, Moment, ScopeId


async def get(ports: Ports, memory_id: str) -> MemoryItem:
    """See ``Memory.get``."""
    check_memory_id(memory_id)
    record = (await ports.live.get([memory_id])).get(memory_id)
    if record is None or record.expires_at <= ports.clock.now_us():
        raise NotFoundError(unknown_id(memory_id))
    return as_table(to_item(record))


async def get_all(
    ports: Ports,
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
    scope, where = read_scope_and_filters(user_id, agent_id, run_id, filters)
    count = read_count(top_k, limit)
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise ValidationError(f"offset must be a whole number from 0, not {offset!r}.")
    view = visible.read_view(ports, as_of, consistency)
    records: list[MemoryRow] = []
    async for page in visible.pages(ports, view, all_of(in_scope(scope), where)):
        records.extend(page)
    records.sort(key=lambda record: (record.created_at, record.id))
    end = None if count is None else offset + count
    results: MemoryList = {"results": [to_item(record) for record in records[offset:end]]}
    return as_table(results)


async def iterate(
    ports: Ports,
    user_id: ScopeId = UNSET,
    *,
    agent_id: ScopeId = UNSET,
    run_id: ScopeId = UNSET,
    filters: Mapping[str, Any] | None = None,
    as_of: Moment | None = None,
    consistency: Consistency | None = None,
) -> AsyncGenerator[MemoryItem, None]:
    """See ``Memory.iterate``."""
    scope, where = read_scope_and_filters(user_id, agent_id, run_id, filters)
    view = visible.read_view(ports, as_of, consistency)
    async for page in visible.pages(ports, view, all_of(in_scope(scope), where)):
        for record in page:
            yield to_item(record)


async def history(ports: Ports, memory_id: str) -> list[HistoryEntry]:
    """See ``Memory.history``."""
    check_memory_id(memory_id)
    current = await latest(ports, memory_id)
    keys = [version_key(memory_id, version) for version in range(1, current.version)]
    past = await ports.history.get(keys) if keys else {}
    return as_table(to_history(memory_id, [*(past[key] for key in keys if key in past), current]))


def read_count(top_k: int | None, limit: int | None, default: int | None = None, most: int | None = None) -> int | None:
    """How many results are wanted: ``top_k`` or, as Mem0 also calls it, ``limit``.

    Raises:
        ValidationError: both are given, or it is no whole number from 1 to ``most``.
    """
    if top_k is not None and limit is not None:
        raise ValidationError("top_k and limit are two names of the same: give one.")
    count = top_k if top_k is not None else limit
    if count is None:
        return default
    if not isinstance(count, int) or isinstance(count, bool) or count < 1 or (most is not None and count > most):
        bound = "" if most is None else f" to {most:,}"
        raise ValidationError(f"top_k must be a whole number from 1{bound}, not {count!r}.")
    return count
