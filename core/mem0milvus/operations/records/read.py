"""Reading records by key, and extending their lifetime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mem0milvus.data.namespaces import check_keys, read_namespace, record_id, record_id_of
from mem0milvus.data.numbers import check_whole_number
from mem0milvus.data.record_row import RecordRow, further_ids, to_item
from mem0milvus.data.record_types import MaybeRecords, Namespace, RecordItem
from mem0milvus.ports import RecordPorts


async def get(ports: RecordPorts, namespace: Namespace, key: str, *, refresh_ttl: bool = False) -> RecordItem | None:
    """Return the record with a key; None if there is none."""
    (item,) = await get_many(ports, [(namespace, key)], refresh_ttl=refresh_ttl)
    return item


async def get_many(
    ports: RecordPorts, keys: Sequence[tuple[Namespace, str]], *, refresh_ttl: bool = False
) -> MaybeRecords:
    """Return the record with each key; None for a key without one."""
    ids = [record_id(read_namespace(namespace), key) for namespace, key in check_keys(keys)]
    stored = await ports.rows.get(ids)
    now_us = ports.clock.now_us()
    rows = {row.id: row for row in stored.values() if row.is_there(now_us)}
    if refresh_ttl:
        rows |= await refresh(ports, rows.values())
    return [to_item(rows[i]) if i in rows else None for i in ids]


async def refresh(ports: RecordPorts, rows: Iterable[RecordRow]) -> dict[str, RecordRow]:
    """Restart the lifetime of those records that have one, given any row of each.

    Returns:
        The new first rows by id, without those records that were deleted or have expired meanwhile.
    """
    ids = list({record_id_of(row.id) for row in rows if row.ttl_us})
    return await ports.shield(_refresh(ports, ids)) if ids else {}


async def _refresh(ports: RecordPorts, ids: Sequence[str]) -> dict[str, RecordRow]:
    async with ports.locks.hold(ids):
        stored = await ports.rows.get(ids, vectors=True)
        now_us = ports.clock.now_us()
        firsts = [row for row in stored.values() if row.ttl_us and row.is_there(now_us)]
        further = await ports.rows.get([key for row in firsts for key in further_ids(row)], vectors=True)
        refreshed = [replace(row, expires_at=now_us + row.ttl_us) for row in (*firsts, *further.values())]
        await ports.rows.put(refreshed)
    return {row.id: row for row in refreshed[: len(firsts)]}


def check_window(limit: object, offset: object) -> None:
    """Raise a ValidationError if ``limit`` is not a whole number from 1 or None, or ``offset`` not one from 0."""
    if limit is not None:
        check_whole_number(limit, "limit", least=1)
    check_whole_number(offset, "offset")
