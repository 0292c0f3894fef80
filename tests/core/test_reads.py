"""Positions in a run, ids that begin with a text, and where the limits of reads lie, over ``tests/reference.py``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import NotFoundError, ValidationError, operations
from mem0milvus.operations.memories.read import ids_beginning_with
from mem0milvus.runtime.positions import RunPositions
from tests.reference import Letters, Store


@pytest.fixture
def store() -> Store:
    return Store()


def add(store: Store, *ids: str, **scope: Any) -> list[int]:
    """Add memories and return their positions."""
    said = [{"role": "user", "content": f"text {memory_id}"} for memory_id in ids]
    store.run(operations.add, said, infer=False, ids=list(ids), **scope)
    return [store.live.rows[memory_id].seq for memory_id in ids]


def test_memories_of_a_run_have_positions_one_after_the_other(store: Store) -> None:
    assert add(store, "a", "b", user_id="u", run_id="r") == [0, 1]
    assert add(store, "c", user_id="u", run_id="r") == [2]
    assert add(store, "d", "e", user_id="u", run_id="s") == [0, 1]
    assert add(store, "f", user_id="v", run_id="r") == [0]
    assert add(store, "g", "h", user_id="u") == [0, 0], "without a run there is no position"
    assert add(store, "i", user_id="u", agent_id="g", run_id="r") == [0]


def test_another_process_goes_on_after_the_last_position(store: Store) -> None:
    add(store, "a", "b", "c", user_id="u", run_id="r")
    store.ports = replace(store.ports, positions=RunPositions())
    assert add(store, "d", "e", user_id="u", run_id="r") == [3, 4]
    store.run(operations.delete, "e")
    store.ports = replace(store.ports, positions=RunPositions())
    assert add(store, "f", user_id="u", run_id="r") == [4]
    assert add(store, "g", user_id="u", run_id="new") == [0]


def test_ids_that_begin_with_a_text_are_found_also_of_deleted_memories(store: Store) -> None:
    add(store, "abc", "abd", "b", "ab", user_id="u")
    store.run(operations.update, "abd", "changed")
    store.run(operations.delete, "abc")
    assert store.run(ids_beginning_with, "abc") == ["abc"]
    assert store.run(ids_beginning_with, "ab") == ["ab"], "the equal one alone"
    store.run(operations.delete, "ab", purge=True)
    assert store.run(ids_beginning_with, "ab") == ["abc", "abd"]
    assert store.run(ids_beginning_with, "x") == []
    with pytest.raises(ValidationError):
        store.run(ids_beginning_with, "")


def test_only_an_id_has_a_history(store: Store) -> None:
    for wrong in ("", "a:1", None, 5):
        with pytest.raises(ValidationError):
            store.run(operations.history, wrong)
    with pytest.raises(NotFoundError):
        store.run(operations.history, "a")


def test_a_threshold_lets_through_what_reaches_it(store: Store) -> None:
    add(store, "a", user_id="u")
    (one,) = store.run(operations.search, "text", "u")["results"]
    for threshold, found in ((one["relevance"], 1), (min(1.0, one["relevance"] + 1e-9), one["relevance"] == 1.0)):
        assert len(store.run(operations.search, "text", "u", threshold=threshold)["results"]) == found


@pytest.mark.parametrize("metric", ["L2", "COSINE", "IP"])
@pytest.mark.parametrize("mode", ["dense", "lexical"])
def test_a_search_of_an_earlier_time_puts_past_and_present_together_best_first(
    store: Store, metric: str, mode: str
) -> None:
    """Of many candidates the best are ranked, whether they are still current or not."""
    texts = {f"m{n:02}": "a" * (n + 1) + "b" * (60 - n) + " tea" * (n % 2) for n in range(60)}
    table = {"L2": 1, "COSINE": -1, "IP": -1}[metric]
    for one in (store.live, store.history):
        nearest = one._nearest
        if table == -1:
            one._nearest = lambda probe, where, nearest=nearest: _as_similarity(nearest(probe, where), probe)  # type: ignore[method-assign]
    store.ports = replace(store.ports, metric=metric)
    said = [{"role": "user", "content": text} for text in texts.values()]
    store.run(operations.add, said, user_id="u", infer=False, ids=list(texts))
    before = store.ports.clock.now_us() / 1e6
    question = "tea" if mode == "lexical" else "a"
    now = store.run(operations.search, question, "u", mode=mode, top_k=5)["results"]
    for memory_id in list(texts)[::2]:
        store.run(operations.update, memory_id, "something else")
    then = store.run(operations.search, question, "u", mode=mode, top_k=5, as_of=before)["results"]
    assert [item["id"] for item in then] == [item["id"] for item in now]
    assert [item["memory"] for item in then] == [item["memory"] for item in now]


def _as_similarity(hits: list[Any], probe: Any) -> list[Any]:
    """Hits by embedding as the metrics give them that call the closest the greatest."""
    if probe.field == "words":
        return hits
    return [replace(hit, distance=1 - hit.distance / 2) for hit in hits]


def test_a_question_is_embedded_as_a_question(store: Store) -> None:
    asked: list[str] = []

    class Asked(Letters):
        async def embed_query(self, text: str) -> Any:
            asked.append(text)
            return await super().embed_query(text)

    store.ports = replace(store.ports, embedder=Asked(lambda step, moment: None))
    add(store, "a", user_id="u")
    store.run(operations.search, "a question", "u")
    store.run(operations.search, "a question", "u", mode="lexical")
    assert asked == ["a question"]
