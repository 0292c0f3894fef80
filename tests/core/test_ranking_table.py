"""Every number that ``docs/ranking.md`` states, in tables of expected values that are computed by hand.

The candidates are as small as they can be, so each value is a line of arithmetic, which stands beside it. Changing any
weight, threshold or constant of ranking fails a named case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mem0milvus import Memory
from mem0milvus.retrieval.ranking import (
    DEFAULT_INJECTION_THRESHOLD,
    DEFAULT_PRESET,
    NEIGHBOUR_REACH,
    PRESETS,
    Candidate,
    Ranked,
    neighbour_positions,
    rank,
    relevance,
)
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.text import document_weights, query_terms
from tests.conftest import Config

DAY_US = 86_400_000_000
VIOLIN = document_weights("violin")


def by_id(ranked: Sequence[Ranked]) -> dict[str, Ranked]:
    return {one.id: one for one in ranked}


def part(name: str, ranked: Sequence[Ranked]) -> list[float]:
    """One part of each candidate, in the order of the ids."""
    found = by_id(ranked)
    return [found[key].order if name == "order" else found[key].parts[name] for key in sorted(found)]


def close(*expected: float) -> Any:
    return pytest.approx(list(expected), abs=1e-9)


def alike(*similarities: float | None, words: Mapping[int, float] | None = None) -> list[Candidate]:
    """Candidates with these similarities, and all with these words; ids "00", "01", ..."""
    return [Candidate(f"{n:02}", similarity, words) for n, similarity in enumerate(similarities)]


def run_of(*texts: str, run: str = "r") -> list[Candidate]:
    """Candidates without vectors, one after the other in a run."""
    return [Candidate(f"{n}", None, document_weights(text), "", run, n) for n, text in enumerate(texts)]


def some_of(word: str, count: int, *, stem: bool) -> dict[int, float]:
    """The words of a memory that has, of a word with one stem and equal pieces, the stem or not, and so many pieces."""
    (term,) = query_terms(word)
    whole, *pieces = sorted(term.keys, key=lambda key: -key[1])
    return {key: 1.0 for key, _ in [*([whole] if stem else []), *pieces[:count]]}


# --- the presets and the threshold


def test_the_presets_are_those_of_the_documentation() -> None:
    balanced, recent, diverse = (PRESETS[name] for name in ("balanced", "recent", "diverse"))
    assert DEFAULT_PRESET == "balanced"
    assert (balanced.similarity, balanced.lexical, balanced.actor, balanced.asking) == (0.35, 0.65, 0.3, 0.1)
    assert (balanced.lend, balanced.run) == ((0.1, 0.05), 0.3)
    assert (balanced.before, balanced.after) == ((0.7, 0.4), (0.4, 0.2))
    assert (balanced.recency, balanced.diversity) == (0.0, 0.0)
    assert (recent.recency, recent.half_life_days, recent.diversity) == (0.3, 30.0, 0.0)
    assert (diverse.recency, diverse.diversity) == (0.0, 0.7)
    assert DEFAULT_INJECTION_THRESHOLD == 0.33
    assert NEIGHBOUR_REACH == 2


# --- similarity


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        # One of two can stand out by 1 / √2 standard deviations at most, and does by 1: the span is counted in full.
        ((0.2, 0.8), (0.0, 1.0)),
        ((-0.5, 0.5), (0.0, 1.0)),
        # Three of nine stand out by √2 deviations, of (9 - 1) / √9 = 8/3 that one could: √2 · 3/8.
        ((1.0,) * 3 + (0.0,) * 6, (math.sqrt(2) * 3 / 8,) * 3 + (0.0,) * 6),
        # Four of sixteen stand out by √3 deviations; one could by 15/4, but 3 are clear: √3 / 3.
        ((0.9,) * 4 + (0.1,) * 12, (math.sqrt(3) / 3,) * 4 + (0.0,) * 12),
        # One of thirty stands out by √29 deviations: more than 3 is no clearer.
        ((0.6,) + (0.5,) * 29, (1.0,) + (0.0,) * 29),
        # Half way up the span counts half, however the scale; no vector counts nothing.
        ((0.2, 0.5, 0.8, None), (0.0, 0.5, 1.0, 0.0)),
        # Mean 0.5, deviation √0.11: two of four stand out by 0.3 / √0.11, of (4 - 1) / √4 = 1.5 that one could.
        ((0.0, 0.4, 0.8, 0.8), (0.0, 0.1 / math.sqrt(0.11), 0.2 / math.sqrt(0.11), 0.2 / math.sqrt(0.11))),
        # Closer than the rounding of 32-bit floats is equal; by that much apart is apart.
        ((0.0, 0.99e-6), (0.0, 0.0)),
        ((0.0, 1e-6), (0.0, 1.0)),
        ((0.0, 1.05e-6), (0.0, 1.0)),
        ((0.7,), (0.0,)),
        ((None, None), (0.0, 0.0)),
    ],
)
def test_similarity(similarities: tuple[float | None, ...], expected: tuple[float, ...]) -> None:
    assert part("similarity", rank("violin", alike(*similarities))) == close(*expected)


# --- words


@pytest.mark.parametrize(
    ("stem", "pieces", "lexical", "coverage"),
    [
        # A word's stem has 0.6 of it, its six pieces 0.4. Up to 0.2 is chance, from 0.6 it is the whole word.
        (True, 6, 1.0, 1.0),
        (True, 0, 1.0, 0.6**2),
        (False, 6, (0.4 - 0.2) / 0.4, 0.4**2),
        (False, 4, (0.8 / 3 - 0.2) / 0.4, (0.8 / 3) ** 2),
        (False, 3, 0.0, 0.2**2),
        (False, 0, 0.0, 0.0),
    ],
)
def test_share_of_a_word(stem: bool, pieces: int, lexical: float, coverage: float) -> None:
    candidates = [Candidate("0", None, some_of("violin", pieces, stem=stem)), Candidate("1", None, VIOLIN)]
    ranked = rank("violin", candidates)
    assert part("lexical", ranked) == close(lexical, 1.0)
    assert part("coverage", ranked) == close(coverage, 1.0)
    assert by_id(ranked)["0"].relevance == pytest.approx(coverage)


def test_a_word_is_weighed_by_its_rarity_among_the_candidates() -> None:
    texts = {"0": "violin", "1": "cello", "2": "violin", "3": "nothing"}
    ranked = rank("violin cello", [Candidate(key, None, document_weights(text)) for key, text in texts.items()])
    # The inverse document frequency of BM25, for two and for one of four.
    two, one = math.log(1 + (4 - 2 + 0.5) / (2 + 0.5)), math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    assert part("lexical", ranked) == close(two / one, 1.0, two / one, 0.0)
    assert part("coverage", ranked) == close(0.5, 0.5, 0.5, 0.0)


def test_half_of_a_word_counts_a_quarter_in_how_often_it_is_found() -> None:
    half = some_of("violin", 6, stem=False)
    ranked = rank("violin cello", [Candidate("0", None, half), Candidate("1", None, document_weights("cello"))])
    partly, whole = math.log(1 + (2 - 0.16 + 0.5) / (0.16 + 0.5)), math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    # 0.4 of the word count 0.5; the other word is less rare.
    assert part("lexical", ranked) == close(1.0, whole / (0.5 * partly))
    assert part("coverage", ranked) == close(0.16 / 2, 1 / 2)


def test_a_piece_that_two_words_share_counts_for_the_one_that_it_is_worth_most_in() -> None:
    one, other = query_terms("violin violins")
    shared = {key: 1.0 for key, _ in one.keys}
    own = {key: 1.0 for key, _ in other.keys if key not in shared}
    ranked = rank("violin violins", [Candidate("0", None, shared), Candidate("1", None, own)])
    assert part("coverage", ranked) == close(0.5, 0.5)
    assert part("lexical", ranked) == close(1.0, 1.0)
    piece, share = other.keys[-1]
    left = sum(share for key, share in other.keys if key in own)
    (alone,) = rank("violin violins", [Candidate("0", None, {piece: 1.0})])
    assert alone.relevance == pytest.approx((share / left) ** 2 / 2), "what is left of the other word makes it whole"


def test_a_word_that_is_said_twice_is_one_word() -> None:
    (ranked,) = rank("violin, violin cello", [Candidate("0", None, VIOLIN)])
    assert ranked.relevance == pytest.approx(1 / 2)


def test_a_word_that_shares_all_its_pieces_with_others_is_not_looked_for() -> None:
    ranked = rank("日 日日", [Candidate("0", None, document_weights("日日")), Candidate("1", None, {0: 1.0})])
    assert part("coverage", ranked) == close(1.0, 0.0)


def test_words_count_by_their_worth() -> None:
    name, word = query_terms("I saw Lisbon, museum")[-2:]
    assert (name.worth, word.worth) == (1.5, 1.0)
    texts = ("Lisbon", "museum")
    ranked = rank("Lisbon museum", [Candidate(text, None, document_weights(text)) for text in texts])
    assert part("coverage", ranked) == close(0.5, 0.5), "the first word of a sentence has a capital anyway"
    ranked = rank("museum, Lisbon", [Candidate(text, None, document_weights(text)) for text in texts])
    assert part("coverage", ranked) == close(0.6, 0.4)
    assert part("lexical", ranked) == close(1.0, 1 / 1.5)


# --- the sum


@pytest.mark.parametrize(
    ("question", "candidate", "expected"),
    [
        ("viola", Candidate("1", 0.8, document_weights("cello")), 0.35),
        ("violin", Candidate("1", 0.2, VIOLIN), 0.65),
        ("violin", Candidate("1", 0.8, VIOLIN), 1.0),
        ("Bo?", Candidate("1", 0.2, document_weights("cello"), actor="Bo"), 0.3),
        ("What did Bo Lee say?", Candidate("1", 0.2, document_weights("cello"), actor="Lee"), 0.3),
        ("Who has a viola?", Candidate("1", 0.2, document_weights("cello"), actor="Bo"), 0.0),
        # A memory that only asks loses a tenth, of what its actor gains too.
        ("violin", Candidate("1", 0.8, document_weights("violin?")), 0.9),
        ("Bo", Candidate("1", 0.8, document_weights("Cello?"), actor="Bo"), (0.35 + 0.3) * 0.9),
    ],
)
def test_sum(question: str, candidate: Candidate, expected: float) -> None:
    other = Candidate("0", 0.2 if candidate.similarity == 0.8 else 0.8, {0: 1.0})
    assert by_id(rank(question, [candidate, other]))["1"].order == pytest.approx(expected)


def test_actor_is_one_where_the_question_names_who_said_it() -> None:
    candidates = [Candidate(name, None, VIOLIN, actor=name) for name in ("", "Bea", "Bo Lee", "Caro")]
    assert part("actor", rank("Does Bea or Lee play?", candidates)) == [0.0, 1.0, 1.0, 0.0]


# --- neighbours and runs


def test_a_memory_is_read_with_the_words_of_its_neighbours() -> None:
    ranked = rank("violin", run_of("a", "b", "c", "violin", "d", "e", "f"))
    # The second and the first before the word have 0.2 and 0.4 of it, the first and the second after it 0.7 and 0.4.
    assert part("lexical", ranked) == close(0.0, 0.2, 0.4, 1.0, 0.7, 0.4, 0.0)
    assert part("coverage", ranked) == close(0, 0, 0, 1, 0, 0, 0)


def test_the_most_of_a_word_counts_and_not_the_sum() -> None:
    assert part("lexical", rank("violin", run_of("violin", "violin", "a"))) == close(1.0, 1.0, 0.7)


def test_neighbours_lend_a_tenth_and_the_run_gains_by_its_three_best() -> None:
    ranked = rank("violin", run_of("a", "b", "violin", "c", "d"))
    # 0.65 of the words: 0.2, 0.4, 1, 0.7 and 0.4
    own = [0.13, 0.26, 0.65, 0.455, 0.26]
    gained = [
        0.1 * own[1] + 0.05 * own[2],
        0.1 * (own[0] + own[2]) + 0.05 * own[3],
        0.1 * (own[1] + own[3]) + 0.05 * (own[0] + own[4]),
        0.1 * (own[2] + own[4]) + 0.05 * own[1],
        0.1 * own[3] + 0.05 * own[2],
    ]
    assert part("neighbours", ranked) == close(*gained)
    with_neighbours = [0.1885, 0.36075, 0.741, 0.559, 0.338]
    run = 0.3 * (0.741 + 0.559 + 0.36075) / 3
    assert part("run", ranked) == close(*[run] * 5)
    assert part("order", ranked) == close(*(one + run for one in with_neighbours))


def test_of_a_run_with_fewer_than_three_the_missing_count_nothing() -> None:
    ranked = rank("violin", [*run_of("violin"), Candidate("1", None, VIOLIN), Candidate("2", None, VIOLIN)])
    assert part("run", ranked) == close(0.3 * 0.65 / 3, 0.0, 0.0)
    assert part("neighbours", ranked) == close(0.0, 0.0, 0.0)


def test_each_run_keeps_to_itself() -> None:
    """Runs of other lengths, places without a candidate, and memories without a run between them."""
    places = [("", 0), ("r", 0), ("r", 3), ("s", 0), ("s", 1), ("", 1), ("t", 5), ("s", 9), ("t", 6), ("r", 4)]
    words = [True, True, False, False, True, False, False, True, True, False]
    candidates = [
        Candidate(str(n), None, VIOLIN if has else {0: 1.0}, "", run, seq)
        for n, ((run, seq), has) in enumerate(zip(places, words, strict=True))
    ]
    for order in (1, -1):
        ranked = rank("violin", candidates[::order])
        # Beside the word: s 0 before s 1, and t 5 before t 6. r 3 and r 4 are too far from r 0.
        assert part("lexical", ranked) == close(1, 1, 0, 0.4, 1, 0, 0.4, 1, 1, 0)
        assert part("neighbours", ranked) == close(0, 0, 0, 0.065, 0.026, 0, 0.065, 0, 0.026, 0)
        r, s, t = 0.65 / 3, (0.325 + 0.676 + 0.65) / 3, (0.325 + 0.676) / 3
        mean = {"": 0.0, "r": r, "s": s, "t": t}
        assert part("run", ranked) == close(*(0.3 * mean[run] for run, _ in places))


def test_two_memories_before_and_two_after_a_hit_are_fetched() -> None:
    assert neighbour_positions([("r", 5)]) == [("r", 3), ("r", 4), ("r", 6), ("r", 7)]
    assert neighbour_positions([("r", 1)]) == [("r", 0), ("r", 2), ("r", 3)]


# --- recency and diversity


@pytest.mark.parametrize(
    ("days", "expected"), [(0, 0.3), (30, 0.15), (60, 0.075), (15, 0.3 / math.sqrt(2)), (-10, 0.3)]
)
def test_recency(days: float, expected: float) -> None:
    now_us = 1_700_000_000_000_000
    one = Candidate("0", None, VIOLIN, observed_at_us=now_us - int(days * DAY_US))
    (ranked,) = rank("violin", [one], preset="recent", now_us=now_us)
    assert ranked.parts["recency"] == pytest.approx(expected, rel=1e-14, abs=0)
    assert ranked.order == pytest.approx(0.65 + expected)


def test_neighbours_lend_of_what_is_recent_too() -> None:
    candidates = [Candidate(str(n), None, {0: 1.0}, "", "r", n, observed_at_us=n * 30 * DAY_US) for n in range(2)]
    ranked = rank("violin", candidates, preset="recent", now_us=30 * DAY_US)
    assert part("neighbours", ranked) == close(0.03, 0.015)


@pytest.mark.parametrize(
    ("cosine", "lost"),
    [(1.0, 0.7), (0.85, 0.7), (0.84, 0.7 * 0.98), (0.6, 0.35), (0.36, 0.7 * 0.02), (0.35, 0.0), (-1.0, 0.0)],
)
def test_redundancy(cosine: float, lost: float) -> None:
    """From 0.35, as unrelated texts have, to 0.85, the same said twice."""
    vectors = [[1.0, 0.0], [cosine, math.sqrt(1 - cosine**2)]]
    candidates = [Candidate(str(n), 0.8 - 0.6 * n, VIOLIN, vector=vector) for n, vector in enumerate(vectors)]
    ranked = rank("violin", candidates, preset="diverse")
    assert part("redundancy", ranked) == close(0.0, lost * 0.65)
    assert part("order", ranked) == close(1.0, 0.65 * (1 - lost))


def test_redundancy_is_by_words_where_a_vector_is_missing() -> None:
    words: list[dict[int, float]] = [{1: 3.0, 2: 4.0}, {1: 8.0, 3: 6.0}, {4: 5.0}, {}]
    order = np.array([1.0, 0.9, 0.8, 0.7])
    vectors = [[1.0, 0.0], [0.0, 1.0], None, [1.0, 0.0]]
    candidates = [Candidate(str(n), None, one, vector=vectors[n]) for n, one in enumerate(words)]
    assert spread(order, candidates, 0.7).tolist() == close(0.0, 0.7 * 0.26 * 0.9, 0.0, 0.0), "the cosine is 24/50"


def test_each_is_held_against_what_stands_before_it_after_what_that_lost() -> None:
    # The third is like the second, which falls behind it: so it is the second that loses to the third.
    angles = [0.0, math.acos(0.85), math.acos(0.85) + math.acos(0.6)]
    candidates = [Candidate(str(n), None, None, vector=[math.cos(a), math.sin(a)]) for n, a in enumerate(angles)]
    lost = spread(np.array([1.0, 0.9, 0.5]), candidates, 0.7)
    assert lost.tolist() == close(0.0, 0.63, 0.0)


def test_the_hundred_best_are_what_others_can_repeat() -> None:
    """The 101st repeats nothing, but the 102nd and the 103rd repeat it and the 100th."""
    axes = np.eye(101)
    rows = [*axes, axes[100], axes[99]]
    candidates = [Candidate(f"{n:03}", None, None, vector=row.tolist()) for n, row in enumerate(rows)]
    scores = np.linspace(1.0, 0.5, len(rows))
    lost = spread(scores, candidates, 0.7)
    assert lost.nonzero()[0].tolist() == [102]
    assert lost[102] == pytest.approx(0.35)


# --- relevance


@pytest.mark.parametrize(
    ("similarity", "coverage", "expected"),
    [
        # Alone, a cosine counts from 0.35, as unrelated texts have, to 0.85, the same said twice.
        (0.35, None, 0.0),
        (0.36, None, 0.02),
        (0.6, None, 0.5),
        (0.84, None, 0.98),
        (0.85, None, 1.0),
        (1.0, None, 1.0),
        (-1.0, None, 0.0),
        # The words that are covered count in full; of the rest, similarity makes up half at most.
        (None, 0.4, 0.4),
        (None, None, 0.0),
        (0.2, 0.4, 0.4),
        (0.85, 0.0, 0.5),
        (0.6, 0.0, 0.25),
        (0.6, 0.5, 0.625),
        (1.0, 0.5, 0.75),
        (1.0, 1.0, 1.0),
    ],
)
def test_relevance(similarity: float | None, coverage: float | None, expected: float) -> None:
    assert relevance(similarity, coverage) == pytest.approx(expected)


def test_a_candidate_has_the_relevance_of_its_similarity_and_its_coverage() -> None:
    half, word = document_weights("cello"), Candidate("1", 0.6, VIOLIN)
    ranked = by_id(rank("violin cello", [Candidate("0", 0.6, None), word, Candidate("2", None, half)]))
    assert {key: one.relevance for key, one in ranked.items()} == pytest.approx({"0": 0.5, "1": 0.625, "2": 0.5})


def test_parts_read_like_a_dict() -> None:
    parts = by_id(rank("violin", run_of("violin")))["0"].parts
    assert len(parts) == len(dict(parts)) == 6
    assert repr(parts) == repr(dict(parts))


def test_what_a_candidate_has_that_is_not_told() -> None:
    assert Candidate("0", None, None) == Candidate(
        "0", similarity=None, words=None, actor="", scope_run="", seq=0, observed_at_us=0, vector=None
    )
    bare = Candidate("0", None, None)
    assert (bare.actor, bare.scope_run, bare.seq, bare.observed_at_us, bare.vector) == ("", "", 0, 0, None)


# --- through a search


class Angles:
    """An embedder of unit vectors: a text that is ``<number> …`` has the cosine ``number`` with any other text."""

    identity = "angles"
    dims = 2

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text.split()[0]) for text in texts]

    def _vector(self, word: str) -> list[float]:
        cosine = float(word) if word.replace(".", "").isdigit() else 1.0
        return [cosine, math.sqrt(1 - cosine**2)]


@pytest.fixture
def angles(config: Config, open_memory: Any) -> Any:
    config["vector_store"]["config"]["embedding_model_dims"] = 2
    return open_memory(config, embedder=Angles())


def keep(memory: Memory, *texts: str) -> None:
    memory.add([{"role": "user", "content": text} for text in texts], user_id="u", infer=False)


def test_explain_shows_the_parts_and_their_sum(angles: Any) -> None:
    keep(angles, "0.8 violin", "0.2 cello")
    first, second = angles.search("violin", user_id="u", explain=True)["results"]
    parts = {"similarity": 1, "lexical": 1, "coverage": 1, "actor": 0, "neighbours": 0, "run": 0, "order": 1}
    assert first["explain"] == pytest.approx(parts)
    assert second["explain"] == pytest.approx(dict.fromkeys(parts, 0), abs=1e-6)
    assert (first["relevance"], second["relevance"]) == pytest.approx((1.0, 0.0))


def test_twenty_five_candidates_are_ranked_by_similarity_or_as_many_as_are_asked_for(angles: Any) -> None:
    cosines = [0.1 + 0.03 * n for n in range(30)]
    keep(angles, *(f"{cosine:.2f}" for cosine in cosines))
    for top_k, ranked in ((1, 25), (25, 25), (26, 26)):
        found = angles.search("violin", user_id="u", mode="dense", top_k=top_k, explain=True)["results"]
        among = cosines[-ranked:]
        clear = (max(among) - np.mean(among)) / np.std(among) / 3
        assert found[0]["explain"]["similarity"] == pytest.approx(clear, abs=1e-5), top_k
        assert len(found) == top_k


def test_the_best_of_many_is_found_also_where_one_result_is_asked_for(angles: Any) -> None:
    """It is the second by similarity and the second by words: to be found, more than one candidate must be ranked."""
    keep(angles, "0.9 nothing", "0.89 a violin and so much more besides", "0.1 violin violin")
    for top_k in (1, 2, 3):
        found = angles.search("violin", user_id="u", top_k=top_k)["results"]
        assert found[0]["memory"].startswith("0.89")
        assert len(found) == top_k
