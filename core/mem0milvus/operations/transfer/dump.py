"""Writing all memories and records into one file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

from mem0milvus.data.limits import ROWS_PER_REQUEST
from mem0milvus.data.memory_row import MemoryRow, memory_id_of, version_key
from mem0milvus.data.record_row import RecordRow, further_ids
from mem0milvus.data.timestamps import to_iso
from mem0milvus.errors import StoreError
from mem0milvus.operations.memories.latest_rows import latest_rows
from mem0milvus.operations.transfer.dump_format import (
    HEADER_BYTES,
    Header,
    MemoryRows,
    RecordRows,
    memory_lines,
    record_line,
)
from mem0milvus.ports import NewFile, Ports, R, RecordPorts, Table, Transfer
from mem0milvus.retrieval.filters import Filter, equals
from mem0milvus.types import DumpOutcome, FilePath, Progress

if TYPE_CHECKING:
    from hashlib import _Hash


async def dump(
    ports: Ports, path: FilePath, *, vectors: bool = True, overwrite: bool = False, progress: Progress | None = None
) -> DumpOutcome:
    """Write all memories with their history, and all records, into one file."""
    transfer = transfer_of(ports)
    records = await transfer.records(False)
    started_us = ports.clock.now_us()
    async with transfer.files.create(path, overwrite=overwrite) as file:
        await file.write([b" " * (HEADER_BYTES - 1) + b"\n"])
        writer = _Writer(file, progress, 0 if progress is None else await _count(ports, records))
        async for memories in _memories(ports, started_us, vectors):
            await writer.write(line for memory in memories for line in memory_lines(memory, vectors=vectors))
        if records is not None:
            async for batch in _records(records):
                await writer.write(record_line(record, vectors=vectors) for record in batch)
        header = Header(
            dump_id=str(uuid4()),
            created_at=to_iso(started_us),
            origin=transfer.origin,
            vectors=vectors,
            counts=writer.counts,
            size=writer.size,
            sha256=writer.digest.hexdigest(),
        )
        await file.finish(header.as_line())
    writer.report(total=0)
    return {
        "message": "Memory dumped successfully!",
        "memories": writer.counts["memory"],
        "deleted": writer.counts["deleted"],
        "versions": writer.counts["version"],
        "records": writer.counts["record"],
    }


def transfer_of(ports: Ports) -> Transfer:
    """Return the ports for transfers, or raise a StoreError if the memory was opened without them."""
    if ports.transfer is None:
        raise StoreError("This memory does not support dump, load and reembed: it was opened without access to files.")
    return ports.transfer


@dataclass(slots=True)
class _Writer:
    """Writes lines, counts them and reports progress towards ``total``, which is an estimate."""

    file: NewFile
    progress: Progress | None
    total: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("memory", "version", "deleted", "record"), 0))
    size: int = 0
    digest: _Hash = field(default_factory=sha256)

    async def write(self, kinds_and_lines: Iterable[tuple[str, bytes]]) -> None:
        """Append lines."""
        lines = []
        for kind, line in kinds_and_lines:
            self.counts[kind] += 1
            self.size += len(line)
            self.digest.update(line)
            lines.append(line)
        await self.file.write(lines)
        self.report(self.total)

    def report(self, total: int) -> None:
        """Report the lines written so far, of a total that is at least their number."""
        if self.progress is not None:
            done = sum(self.counts.values())
            self.progress(done, max(done, total))


async def _count(ports: Ports, records: RecordPorts | None) -> int:
    """Return about how many lines there will be."""
    lines = await count_rows(ports.live) + await count_rows(ports.history)
    return lines + (await count_rows(records.rows, equals("part", 0)) if records else 0)


async def count_rows(table: Table[R], where: Filter | None = None) -> int:
    """Return the number of rows that match a filter."""
    return sum([len(page) async for page in table.pages(where, only=())])


async def _memories(ports: Ports, started_us: int, vectors: bool) -> AsyncGenerator[list[MemoryRows], None]:
    """Yield all memories with their history in batches: first the live ones, then the deleted ones.

    In this order, a memory that is deleted during the dump is written at least once. One that is restored during the
    dump may be written twice, the second time with all its versions.
    """
    async for page in ports.live.pages(None, vectors=vectors, consistency="Strong"):
        for rows in _batches(page):
            yield await _with_history(ports, rows, vectors)
    async for page in ports.history.pages(equals("event", "DELETE"), only=("version",), consistency="Strong"):
        for rows in _batches([row for row in page if row.id == memory_id_of(row.id)]):
            latest = await latest_rows(ports, [row.id for row in rows], vectors=vectors, consistency="Strong")
            # An old tombstone of a memory restored before the dump: its live row was written by the first loop.
            heads = [row for row in latest.values() if row.event == "DELETE" or row.valid_from >= started_us]
            yield await _with_history(ports, heads, vectors)


def _batches(rows: Sequence[MemoryRow]) -> Iterator[list[MemoryRow]]:
    """Yield the latest rows in batches that have, with their history, about as many rows as one request returns."""
    batch: list[MemoryRow] = []
    count = 0
    for row in rows:
        if batch and count + row.version > ROWS_PER_REQUEST:
            yield batch
            batch, count = [], 0
        batch.append(row)
        count += row.version
    if batch:
        yield batch


async def _with_history(ports: Ports, heads: Sequence[MemoryRow], vectors: bool) -> list[MemoryRows]:
    keys = {head.id: [version_key(head.id, version) for version in range(1, head.version)] for head in heads}
    closed = await ports.history.get([k for some in keys.values() for k in some], vectors=vectors, consistency="Strong")
    return [MemoryRows(head, [closed[key] for key in keys[head.id] if key in closed]) for head in heads]


async def _records(ports: RecordPorts) -> AsyncGenerator[list[RecordRows], None]:
    """Yield all records in batches."""
    size = ROWS_PER_REQUEST // 4
    async for page in ports.rows.pages(equals("part", 0), only=("parts",), consistency="Strong"):
        for start in range(0, len(page), size):
            ids = [row.id for row in page[start : start + size]]
            firsts = await ports.rows.get(ids, vectors=True, consistency="Strong")
            others = await ports.rows.get(
                [key for row in firsts.values() for key in further_ids(row)], vectors=True, consistency="Strong"
            )
            yield [RecordRows(_rows_of(first, others)) for first in firsts.values()]


def _rows_of(first: RecordRow, others: dict[str, RecordRow]) -> list[RecordRow]:
    """Return the rows of a record, without those that an interrupted write has left from an earlier state."""
    further = (others.get(key) for key in further_ids(first))
    return [first, *(row for row in further if row is not None and row.updated_at == first.updated_at)]
