"""Moving everything to another embedding model.

New tables are filled from the old ones in rounds, each of which copies the changes made since the last, until a round
finds nothing to do. Then writing is frozen, the last changes are copied, and the new tables replace the old ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.record_row import RecordRow
from mem0milvus.errors import ValidationError
from mem0milvus.operations.transfer import import_rows
from mem0milvus.operations.transfer.dump import count_rows, transfer_of
from mem0milvus.operations.transfer.import_memories import index_memory_rows
from mem0milvus.operations.transfer.import_records import index_record_rows
from mem0milvus.ports import Ports, R, ReplacementStore, Table, Transfer
from mem0milvus.types import Embedder, Progress, ReembedOutcome

#: After so many rounds writing is frozen even if the last round still found changes.
_MOST_ROUNDS = 5


async def reembed(
    ports: Ports,
    embedder: Embedder | Mapping[str, Any] | None = None,
    *,
    drop_old: bool = False,
    progress: Progress | None = None,
) -> ReembedOutcome:
    """Move everything to another embedding model, or drop the tables that an earlier move has replaced."""
    transfer = transfer_of(ports)
    if embedder is None:
        return await _drop_old(transfer, ports, drop_old)
    if (old := await transfer.old()) is not None and not drop_old:
        raise ValidationError(
            f"The memories from before an earlier reembed are kept as {old!r}. Use drop_old=True to drop these, and "
            "the current ones once all are moved; or drop them first, with reembed(drop_old=True). Nothing was changed."
        )
    await ports.background.flush(None)
    async with transfer.open_replacement(embedder) as replacement:
        moves = await _Moves.between(ports, transfer, replacement)
        await moves.copy(progress)
        for _ in range(_MOST_ROUNDS - 1):
            if not await moves.copy(None):
                break
        await replacement.block_writes()
        # A record store may have been created since the first round: look for it again.
        moves = await _Moves.between(ports, transfer, replacement)
        await moves.copy(None)
        await ports.shield(replacement.swap_in(drop_old=drop_old))
    kept = None if drop_old else f"{transfer.origin.collection}__old"
    return _outcome("Memory moved successfully!", kept, moves)


async def _drop_old(transfer: Transfer, ports: Ports, drop_old: bool) -> ReembedOutcome:
    if not drop_old:
        raise ValidationError(
            "reembed needs an embedder to move the memories to; drop_old=True drops the memories from before."
        )
    if await transfer.old() is None:
        raise ValidationError("No memories from before a reembed are kept: there is nothing to drop.")
    await ports.shield(transfer.drop_old())
    return _outcome("Former memories dropped successfully!", None, None)


def _outcome(message: str, kept: str | None, moves: _Moves | None) -> ReembedOutcome:
    records = moves.records if moves else None
    return {
        "message": message,
        "memories": moves.live.rows if moves else 0,
        "versions": moves.history.rows if moves else 0,
        "records": records.rows if records else 0,
        "kept": kept,
        "unsearchable": records.adapted_rows if records else 0,
    }


@dataclass(slots=True)
class _Move(Generic[R]):
    """The move of one table."""

    source: Table[R]  #: the old table
    target: Table[R]  #: the new table
    #: returns rows with the words and the new model's embeddings
    index: Callable[[Sequence[R]], Awaitable[Sequence[R]]]
    #: returns a row as the target holds it, without vector and words; most rows are returned as they are
    adapt: Callable[[R], R] = lambda row: row
    rows: int = 0  #: the number of rows in the source
    adapted_rows: int = 0  #: the number of rows that ``adapt`` has changed

    async def copy(self, report: Callable[[int], object]) -> int:
        """Bring the target up to date in one round. Return the number of rows written or removed."""
        self.rows = self.adapted_rows = changed = 0
        async for page in self.source.pages(None, consistency="Strong"):
            for start in range(0, len(page), import_rows.BATCH_ROWS):
                rows = page[start : start + import_rows.BATCH_ROWS]
                changed += await self._copy_rows(rows)
                report(len(rows))
        async for page in self.target.pages(None, only=(), consistency="Strong"):
            existing = await self.source.get([row.id for row in page], consistency="Strong")
            if deleted := [row.id for row in page if row.id not in existing]:
                await self.target.remove(deleted)
                changed += len(deleted)
        return changed

    async def _copy_rows(self, rows: Sequence[R]) -> int:
        adapted = [self.adapt(row) for row in rows]
        self.rows += len(rows)
        self.adapted_rows += sum(one is not other for one, other in zip(adapted, rows, strict=True))
        existing = await self.target.get([row.id for row in adapted], consistency="Strong")
        # Neither side was read with vectors and words, so that only the other columns are compared.
        new = [row for row in adapted if existing.get(row.id) != row]
        if new:
            await self.target.put(await self.index(new))
        return len(new)


@dataclass(frozen=True, slots=True)
class _Moves:
    """The moves of all tables. The history is moved before the live rows, in the order of all writes."""

    history: _Move[MemoryRow]
    live: _Move[MemoryRow]
    records: _Move[RecordRow] | None

    @classmethod
    async def between(cls, ports: Ports, transfer: Transfer, replacement: ReplacementStore) -> _Moves:
        """Return the moves from a store to its replacement."""
        index = partial(index_memory_rows, replacement.embedder, replacement.dims)
        history, live = _Move(ports.history, replacement.history, index), _Move(ports.live, replacement.live, index)
        if (records := await transfer.records(False)) is None:
            return cls(history, live, None)
        index_records = partial(index_record_rows, replacement.embedder, replacement.dims)
        return cls(
            history, live, _Move(records.rows, await replacement.records(), index_records, _without_foreign_vector)
        )

    async def copy(self, progress: Progress | None) -> int:
        """Bring all tables up to date in one round. Return the number of rows written or removed."""
        moves: list[_Move[Any]] = [self.history, self.live, *([self.records] if self.records else [])]
        total = sum([await count_rows(move.source) for move in moves]) if progress else 0
        done = 0

        def report(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(done, max(done, total))

        return sum([await move.copy(report) for move in moves])


def _without_foreign_vector(row: RecordRow) -> RecordRow:
    """Make a record that was put with a vector and no text one that no search finds: its vector cannot be made anew."""
    return replace(row, parts=0) if row.parts and not row.text else row
