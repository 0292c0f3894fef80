"""What every row that is written has, as Milvus requires it: a vector of unit length and words. And what is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import ExtractionError, operations
from mem0milvus.operations.memories.latest_rows import latest_rows
from mem0milvus.ports import Extraction
from tests.reference import DictTable, Store


class Strict(DictTable):
    """Takes only rows that Milvus would take, and notes which methods read vectors."""

    def __init__(self, name: str) -> None:
        super().__init__(name, lambda step, moment: None)
        self.read_vectors: list[str] = []

    async def put(self, records: Any) -> None:
        for row in records:
            assert len(row.vector) == 8, row
            assert sum(x * x for x in row.vector) == pytest.approx(1), row
            assert row.words, row
        await super().put(records)

    async def get(self, keys: Any, *, vectors: bool = False, consistency: Any = None) -> Any:
        self._note("get", vectors)
        return await super().get(keys, vectors=vectors)

    async def pages(self, where: Any, *, vectors: bool = False, only: Any = None, consistency: Any = None) -> Any:
        self._note("pages", vectors)
        async for page in super().pages(where, vectors=vectors, only=only):
            yield page

    def _note(self, method: str, vectors: bool) -> None:
        if vectors:
            self.read_vectors.append(f"{self._name}.{method}")


class Model:
    """Updates the first memory that it is shown and deletes the second, or is down."""

    down = False

    async def complete(self, request: Any) -> Any:
        if self.down:
            raise ExtractionError("down")
        update = {"action": "UPDATE", "id": "1", "memory": "cycling", "evidence": "violin and tennis", "about": "user"}
        delete = {"action": "DELETE", "id": "2", "memory": "", "evidence": "violin and tennis", "about": "user"}
        return {"changes": [update, delete]}


@pytest.fixture
def store() -> Store:
    """Two memories of u."""
    filled = Store()
    filled.live, filled.history = Strict("live"), Strict("history")
    extraction = Extraction(llm=Model(), keeps_raw=True)
    filled.ports = replace(filled.ports, live=filled.live, history=filled.history, extraction=extraction)
    keep(filled)
    return filled


def keep(store: Store) -> None:
    said = [{"role": "user", "content": text} for text in ("violin", "tennis")]
    store.run(operations.add, said, user_id="u", infer=False, ids=["a", "b"])


def delete_and_restore(store: Store) -> None:
    store.run(operations.update, "a", "piano")
    store.run(operations.delete, "a")
    store.run(operations.restore, "a", 1)


def delete_all_and_restore(store: Store) -> None:
    store.run(operations.delete_all, user_id="u")
    store.run(operations.restore, "a", 1)


def delete_and_add_anew(store: Store) -> None:
    store.run(operations.delete, memory_ids=["a", "b"])
    keep(store)


def extract(store: Store) -> None:
    result = store.run(operations.add, "violin and tennis", user_id="u")
    assert {change["event"] for change in result["results"]} == {"UPDATE", "DELETE"}


def extract_later(store: Store) -> None:
    store.run(operations.add, "violin and tennis", user_id="u", background="durable")


def extract_a_pending_turn(store: Store) -> None:
    model = store.ports.extraction.llm
    model.down = True  # type: ignore[union-attr]
    store.run(operations.add, "violin and tennis", user_id="u")
    model.down = False  # type: ignore[union-attr]
    assert len(store.run(operations.process_pending)["results"]) == 2


def erase_expired(store: Store) -> None:
    store.live.rows["a"] = replace(store.live.rows["a"], expires_at=1)
    assert store.run(operations.vacuum)["expired"] == 1


@pytest.mark.parametrize(
    "act",
    [
        delete_and_restore,
        delete_all_and_restore,
        delete_and_add_anew,
        extract,
        extract_later,
        extract_a_pending_turn,
    ],
)
def test_every_row_has_a_vector_of_unit_length_and_words(store: Store, act: Callable[[Store], None]) -> None:
    act(store)
    closed = {key: row.memory for key, row in store.history.rows.items() if row.event != "DELETE"}
    assert "violin" in closed.values(), "what was there before is in the history"


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda s: s.run(operations.get, "a"), []),
        (lambda s: s.run(operations.get_all, "u"), []),
        (lambda s: s.run(operations.get_all, "u", as_of=1_700_000_000.001), []),
        (lambda s: s.run(operations.history, "a"), []),
        (lambda s: s.run(latest_rows, ["a", "b"]), []),
        (erase_expired, []),
        (lambda s: s.run(operations.update, "a", "piano"), ["live.get"]),
        (lambda s: s.run(operations.delete, "a"), ["live.get"]),
        (lambda s: s.run(operations.delete, "a", purge=True), []),
        (lambda s: s.run(operations.delete_all, user_id="u", purge=True), []),
    ],
)
def test_vectors_are_read_only_where_they_are_written_again(
    store: Store, act: Callable[[Store], Any], expected: list[str]
) -> None:
    store.ports = replace(store.ports, history_limit=1)
    for table in (store.live, store.history):
        table.read_vectors.clear()  # type: ignore[attr-defined]
    act(store)
    assert store.live.read_vectors + store.history.read_vectors == expected  # type: ignore[attr-defined]


def test_the_history_is_read_only_for_an_earlier_time() -> None:
    steps: list[str] = []
    store = Store(lambda step, moment: steps.append(step))
    keep(store)
    steps.clear()
    store.run(operations.get_all, "u")
    store.run(operations.search, "violin", "u")
    assert not [step for step in steps if step.startswith("history")]
    store.run(operations.get_all, "u", as_of=store.ports.clock.now_us() / 1e6)
    assert [step for step in steps if step.startswith("history")]
