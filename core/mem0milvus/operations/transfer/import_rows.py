"""Importing memories or records from elsewhere: compare each with what is stored, then write those that are missing.

An import can be repeated: items that are stored already, in the same state or a later one, are skipped. Embedding is
done before the locks are taken, because a model may need minutes; the comparison is repeated under the locks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, ClassVar, Generic, TypeVar

from mem0milvus.data.limits import ROWS_PER_REQUEST
from mem0milvus.errors import StoreError
from mem0milvus.operations.records.write import NO_WORDS
from mem0milvus.operations.transfer.dump_format import MemoryRows, RecordRows
from mem0milvus.ports import EmbedderPort, Ports, R, RecordPorts
from mem0milvus.types import LoadOutcome, OnConflict

#: Rows that are embedded and written together.
BATCH_ROWS = ROWS_PER_REQUEST // 2

Item = TypeVar("Item", MemoryRows, RecordRows)


class ImportState(Enum):
    """The state of an item to be imported, compared with the store."""

    NEW = auto()  #: to be written: nothing has its id, or an earlier state of the same item
    PRESENT = auto()  #: stored already, in this state or a later one
    CONFLICT = auto()  #: another item has its id


@dataclass(slots=True)
class _Plan(Generic[Item]):
    """The items to be written, under the ids they get, and the numbers of the others."""

    new: list[Item] = field(default_factory=list)
    present: int = 0
    skipped: int = 0
    renamed: dict[str, str] = field(default_factory=dict)


class Importer(ABC, Generic[Item]):
    """An import of memories or of records into one store."""

    noun: ClassVar[str]  #: what is imported, for messages
    ports: Ports | RecordPorts
    on_conflict: OnConflict

    @abstractmethod
    async def states(self, items: Sequence[Item]) -> list[ImportState]:
        """Compare items with the store."""

    @abstractmethod
    def renamed(self, item: Item) -> Item:
        """Return the item under another id, the same one in every import; a ValidationError says it is too long."""

    @abstractmethod
    async def index(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the rows with their words, and with an embedding each."""

    @abstractmethod
    async def put(self, items: Sequence[Item]) -> None:
        """Write items. Every interruption leaves a state that reads as the old one or is completed by a repetition."""

    @abstractmethod
    def count(self, items: Sequence[Item], outcome: LoadOutcome) -> None:
        """Add the items written to the outcome."""

    async def conflicts(self, items: Sequence[Item]) -> list[str]:
        """Return the names of the items whose ids other items have."""
        states = await self.states(items)
        return [item.name for item, state in zip(items, states, strict=True) if state is ImportState.CONFLICT]

    async def run(self, items: Sequence[Item], outcome: LoadOutcome) -> None:
        """Write the items that are not present, and add them all to the outcome.

        Raises:
            ValidationError: an id is too long to be renamed.
            EmbeddingError: the embedding model failed. None of these items was written.
            StoreError: Milvus failed, or an id was given to another item during the import. It is safe to repeat it.
        """
        if not items:
            return
        items = list({item.id: item for item in items}.values())  # the last of several with one id is the latest
        new = (await self._plan(items)).new
        rows = iter(await self.index([row for item in new for row in item.rows]))
        ready = {item.id: item.with_rows([next(rows) for _ in item.rows]) for item in new}
        await self.ports.shield(self._write(items, ready, outcome))

    async def _write(self, items: Sequence[Item], ready: Mapping[str, Item], outcome: LoadOutcome) -> None:
        async with self.ports.locks.hold({*(item.id for item in items), *ready}):
            plan = await self._plan(items)
            if any(item.id not in ready for item in plan.new):
                raise StoreError(f"A {self.noun} was changed during the import. It is safe to repeat it.")
            new = [ready[item.id] for item in plan.new]
            await self.put(new)
        self.count(new, outcome)
        outcome["present"] += plan.present
        outcome["skipped"] += plan.skipped
        outcome["renamed"] |= plan.renamed

    async def _plan(self, items: Sequence[Item]) -> _Plan[Item]:
        plan: _Plan[Item] = _Plan()
        conflicts = self._add(plan, items, await self.states(items))
        if conflicts and self.on_conflict == "error":
            raise StoreError(f"The id {conflicts[0].name!r} was given to another {self.noun} during the import.")
        if conflicts and self.on_conflict == "rename":
            others = [self.renamed(item) for item in conflicts]
            states = await self.states(others)
            plan.renamed = {
                item.name: other.name
                for item, other, state in zip(conflicts, others, states, strict=True)
                if state is not ImportState.CONFLICT
            }
            conflicts = self._add(plan, others, states)
        plan.skipped = len(conflicts)
        return plan

    @staticmethod
    def _add(plan: _Plan[Item], items: Sequence[Item], states: Sequence[ImportState]) -> list[Item]:
        """Add items to a plan and return those that are in conflict."""
        pairs = list(zip(items, states, strict=True))
        plan.new += [item for item, state in pairs if state is ImportState.NEW]
        plan.present += states.count(ImportState.PRESENT)
        return [item for item, state in pairs if state is ImportState.CONFLICT]


async def index_rows(
    embedder: EmbedderPort,
    dims: int,
    rows: Sequence[R],
    text_of: Callable[[R], str],
    words_of: Callable[[R], Mapping[int, float]],
) -> list[R]:
    """Return rows with an embedding and words each, keeping the embeddings they have and embedding each text once.

    A row that no search finds has the text "". It gets a constant vector and the words ``NO_WORDS``, because Milvus
    requires both in every row.
    """
    texts = dict.fromkeys(text for row in rows if not row.vector and (text := text_of(row)))
    vectors = dict(zip(texts, await embedder.embed(list(texts)), strict=True)) if texts else {}
    constant = (1.0, *[0.0] * (dims - 1))
    return [
        replace(row, vector=row.vector or vectors.get(text_of(row), constant), words=words_of(row) or NO_WORDS)
        for row in rows
    ]
