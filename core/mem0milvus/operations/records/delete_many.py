"""Deleting many records: those of a namespace, and those that have expired."""

from __future__ import annotations

from collections.abc import Sequence

from mem0milvus.data.namespaces import read_namespace
from mem0milvus.data.record_row import further_ids
from mem0milvus.data.record_types import Namespace
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.ports import RecordPorts
from mem0milvus.retrieval.filters import Filter, all_of, at_most, equals
from mem0milvus.retrieval.filters.scope_filters import in_namespace, within_namespace


async def delete_namespace(ports: RecordPorts, namespace: Namespace, *, prefix: bool = False) -> int:
    """See ``RecordStore.delete_namespace``."""
    path = read_namespace(namespace, may_be_empty=prefix)
    where = all_of(within_namespace(path) if prefix else in_namespace(path), equals("part", 0))
    now_us = ports.clock.now_us()
    deleted = 0
    while ends := await _delete_pass(ports, where, until_us=FOREVER_US):
        deleted += sum(end_us > now_us for end_us in ends)
    return deleted


async def sweep(ports: RecordPorts) -> int:
    """See ``RecordStore.sweep``."""
    now_us = ports.clock.now_us()
    where = all_of(at_most("expires_at", now_us), equals("part", 0))
    return len(await _delete_pass(ports, where, until_us=now_us))


async def _delete_pass(ports: RecordPorts, where: Filter | None, until_us: int) -> list[int]:
    """Go through the records once and delete those that end by a moment. Returns when they ended or were to end."""
    ends: list[int] = []
    async for page in ports.rows.pages(where, only=(), consistency="Strong"):
        ends += await ports.shield(_delete_page(ports, [row.id for row in page], until_us))
    return ends


async def _delete_page(ports: RecordPorts, ids: Sequence[str], until_us: int) -> list[int]:
    async with ports.locks.hold(ids):
        stored = (await ports.rows.get(ids, consistency="Strong")).values()
        # Put or refreshed since the page was read, a record may last longer now.
        gone = [row for row in stored if row.expires_at <= until_us]
        further = [key for row in gone for key in further_ids(row)]
        await ports.rows.remove([*further, *(row.id for row in gone)])
    return [row.expires_at for row in gone]
