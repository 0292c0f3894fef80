"""Records that come from elsewhere: what is to become of each, and writing them.

A record is known by its key and the moment when it was first put. One that was put again since it was taken out is left
as it is; one that was put again before is brought up to date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mem0milvus.data.namespaces import key_of, labels_of, part_id
from mem0milvus.data.record_row import RecordRow, further_ids
from mem0milvus.errors import StoreError
from mem0milvus.operations.records.write import NO_WORDS
from mem0milvus.operations.transfer.dump_format import RecordRows
from mem0milvus.ports import EmbedderPort, RecordPorts
from mem0milvus.retrieval.text import document_weights
from mem0milvus.types import LoadOutcome, OnConflict, Vector

_NEW, _PRESENT, _CONFLICT = "new", "present", "conflict"


async def conflicts(ports: RecordPorts, records: Sequence[RecordRows]) -> list[str]:
    """The keys of those that others have.

    Raises:
        StoreError: Milvus failed.
    """
    fates = await _fates(ports, records)
    return [_name(record) for record, fate in zip(records, fates, strict=True) if fate == _CONFLICT]


async def arrive(
    ports: RecordPorts, records: Sequence[RecordRows], on_conflict: OnConflict, mark: str, outcome: LoadOutcome
) -> None:
    """Write records that are not there, and count in ``outcome`` what became of each.

    Args:
        ports: the store.
        records: the records. Rows without a vector need one.
        on_conflict: what to do with a record whose key another one has.
        mark: what is added to the key of a record that is renamed.
        outcome: what is counted.

    Raises:
        ValidationError: a key is too long to be renamed.
        EmbeddingError: the embedding model failed. None of these was written.
        StoreError: Milvus failed, or a key was taken in this very moment. Doing the same again goes on.
    """
    arriving = await _sort(ports, records, on_conflict, mark, None)
    ready = {record.first.id: record for record in await indexed(ports.embedder, ports.dims, arriving)}
    await ports.shield(_write(ports, records, on_conflict, mark, ready, outcome))


async def indexed(embedder: EmbedderPort, dims: int, records: Sequence[RecordRows]) -> list[RecordRows]:
    """The records with words, and with a vector in each row: its own, or one that the embedding model makes.

    A record with neither a text nor a vector is found by no search.

    Raises:
        EmbeddingError: the model failed.
    """
    texts = dict.fromkeys(row.text for record in records for row in record.rows if row.text and not row.vector)
    vectors = dict(zip(texts, await embedder.embed(list(texts)), strict=True)) if texts else {}
    return [RecordRows([_indexed_row(row, vectors, dims) for row in record.rows]) for record in records]


def without_foreign_vectors(record: RecordRows) -> RecordRows:
    """The record without the vectors of another embedder. One that had no text is found by no search any more."""
    if any(not row.text for row in record.rows):
        return RecordRows([replace(record.first, parts=0, vector=())])
    return RecordRows([replace(row, vector=()) for row in record.rows])


def _indexed_row(row: RecordRow, vectors: Mapping[str, Vector], dims: int) -> RecordRow:
    if not row.parts:
        return replace(row, vector=(1.0, *[0.0] * (dims - 1)), words=NO_WORDS)
    vector = row.vector or vectors[row.text]
    return replace(row, vector=vector, words=document_weights(row.text) if row.text else NO_WORDS)


async def _fates(ports: RecordPorts, records: Sequence[RecordRows]) -> list[str]:
    there = await ports.rows.get([record.first.id for record in records])
    return [_fate(record.first, there.get(record.first.id)) for record in records]


def _fate(row: RecordRow, there: RecordRow | None) -> str:
    if there is None:
        return _NEW
    if there.created_at != row.created_at:
        return _CONFLICT
    if there.updated_at == row.updated_at:
        return _PRESENT if there.metadata == row.metadata else _CONFLICT
    return _PRESENT if there.updated_at > row.updated_at else _NEW


async def _sort(
    ports: RecordPorts, records: Sequence[RecordRows], on_conflict: OnConflict, mark: str, outcome: LoadOutcome | None
) -> list[RecordRows]:
    """Those that are to be written, under the keys that they get. The others are counted."""
    new, taken, present = [], [], 0
    for record, fate in zip(records, await _fates(ports, records), strict=True):
        if fate == _NEW:
            new.append(record)
        elif fate == _CONFLICT:
            taken.append(record)
        else:
            present += 1
    if taken and on_conflict == "error":
        raise StoreError(f"The key {_name(taken[0])!r} was taken by another record while these came in.")
    skipped, renamed = len(taken), {}
    if taken and on_conflict == "rename":
        others = [record.under(_key(record) + mark) for record in taken]
        fates = await _fates(ports, others)
        skipped = fates.count(_CONFLICT)
        present += fates.count(_PRESENT)
        new += [other for other, fate in zip(others, fates, strict=True) if fate == _NEW]
        renamed = {
            _name(record): _name(other)
            for record, other, fate in zip(taken, others, fates, strict=True)
            if fate != _CONFLICT
        }
    if outcome is not None:
        outcome["present"] += present
        outcome["skipped"] += skipped
        outcome["renamed"] |= renamed
    return new


async def _write(
    ports: RecordPorts,
    records: Sequence[RecordRows],
    on_conflict: OnConflict,
    mark: str,
    ready: Mapping[str, RecordRows],
    outcome: LoadOutcome,
) -> None:
    async with ports.locks.hold([i for record in records for i in (record.first.id, record.first.id + mark)]):
        arriving = await _sort(ports, records, on_conflict, mark, outcome)
        if any(record.first.id not in ready for record in arriving):
            raise StoreError("Records were changed while these came in. It is safe to do the whole again.")
        new = [ready[record.first.id] for record in arriving]
        there = await ports.rows.get([record.first.id for record in new])
        await ports.rows.remove([key for r in new if r.first.id in there for key in _surplus(there[r.first.id], r)])
        # The first rows first: at any moment they count all rows that there are.
        await ports.rows.put([record.first for record in new])
        await ports.rows.put([row for record in new for row in record.rows[1:]])
    outcome["records"] += len(new)


def _surplus(there: RecordRow, record: RecordRows) -> list[str]:
    """The keys of further rows that an earlier state of a record has and this one has not."""
    wanted = {part_id(record.first.id, row.part) for row in record.rows}
    return [key for key in further_ids(there) if key not in wanted]


def _key(record: RecordRows) -> str:
    return key_of(record.first.id, record.first.namespace)


def _name(record: RecordRows) -> str:
    """How users read a record's key."""
    return "/".join((*labels_of(record.first.namespace), _key(record)))
