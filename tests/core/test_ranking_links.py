"""Links: of memories with common words, those that have more of the question gain from the better ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem0milvus.retrieval.ranking import Candidate, Ranked, rank
from mem0milvus.retrieval.text import document_weights, query_terms

AGE, EMAIL, LIN, MAX, DESK = range(1, 6)


def words(question: str) -> list[int]:
    """The keys of a question of short words, which have one key each."""
    return [key for term in query_terms(question) for key, _ in term.keys]


def gains(ranked: Sequence[Ranked]) -> dict[str, float]:
    return {one.id: one.parts["links"] for one in ranked if one.parts["links"]}


def candidate(name: str, *keys: int, role: str = "user", more: int = 0) -> Candidate:
    own = dict.fromkeys(keys, 1.0) | dict.fromkeys(range(1000, 1000 + more), 1.0)
    return Candidate(name, None, own, role=role)


#: "bob jim": a question of two words with one key each.
BOB, JIM = words("bob jim")


def test_a_memory_gains_by_what_it_shares_with_a_better_one_and_has_of_the_question() -> None:
    ranked = rank(
        "bob jim",
        [
            candidate("first", BOB, LIN, DESK),
            candidate("second", LIN),
            candidate("third", JIM, LIN),
            candidate("", MAX),
        ],
    )
    orders = {one.id: one.order for one in ranked}
    # DESK is in one memory alone and links nothing. "first" and "third" each have a half of the question.
    assert gains(ranked) == pytest.approx({
        "first": 0.4 * math.sqrt(0.5) * 0.5,
        "third": 0.4 * math.sqrt(0.5) * 0.5,
    })  # fmt: skip
    assert orders["first"] == pytest.approx(0.5 + 0.4 * math.sqrt(0.5) * 0.5)
    assert orders["second"] == 0, "it has no word of the question"


def test_the_part_of_common_words_is_by_rarity() -> None:
    best = candidate("best", BOB, LIN, DESK, MAX)
    rest = [candidate("one", JIM, LIN), candidate("two", DESK), candidate("three", DESK), candidate("four", MAX, AGE)]
    found = gains(rank("bob jim", [best, *rest]))

    def rarity(frequency: int) -> float:
        return math.log(1 + (5 - frequency + 0.5) / (frequency + 0.5))

    part = rarity(2) / (rarity(2) + rarity(3) + rarity(2))
    bob = jim = 0.5  # both words of the question are as rare
    assert found == pytest.approx({"one": 0.4 * part * math.sqrt(0.5) * bob, "best": 0.4 * math.sqrt(0.5) * jim})


def test_two_memories_answer_where_each_has_a_half_of_the_question() -> None:
    texts = {
        "age": "My colleague Lin is 36 years old.",
        "email": "Lin can be reached at lin@example.org, her email.",
        "other": "Max reads email at max@example.org.",
        "far": "The bakery opens at seven.",
    }
    candidates = [Candidate(name, None, document_weights(text)) for name, text in texts.items()]
    ranked = rank("What is the email of the person who is 36 years old?", candidates)
    assert [one.id for one in ranked] == ["age", "email", "other", "far"]
    assert ranked[1].parts["links"] > ranked[2].parts["links"]
    (alone,) = rank("What is the email of the person who is 36 years old?", candidates[:1])
    assert ranked[0].relevance == pytest.approx(alone.relevance), "links change the order alone"


def test_words_of_the_question_link_nothing() -> None:
    ranked = rank("bob jim", [candidate("both", BOB, JIM), candidate("one", BOB), candidate("other", JIM)])
    assert gains(ranked) == {}


def test_what_an_assistant_says_is_not_linked() -> None:
    linked = [candidate("a", BOB, LIN), candidate("b", JIM, LIN)]
    assert len(gains(rank("bob jim", linked))) == 2
    for n in range(2):
        changed = [replace(one, role="assistant") if k == n else one for k, one in enumerate(linked)]
        assert gains(rank("bob jim", changed)) == {}


@pytest.mark.parametrize(("tokens", "is_linked"), [(250, True), (251, False)])
def test_long_memories_are_not_linked(tokens: int, is_linked: bool) -> None:
    long = candidate("long", BOB, LIN, more=tokens - 2)
    assert bool(gains(rank("bob jim", [long, candidate("short", JIM, LIN)]))) is is_linked


def test_the_eight_best_pass_their_score_on() -> None:
    """Each shares a word with one that has the rest of the question: that of the ninth best gains nothing."""
    question = "bob jim kit"
    keys = words(question)
    best = [Candidate(f"{n}", 0.41 - 0.01 * n, dict.fromkeys([keys[0], 100 + n], 1.0)) for n in range(9)]
    rest = [Candidate(f"{n} more", None, dict.fromkeys([keys[1], 100 + n], 1.0)) for n in range(9)]
    found = gains(rank(question, [*best, *rest]))
    assert {name for name in found if name.endswith("more")} == {f"{n} more" for n in range(8)}


def test_who_is_below_zero_passes_nothing_on() -> None:
    doubtful = Candidate("a", 0.0, dict.fromkeys([LIN, MAX], 1.0))
    other = Candidate("b", -1.0, dict.fromkeys([LIN, BOB], 1.0))
    assert all(one.order <= 1 for one in rank("bob", [doubtful, other]))
    assert gains(rank("bob jim", [doubtful, Candidate("c", None, {JIM: 1.0, MAX: 1.0})])) == {}


@pytest.mark.parametrize("own", [None, {}])
def test_candidates_without_words_are_not_linked(own: dict[int, float] | None) -> None:
    assert gains(rank("bob jim", [Candidate("a", 0.5, own), Candidate("b", 0.5, own)])) == {}


@given(
    st.lists(st.tuples(st.sets(st.sampled_from([BOB, JIM, LIN, MAX, DESK])), st.booleans()), min_size=1, max_size=12)
)
def test_a_link_gains_less_than_its_share_of_the_best_score(rows: list[tuple[set[int], bool]]) -> None:
    candidates = [
        candidate(str(n), *keys, role="assistant" if by_assistant else "user")
        for n, (keys, by_assistant) in enumerate(rows)
    ]
    ranked = rank("bob jim", candidates)
    best = max(one.order - one.parts["links"] - one.parts["change"] for one in ranked)
    assert all(0.0 <= one.parts["links"] <= 0.4 * best + 1e-12 for one in ranked)
