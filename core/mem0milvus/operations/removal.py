"""Removing the rows that match a filter, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from mem0milvus.ports import Ports, R, RecordPorts, Table
from mem0milvus.retrieval.filters import Filter


async def remove_pages(
    ports: Ports | RecordPorts,
    table: Table[R],
    where: Filter | None,
    still_matches: Callable[[R], bool],
    remove: Callable[[list[R]], Awaitable[None]],
    *,
    vectors: bool = False,
) -> AsyncGenerator[list[R], None]:
    """Remove the rows that match a filter and yield those of each page once they are removed.

    The rows of a page are locked and then read again, because they may have changed since they were listed;
    ``still_matches`` decides anew. Reads are strong, so that rows just written by other processes are removed as well.
    """

    async def remove_page(ids: Sequence[str]) -> list[R]:
        async with ports.locks.hold(ids):
            rows = (await table.get(ids, vectors=vectors, consistency="Strong")).values()
            matching = [row for row in rows if still_matches(row)]
            await remove(matching)
        return matching

    async for page in table.pages(where, only=(), consistency="Strong"):
        yield await ports.shield(remove_page([row.id for row in page]))
