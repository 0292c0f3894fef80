"""Reading records by key, and putting off their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mem0milvus.data.namespaces import read_namespace, record_id, record_id_of
from mem0milvus.data.record_row import RecordRow, further_ids, to_item
from mem0milvus.data.record_types import MaybeRecords, Namespace, RecordItem
from mem0milvus.errors import ValidationError
from mem0milvus.ports import RecordPorts


async def get(ports: RecordPorts, namespace: Namespace, key: str, *, refresh_ttl: bool = False) -> RecordItem | None:
    """See ``RecordStore.get``."""
    (item,) = await get_many(ports, [(namespace, key)], refresh_ttl=refresh_ttl)
    return item


async def get_many(
    ports: RecordPorts, keys: Sequence[tuple[Namespace, str]], *, refresh_ttl: bool = False
) -> MaybeRecords:
    """See ``RecordStore.get_many``."""
    ids = [record_id(read_namespace(namespace), key) for namespace, key in keys]
    stored = await ports.rows.get(ids)
    now_us = ports.clock.now_us()
    rows = {row.id: row for row in stored.values() if row.is_there(now_us)}
    if refresh_ttl:
        rows |= await refreshed(ports, rows.values())
    return [to_item(rows[i]) if i in rows else None for i in ids]


async def refreshed(ports: RecordPorts, rows: Iterable[RecordRow]) -> dict[str, RecordRow]:
    """Give those of some records that have an end their whole time anew.

    Args:
        ports: the store's.
        rows: any row of each.

    Returns:
        Those that are still there, by id, as they are then.
    """
    ending = list({record_id_of(row.id) for row in rows if row.ttl_us})
    return await ports.shield(_refresh(ports, ending)) if ending else {}


async def _refresh(ports: RecordPorts, ids: Sequence[str]) -> dict[str, RecordRow]:
    async with ports.locks.hold(ids):
        stored = await ports.rows.get(ids, vectors=True)
        now_us = ports.clock.now_us()
        there = [row for row in stored.values() if row.ttl_us and row.is_there(now_us)]
        further = await ports.rows.get([key for row in there for key in further_ids(row)], vectors=True)
        later = [replace(row, expires_at=now_us + row.ttl_us) for row in (*there, *further.values())]
        await ports.rows.put(later)
    return {row.id: row for row in later[: len(there)]}


def check_window(limit: object, offset: object) -> None:
    """Check which of some results are wanted.

    Raises:
        ValidationError: ``limit`` is no whole number from 1, or ``offset`` none from 0.
    """
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValidationError(f"limit must be a whole number from 1, not {limit!r}.")
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise ValidationError(f"offset must be a whole number from 0, not {offset!r}.")
