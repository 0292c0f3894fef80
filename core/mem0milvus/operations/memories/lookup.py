"""Finding memories by the beginning of their ids, as people type them."""

from __future__ import annotations

from mem0milvus.data.memory_row import memory_id_of
from mem0milvus.data.scope import check_memory_id
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import starts_with


async def ids_beginning_with(ports: Ports, beginning: str) -> list[str]:
    """The ids of the memories, deleted ones among them, that begin like this, sorted; one that is equal stands alone.

    Raises:
        ValidationError: this cannot be the beginning of an id.
        StoreError: Milvus failed.
    """
    check_memory_id(beginning)
    if await ports.live.get([beginning]) or await ports.history.get([beginning]):
        return [beginning]
    where = starts_with("id", beginning)
    found: set[str] = set()
    for table in (ports.live, ports.history):
        async for page in table.pages(where, only=()):
            found.update(memory_id_of(record.id) for record in page)
    return sorted(found)
