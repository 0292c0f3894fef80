"""The counts of a store's rows, and the comparison of its index with a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import operations
from mem0milvus.operations.memories.health_check import SAME_VECTOR, SAMPLE, Comparison, compare, count_rows
from tests.reference import Letters, Store

T = 1_700_000_000_000_000


class SetClock:
    """Says the time that it was set to."""

    time_us = T

    def now_us(self) -> int:
        return self.time_us


@pytest.fixture
def store() -> Store:
    empty = Store()
    empty.ports = replace(empty.ports, clock=SetClock())
    return empty


def at(store: Store, seconds: int, operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Run an operation so many seconds after ``T``."""
    store.ports.clock.time_us = T + seconds * 1_000_000  # type: ignore[attr-defined]
    return store.run(operation, *args, **kwargs)


def add(store: Store, seconds: int, *ids: str, **scope: Any) -> None:
    said = [{"role": "user", "content": f"text {memory_id}"} for memory_id in ids]
    at(store, seconds, operations.add, said, infer=False, ids=list(ids), **scope)


def test_an_empty_store_has_nothing(store: Store) -> None:
    counts = at(store, 0, count_rows)
    assert (counts.memories, counts.expired, counts.pending, counts.deleted, counts.versions) == (0, 0, 0, 0, 0)
    assert (counts.forgotten, counts.leftovers, counts.stray, counts.runs) == (0, 0, 0, 0)
    assert (counts.first_us, counts.last_us, counts.sample) == (0, 0, [])
    assert (dict(counts.users), dict(counts.agents)) == ({}, {})


def test_memories_are_counted_by_scope_and_their_times_noted(store: Store) -> None:
    add(store, 10, "a", "b", user_id="u", run_id="r")
    add(store, 20, "c", user_id="u", agent_id="g", run_id="r")
    add(store, 30, "d", user_id="v", run_id="r")
    add(store, 40, "e", agent_id="g")
    at(store, 50, operations.update, "a", "changed")
    counts = at(store, 60, count_rows)
    assert (counts.memories, counts.versions, counts.runs) == (5, 1, 3)
    assert dict(counts.users) == {"u": 3, "v": 1, "": 1}
    assert dict(counts.agents) == {"g": 2}
    assert (counts.first_us, counts.last_us) == (T + 10_000_000, T + 50_000_000)
    assert sorted(counts.sample) == ["a", "b", "c", "d", "e"]
    assert (counts.expired, counts.pending, counts.deleted, counts.forgotten) == (0, 0, 0, 0)
    assert (counts.leftovers, counts.stray) == (0, 0)


def test_expired_memories_are_counted_apart(store: Store) -> None:
    add(store, 0, "gone", "over", user_id="u", run_id="r", expires_at=(T + 9_000_000) / 1e6)
    add(store, 0, "there", user_id="v", expires_at=(T + 20_000_000) / 1e6)
    add(store, 0, "zero", user_id="v")
    for seconds, expired in ((8, 0), (9, 2), (10, 2)):
        counts = at(store, seconds, count_rows)
        assert (counts.memories, counts.expired) == (4 - expired, expired)
    assert (dict(counts.users), counts.runs) == ({"v": 2}, 0)
    assert sorted(counts.sample) == ["there", "zero"]


def test_a_deletion_counts_with_its_versions_and_is_the_last_change(store: Store) -> None:
    add(store, 0, "a", "b", user_id="u")
    for seconds in (1, 2, 3):
        at(store, seconds, operations.update, "a", f"text {seconds}")
    at(store, 4, operations.delete, "a")
    counts = at(store, 5, count_rows)
    assert (counts.memories, counts.deleted, counts.versions, counts.forgotten) == (1, 1, 4, 0)
    assert (counts.first_us, counts.last_us) == (T + 1, T + 4_000_000), "the first row that is left is the second's"
    at(store, 6, operations.restore, "a", 1)
    counts = at(store, 7, count_rows)
    assert (counts.memories, counts.deleted, counts.versions, counts.leftovers) == (2, 0, 5, 0)


def test_versions_that_were_erased_are_counted(store: Store) -> None:
    add(store, 0, "a", "b", user_id="u")
    for memory_id in "ab":
        for seconds in (1, 2, 3):
            at(store, seconds, operations.update, memory_id, f"text {seconds}")
    at(store, 4, operations.delete, "b")
    for key in ("a:1", "b:1", "b:2"):
        del store.history.rows[key]
    counts = at(store, 5, count_rows)
    assert (counts.versions, counts.forgotten) == (2 + 2, 1 + 2)


