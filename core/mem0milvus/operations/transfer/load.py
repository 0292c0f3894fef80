"""Loading a dump.

The whole file is read and verified before anything is written. Memories are written with their history, in batches, and
those that are stored already are skipped, so an interrupted load is completed by calling it again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from uuid import UUID, uuid5

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.data.quoting import shown
from mem0milvus.errors import ValidationError
from mem0milvus.operations.transfer import import_rows
from mem0milvus.operations.transfer.dump import transfer_of
from mem0milvus.operations.transfer.dump_format import UNREADABLE, Header, MemoryRows, RecordRows, read_header, read_row
from mem0milvus.operations.transfer.import_memories import MemoryImporter
from mem0milvus.operations.transfer.import_records import RecordImporter, without_vectors
from mem0milvus.ports import Files, Origin, Ports, RecordPorts
from mem0milvus.types import FilePath, LoadOutcome, OnConflict, Progress

#: The number of conflicting ids in an error message.
_NAMED = 5


async def load(
    ports: Ports, path: FilePath, *, on_conflict: OnConflict = "error", progress: Progress | None = None
) -> LoadOutcome:
    """Add the memories and records of a dump."""
    if on_conflict not in ("error", "skip", "rename"):
        raise ValidationError(f"on_conflict={shown(on_conflict)}; known are error, skip, rename.")
    transfer = transfer_of(ports)
    file = _DumpFile(transfer.files, path, await _verify(transfer.files, path), transfer.origin)
    if on_conflict == "error":
        await _refuse_conflicts(file, *_importers(ports, await transfer.records(False), file.header, on_conflict))
    records = await transfer.records(True) if file.header.counts.get("record") else None
    import_memories, import_records = _importers(ports, records, file.header, on_conflict)
    outcome = empty_outcome("Memory loaded successfully!")
    done = 0
    async with aclosing(file.batches()) as batches:
        async for batch in batches:
            await import_memories.run(batch.memories, outcome)
            if import_records is not None:
                await import_records.run(batch.records, outcome)
            outcome["unsearchable"] += batch.unsearchable
            done += batch.lines
            if progress is not None:
                progress(done, file.header.rows)
    # The imported memories have positions in their runs: the next memory of a run must read the last one anew.
    ports.positions.forget()
    return outcome


def _importers(
    ports: Ports, records: RecordPorts | None, header: Header, on_conflict: OnConflict
) -> tuple[MemoryImporter, RecordImporter | None]:
    # New ids follow from the dump's id, so loading the same dump again finds the renamed items.
    space = UUID(header.dump_id)
    import_memories = MemoryImporter(ports, on_conflict, lambda memory_id: str(uuid5(space, memory_id)))
    suffix = f"~{header.dump_id[:8]}"
    return import_memories, None if records is None else RecordImporter(records, on_conflict, suffix)


def empty_outcome(message: str) -> LoadOutcome:
    """Return an outcome in which nothing is counted yet."""
    return {
        "message": message,
        "memories": 0,
        "deleted": 0,
        "versions": 0,
        "records": 0,
        "present": 0,
        "skipped": 0,
        "renamed": {},
        "unsearchable": 0,
    }


@dataclass(slots=True)
class _Batch:
    """A batch of memories and records, with its numbers of lines and rows, and of records that lost their vector."""

    memories: list[MemoryRows] = field(default_factory=list)
    records: list[RecordRows] = field(default_factory=list)
    unsearchable: int = 0
    lines: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _DumpFile:
    """A verified dump."""

    files: Files
    path: FilePath
    header: Header
    origin: Origin  #: the embedding model of this store: the vectors of another one are dropped

    async def batches(self) -> AsyncGenerator[_Batch, None]:
        """Yield the content of the file in batches, or raise a ValidationError at a line that cannot be read."""
        batch = _Batch()
        closed: list[MemoryRow] = []
        number = 1
        async with aclosing(_lines(self.files, self.path)) as lines:
            async for line in lines:
                number += 1
                try:
                    self._add(line, closed, batch)
                except UNREADABLE as error:
                    raise ValidationError(
                        f"Line {number:,} of {self.path} cannot be read ({type(error).__name__}: {error}). It may have "
                        "been written by a newer version of mem0milvus."
                    ) from error
                if batch.rows >= import_rows.BATCH_ROWS and not closed:
                    yield batch
                    batch = _Batch()
        if closed:
            raise ValidationError(f"{self.path} ends within the memory {shown(memory_id_of(closed[0].id))}.")
        if batch.lines:
            yield batch

    def _add(self, line: bytes, closed: list[MemoryRow], batch: _Batch) -> None:
        """Add a line to a batch. ``closed`` collects the closed versions of a memory until its latest one is read."""
        kind, row = read_row(line)
        batch.lines += 1
        if isinstance(row, RecordRows):
            record = row if self._has_our_vectors else without_vectors(row)
            batch.unsearchable += row.first.parts > 0 and not record.first.parts
            batch.records.append(record)
            batch.rows += len(row.rows)
            return
        if not self._has_our_vectors:
            row = replace(row, vector=())
        if closed and memory_id_of(closed[0].id) != memory_id_of(row.id):
            raise ValueError(f"it interrupts the memory {shown(memory_id_of(closed[0].id))}")
        if kind == "version":
            closed.append(row)
            return
        batch.memories.append(MemoryRows(row, list(closed)))
        batch.rows += 1 + len(closed)
        closed.clear()

    @property
    def _has_our_vectors(self) -> bool:
        theirs = self.header.origin
        return (theirs.model, theirs.dims) == (self.origin.model, self.origin.dims)


async def _lines(files: Files, path: FilePath) -> AsyncGenerator[bytes, None]:
    """Yield all lines of a file but the first."""
    first = True
    async with files.open(path) as file:
        while lines := await file.lines():
            for line in lines[first:]:
                yield line
            first = False


async def _verify(files: Files, path: FilePath) -> Header:
    """Return the header of a dump, or raise a ValidationError if the dump is incomplete or was changed."""
    digest, size, count = sha256(), 0, 0
    async with files.open(path) as file:
        lines = await file.lines()
        header = read_header(lines[0] if lines else b"", str(path))
        lines = lines[1:]
        while lines:
            for line in lines:
                digest.update(line)
            size += sum(map(len, lines))
            count += len(lines)
            lines = await file.lines()
    if size < header.size:
        raise ValidationError(
            f"{path} is cut off: {header.size - size:,} of its {header.size:,} bytes are missing. Nothing was loaded."
        )
    if digest.hexdigest() != header.sha256 or count != header.rows:
        raise ValidationError(f"{path} was changed or damaged since it was written. Nothing was loaded.")
    return header


async def _refuse_conflicts(
    file: _DumpFile, import_memories: MemoryImporter, import_records: RecordImporter | None
) -> None:
    """Raise a ValidationError if other memories or records have ids of the file."""
    names: list[str] = []
    count = 0
    async with aclosing(file.batches()) as batches:
        async for batch in batches:
            conflicts = await import_memories.conflicts(batch.memories)
            if import_records is not None:
                conflicts += await import_records.conflicts(batch.records)
            count += len(conflicts)
            names += conflicts[: _NAMED - len(names)]
    if count:
        raise ValidationError(
            f"{count:,} ids of {file.path} belong to other memories or records, such as "
            f"{', '.join(map(repr, names))}. Nothing was loaded. Use on_conflict='skip' to leave these out, or "
            "on_conflict='rename' to load them under new ids."
        )
