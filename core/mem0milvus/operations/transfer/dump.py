"""Writing everything into one file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mem0milvus.data.limits import ROWS_PER_REQUEST
from mem0milvus.data.memory_row import MemoryRow, memory_id_of, version_key
from mem0milvus.data.record_row import RecordRow, further_ids
from mem0milvus.data.timestamps import to_iso
from mem0milvus.errors import StoreError
from mem0milvus.operations.transfer.dump_format import (
    HEADER_BYTES,
    Header,
    MemoryRows,
    RecordRows,
    memory_lines,
    record_line,
)
from mem0milvus.ports import NewFile, Ports, RecordPorts, Table, Transfer
from mem0milvus.retrieval.filters import equals
from mem0milvus.types import DumpOutcome, FilePath, Progress

if TYPE_CHECKING:
    from hashlib import _Hash


async def dump(
    ports: Ports, path: FilePath, *, vectors: bool = True, overwrite: bool = False, progress: Progress | None = None
) -> DumpOutcome:
    """See ``Memory.dump``."""
    transfer = transfer_of(ports)
    records = await transfer.records(False)
    begun_us = ports.clock.now_us()
    async with transfer.files.create(path, overwrite=overwrite) as file:
        await file.write([b" " * (HEADER_BYTES - 1) + b"\n"])
        writer = _Writer(file, progress, 0 if progress is None else await _count(ports, records))
        async for memories in _memories(ports, begun_us, vectors):
            await writer.write(line for memory in memories for line in memory_lines(memory, vectors=vectors))
        if records is not None:
            async for some in _records(records):
                await writer.write(record_line(record, vectors=vectors) for record in some)
        header = Header(
            dump_id=str(uuid4()),
            created_at=to_iso(begun_us),
            origin=transfer.origin,
            vectors=vectors,
            counts=writer.counts,
            size=writer.size,
            sha256=writer.digest.hexdigest(),
        )
        await file.finish(header.as_line())
    writer.tell_end()
    return {
        "message": "Memory dumped successfully!",
        "memories": writer.counts["memory"],
        "deleted": writer.counts["deleted"],
        "versions": writer.counts["version"],
        "records": writer.counts["record"],
    }


def transfer_of(ports: Ports) -> Transfer:
    """The ports of files and of what lies beside the memory.

    Raises:
        StoreError: this memory was opened without them.
    """
    if ports.transfer is None:
        raise StoreError("This memory cannot be taken out or in.")
    return ports.transfer


@dataclass(slots=True)
class _Writer:
    """Writes lines and counts them."""

    file: NewFile
    progress: Progress | None
    total: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("memory", "version", "deleted", "record"), 0))
    size: int = 0
    digest: _Hash = field(default_factory=sha256)

    async def write(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Append lines, each given with its kind."""
        some = []
        for kind, line in lines:
            self.counts[kind] += 1
            self.size += len(line)
            self.digest.update(line)
            some.append(line)
        await self.file.write(some)
        if self.progress is not None:
            done = sum(self.counts.values())
            self.progress(done, max(done, self.total))

    def tell_end(self) -> None:
        """Tell that nothing is left to do."""
        if self.progress is not None:
            done = sum(self.counts.values())
            self.progress(done, done)


async def _count(ports: Ports, records: RecordPorts | None) -> int:
    """About how many lines there will be."""
    tables: list[Table[Any]] = [ports.live, ports.history]
    total = 0
    for table in tables:
        async for page in table.pages(None, only=()):
            total += len(page)
    if records is not None:
        async for page in records.rows.pages(equals("part", 0), only=()):
            total += len(page)
    return total


async def _memories(ports: Ports, begun_us: int, vectors: bool) -> AsyncGenerator[list[MemoryRows], None]:
    """All memories with their past, some at a time: first those that live, then those that were deleted.

    In this order, a memory that is deleted meanwhile is in the file at least once. One that is restored meanwhile may
    be there twice, the second time with all that happened.
    """
    async for page in ports.live.pages(None, vectors=vectors, consistency="Strong"):
        for some in _portions(page):
            yield await _with_past(ports, some, vectors)
    async for page in ports.history.pages(equals("event", "DELETE"), only=("version",), consistency="Strong"):
        for some in _portions([record for record in page if record.id == memory_id_of(record.id)]):
            ids = [record.id for record in some]
            living = await ports.live.get(ids, vectors=vectors, consistency="Strong")
            deleted = await ports.history.get([i for i in ids if i not in living], consistency="Strong")
            since = [record for record in living.values() if record.valid_from >= begun_us]
            yield await _with_past(ports, [*since, *deleted.values()], vectors)


def _portions(records: Sequence[MemoryRow]) -> Iterator[list[MemoryRow]]:
    """The records in their order, as many at a time as have, with their past, about as many rows as one request."""
    some: list[MemoryRow] = []
    rows = 0
    for record in records:
        if some and rows + record.version > ROWS_PER_REQUEST:
            yield some
            some, rows = [], 0
        some.append(record)
        rows += record.version
    if some:
        yield some


async def _with_past(ports: Ports, heads: Sequence[MemoryRow], vectors: bool) -> list[MemoryRows]:
    keys = [version_key(head.id, version) for head in heads for version in range(1, head.version)]
    past = await ports.history.get(keys, vectors=vectors, consistency="Strong") if keys else {}
    return [
        MemoryRows(
            head, [past[key] for version in range(1, head.version) if (key := version_key(head.id, version)) in past]
        )
        for head in heads
    ]


async def _records(ports: RecordPorts) -> AsyncGenerator[list[RecordRows], None]:
    """All records, some at a time."""
    async for page in ports.rows.pages(equals("part", 0), only=("parts",), consistency="Strong"):
        for start in range(0, len(page), ROWS_PER_REQUEST // 4):
            ids = [row.id for row in page[start : start + ROWS_PER_REQUEST // 4]]
            firsts = await ports.rows.get(ids, vectors=True, consistency="Strong")
            others = await ports.rows.get(
                [key for row in firsts.values() for key in further_ids(row)], vectors=True, consistency="Strong"
            )
            yield [RecordRows(_rows_of(first, others)) for first in firsts.values()]


def _rows_of(first: RecordRow, others: dict[str, RecordRow]) -> list[RecordRow]:
    """A record's rows; those that an earlier change left behind do not count."""
    further = (others.get(key) for key in further_ids(first))
    return [first, *(row for row in further if row is not None and row.updated_at == first.updated_at)]