def test_what_interrupted_writes_left_is_counted(store: Store) -> None:
    add(store, 0, "a", "b", "c", user_id="u")
    rows = dict(store.live.rows)
    at(store, 1, operations.delete, "b")
    at(store, 1, operations.delete, "c")
    tombstones = {memory_id: store.history.rows[memory_id] for memory_id in "bc"}
    at(store, 2, operations.restore, "c", 1)
    before = at(store, 3, count_rows)
    assert (before.leftovers, before.versions, before.stray) == (0, 3, 0)

    store.history.rows["a:1"] = replace(rows["a"], id="a:1")  # of an update that did not come to its second step
    store.history.rows["b"] = tombstones["b"]
    store.history.rows["a"] = replace(tombstones["b"], id="a")  # of a deletion that did not
    store.history.rows["c"] = tombstones["c"]  # old: it was restored since
    store.history.rows["nobody:1"] = replace(rows["a"], id="nobody:1")
    counts = at(store, 3, count_rows)
    assert (counts.leftovers, counts.versions, counts.stray, counts.deleted) == (2, 3, 1, 1)
    assert counts.forgotten == 0
    at(store, 4, operations.update, "a", "changed")
    assert at(store, 5, count_rows).leftovers == 1, "the deletion that did not; the other was written over"


def test_pending_messages_are_memories_too(store: Store) -> None:
    add(store, 0, "a", "b", user_id="u")
    store.live.rows["b"] = replace(store.live.rows["b"], pending="{}")
    counts = at(store, 1, count_rows)
    assert (counts.memories, counts.pending) == (2, 1)


def test_a_few_memories_are_indexed_again_and_compared(store: Store) -> None:
    add(store, 0, *(f"m{number}" for number in range(SAMPLE + 3)), user_id="u")
    counts = at(store, 1, count_rows)
    assert len(counts.sample) == SAMPLE == 8
    assert at(store, 1, compare, counts.sample) == Comparison(8, 0, 0)
    assert at(store, 1, compare, ["m1", "nobody"]) == Comparison(1, 0, 0)
    assert at(store, 1, compare, []) == at(store, 1, compare, ["nobody"]) == Comparison(0, 0, 0)

    changed = replace(store.live.rows["m1"], words={1: 1.0})
    store.live.rows["m1"] = changed
    assert at(store, 1, compare, ["m0", "m1", "m2"]) == Comparison(3, 0, 1)
    store.live.rows["m1"] = replace(changed, vector=tuple(-x for x in changed.vector))
    assert at(store, 1, compare, ["m0", "m1", "m2"]) == Comparison(3, 1, 1)
    store.live.searches_words = False
    assert at(store, 1, compare, ["m0", "m1", "m2"]) == Comparison(3, 1, 0)


def test_a_cosine_of_the_bound_is_the_same(store: Store) -> None:
    class First(Letters):
        async def embed(self, texts: Any) -> Any:
            return [[1.0, *[0.0] * 7] for _ in texts]

    add(store, 0, "m", user_id="u")
    store.ports = replace(store.ports, embedder=First(lambda step, moment: None))
    bound = [SAME_VECTOR, (1 - SAME_VECTOR**2) ** 0.5, *[0.0] * 6]
    assert sum(x * x for x in bound) == 1.0
    store.live.rows["m"] = replace(store.live.rows["m"], vector=bound)
    assert at(store, 1, compare, ["m"]) == Comparison(1, 0, 0)


@pytest.mark.parametrize(("turned", "other"), [(0.0, 0), (0.19, 0), (0.201, 1), (1.0, 1)])
@pytest.mark.parametrize("length", [0.5, 1.0, 3.0])
def test_a_vector_of_another_length_is_the_same_and_of_another_direction_is_not(
    store: Store, turned: float, other: int, length: float
) -> None:
    """By the cosine of the two: that of 0.2 is 0.98."""
    add(store, 0, "m", user_id="u")
    row = store.live.rows["m"]
    first, *rest = row.vector
    across = [-x * first for x in rest]
    size = sum(x * x for x in across) + (1 - first**2) ** 2
    square_to_it = [(1 - first**2) / size**0.5, *(x / size**0.5 for x in across)]
    parallel = (1 - turned**2) ** 0.5
    vector = [length * (parallel * a + turned * b) for a, b in zip(row.vector, square_to_it, strict=True)]
    store.live.rows["m"] = replace(row, vector=vector)
    assert at(store, 1, compare, ["m"]) == Comparison(1, other, 0)
    assert SAME_VECTOR == 0.98


def test_a_vector_of_nothing_is_another(store: Store) -> None:
    add(store, 0, "m", user_id="u")
    store.live.rows["m"] = replace(store.live.rows["m"], vector=[0.0] * 8)
    assert at(store, 1, compare, ["m"]) == Comparison(1, 1, 0)
