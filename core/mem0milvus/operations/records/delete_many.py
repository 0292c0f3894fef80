"""Deleting many records: all of a namespace, or all expired ones."""

from __future__ import annotations

from collections.abc import Sequence

from mem0milvus.data.record_row import RecordRow, further_ids
from mem0milvus.data.record_types import Namespace
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.operations.records.list import namespace_filter
from mem0milvus.operations.removal import remove_pages
from mem0milvus.ports import RecordPorts
from mem0milvus.retrieval.filters import Filter, all_of, at_most, equals


async def delete_namespace(ports: RecordPorts, namespace: Namespace, *, prefix: bool = False) -> int:
    """Delete the records of a namespace or, with ``prefix``, of all namespaces within it. Return their number."""
    where = namespace_filter(namespace, prefix)
    now_us = ports.clock.now_us()
    deleted = 0
    # Other processes may put records behind the page just read: repeat until a pass finds none.
    while expiries := await _delete_pass(ports, where, until_us=FOREVER_US):
        deleted += sum(expires_at > now_us for expires_at in expiries)
    return deleted


async def sweep(ports: RecordPorts) -> int:
    """Delete the expired records and return their number."""
    now_us = ports.clock.now_us()
    return len(await _delete_pass(ports, at_most("expires_at", now_us), until_us=now_us))


async def _delete_pass(ports: RecordPorts, where: Filter | None, until_us: int) -> list[int]:
    """Delete the records that match a filter and expire by ``until_us``, in one pass. Return their expiry times."""

    async def remove(rows: Sequence[RecordRow]) -> None:
        further = [key for row in rows for key in further_ids(row)]
        await ports.rows.remove([*further, *(row.id for row in rows)])

    # A record that was put or refreshed since it was listed may expire later.
    first_rows = all_of(where, equals("part", 0))
    pages = remove_pages(ports, ports.rows, first_rows, lambda row: row.expires_at <= until_us, remove)
    return [row.expires_at async for page in pages for row in page]
