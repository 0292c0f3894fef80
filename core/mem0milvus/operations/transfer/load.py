"""Reading what ``dump`` wrote.

The file is read through and checked before anything is written. Then each memory is written with its past, in batches;
what is there already is passed over, so a load that was interrupted goes on where it is called again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from uuid import UUID, uuid5

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.errors import ValidationError
from mem0milvus.operations.transfer import import_memories as arrival
from mem0milvus.operations.transfer import import_records as record_arrival
from mem0milvus.operations.transfer.dump import transfer_of
from mem0milvus.operations.transfer.dump_format import (
    UNREADABLE,
    Header,
    MemoryRows,
    RecordRows,
    read_header,
    read_row,
)
from mem0milvus.operations.transfer.import_memories import Fate, Policy, arrive, fates
from mem0milvus.ports import Files, Origin, Ports
from mem0milvus.types import FilePath, LoadOutcome, OnConflict, Progress

#: Conflicts that an error names.
_NAMED = 5


async def load(
    ports: Ports, path: FilePath, *, on_conflict: OnConflict = "error", progress: Progress | None = None
) -> LoadOutcome:
    """See ``Memory.load``."""
    if on_conflict not in ("error", "skip", "rename"):
        raise ValidationError(f"on_conflict={on_conflict!r}; known are error, skip, rename.")
    transfer = transfer_of(ports)
    reading = _Reading(transfer.files, path, await _verified(transfer.files, path), transfer.origin)
    if on_conflict == "error":
        await _refuse_conflicts(ports, reading)
    outcome = empty_outcome("Memory loaded successfully!")
    space = UUID(reading.header.dump_id)
    policy = Policy(on_conflict, lambda memory_id: str(uuid5(space, memory_id)))
    records = await transfer.records(True) if reading.header.counts.get("record") else None
    done = 0
    async with aclosing(reading.batches()) as batches:
        async for batch in batches:
            if batch.memories:
                await arrive(ports, batch.memories, policy, outcome)
            if batch.records and records is not None:
                mark = f"~{reading.header.dump_id[:8]}"
                await record_arrival.arrive(records, batch.records, on_conflict, mark, outcome)
            outcome["unsearchable"] += batch.unsearchable
            done += batch.lines
            if progress is not None:
                progress(done, reading.header.rows)
    ports.positions.forget()  # the next memory of a run comes after those that came in
    return outcome


def empty_outcome(message: str) -> LoadOutcome:
    """An outcome in which nothing is counted yet."""
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
    """Some of a file's memories and records."""

    memories: list[MemoryRows] = field(default_factory=list)
    records: list[RecordRows] = field(default_factory=list)
    unsearchable: int = 0
    lines: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that was found whole.

    Attributes:
        files: where it is.
        path: its path.
        header: its first line.
        origin: what fills this store: the vectors of another embedder are left out.
    """

    files: Files
    path: FilePath
    header: Header
    origin: Origin

    async def batches(self) -> AsyncGenerator[_Batch, None]:
        """What is in the file, some at a time.

        Raises:
            ValidationError: a line cannot be read.
        """
        batch = _Batch()
        closed: list[MemoryRow] = []
        number = 1
        async with aclosing(_lines(self.files, self.path)) as lines:
            async for line in lines:
                number += 1
                try:
                    self._take(line, closed, batch)
                except UNREADABLE as error:
                    raise ValidationError(
                        f"Line {number:,} of {self.path} cannot be read ({type(error).__name__}: {error}). It may have "
                        "been made by a newer version of mem0milvus."
                    ) from error
                if batch.rows >= arrival.BATCH_ROWS and not closed:
                    yield batch
                    batch = _Batch()
        if closed:
            raise ValidationError(f"{self.path} ends within the memory {memory_id_of(closed[0].id)!r}.")
        if batch.lines:
            yield batch

    def _take(self, line: bytes, closed: list[MemoryRow], batch: _Batch) -> None:
        """Put a line where it belongs. ``closed`` are the versions of a memory whose own line is still to come."""
        kind, row = read_row(line)
        batch.lines += 1
        if isinstance(row, RecordRows):
            ours = row if self._has_our_vectors else record_arrival.without_foreign_vectors(row)
            batch.unsearchable += row.first.parts > 0 and not ours.first.parts
            batch.records.append(ours)
            batch.rows += len(row.rows)
            return
        if not self._has_our_vectors:
            row = replace(row, vector=())
        if closed and memory_id_of(closed[0].id) != memory_id_of(row.id):
            raise ValueError(f"it interrupts the memory {memory_id_of(closed[0].id)!r}")
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
    """All lines of a file but the first."""
    first = True
    async with files.open(path) as file:
        while some := await file.lines():
            for line in some[first:]:
                yield line
            first = False


async def _verified(files: Files, path: FilePath) -> Header:
    """The first line of a file that is whole and unchanged since it was written.

    Raises:
        ValidationError: it is not.
    """
    digest, size, count = sha256(), 0, 0
    async with files.open(path) as file:
        some = await file.lines()
        header = read_header(some[0] if some else b"", str(path))
        some = some[1:]
        while some:
            for line in some:
                digest.update(line)
            size += sum(map(len, some))
            count += len(some)
            some = await file.lines()
    if size < header.size:
        raise ValidationError(
            f"{path} is cut off: {header.size - size:,} of its {header.size:,} bytes are missing. Nothing was loaded."
        )
    if digest.hexdigest() != header.sha256 or count != header.rows:
        raise ValidationError(f"{path} was changed or damaged since it was written. Nothing was loaded.")
    return header


async def _refuse_conflicts(ports: Ports, reading: _Reading) -> None:
    """Raise a ValidationError where memories or records of the file have ids that others have."""
    records = await transfer_of(ports).records(False)
    names: list[str] = []
    count = 0
    async with aclosing(reading.batches()) as batches:
        async for batch in batches:
            found = await fates(ports, batch.memories) if batch.memories else []
            taken = [m.head.id for m, fate in zip(batch.memories, found, strict=True) if fate is Fate.CONFLICT]
            if batch.records and records is not None:
                taken += await record_arrival.conflicts(records, batch.records)
            count += len(taken)
            names += taken[: _NAMED - len(names)]
    if count:
        raise ValidationError(
            f"{count:,} ids of {reading.path} are taken by other memories or records, such as "
            f"{', '.join(map(repr, names))}. Nothing was loaded. Say on_conflict='skip' to leave these out, or "
            "on_conflict='rename' to load them under new ids."
        )
