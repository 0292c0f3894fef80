"""Ranking: what moves a memory up, and what its relevance tells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem0milvus.models.offline_embedder import HashingEmbedder
from mem0milvus.retrieval.ranking import (
    DEFAULT_INJECTION_THRESHOLD,
    PRESETS,
    Candidate,
    Ranked,
    neighbour_positions,
    rank,
    relevance,
)
from mem0milvus.retrieval.text import document_weights

TENNIS = "Likes to play tennis on weekends"
EXAM = "I have a linear algebra midterm exam on November 20"


def lexical(id_: str, text: str, *, run: str = "", seq: int = 0, actor: str = "", observed_at_us: int = 0) -> Candidate:
    return Candidate(id_, None, document_weights(text, actor=actor), actor, run, seq, observed_at_us)


def offline(question: str, memories: Sequence[tuple[str, Sequence[str]]]) -> list[Ranked]:
    """Rank memories, ids "0", "1", ..., as a search without a model does."""
    vectors = HashingEmbedder().embed([question, *(text for text, _ in memories)])
    return rank(
        question,
        [
            Candidate(str(i), float(vectors[0] @ vectors[i + 1]), document_weights(text, extra=extra))
            for i, (text, extra) in enumerate(memories)
        ],
    )


def ids(ranked: Sequence[Ranked]) -> list[str]:
    return [one.id for one in ranked]


def test_metadata_tells_which_memory_is_a_hobby() -> None:
    ranked = offline("What are Alice's hobbies", [(TENNIS, ["hobbies"]), (EXAM, ["task"])])
    assert ids(ranked) == ["0", "1"]
    assert ranked[0].relevance >= DEFAULT_INJECTION_THRESHOLD > ranked[1].relevance


def test_inflected_words_suffice_without_metadata() -> None:
    ranked = offline("Which sport is played on the weekend?", [(EXAM, []), (TENNIS, [])])
    assert ids(ranked) == ["1", "0"]
    assert ranked[0].relevance >= DEFAULT_INJECTION_THRESHOLD > ranked[1].relevance


def test_nothing_is_relevant_to_what_was_never_said() -> None:
    ranked = offline("What is the capital of Mongolia?", [(TENNIS, ["hobbies"]), (EXAM, ["task"])])
    assert all(one.relevance < DEFAULT_INJECTION_THRESHOLD / 2 for one in ranked)


def test_relevance_does_not_depend_on_the_other_candidates() -> None:
    question = "Who plays tennis on Sunday?"
    texts = [TENNIS, EXAM, "Tennis on Sunday with Bo", "Sunday roast"]
    together = {one.id: one.relevance for one in rank(question, [lexical(t, t) for t in texts])}
    alone = {t: rank(question, [lexical(t, t)])[0].relevance for t in texts}
    assert together == pytest.approx(alone)


def test_order_follows_similarity_where_there_are_no_words() -> None:
    candidates = [Candidate(str(i), similarity, None) for i, similarity in enumerate((0.1, 0.9, None, 0.5))]
    assert ids(rank("tennis", candidates)) == ["1", "3", "0", "2"]


def test_rare_words_among_the_candidates_decide() -> None:
    candidates = [lexical(f"common-{i}", f"went to the concert number {i}") for i in range(9)]
    candidates.append(lexical("rare", "bought a violin"))
    assert ids(rank("a violin concert", candidates))[0] == "rare"


def test_the_actor_whom_the_question_names_comes_first() -> None:
    candidates = [lexical(a, "I went hiking in the hills", actor=a) for a in ("Bea", "Caro")]
    assert ids(rank("Where did Caro go hiking?", candidates)) == ["Caro", "Bea"]
    assert ids(rank("Where did Bea go hiking?", candidates)) == ["Bea", "Caro"]


def test_an_answer_is_found_beside_its_question() -> None:
    candidates = [
        lexical("asks", "Where did you adopt your dog Rex?", run="r", seq=4),
        lexical("answers", "At the shelter in Leeds.", run="r", seq=5),
        lexical("elsewhere", "At the shelter in Leeds.", run="other", seq=5),
        lexical("no run", "At the shelter in Leeds."),
    ]
    ranked = rank("Where was Rex adopted?", candidates)
    assert set(ids(ranked)[:2]) == {"asks", "answers"}
    assert {one.id: one.relevance for one in ranked}["answers"] == 0.0


def test_neighbours_without_a_run_lend_nothing() -> None:
    candidates = [lexical("hit", "violin lesson", seq=0), lexical("next", "the weather", seq=1)]
    assert rank("violin", candidates)[1].order == 0.0


def test_a_memory_that_asks_stands_behind_one_that_tells() -> None:
    assert ids(rank("violin lesson", [lexical("a", "violin lesson?"), lexical("b", "violin lesson.")])) == ["b", "a"]


def test_recency_is_a_matter_of_the_preset() -> None:
    day = 86_400_000_000
    candidates = [
        lexical("a old", "violin lesson", observed_at_us=0),
        lexical("b new", "violin lesson", observed_at_us=100 * day),
    ]
    assert ids(rank("violin", candidates, now_us=101 * day)) == ["a old", "b new"]
    assert ids(rank("violin", candidates, preset="recent", now_us=101 * day)) == ["b new", "a old"]
    with pytest.raises(KeyError):
        rank("violin", candidates, preset="unheard of")


def test_the_name_of_the_scope_is_not_missed_in_a_memory() -> None:
    candidates = [lexical("a", "Her hobbies are chess and tennis")]
    question = "What are Alice's hobbies?"
    assert rank(question, candidates, scope_names=["alice"])[0].relevance > rank(question, candidates)[0].relevance


def test_equals_are_ordered_by_id() -> None:
    candidates = [lexical(name, "violin lesson") for name in ("b", "c", "a")]
    assert ids(rank("violin", candidates)) == ["a", "b", "c"]


def test_nothing_to_rank_and_nothing_asked() -> None:
    assert rank("violin", []) == []
    ranked = rank("?!", [lexical("b", TENNIS), lexical("a", EXAM)])
    assert [(one.id, one.relevance) for one in ranked] == [("a", 0.0), ("b", 0.0)]


def test_the_parts_explain_a_place() -> None:
    [one] = rank("tennis", [Candidate("a", 0.5, document_weights(TENNIS, actor="Bo"), "Bo")])
    assert set(one.parts) == {"similarity", "lexical", "coverage", "actor", "neighbours", "run"}
    assert one.parts["coverage"] == pytest.approx(1.0)


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.text(max_size=40), st.floats(-1, 1), st.integers(0, 6), st.sampled_from(["", "r", "s"]))),
    st.sampled_from(sorted(PRESETS)),
)
def test_any_candidates_are_ranked(question: str, rows: list[tuple[str, float, int, str]], preset: str) -> None:
    candidates = [
        Candidate(str(i), similarity, document_weights(text), "Bo", run, seq)
        for i, (text, similarity, seq, run) in enumerate(rows)
    ]
    ranked = rank(question, candidates, preset=preset)
    assert sorted(ids(ranked)) == sorted(c.id for c in candidates)
    assert all(0.0 <= one.relevance <= 1.0 + 1e-9 for one in ranked)
    assert [one.order for one in ranked] == sorted((one.order for one in ranked), reverse=True)
    assert ids(rank(question, candidates[::-1], preset=preset)) == ids(ranked)


def test_relevance_grows_with_similarity_and_coverage() -> None:
    assert relevance(None, 0.0) == relevance(-1.0, 0.0) == 0.0
    assert relevance(None, 1.0) == relevance(1.0, 1.0) == 1.0
    assert 0 < relevance(0.6, 0.0) < relevance(0.6, 0.4) < relevance(0.7, 0.4) < 1


def test_neighbours_are_fetched_around_hits_in_their_run_only() -> None:
    assert neighbour_positions([("r", 1), ("r", 2), ("s", 9), ("", 5)]) == [
        ("r", 0),
        ("r", 3),
        ("r", 4),
        ("s", 7),
        ("s", 8),
        ("s", 10),
        ("s", 11),
    ]
    assert neighbour_positions([]) == []
