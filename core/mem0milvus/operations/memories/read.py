"""Reading memories without a query: one by id, all of a scope, a stream of them, and the history of one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from mem0milvus.data.memory_row import memory_id_of, to_history, to_item, version_key
from mem0milvus.data.notebook_tables import as_table
from mem0milvus.data.numbers import check_whole_number
from mem0milvus.data.scope import check_memory_id
from mem0milvus.errors import NotFoundError, ValidationError
from mem0milvus.operations.memories.as_of import pages_as_of, read_view
from mem0milvus.operations.memories.latest_rows import latest_row, latest_rows, unknown_id
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, starts_with
from mem0milvus.retrieval.filters.scope_filters import in_scope, read_scope_and_filters
from mem0milvus.types import UNSET, Consistency, HistoryEntry, MemoryItem, MemoryList, Moment, ScopeId


async def get(ports: Ports, memory_id: str) -> MemoryItem:
    """Return one memory."""
    check_memory_id(memory_id)
    row = (await ports.live.get([memory_id])).get(memory_id)
    if row is None or row.expires_at <= ports.clock.now_us():
        raise NotFoundError(unknown_id(memory_id))
    return as_table(to_item(row))


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
    """Return the memories of a scope, oldest first."""
    scope, where = read_scope_and_filters(user_id, agent_id, run_id, filters)
    count = read_count(top_k, limit)
    check_whole_number(offset, "offset")
    view = read_view(ports, as_of, consistency)
    pages = pages_as_of(ports, view, all_of(in_scope(scope), where))
    rows = [row async for page in pages for row in page]
    rows.sort(key=lambda row: (row.created_at, row.id))
    end = None if count is None else offset + count
    results: MemoryList = {"results": [to_item(row) for row in rows[offset:end]]}
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
    """Yield the memories of a scope in no particular order, reading a page at a time."""
    scope, where = read_scope_and_filters(user_id, agent_id, run_id, filters)
    view = read_view(ports, as_of, consistency)
    async for page in pages_as_of(ports, view, all_of(in_scope(scope), where)):
        for row in page:
            yield to_item(row)


async def history(ports: Ports, memory_id: str) -> list[HistoryEntry]:
    """Return the versions of a memory, oldest first, as the changes between them."""
    check_memory_id(memory_id)
    latest = await latest_row(ports, memory_id)
    keys = [version_key(memory_id, version) for version in range(1, latest.version)]
    closed = await ports.history.get(keys)
    return as_table(to_history(memory_id, [*(closed[key] for key in keys if key in closed), latest]))


async def ids_beginning_with(ports: Ports, beginning: str) -> list[str]:
    """Return the ids, also of deleted memories, that begin with a text, sorted; only the equal one if there is one."""
    check_memory_id(beginning)
    if await latest_rows(ports, [beginning]):
        return [beginning]
    pages = [table.pages(starts_with("id", beginning), only=()) for table in (ports.live, ports.history)]
    return sorted({memory_id_of(row.id) for of_table in pages async for page in of_table for row in page})


def read_count(top_k: int | None, limit: int | None, default: int | None = None, most: int | None = None) -> int | None:
    """Return the number of results asked for, as ``top_k`` or by Mem0's other name ``limit``, or the default."""
    if top_k is not None and limit is not None:
        raise ValidationError("top_k and limit are two names of the same: give only one.")
    count = top_k if top_k is not None else limit
    return default if count is None else check_whole_number(count, "top_k", least=1, most=most)
