"""Positions in a run, ids that begin with a text, and where the limits of reads lie, over ``tests/reference.py``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import NotFoundError, ValidationError, operations
from mem0milvus.operations.memories.read import ids_beginning_with
from mem0milvus.ports import Probe
from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.text import query_weights
from mem0milvus.runtime.positions import RunPositions
from tests.reference import DictTable, Letters, Store


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


def test_ids_of_which_one_was_deleted_are_all_added(store: Store) -> None:
    add(store, "a", user_id="u")
    store.run(operations.delete, "a")
    add(store, "a", "b", user_id="u")
    assert {(row.id, row.version) for row in store.live.rows.values()} == {("a", 3), ("b", 1)}


@pytest.mark.parametrize(
    ("version", "error", "message"),
    [(4, NotFoundError, "has no version 4; its latest is 3"), (3, ValidationError, "Version 3 .* is its deletion"),
     (2, None, "text 2"), (1, NotFoundError, "Version 1 .* is no longer kept")],
)  # fmt: skip
def test_a_version_of_a_deleted_memory_is_restored_if_it_has_a_text(
    store: Store, version: int, error: type[Exception] | None, message: str
) -> None:
    add(store, "a", user_id="u")
    store.run(operations.update, "a", "text 2")
    store.run(operations.delete, "a")
    del store.history.rows["a:1"]
    if error is None:
        store.run(operations.restore, "a", version)
        assert store.run(operations.get, "a")["memory"] == message
    else:
        with pytest.raises(error, match=message):
            store.run(operations.restore, "a", version)
        assert "a" not in store.live.rows


@pytest.mark.parametrize("wrong", ["", "a:1", None, 5])
def test_only_an_id_is_changed(store: Store, wrong: Any) -> None:
    with pytest.raises(ValidationError):
        store.run(operations.update, wrong, "text")
    with pytest.raises(ValidationError):
        store.run(operations.restore, wrong, 1)


def test_each_change_says_what_was_done(store: Store) -> None:
    add(store, *"abcde", user_id="u")
    assert store.run(operations.update, "a", "new") == {"message": "Memory updated successfully!"}
    assert store.run(operations.restore, "a", 1) == {"message": "Memory restored successfully!"}
    assert store.run(operations.delete, "a")["message"] == "Memory deleted successfully!"
    assert store.run(operations.delete, memory_ids=["b", "c"])["message"] == "2 memories deleted successfully!"
    assert store.run(operations.vacuum)["message"] == "Memory vacuumed successfully!"
    assert store.run(operations.reset) == {"message": "Memory reset successfully!"}


@pytest.mark.parametrize(
    ("unknown", "others"), [("x", ""), ("xy", r" \(and 1 more are unknown\)"), ("xyz", r" \(and 2 more are unknown\)")]
)
def test_how_many_of_several_ids_are_unknown_is_told(store: Store, unknown: str, others: str) -> None:
    add(store, "a", user_id="u")
    message = (
        f"no memory with the id 'x'. get_all\\(\\) lists the ids of a user's memories.{others} Nothing was deleted.$"
    )
    with pytest.raises(NotFoundError, match=message):
        store.run(operations.delete, memory_ids=["a", *unknown])


def test_a_vacuum_frees_the_space_of_deleted_rows(store: Store) -> None:
    freed: list[str] = []

    async def compact() -> None:
        freed.append("all")

    store.ports = replace(store.ports, compact=compact)
    store.run(operations.vacuum)
    assert freed == ["all"]


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


class Noting(DictTable):
    """Notes how it is read."""

    searches: list[list[str]]
    levels: list[Any]

    async def pages(self, where: Any, *, consistency: Any = None, **options: Any) -> Any:
        self.levels.append(consistency)
        async for page in super().pages(where, **options):
            yield page

    async def search(self, probes: Any, where: Any, *, limit: int, consistency: Any = None) -> Any:
        self.levels.append(consistency)
        self.searches.append([probe.field for probe in probes])
        return await super().search(probes, where, limit=limit)


@pytest.fixture
def noting(store: Store) -> Noting:
    """The live memories of the store: one of them."""
    add(store, "a", user_id="u")
    table = Noting("live", lambda step, moment: None)
    table.rows, table.levels, table.searches = store.live.rows, [], []
    store.live = table
    store.ports = replace(store.ports, live=table)
    return table


@pytest.mark.parametrize(
    ("configured", "asked", "level"), [("Session", None, "Session"), ("Bounded", None, "Bounded"),
                                      ("Session", "Strong", "Strong"), ("Strong", "Eventually", "Eventually")],
)  # fmt: skip
def test_reads_are_as_consistent_as_asked_or_configured(
    store: Store, noting: Noting, configured: Any, asked: Any, level: str
) -> None:
    store.ports = replace(store.ports, consistency=configured)
    store.run(operations.get_all, "u", consistency=asked)
    store.run(operations.search, "text", "u", consistency=asked)
    assert noting.levels == [level, level]


@pytest.mark.parametrize(
    ("searches_words", "mode", "fields"),
    [(True, "hybrid", ["vector", "words"]), (True, "dense", ["vector"]), (True, "lexical", ["words"]),
     (False, "hybrid", ["vector"]), (False, "dense", ["vector"])],
)  # fmt: skip
def test_a_mode_searches_for_what_it_says_if_the_store_can(
    store: Store, noting: Noting, searches_words: bool, mode: str, fields: list[str]
) -> None:
    noting.searches_words = searches_words
    assert [item["id"] for item in store.run(operations.search, "text", "u", mode=mode)["results"]] == ["a"]
    assert noting.searches == [fields]


def test_words_cannot_be_searched_for_alone_where_there_are_none(store: Store, noting: Noting) -> None:
    noting.searches_words = False
    with pytest.raises(ValidationError, match="mode='lexical' needs sparse vectors"):
        store.run(operations.search, "text", "u", mode="lexical")
    assert noting.searches == []


def test_memories_that_were_stored_without_words_are_ranked_by_their_words_all_the_same(store: Store) -> None:
    add(store, "a", "b", user_id="u")
    with_words = store.run(operations.search, "text b", "u")["results"]
    for memory_id, row in store.live.rows.items():
        store.live.rows[memory_id] = replace(row, words={})
    store.live.searches_words = False
    assert store.run(operations.search, "text b", "u")["results"] == with_words


def test_the_score_of_a_search_for_words_is_the_tables_own(store: Store) -> None:
    texts = {"a": "violin lessons violin", "b": "a violin", "c": "tennis lessons on Monday"}
    said = [{"role": "user", "content": text} for text in texts.values()]
    store.run(operations.add, said, user_id="u", infer=False, ids=list(texts))
    found = store.run(operations.search, "violin lessons", "u", mode="lexical")["results"]
    hits = store.live._nearest(Probe("words", query_weights("violin lessons")), None)
    assert {item["id"]: item["score"] for item in found} == pytest.approx({hit.row.id: hit.distance for hit in hits})


def test_the_name_of_the_user_in_a_question_says_nothing(store: Store) -> None:
    texts = {"a": "ann ann ann", "b": "plays tennis"}
    said = [{"role": "user", "content": text} for text in texts.values()]
    store.run(operations.add, said, user_id="ann", infer=False, ids=list(texts))
    asked, named = (store.run(operations.search, q, "ann", mode="lexical") for q in ("ann tennis", "tennis"))
    assert asked["results"][0]["id"] == "b"
    assert asked["results"][0]["relevance"] == pytest.approx(named["results"][0]["relevance"])


def test_a_diverse_search_puts_a_repetition_behind_something_else(store: Store) -> None:
    texts = {"a": "aaaa", "b": "aaaa", "c": "aabb", "d": "hhhh"}
    said = [{"role": "user", "content": text} for text in texts.values()]
    store.run(operations.add, said, user_id="u", infer=False, ids=list(texts))
    for preset, order in (("balanced", "bacd"), ("diverse", "bcad")):
        found = store.run(operations.search, "aaa", "u", mode="dense", preset=preset)["results"]
        assert "".join(item["id"] for item in found) == order


def test_an_unknown_preset_is_refused_before_the_question_is_embedded(store: Store) -> None:
    def refuse(step: str, moment: str) -> None:
        raise AssertionError(step)

    store.ports = replace(store.ports, embedder=Letters(refuse))
    with pytest.raises(ValidationError, match="preset='best' does not exist"):
        store.run(operations.search, "text", "u", preset="best")


def test_a_question_is_embedded_as_a_question(store: Store) -> None:
    asked: list[str] = []

    class Asked(Letters):
        async def embed_queries(self, texts: Any) -> Any:
            asked.extend(texts)
            return await super().embed_queries(texts)

    store.ports = replace(store.ports, embedder=Asked(lambda step, moment: None))
    add(store, "a", user_id="u")
    store.run(operations.search, "a question", "u")
    store.run(operations.search, "a question", "u", mode="lexical")
    assert asked == ["a question"]


def test_ten_memories_are_found_by_default_without_an_explanation(store: Store) -> None:
    said = [{"role": "user", "content": "a" * number} for number in range(1, 13)]
    store.run(operations.add, said, user_id="u", infer=False)
    found = store.run(operations.search, "aaa", "u")["results"]
    assert len(found) == 10
    assert not any("explain" in item for item in found)


def test_a_model_is_calibrated_where_a_similarity_is_read_and_nowhere_else(store: Store) -> None:
    asked: list[str] = []

    class Calibrated(Letters):
        async def calibration(self) -> Calibration:
            asked.append("calibration")
            return Calibration(unrelated={"en": 0.0}, known={"en": 1.0}, spread=0.5)

    store.ports = replace(store.ports, embedder=Calibrated(lambda step, moment: None))
    store.run(operations.search, "aaa", "u")
    add(store, "aaa", user_id="u")
    store.run(operations.search, "aaa", "u", mode="lexical")
    assert asked == [], "without memories, and without a vector, there is no similarity"
    (found,) = store.run(operations.search, "aaa", "u", mode="dense", explain=True)["results"]
    assert asked == ["calibration"]
    assert found["explain"]["similarity"] == pytest.approx(1.9, abs=0.01)
