"""Moving everything to another embedding model.

New tables are brought up to date with those that are there, again and again until nothing is left to do. Then writing
is stopped for a moment, what came last is brought over, and the new tables take the place of the old ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.record_row import RecordRow
from mem0milvus.errors import ValidationError
from mem0milvus.operations.transfer import import_memories as arrival
from mem0milvus.operations.transfer import import_records as record_arrival
from mem0milvus.operations.transfer.dump import transfer_of
from mem0milvus.operations.transfer.dump_format import RecordRows
from mem0milvus.operations.transfer.import_memories import indexed
from mem0milvus.ports import Ports, R, ReplacementStore, Table, Transfer
from mem0milvus.types import Embedder, Progress, ReembedOutcome

#: After so many rounds writing is stopped, even though it does not pause by itself.
_MOST_ROUNDS = 5


async def reembed(
    ports: Ports,
    embedder: Embedder | Mapping[str, Any] | None = None,
    *,
    drop_old: bool = False,
    progress: Progress | None = None,
) -> ReembedOutcome:
    """See ``Memory.reembed``."""
    transfer = transfer_of(ports)
    if embedder is None:
        return await _drop_old(ports, transfer, drop_old)
    if (old := await transfer.old()) is not None and not drop_old:
        raise ValidationError(
            f"The memories of before an earlier reembed are kept as {old!r}. Say drop_old=True to drop these, and "
            "those of now when all is done; or drop them first, with reembed(drop_old=True). Nothing was changed."
        )
    await ports.background.flush(None)
    async with transfer.open_replacement(embedder) as replacement:
        moves = await _Moves.between(ports, transfer, replacement)
        await moves.bring(progress)
        for _ in range(_MOST_ROUNDS - 1):
            if not await moves.bring(None):
                break
        await replacement.block_writes()
        moves = await _Moves.between(ports, transfer, replacement)  # a record store may have been made meanwhile
        await moves.bring(None)
        await ports.shield(replacement.swap_in(drop_old=drop_old))
    return {
        "message": "Memory moved successfully!",
        "memories": moves.live.rows,
        "versions": moves.past.rows,
        "records": moves.records.rows if moves.records else 0,
        "kept": None if drop_old else f"{transfer.origin.collection}__old",
        "unsearchable": moves.records.adapted_rows if moves.records else 0,
    }


async def _drop_old(ports: Ports, transfer: Transfer, drop_old: bool) -> ReembedOutcome:
    if not drop_old:
        raise ValidationError("reembed needs an embedder to move the memories to; drop_old=True drops those of before.")
    if await transfer.old() is None:
        raise ValidationError("No memories of before a reembed are kept: there is nothing to drop.")
    await ports.shield(transfer.drop_old())
    return {
        "message": "Former memories dropped successfully!",
        "memories": 0,
        "versions": 0,
        "records": 0,
        "kept": None,
        "unsearchable": 0,
    }


@dataclass(slots=True)
class _Move(Generic[R]):
    """One table that is brought up to date with another.

    Attributes:
        source: what there is.
        target: what is brought up to date.
        adapted: a row as it is to be in the target, without what it is found by; the same row, for most.
        ready: rows with what they are found by.
        rows: how many rows there are.
        adapted_rows: how many of them are not the same.
    """

    source: Table[R]
    target: Table[R]
    adapted: Callable[[R], R]
    ready: Callable[[Sequence[R]], Awaitable[Sequence[R]]]
    rows: int = 0
    adapted_rows: int = 0

    async def bring(self, tell: Callable[[int], object]) -> int:
        """Go through both tables once. Returns how many rows were written or removed."""
        self.rows = self.adapted_rows = changed = 0
        async for page in self.source.pages(None, consistency="Strong"):
            for start in range(0, len(page), arrival.BATCH_ROWS):
                some = page[start : start + arrival.BATCH_ROWS]
                changed += await self._bring_rows(some)
                tell(len(some))
        async for page in self.target.pages(None, only=(), consistency="Strong"):
            there = await self.source.get([row.id for row in page], consistency="Strong")
            if gone := [row.id for row in page if row.id not in there]:
                await self.target.remove(gone)
                changed += len(gone)
        return changed

    async def _bring_rows(self, rows: Sequence[R]) -> int:
        adapted = [self.adapted(row) for row in rows]
        self.rows += len(rows)
        self.adapted_rows += sum(one is not other for one, other in zip(adapted, rows, strict=True))
        there = await self.target.get([row.id for row in adapted], consistency="Strong")
        new = [row for row in adapted if there.get(row.id) != row]  # compared without vectors and words
        if new:
            await self.target.put(await self.ready(new))
        return len(new)


@dataclass(frozen=True, slots=True)
class _Moves:
    """All tables that are moved. The past is moved before the live rows, as it is always written."""

    past: _Move[MemoryRow]
    live: _Move[MemoryRow]
    records: _Move[RecordRow] | None

    @classmethod
    async def between(cls, ports: Ports, transfer: Transfer, replacement: ReplacementStore) -> _Moves:
        """The moves from a store to its replacement."""
        ready = partial(indexed, replacement.embedder, replacement.dims)
        records = await transfer.records(False)
        return cls(
            past=_Move(ports.history, replacement.history, _same, ready),
            live=_Move(ports.live, replacement.live, _same, ready),
            records=None
            if records is None
            else _Move(
                records.rows, await replacement.records(), _without_foreign_vector, partial(_ready_records, replacement)
            ),
        )

    async def bring(self, progress: Progress | None) -> int:
        """Bring all tables up to date. Returns how many rows were written or removed."""
        moves: list[_Move[Any]] = [self.past, self.live, *([self.records] if self.records else [])]
        total = await _count(moves) if progress else 0
        done = 0

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(done, max(done, total))

        return sum([await move.bring(tell) for move in moves])


async def _count(moves: Sequence[_Move[Any]]) -> int:
    count = 0
    for move in moves:
        async for page in move.source.pages(None, only=()):
            count += len(page)
    return count


def _same(record: MemoryRow) -> MemoryRow:
    return record


def _without_foreign_vector(row: RecordRow) -> RecordRow:
    """A record that was put with a vector and no text is found by no search of another embedder."""
    return replace(row, parts=0) if row.parts and not row.text else row


async def _ready_records(replacement: ReplacementStore, rows: Sequence[RecordRow]) -> list[RecordRow]:
    records = [RecordRows([row]) for row in rows]
    return [one.first for one in await record_arrival.indexed(replacement.embedder, replacement.dims, records)]
