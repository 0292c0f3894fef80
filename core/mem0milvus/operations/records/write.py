"""Putting and deleting records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from mem0milvus.data.namespaces import check_items, check_keys, part_id
from mem0milvus.data.quoting import shown
from mem0milvus.data.record_row import RecordRow, further_ids, row_ids
from mem0milvus.data.record_types import DeleteRecord, Namespace, PutRecord
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import PartialWriteError, StoreError, ValidationError
from mem0milvus.operations.records.check_requests import Change, Delete, Put, read_change
from mem0milvus.ports import RecordPorts
from mem0milvus.retrieval.text import document_weights
from mem0milvus.types import Vector

#: The words of a row that has none: Milvus requires a sparse vector with at least one entry in every row.
NO_WORDS: Mapping[int, float] = {0: 1.0}


async def put(
    ports: RecordPorts,
    namespace: Namespace,
    key: str,
    value: Mapping[str, Any],
    *,
    text: str | Sequence[str] | None = None,
    vector: Sequence[float] | None = None,
    ttl_s: float | None = None,
    order: int | None = None,
) -> None:
    """Store a record, replacing the one with the same key."""
    one = PutRecord(namespace=namespace, key=key, value=value, text=text, vector=vector, ttl_s=ttl_s, order=order)
    await write(ports, [one])


async def put_many(ports: RecordPorts, records: Sequence[PutRecord]) -> None:
    """Store several records."""
    records = check_items(records, "records", "PutRecord")
    for record in records:
        if not isinstance(record, PutRecord):
            raise ValidationError(f"records holds {type(record).__name__} {shown(record)}: each must be a PutRecord.")
    await write(ports, records)


async def delete(ports: RecordPorts, namespace: Namespace, key: str) -> bool:
    """Delete a record and return True if it existed."""
    return bool(await delete_many(ports, [(namespace, key)]))


async def delete_many(ports: RecordPorts, keys: Sequence[tuple[Namespace, str]]) -> int:
    """Delete several records and return the number of those that existed."""
    return sum(await write(ports, [DeleteRecord(namespace=namespace, key=key) for namespace, key in check_keys(keys)]))


async def write(ports: RecordPorts, requests: Sequence[PutRecord | DeleteRecord]) -> list[bool]:
    """Execute requests as if one after the other. Return for each whether the record existed before it.

    Raises:
        ValidationError: a request is wrong. Nothing was changed.
        EmbeddingError: the embedding model failed. Nothing was changed.
        PartialWriteError: some records were changed and some were not; it lists both by their ids.
        StoreError: Milvus failed. Nothing was changed, as far as is known.
    """
    changes = [read_change(request, ports.dims) for request in requests]
    if not changes:
        return []
    last = {change.id: change for change in changes}
    vectors = await _embed(ports, last.values())
    return await ports.shield(_change(ports, changes, last, vectors))


async def _embed(ports: RecordPorts, changes: Iterable[Change]) -> dict[str, Vector]:
    """Return the embeddings of the texts that come without a vector, each embedded once."""
    puts = [change for change in changes if isinstance(change, Put) and change.vector is None]
    texts = list(dict.fromkeys(text for change in puts for text in change.texts))
    if not texts:
        return {}
    return dict(zip(texts, await ports.embedder.embed(texts), strict=True))


async def _change(
    ports: RecordPorts, changes: Sequence[Change], last: Mapping[str, Change], vectors: Mapping[str, Vector]
) -> list[bool]:
    """Execute changes; ``last`` holds the last change to each record, which alone is written."""
    async with ports.locks.hold(last.keys()):
        stored = await ports.rows.get(last.keys())
        now_us = ports.clock.now_us()
        current: dict[str, RecordRow | None] = {i: row for i, row in stored.items() if row.is_there(now_us)}
        existed = []
        for index, change in enumerate(changes):
            before = current.get(change.id)
            existed.append(before is not None)
            # An older updated_at identifies rows of an earlier state, so it must grow even if the clock does not.
            moment = max(now_us, stored[change.id].updated_at + 1) if change.id in stored else now_us
            current[change.id] = None if isinstance(change, Delete) else _record(ports, change, before, moment, index)
        rows = {
            change.id: _rows(record, change, vectors, ports.dims)
            for change in last.values()
            if isinstance(change, Put) and (record := current[change.id]) is not None
        }
        await _store(ports, stored, rows, deleted=[i for i in stored if i not in rows])
    return existed


def _record(ports: RecordPorts, change: Put, before: RecordRow | None, moment_us: int, index: int) -> RecordRow:
    """Return the record after a change, without texts, vector and words."""
    if change.order is not None:
        ports.positions.take(change.namespace, 1, at_least=change.order)
        position = change.order
    elif before is not None:
        position = before.seq
    else:
        # A microsecond apart, so that records put together into several namespaces are listed in their order.
        position = ports.positions.take(change.namespace, 1, at_least=moment_us + index)
    return RecordRow(
        id=change.id,
        namespace=change.namespace,
        parts=change.parts,
        metadata=change.value,
        seq=position,
        created_at=moment_us if before is None else before.created_at,
        updated_at=moment_us,
        ttl_us=change.ttl_us,
        expires_at=moment_us + change.ttl_us if change.ttl_us else FOREVER_US,
    )


def _rows(record: RecordRow, change: Put, vectors: Mapping[str, Vector], dims: int) -> list[RecordRow]:
    """Return all rows of a record: one for each text or, without a text, one."""
    if not change.texts:
        vector = change.vector or (1.0, *[0.0] * (dims - 1))
        return [replace(record, vector=vector, words=NO_WORDS)]
    return [
        replace(
            record,
            id=part_id(record.id, part),
            part=part,
            text=text,
            vector=change.vector or vectors[text],
            words=document_weights(text),
        )
        for part, text in enumerate(change.texts)
    ]


async def _store(
    ports: RecordPorts,
    stored: Mapping[str, RecordRow],
    rows: Mapping[str, Sequence[RecordRow]],
    deleted: Sequence[str],
) -> None:
    """Write rows so that, at any time, the first row of a record counts at least the rows that exist.

    Surplus rows are removed before the first row is replaced, and further rows are written after it. Rows of an earlier
    state that an interrupted write leaves are then overwritten or removed with the record.
    """
    surplus = [key for i, some in rows.items() if i in stored for key in further_ids(stored[i], since=len(some))]
    further = [key for i in deleted for key in further_ids(stored[i])]
    firsts = [some[0] for some in rows.values()]
    others = [row for some in rows.values() for row in some[1:]]
    written: set[str] = set()
    try:
        await ports.rows.remove([*surplus, *further, *deleted])
        written.update(deleted)
        await ports.rows.put([*firsts, *others])
    except StoreError as error:
        if isinstance(error, PartialWriteError):
            written.update(error.written)
        wanted = {**{i: [i] for i in deleted}, **{i: row_ids(some[0]) for i, some in rows.items()}}
        _raise_partial(error, wanted, written)


def _raise_partial(error: StoreError, wanted: Mapping[str, Sequence[str]], written: Collection[str]) -> NoReturn:
    """Raise an error about records instead of their rows; the error itself if no record was changed."""
    done = [i for i, keys in wanted.items() if all(key in written for key in keys)]
    if not done and not isinstance(error, PartialWriteError):
        raise error
    raise PartialWriteError(
        f"{len(done):,} of {len(wanted):,} records were changed, then Milvus failed: {error} "
        "It is safe to call this again.",
        written=done,
        not_written=[i for i in wanted if i not in done],
    ) from error
