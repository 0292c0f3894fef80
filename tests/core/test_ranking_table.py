"""Every number that ``docs/ranking.md`` states, in tables of expected values that are computed by hand.

The candidates are as small as they can be, so each value is a line of arithmetic, which stands beside it. Changing any
weight, threshold or constant of ranking fails a named case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.text import document_weights, query_terms
from tests.conftest import Config

DAY_US = 86_400_000_000
VIOLIN = document_weights("violin")

#: The parts that every preset has.
PARTS = [
    *("similarity", "lexical", "coverage", "missing_names", "personal", "actor"),
    *("neighbours", "run", "links", "change"),
]

#: The weight of one standard deviation of similarity among eight candidates or fewer.
ONE = 0.225 / math.log(8)

#: A scale on which a cosine of 0.2 is no evidence, and each 0.1 more is one standard deviation.
SCALE = Calibration(unrelated={"en": 0.2}, known={"en": 1.0}, spread=0.1)


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


def run_of(*texts: str, speakers: Sequence[str] = "abcdefg") -> list[Candidate]:
    """Candidates without vectors, one after the other in a run, each of another speaker."""
    return [
        Candidate(f"{n}", None, document_weights(text), role=speaker, scope_run="r", seq=n)
        for n, (text, speaker) in enumerate(zip(texts, speakers, strict=False))
    ]


def half(evidence: float) -> float:
    """The relevance of so many standard deviations for a memory: none of none, and a half of 0.75."""
    return evidence**2 / (evidence**2 + 0.75**2) if evidence > 0 else 0.0


def some_of(word: str, count: int, *, stem: bool) -> dict[int, float]:
    """The words of a memory that has, of a word with one stem and equal pieces, the stem or not, and so many pieces."""
    (term,) = query_terms(word)
    whole, *pieces = sorted(term.keys, key=lambda key: -key[1])
    return {key: 1.0 for key, _ in [*([whole] if stem else []), *pieces[:count]]}


# --- the presets and the threshold


def test_the_presets_are_those_of_the_documentation() -> None:
    balanced, recent, diverse = (PRESETS[name] for name in ("balanced", "recent", "diverse"))
    assert DEFAULT_PRESET == "balanced"
    assert (balanced.similarity, balanced.lexical, balanced.actor) == (0.225, 1.0, 0.4)
    assert (balanced.long, balanced.asking, balanced.assistant) == (150.0, 0.1, 0.2)
    assert (balanced.lend, balanced.run, balanced.same_speaker) == ((0.1, 0.05), 0.3, 0.3)
    assert (balanced.before, balanced.after) == ((0.7, 0.4), (0.4, 0.2))
    assert (balanced.link, balanced.sentence) == (0.4, 0.5)
    assert (balanced.recency, balanced.diversity) == (0.0, 0.0)
    assert (recent.recency, recent.half_life_days, recent.diversity) == (0.3, 30.0, 0.0)
    assert (diverse.recency, diverse.diversity) == (0.0, 0.7)
    assert DEFAULT_INJECTION_THRESHOLD == 0.5
    assert NEIGHBOUR_REACH == 2


# --- similarity


@pytest.mark.parametrize(
    ("cosine", "evidence"),
    [
        (0.2, 0.0),  # as unrelated texts have
        (0.3, 1.0),
        (0.15, -0.5),
        (0.0, -2.0),
        (-1.0, -2.0),  # no less than -2
        (0.79, 5.9),
        (0.8, 6.0),
        (1.0, 6.0),  # no more than 6
        (None, 0.0),  # without a vector
    ],
)
def test_similarity_is_in_standard_deviations_above_unrelated_texts(cosine: float | None, evidence: float) -> None:
    for others in ((), (0.9,), (-0.5, 0.1, 0.2)):
        ranked = rank("violin", alike(cosine, *others), calibration=SCALE)
        assert by_id(ranked)["00"].parts["similarity"] == pytest.approx(evidence), others


def test_evidence_counts_by_how_well_the_model_knows_the_language_of_the_question() -> None:
    scale = Calibration(
        unrelated={"en": 0.2, "de": 0.6, "tr": 0.4}, known={"en": 1.0, "de": 0.0, "tr": 0.5}, spread=0.1
    )
    questions = {"violin": 5.0, "Was ist das?": 0.0, "Hangi şehir ve neden?": 0.5 * 3}
    for question, evidence in questions.items():
        assert part("similarity", rank(question, alike(0.7), calibration=scale)) == close(evidence), question
    # No samples are of this language: the medians of all, 0.4 and 0.5.
    assert part("similarity", rank("Что это?", alike(0.7), calibration=scale)) == close(0.5 * 3)


@pytest.mark.parametrize(("cosine", "evidence"), [(0.07, 0.0), (0.155, 1.0), (0.58, 6.0), (-0.1, -2.0)])
def test_the_generic_scale_is_used_where_no_other_is_known(cosine: float, evidence: float) -> None:
    assert part("similarity", rank("violin", alike(cosine))) == close(evidence)
    assert part("similarity", rank("Was ist das?", alike(cosine))) == close(evidence)


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
    assert by_id(ranked)["0"].relevance == pytest.approx(half(4 * coverage))


def test_a_word_is_weighed_by_its_rarity_among_the_candidates() -> None:
    texts = {"0": "violin", "1": "cello", "2": "violin", "3": "nothing"}
    ranked = rank("violin cello", [Candidate(key, None, document_weights(text)) for key, text in texts.items()])
    # The inverse document frequency of BM25, for two and for one of four.
    two, one = math.log(1 + (4 - 2 + 0.5) / (2 + 0.5)), math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    both = two + one
    assert part("lexical", ranked) == close(two / both, one / both, two / both, 0.0)
    assert part("coverage", ranked) == close(0.5, 0.5, 0.5, 0.0)


def test_the_words_of_the_best_count_what_they_are_worth_and_not_more() -> None:
    """The best of candidates that have little of the question is not lifted to the full gain."""
    ranked = rank("violin cello", [Candidate("0", None, VIOLIN), Candidate("1", None, {0: 1.0})])
    one, none = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5)), math.log(1 + (2 + 0.5) / 0.5)
    assert part("lexical", ranked) == close(one / (one + none), 0.0)


def test_half_of_a_word_counts_a_quarter_in_how_often_it_is_found() -> None:
    half = some_of("violin", 6, stem=False)
    ranked = rank("violin cello", [Candidate("0", None, half), Candidate("1", None, document_weights("cello"))])
    partly, whole = math.log(1 + (2 - 0.16 + 0.5) / (0.16 + 0.5)), math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    # 0.4 of the word count 0.5; the other word is less rare.
    assert part("lexical", ranked) == close(0.5 * partly / (partly + whole), whole / (partly + whole))
    assert part("coverage", ranked) == close(0.16 / 2, 1 / 2)


@pytest.mark.parametrize(("tokens", "share"), [(11, 1.0), (150, 1.0), (225, 1 / 1.5), (300, 0.5)])
def test_of_a_long_memory_words_count_less(tokens: int, share: float) -> None:
    """From 150 tokens on, by its length. Its relevance is not less."""
    long = {**VIOLIN, **dict.fromkeys(range(tokens - len(VIOLIN)), 1.0)}
    assert len(long) == tokens
    (ranked,) = rank("violin", [Candidate("0", None, long)])
    assert (ranked.parts["lexical"], ranked.parts["coverage"]) == pytest.approx((share, 1.0))


def test_a_piece_that_two_words_share_counts_for_the_one_that_it_is_worth_most_in() -> None:
    one, other = query_terms("violin violins")
    shared = {key: 1.0 for key, _ in one.keys}
    own = {key: 1.0 for key, _ in other.keys if key not in shared}
    ranked = rank("violin violins", [Candidate("0", None, shared), Candidate("1", None, own)])
    assert part("coverage", ranked) == close(0.5, 0.5)
    assert part("lexical", ranked) == close(0.5, 0.5)
    piece, share = other.keys[-1]
    left = sum(share for key, share in other.keys if key in own)
    (alone,) = rank("violin violins", [Candidate("0", None, {piece: 1.0})])
    assert alone.parts["coverage"] == pytest.approx((share / left) ** 2 / 2), (
        "the rest of the other word makes it whole"
    )


def test_a_word_that_is_said_twice_is_one_word() -> None:
    (ranked,) = rank("violin, violin cello", [Candidate("0", None, VIOLIN)])
    assert ranked.parts["coverage"] == pytest.approx(1 / 2)


def test_a_word_that_shares_all_its_pieces_with_others_is_not_looked_for() -> None:
    """The stem of the name has 0.42 of its worth of 1.5, more than the short everyday word is worth in all."""
    day, days = query_terms("day Days")
    assert (day.worth, day.keys[0][0], days.worth) == (0.5, days.keys[0][0], 1.5)
    rest = {key: 1.0 for key, _ in days.keys[1:]}
    ranked = rank("day Days", [Candidate("0", None, document_weights("Days")), Candidate("1", None, rest)])
    assert part("coverage", ranked) == close(1.0, 0.58**2)
    assert part("lexical", ranked) == close(1.0, (0.58 - 0.2) / 0.4)


def test_words_count_by_their_worth() -> None:
    name, word = query_terms("I saw Lisbon, museum")[-2:]
    assert (name.worth, word.worth) == (1.5, 1.0)
    texts = ("Lisbon", "museum")
    ranked = rank("Lisbon museum", [Candidate(text, None, document_weights(text)) for text in texts])
    assert part("coverage", ranked) == close(0.5, 0.5), "the first word of a sentence has a capital anyway"
    ranked = rank("museum, Lisbon", [Candidate(text, None, document_weights(text)) for text in texts])
    assert part("coverage", ranked) == close(0.6, 0.4)
    assert part("lexical", ranked) == close(0.6, 0.4)


def test_names_of_the_question_are_missing() -> None:
    texts = ("museum", "Lisbon", "Lisbon Porto", "nothing")
    candidates = [Candidate(str(n), None, document_weights(text)) for n, text in enumerate(texts)]
    assert part("missing_names", rank("museum, Lisbon", candidates)) == close(1.0, 0.0, 0.0, 1.0)
    assert part("missing_names", rank("museum, Lisbon or Porto", candidates)) == close(1.0, 0.5, 0.0, 1.0)
    assert part("missing_names", rank("museum or lisbon", candidates)) == close(0.0, 0.0, 0.0, 0.0), "no names"
    half = [Candidate("0", None, some_of("Lisbon", 6, stem=False))]
    assert part("missing_names", rank("museum, Lisbon", half)) == close(1 - 0.4**2), "as in coverage"


def test_what_metadata_alone_says_orders_and_does_not_answer() -> None:
    cello, names = document_weights("cello"), document_weights("Lisbon")
    candidates = [
        Candidate("0", None, {**VIOLIN, **cello}, metadata_words=frozenset(cello)),
        Candidate("1", None, VIOLIN),
    ]
    ranked = rank("violin cello", candidates)
    violin, one = math.log(1 + 0.5 / 2.5), math.log(1 + 1.5 / 1.5)
    assert part("lexical", ranked) == close(1.0, violin / (violin + one))
    assert part("coverage", ranked) == close(0.5, 0.5)
    named = [Candidate("0", None, names, metadata_words=frozenset(names))]
    assert part("missing_names", rank("museum, Lisbon", named)) == close(1.0)
    assert part("coverage", rank("violin", [Candidate("0", None, None, metadata_words=frozenset(cello))])) == close(0.0)


# --- the sum


@pytest.mark.parametrize(
    ("question", "candidate", "expected"),
    [
        ("viola", Candidate("1", 0.8, document_weights("cello")), 6 * ONE),
        ("viola", Candidate("1", 0.3, document_weights("cello")), ONE),
        ("viola", Candidate("1", 0.1, document_weights("cello")), -ONE),
        ("violin", Candidate("1", 0.2, VIOLIN), 1.0),
        ("violin", Candidate("1", 0.8, VIOLIN), 1 + 6 * ONE),
        ("Bo?", Candidate("1", 0.2, document_weights("cello"), actor="Bo"), 0.4),
        ("What did Bo Lee say?", Candidate("1", 0.2, document_weights("cello"), actor="Lee"), 0.4),
        ("Who has a viola?", Candidate("1", 0.2, document_weights("cello"), actor="Bo"), 0.0),
        # A memory that only asks loses a tenth, of what its actor gains too.
        ("violin", Candidate("1", 0.8, document_weights("violin?")), (1 + 6 * ONE) * 0.9),
        ("Bo", Candidate("1", 0.8, document_weights("Cello?"), actor="Bo"), (6 * ONE + 0.4) * 0.9),
        # What an assistant said loses a fifth, and its questions both.
        ("violin", Candidate("1", 0.8, VIOLIN, role="assistant"), (1 + 6 * ONE) * 0.8),
        ("violin", Candidate("1", 0.8, VIOLIN, role="user"), 1 + 6 * ONE),
        ("violin", Candidate("1", 0.8, document_weights("violin?"), role="assistant"), (1 + 6 * ONE) * 0.9 * 0.8),
    ],
)
def test_sum(question: str, candidate: Candidate, expected: float) -> None:
    other = Candidate("0", 0.7, {0: 1.0})
    assert by_id(rank(question, [candidate, other], calibration=SCALE))["1"].order == pytest.approx(expected)


@pytest.mark.parametrize(("count", "counts_as"), [(1, 8), (8, 8), (9, 9), (50, 50), (150, 150), (151, 150), (400, 150)])
def test_similarity_weighs_less_among_many(count: int, counts_as: int) -> None:
    ranked = rank("violin", alike(*([0.4] * count)), calibration=SCALE)
    assert part("order", ranked) == close(*[2 * 0.225 / math.log(counts_as)] * count)


def test_actor_is_one_where_the_question_names_who_said_it() -> None:
    candidates = [Candidate(name, None, VIOLIN, actor=name) for name in ("", "Bea", "Bo Lee", "Caro")]
    assert part("actor", rank("Does Bea or Lee play?", candidates)) == [0.0, 1.0, 1.0, 0.0]


# --- neighbours and runs


def test_a_memory_is_read_with_the_words_of_its_neighbours() -> None:
    texts = ("a", "b", "c", "violin", "d", "e", "f")
    ranked = rank("violin", run_of(*texts))
    # The second and the first before the word have 0.2 and 0.4 of it, the first and the second after it 0.7 and 0.4.
    assert part("lexical", ranked) == close(0.0, 0.2, 0.4, 1.0, 0.7, 0.4, 0.0)
    assert part("coverage", ranked) == close(0, 0, 0, 1, 0, 0, 0)
    # Of the same speaker, three tenths of that; of two who take turns, only the second before and after are the same.
    ranked = rank("violin", run_of(*texts, speakers="aaaaaaa"))
    assert part("lexical", ranked) == close(0.0, 0.06, 0.12, 1.0, 0.21, 0.12, 0.0)
    ranked = rank("violin", run_of(*texts, speakers="abababa"))
    assert part("lexical", ranked) == close(0.0, 0.06, 0.4, 1.0, 0.7, 0.12, 0.0)


def test_a_speaker_has_a_role_and_a_name() -> None:
    speakers = [("Bo", "user"), ("Bo", "user"), ("Bo", "assistant"), ("Caro", "assistant")]
    candidates = [
        Candidate(str(n), None, VIOLIN if n == 0 else {0: 1.0}, actor=actor, role=role, scope_run="r", seq=n)
        for n, (actor, role) in enumerate(speakers)
    ]
    assert part("lexical", rank("violin", candidates)) == close(1.0, 0.3 * 0.7, 0.4, 0.0)
    assert part("lexical", rank("violin", [candidates[0], candidates[3]])) == close(1.0, 0.0), "three away"


def test_the_most_of_a_word_counts_and_not_the_sum() -> None:
    assert part("lexical", rank("violin", run_of("violin", "violin", "a"))) == close(1.0, 1.0, 0.7)


def test_of_a_long_neighbour_words_count_less_too() -> None:
    long = {**VIOLIN, **dict.fromkeys(range(300 - len(VIOLIN)), 1.0)}
    first, second = run_of("violin", "a")
    assert part("lexical", rank("violin", [replace(first, words=long), second])) == close(0.5, 0.35)


def test_neighbours_lend_a_tenth_and_the_run_gains_by_its_three_best() -> None:
    ranked = rank("violin", run_of("a", "b", "violin", "c", "d"))
    own = [0.2, 0.4, 1.0, 0.7, 0.4]
    gained = [
        0.1 * own[1] + 0.05 * own[2],
        0.1 * (own[0] + own[2]) + 0.05 * own[3],
        0.1 * (own[1] + own[3]) + 0.05 * (own[0] + own[4]),
        0.1 * (own[2] + own[4]) + 0.05 * own[1],
        0.1 * own[3] + 0.05 * own[2],
    ]
    assert part("neighbours", ranked) == close(*gained)
    with_neighbours = [0.29, 0.555, 1.14, 0.86, 0.52]
    run = 0.3 * (1.14 + 0.86 + 0.555) / 3
    assert part("run", ranked) == close(*[run] * 5)
    assert part("order", ranked) == close(*(one + run for one in with_neighbours))


def test_neighbours_of_the_same_speaker_lend_three_tenths_of_that() -> None:
    # 0.12, 1 and 0.21 of the word: each lends a tenth to the next, and a twentieth to the one after it.
    ranked = rank("violin", run_of("a", "violin", "b", speakers="aaa"))
    gained = [0.3 * (0.1 + 0.05 * 0.21), 0.3 * 0.1 * (0.12 + 0.21), 0.3 * (0.1 + 0.05 * 0.12)]
    assert part("neighbours", ranked) == close(*gained)


def test_what_speaks_against_a_memory_is_not_lent() -> None:
    candidates = [Candidate(str(n), 0.1, {0: 1.0}, scope_run="r", seq=n) for n in range(2)]
    ranked = rank("violin", candidates, calibration=SCALE)
    assert part("neighbours", ranked) == close(0.0, 0.0)
    assert part("run", ranked) == close(*[0.3 * 2 * -ONE / 3] * 2), "but it counts in the mean of the run"


def test_of_a_run_with_fewer_than_three_the_missing_count_nothing() -> None:
    ranked = rank("violin", [*run_of("violin"), Candidate("1", None, VIOLIN), Candidate("2", None, VIOLIN)])
    assert part("run", ranked) == close(0.3 / 3, 0.0, 0.0)
    assert part("neighbours", ranked) == close(0.0, 0.0, 0.0)


def test_each_run_keeps_to_itself() -> None:
    """Runs of other lengths, places without a candidate, and memories without a run between them."""
    places = [("", 0), ("r", 0), ("r", 3), ("s", 0), ("s", 1), ("", 1), ("t", 5), ("s", 9), ("t", 6), ("r", 4)]
    words = [True, True, False, False, True, False, False, True, True, False]
    candidates = [
        Candidate(str(n), None, VIOLIN if has else {0: 1.0}, actor=str(n), scope_run=run, seq=seq)
        for n, ((run, seq), has) in enumerate(zip(places, words, strict=True))
    ]
    for order in (1, -1):
        ranked = rank("violin", candidates[::order])
        # Beside the word: s 0 before s 1, and t 5 before t 6. r 3 and r 4 are too far from r 0.
        assert part("lexical", ranked) == close(1, 1, 0, 0.4, 1, 0, 0.4, 1, 1, 0)
        assert part("neighbours", ranked) == close(0, 0, 0, 0.1, 0.04, 0, 0.1, 0, 0.04, 0)
        r, s, t = 1 / 3, (0.5 + 1.04 + 1) / 3, (0.5 + 1.04) / 3
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
    assert ranked.order == pytest.approx(1.0 + expected)


def test_without_a_time_everything_is_recent() -> None:
    (ranked,) = rank("violin", [Candidate("0", None, VIOLIN)], preset="recent")
    assert ranked.parts["recency"] == 0.3


def test_neighbours_lend_of_what_is_recent_too() -> None:
    candidates = [
        Candidate(str(n), None, {0: 1.0}, actor=str(n), scope_run="r", seq=n, observed_at_us=n * 30 * DAY_US)
        for n in range(2)
    ]
    ranked = rank("violin", candidates, preset="recent", now_us=30 * DAY_US)
    assert part("neighbours", ranked) == close(0.03, 0.015)


@pytest.mark.parametrize(
    ("way", "lost"),
    [(1.0, 0.7), (0.84, 0.7), (0.57, 0.35), (0.354, 0.07), (0.3, 0.0), (0.0, 0.0), (-1.0, 0.0)],
)
def test_redundancy(way: float, lost: float) -> None:
    """From 0.3 to 0.84 of the way from unrelated texts, whose cosine is 0.2 here, to the same said twice."""
    cosine = 0.2 + 0.8 * way
    vectors = [[1.0, 0.0], [cosine, math.sqrt(1 - cosine**2)]]
    candidates = [Candidate(str(n), 0.8 - 0.6 * n, VIOLIN, vector=vector) for n, vector in enumerate(vectors)]
    ranked = rank("violin", candidates, preset="diverse", calibration=SCALE)
    assert part("redundancy", ranked) == close(0.0, lost * 1.0)
    assert part("order", ranked) == close(1 + 6 * ONE, 1 - lost)


def test_redundancy_is_by_words_where_a_vector_is_missing() -> None:
    words: list[dict[int, float]] = [{1: 3.0, 2: 4.0}, {1: 8.0, 3: 6.0}, {4: 5.0}, {}]
    order = np.array([1.0, 0.9, 0.8, 0.7])
    vectors = [[1.0, 0.0], [0.0, 1.0], None, [1.0, 0.0]]
    candidates = [Candidate(str(n), None, one, vector=vectors[n]) for n, one in enumerate(words)]
    lost = spread(order, candidates, 0.7, 0.0)
    assert lost.tolist() == close(0.0, 0.7 * 0.9 * (0.48 - 0.3) / 0.54, 0.0, 0.0), "the cosine is 24/50"


def test_each_is_held_against_what_stands_before_it_after_what_that_lost() -> None:
    # The third is like the second, which falls behind it: so it is the second that loses to the third.
    angles = [0.0, math.acos(0.84), math.acos(0.84) + math.acos(0.57)]
    candidates = [Candidate(str(n), None, None, vector=[math.cos(a), math.sin(a)]) for n, a in enumerate(angles)]
    lost = spread(np.array([1.0, 0.9, 0.5]), candidates, 0.7, 0.0)
    assert lost.tolist() == close(0.0, 0.63, 0.0)


def test_the_hundred_best_are_what_others_can_repeat() -> None:
    """The 101st repeats nothing, but the 102nd and the 103rd repeat it and the 100th."""
    axes = np.eye(101)
    rows = [*axes, axes[100], axes[99]]
    candidates = [Candidate(f"{n:03}", None, None, vector=row.tolist()) for n, row in enumerate(rows)]
    scores = np.linspace(1.0, 0.5, len(rows))
    lost = spread(scores, candidates, 0.7, 0.0)
    assert lost.nonzero()[0].tolist() == [102]
    assert lost[102] == pytest.approx(0.35)


# --- relevance


@pytest.mark.parametrize(
    ("similarity", "coverage", "missing", "personal", "expected"),
    [
        # Without evidence or with more against than for a memory it is 0; 0.75 standard deviations are half.
        (None, None, 0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0, 0.0),
        (-2.0, 0.0, 0.0, 0.0, 0.0),
        (0.75, None, 0.0, 0.0, 0.5),
        (1.5, None, 0.0, 0.0, 4 / 5),
        (0.375, None, 0.0, 0.0, 1 / 5),
        (6.0, None, 0.0, 0.0, 64 / 65),
        # A memory that has all words of a question has four.
        (None, 0.1875, 0.0, 0.0, 0.5),
        (None, 1.0, 0.0, 0.0, 4**2 / (4**2 + 0.75**2)),
        (2.0, 0.5, 0.0, 0.0, 4**2 / (4**2 + 0.75**2)),
        (-2.0, 1.0, 0.0, 0.0, 2**2 / (2**2 + 0.75**2)),
        (6.0, 1.0, 0.0, 0.0, 10**2 / (10**2 + 0.75**2)),
        # One that lacks the names of the question loses two; the question alone gives or takes up to two.
        (2.75, 0.0, 1.0, 0.0, 0.5),
        (2.0, 0.5, 0.5, 0.0, 3**2 / (3**2 + 0.75**2)),
        (0.0, 0.0, 0.0, 0.75, 0.5),
        (2.75, 0.0, 0.0, -2.0, 0.5),
        (1.0, 0.5, 1.0, 0.5, 1.5**2 / (1.5**2 + 0.75**2)),
        (0.0, 0.25, 1.0, 0.5, 0.0),
    ],
)
def test_relevance(
    similarity: float | None, coverage: float | None, missing: float, personal: float, expected: float
) -> None:
    found = relevance(similarity, coverage, missing_names=missing, personal=personal)
    assert found == pytest.approx(expected, rel=1e-12, abs=0)
    if not missing and not personal:
        assert found == relevance(similarity, coverage), "neither counts by default"


def test_a_candidate_has_the_relevance_of_its_parts() -> None:
    cello = document_weights("cello")
    candidates = [Candidate("0", 0.25, None), Candidate("1", 0.25, VIOLIN), Candidate("2", None, cello)]
    ranked = by_id(rank("violin cello", candidates, calibration=SCALE))
    # Evidence of a half, and half of the words.
    expected = {"0": half(0.5), "1": half(0.5 + 2), "2": half(2)}
    assert {key: one.relevance for key, one in ranked.items()} == pytest.approx(expected)


def test_names_that_are_missing_count_against_a_candidate_that_has_words() -> None:
    words = (None, document_weights("museum"), {0: 1.0})
    candidates = [Candidate(str(n), 0.5, one) for n, one in enumerate(words)]
    ranked = by_id(rank("museum, Lisbon", candidates, calibration=SCALE))
    expected = {"0": half(3), "1": half(3 + 4 * 0.4 - 2), "2": half(3 - 2)}
    assert {key: one.relevance for key, one in ranked.items()} == pytest.approx(expected)


def test_a_personal_question_makes_each_memory_more_relevant_and_changes_no_place() -> None:
    scale = replace(SCALE, direction=[0.0, 1.0], middle=0.3, scale=0.2)
    cases: list[tuple[list[float] | None, float]] = [
        *(([0.8, 0.6], 1.5), ([1.0, 0.0], -1.5), ([0.0, 1.0], 2.0), ([0.0, -1.0], -2.0), (None, 0.0))
    ]
    for vector, personal in cases:
        ranked = rank("violin", alike(0.3, 0.4), calibration=scale, vector=vector)
        assert part("personal", ranked) == close(personal, personal)
        assert part("order", ranked) == close(ONE, 2 * ONE)
        assert [one.relevance for one in ranked] == pytest.approx([half(2 + personal), half(1 + personal)])


def test_parts_read_like_a_dict() -> None:
    parts = by_id(rank("violin", run_of("violin")))["0"].parts
    assert list(parts) == PARTS
    assert len(parts) == len(dict(parts)) == 10
    assert repr(parts) == repr(dict(parts))


def test_what_a_candidate_has_that_is_not_told() -> None:
    bare = Candidate("0", None, None)
    assert (bare.owner, bare.actor, bare.role, bare.scope_run) == ("", "", "", "")
    assert (bare.seq, bare.observed_at_us, bare.vector, bare.metadata_words) == (0, 0, None, frozenset())


# --- through a search


class Angles:
    """An embedder of unit vectors: a text that is ``<number> …`` has the cosine ``number`` with any question.

    It knows no other texts, so it cannot be calibrated, and its cosines are read on the generic scale.
    """

    identity = "angles"
    dims = 2

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        cosine = 1.0 if text in ("violin", "violin cello") else float(text.split()[0])
        return [cosine, math.sqrt(1 - cosine**2)]


@pytest.fixture
def angles(config: Config, open_memory: Any) -> Any:
    config["vector_store"]["config"]["embedding_model_dims"] = 2
    return open_memory(config, embedder=Angles())


def keep(memory: Memory, *texts: str) -> None:
    memory.add([{"role": "user", "content": text} for text in texts], user_id="u", infer=False)


def test_explain_shows_the_parts_and_their_sum(angles: Any) -> None:
    keep(angles, "0.41 violin", "0.07 cello")
    first, second = angles.search("violin", user_id="u", explain=True)["results"]
    nothing = dict.fromkeys([*PARTS, "order"], 0.0)
    # (0.41 - 0.07) / 0.085 is 4, and 4 · ONE + 1 is the order.
    order = 4 * ONE + 1
    expected = {**nothing, "similarity": 4, "lexical": 1, "coverage": 1, "order": order}
    assert first["explain"] == pytest.approx(expected, abs=1e-6)
    assert second["explain"] == pytest.approx(nothing, abs=1e-6)
    assert (first["relevance"], second["relevance"]) == pytest.approx((half(4 + 4), 0.0), abs=1e-6)


def test_twenty_five_candidates_are_ranked_by_similarity_or_as_many_as_are_asked_for(angles: Any) -> None:
    keep(angles, *(f"{0.1 + 0.03 * n:.2f}" for n in range(29)), "0.99 violin")
    for top_k, ranked in ((1, 25), (25, 25), (26, 26)):
        found = angles.search("violin cello", user_id="u", top_k=top_k, explain=True)["results"]
        # The one word is found once among the candidates, the other not at all.
        one, none = math.log(1 + (ranked - 1 + 0.5) / (1 + 0.5)), math.log(1 + (ranked + 0.5) / 0.5)
        assert found[0]["explain"]["lexical"] == pytest.approx(one / (one + none)), top_k
        assert len(found) == top_k


def test_the_best_of_many_is_found_also_where_one_result_is_asked_for(angles: Any) -> None:
    """It is the second by similarity and the second by words: to be found, more than one candidate must be ranked."""
    keep(angles, "0.6 nothing", "0.5 a violin and so much more besides", "0.1 violin violin")
    for top_k in (1, 2, 3):
        found = angles.search("violin", user_id="u", top_k=top_k)["results"]
        assert found[0]["memory"].startswith("0.5")
        assert len(found) == top_k
