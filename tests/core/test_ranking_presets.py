"""Presets of ranking, and what keeps a model's noise out of the order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem0milvus import Memory
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.errors import ValidationError
from mem0milvus.retrieval.indexing import words_of_metadata_alone
from mem0milvus.retrieval.ranking import DEFAULT_INJECTION_THRESHOLD, Candidate, rank
from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.text import document_weights, query_weights

DAY_US = 86_400_000_000

SAID_TWICE = [
    ("The violin lesson with Ms Perry is on Friday afternoon", "2020-01-01"),
    ("A violin lesson with Ms Perry is on Friday afternoon", "2020-01-02"),
    ("On Friday my violin gets new strings", "2020-01-03"),
    ("Latin verbs are hard", "2020-01-04"),
]


def dense(similarities: dict[str, float], words: dict[str, str] | None = None) -> list[Candidate]:
    """Candidates with these similarities, and with the words of these texts."""
    texts = words or {}
    return [
        Candidate(name, similarity, document_weights(texts.get(name, "nothing in common")))
        for name, similarity in similarities.items()
    ]


def order(ranked: Any) -> list[str]:
    return [one.id for one in ranked]


@pytest.fixture
def said(memory: Memory) -> Memory:
    for text, when in SAID_TWICE:
        memory.add([{"role": "user", "content": text}], user_id="alice", infer=False, timestamp=when)
    return memory


def places(memory: Memory, **options: Any) -> list[str]:
    found = memory.search("violin lesson on Friday", user_id="alice", **options)["results"]
    return [item["observed_at"][:10] for item in found]


def test_a_diverse_search_puts_something_else_before_what_was_said_already(said: Memory) -> None:
    assert places(said)[2] == "2020-01-03"
    for mode in ("hybrid", "dense", "lexical"):
        assert places(said, preset="diverse", mode=mode)[1] == "2020-01-03", mode


def test_a_recent_search_puts_the_newer_of_two_alike_first(memory: Memory) -> None:
    for memory_id, when in (("a long ago", {"timestamp": "2020-01-01"}), ("b today", {})):
        said = [{"role": "user", "content": "I study Latin."}]
        memory.add(said, user_id="bo", ids=[memory_id], infer=False, **when)
    found = memory.search("Latin", user_id="bo", preset="recent", explain=True)["results"]
    assert [item["id"] for item in found] == ["b today", "a long ago"]
    assert [item["explain"]["recency"] for item in found] == pytest.approx([0.3, 0.0], abs=0.01)
    found = memory.search("Latin", user_id="bo", explain=True)["results"]
    assert found[0]["explain"]["order"] - found[1]["explain"]["order"] <= 1e-3 + 1e-9, "as who says it again"


def test_a_place_is_explained_in_full(said: Memory) -> None:
    found = said.search("violin lesson on Friday", user_id="alice", preset="diverse", explain=True)["results"]
    assert found[0]["explain"]["redundancy"] == 0.0
    assert found[2]["explain"]["redundancy"] > 0.2
    ranks = [item["explain"]["order"] for item in found]
    assert ranks == sorted(ranks, reverse=True)
    assert "redundancy" not in said.search("violin", user_id="alice", explain=True)["results"][0]["explain"]


def test_relevance_does_not_depend_on_the_preset(said: Memory) -> None:
    def relevances(preset: Any) -> dict[str, float]:
        found = said.search("violin lesson", user_id="alice", preset=preset)["results"]
        return {item["id"]: item["relevance"] for item in found}

    assert relevances("balanced") == relevances("recent") == relevances("diverse")


@pytest.mark.parametrize("preset", ["newest", "", None, 3, ["recent"]])
def test_an_unknown_preset_is_refused_with_the_known_ones(memory: Memory, preset: Any) -> None:
    with pytest.raises(ValidationError, match="'balanced', 'recent', 'diverse'"):
        memory.search("anything", user_id="alice", preset=preset)


#: The scale of a model whose cosines are all high and close together.
NARROW = Calibration(unrelated={"en": 0.97}, known={"en": 1.0}, spread=0.008)


def test_similarities_that_tell_nothing_apart_do_not_outvote_words() -> None:
    """However close the best of candidates that are all as close as unrelated texts."""
    muddled = {f"noise {i}": 0.97 + 0.001 * i for i in range(12)} | {"far": 0.5, "answer": 0.965}
    words = {"answer": "the violin lesson", "noise 11": "the viola lesson"}
    ranked = rank("violin lesson", dense(muddled, words), calibration=NARROW)
    assert ranked[0].id == "answer"
    similar = {one.id: one.parts["similarity"] for one in ranked}
    assert similar["noise 11"] == pytest.approx(11 / 8)
    assert (similar["answer"], similar["far"]) == pytest.approx((-5 / 8, -2.0))


def test_a_similarity_that_stands_out_counts_in_full_however_narrow_the_scale() -> None:
    clear = {f"other {i}": 0.97 + 0.001 * (i % 3) for i in range(12)} | {"answer": 0.97 + 6 * 0.008}
    words = {"other 1": "a violin, a cello, a viola and a bassoon"}
    ranked = rank("violin lesson on Tuesday afternoon", dense(clear, words), calibration=NARROW)
    assert ranked[0].id == "answer"
    assert ranked[0].parts["similarity"] == pytest.approx(6.0)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.floats(0.01, 0.5), st.floats(-0.4, 0.4))
def test_the_scale_of_a_models_cosines_does_not_matter(values: list[float], factor: float, shift: float) -> None:
    grid = [round(value, 3) for value in values]  # so that the scale does not merge what is apart
    wide = Calibration(unrelated={"en": 0.2}, known={"en": 0.8}, spread=0.1)
    narrow = Calibration(unrelated={"en": 0.2 * factor + shift}, known={"en": 0.8}, spread=0.1 * factor)
    plain = rank("violin", [Candidate(f"{i:02}", value, None) for i, value in enumerate(grid)], calibration=wide)
    moved = [Candidate(f"{i:02}", value * factor + shift, None) for i, value in enumerate(grid)]
    after = {one.id: (one.order, one.relevance) for one in rank("violin", moved, calibration=narrow)}
    for one in plain:
        assert after[one.id] == pytest.approx((one.order, one.relevance), abs=1e-6)


def test_another_form_of_a_word_counts_like_the_word_and_a_chance_piece_not_at_all() -> None:
    texts = {"same": "walking", "form": "walked", "chance": "stalking"}
    candidates = [Candidate(name, None, document_weights(text)) for name, text in texts.items()]
    lexical = {one.id: one.parts["lexical"] for one in rank("walking", candidates)}
    assert lexical["same"] == 1.0
    assert lexical["form"] > 0.75
    assert lexical["chance"] < 0.6


def test_what_is_like_no_other_loses_nothing() -> None:
    scores = np.array([0.9, 0.8, 0.7])
    against = np.array([0.9, -0.06, -0.12])
    twins = [Candidate(str(i), None, None, vector=[1.0, 0.0]) for i in range(3)]
    assert spread(against, twins, 0.7, 0.0).tolist() == [0.0, 0.0, 0.0], "nor what has nothing to lose"
    apart = [Candidate(str(i), None, None, vector=row) for i, row in enumerate(np.eye(3).tolist())]
    assert spread(scores, apart, 0.7, 0.0).tolist() == [0.0, 0.0, 0.0]
    twins = [Candidate(str(i), None, None, vector=[1.0, 0.0]) for i in range(3)]
    assert spread(scores, twins, 0.7, 0.0).tolist() == pytest.approx([0.0, 0.56, 0.49])
    wordless = [Candidate(str(i), None, None) for i in range(3)]
    assert spread(scores, wordless, 0.7, 0.0).tolist() == [0.0, 0.0, 0.0]


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from("abc")), min_size=1, max_size=120))
def test_each_next_choice_is_worth_no_more_than_the_one_before(rows: list[tuple[float, str]]) -> None:
    words = {"a": "violin lesson", "b": "violin lesson on Friday", "c": "a walk"}
    candidates = [Candidate(f"{i:03}", score, document_weights(words[kind])) for i, (score, kind) in enumerate(rows)]
    scores = np.array([score for score, _ in rows])
    left = np.sort(scores - spread(scores, candidates, 0.7, 0.07))[::-1]
    assert left[0] == scores.max()
    ranked = rank("violin lesson", candidates, preset="diverse")
    assert [one.order for one in ranked] == sorted((one.order for one in ranked), reverse=True)
    assert ranked == rank("violin lesson", candidates[::-1], preset="diverse")


def test_newer_memories_gain_by_their_half_life() -> None:
    candidates = [Candidate(str(days), 0.5, None, observed_at_us=(60 - days) * DAY_US) for days in (0, 30, 60)]
    gains = {one.id: one.parts["recency"] for one in rank("violin", candidates, preset="recent", now_us=60 * DAY_US)}
    assert gains == pytest.approx({"0": 0.3, "30": 0.15, "60": 0.075})
    assert "recency" not in rank("violin", candidates)[0].parts


# --- metadata


def alone(text: str, metadata: dict[str, Any], question: str, actor: str = "") -> set[str]:
    """The words of a question that a memory has in its metadata alone."""
    times = dict.fromkeys(("created_at", "valid_from", "observed_at"), 1)
    row = MemoryRow(id="a", memory=text, metadata=metadata, actor_id=actor, hash="", **times)
    found = words_of_metadata_alone(row, query_weights(question))
    return {word for word in question.split() if not found.isdisjoint(query_weights(word))}


def test_words_of_metadata_alone_are_told_from_those_of_the_text() -> None:
    metadata = {"kind": "hobbies", "more": {"tags": ["violin", {"place": "Leeds"}]}, "count": 3, "none": None}
    assert alone("Plays on Friday.", metadata, "hobbies violin leeds friday") == {"hobbies", "violin", "leeds"}
    assert alone("Plays violin.", metadata, "hobbies violin") == {"hobbies"}, "the text has it too"
    assert alone("Plays.", metadata, "leeds", actor="Leeds") == set(), "and so has its actor"
    assert alone("Plays.", metadata, "friday") == set()
    assert alone("Plays.", {}, "hobbies") == set()
    assert alone("Plays.", metadata, "kind place") == set(), "keys of metadata are not indexed"


def test_metadata_orders_and_does_not_answer_through_a_search(memory: Memory) -> None:
    said = [("a", "A cup of tea", {}), ("b", "On Friday there are strings", {"kind": {"tags": ["violin"]}})]
    for memory_id, text, metadata in said:
        message = [{"role": "user", "content": text}]
        memory.add(message, user_id="bo", ids=[memory_id], infer=False, metadata=metadata)
    first, second = memory.search("violin", user_id="bo", explain=True)["results"]
    assert (first["id"], second["id"]) == ("b", "a")
    assert first["explain"]["lexical"] > 0.9
    assert (first["explain"]["coverage"], second["explain"]["coverage"]) == (0.0, 0.0)
    assert first["relevance"] < DEFAULT_INJECTION_THRESHOLD
    memory.update("b", "On Friday my violin gets strings")
    first = memory.search("violin", user_id="bo", explain=True)["results"][0]
    assert first["explain"]["coverage"] == pytest.approx(1.0)
    assert first["relevance"] >= DEFAULT_INJECTION_THRESHOLD


def test_what_an_assistant_said_comes_after_what_the_user_said_through_a_search(memory: Memory) -> None:
    for memory_id, role in (("a", "assistant"), ("b", "user")):
        memory.add([{"role": role, "content": "The violin is red."}], user_id="bo", ids=[memory_id], infer=False)
    assert [item["id"] for item in memory.search("violin", user_id="bo")["results"]] == ["b", "a"]


def test_a_dense_search_follows_similarity_where_the_model_tells_nothing_apart(memory: Memory) -> None:
    """The offline embedder knows no English, so all evidence is nearly nothing; and ids are no order."""
    for memory_id, text in (("c", "violin lesson on Friday"), ("b", "violin lesson"), ("a", "a walk in the hills")):
        memory.add([{"role": "user", "content": text}], user_id="bo", ids=[memory_id], infer=False)
    found = memory.search("violin lesson on Friday", user_id="bo", mode="dense")["results"]
    assert [item["id"] for item in found] == ["c", "b", "a"]
