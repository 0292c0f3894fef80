"""Changes: what was said last comes before what it outdates, and nothing else is moved by that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from mem0milvus.retrieval.ranking import Candidate, Ranked, rank
from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.text import document_weights, key
from tests.conftest import Config, texts

#: Two memories are about the same from a cosine of 0.6, and one may answer from a similarity of 0.3.
SCALE = Calibration(unrelated={"en": 0.2}, known={"en": 1.0}, spread=0.1)

QUESTION = "Where do I live?"


def memory(id_: str, text: str, day: int, cosine: float = 1.0, similarity: float = 0.5, **others: Any) -> Candidate:
    """A memory of a day, with this cosine to those of cosine 1."""
    vector = [cosine, math.sqrt(1 - cosine**2)]
    return Candidate(id_, similarity, document_weights(text), observed_at_us=day, vector=vector, **others)


OLD = memory("old", "I live in Oslo", 1)
NEW = memory("new", "I moved to Bergen", 2)


def ranked(*candidates: Candidate, question: str = QUESTION, scale: Calibration = SCALE) -> list[Ranked]:
    found = rank(question, candidates, calibration=scale)
    assert found == rank(question, candidates[::-1], calibration=scale)
    return found


def ids(found: Sequence[Ranked]) -> list[str]:
    return [one.id for one in found]


def is_outdated(old: Candidate, new: Candidate, question: str = QUESTION) -> bool:
    """Whether the new one comes first, though it is the lesser answer."""
    found = ranked(old, new, question=question)
    if found[0].id == new.id:
        assert found[0].parts["change"] > 0
        return True
    assert all(one.parts["change"] == 0 for one in found)
    return False


def test_who_moved_lives_elsewhere_now() -> None:
    first, second = ranked(OLD, NEW)
    assert (first.id, second.id) == ("new", "old")
    assert first.order == pytest.approx(second.order + 1e-3)
    assert second.parts["change"] == 0
    # Without the change, both have the similarity, and the older one the word and what its link gains.
    assert first.parts["change"] == pytest.approx(1.0 + second.parts["links"] + 1e-3)
    assert first.relevance < second.relevance, "relevance is of one memory and the question alone"


@pytest.mark.parametrize(
    ("question", "old", "new"),
    [
        ("Which car do I drive?", "I drive a Volvo", "I sold it and ride a bicycle"),
        ("Where do I work?", "I work at a bank", "I now teach at a school"),
        ("When is the meeting?", "The meeting is on Monday", "It was postponed to Friday"),
        ("Wo wohne ich?", "Ich wohne in Leipzig", "Wir sind nach Kassel umgezogen"),
        ("¿Dónde vivo yo?", "Yo vivo en Bilbao", "Nos mudamos a Vigo"),
        ("Où est-ce que j'habite ?", "J'habite à Nantes", "Nous avons déménagé à Lyon"),
        ("Где я живу?", "Я живу в Казани", "Мы переехали в Омск"),
        ("أين أسكن؟", "أسكن في طنطا", "انتقلت إلى القاهرة"),
        ("我住在哪里？", "我住在杭州", "我搬到了苏州"),
        ("どこに住んでいますか？", "神戸に住んでいます", "京都へ引っ越しました"),
        ("나는 어디에 살아요?", "나는 대전에 살아요", "우리는 부산으로 이사했어요"),
        ("ฉันอยู่เมืองไหน", "ฉันอยู่เชียงใหม่", "ฉันย้ายไปภูเก็ต"),
    ],
)
def test_a_change_is_heard_in_many_languages(question: str, old: str, new: str) -> None:
    first = memory("old", old, 1, similarity=0.7)
    assert is_outdated(first, memory("new", new, 2), question)
    assert not is_outdated(first, memory("new", old.split()[-1][:2] + " zzz", 2), question), "without its word"


def test_what_repeats_the_old_with_another_value_outdates_it() -> None:
    question = "How much is my rent in Oslo?"
    old = memory("old", "My rent in Oslo is 900 euros", 1, similarity=0.6)
    assert is_outdated(old, memory("new", "My rent in Oslo is 1050 euros", 2), question)
    assert not is_outdated(old, memory("new", "My rent is 1050 euros", 2), question), "it has less of the question"
    assert not is_outdated(old, memory("new", "Rent in Oslo rises, as newspapers wrote yesterday", 2), question)


@pytest.mark.parametrize(("common", "outdated"), [(10, True), (9, False)])
def test_a_repetition_has_half_of_the_words_of_both(common: int, outdated: bool) -> None:
    said, others = dict.fromkeys(range(15), 1.0), dict.fromkeys(range(15 - common, 30 - common), 1.0)
    old, new = replace(OLD, words=said, similarity=0.6), replace(NEW, words=others)
    assert len(said.keys() & others.keys()) == common  # of 20 or 21
    assert is_outdated(old, new) == outdated


@pytest.mark.parametrize(
    ("cosine", "similarity", "text", "outdated"),
    [
        (0.901, 0.6, "Home means Bergen", True),  # nine standard deviations
        (0.899, 0.6, "Home means Bergen", False),
        (1.0, 0.551, "Home means Bergen", True),  # less than one further from the question
        (1.0, 0.549, "Home means Bergen", False),
        (1.0, 0.6, "Bergen", False),  # it has less of the question
    ],
)
def test_what_means_nearly_the_same_outdates_it(cosine: float, similarity: float, text: str, outdated: bool) -> None:
    wide = Calibration(unrelated={"en": 0.0}, known={"en": 1.0}, spread=0.1)
    old = memory("old", "Home, by the sea, is in Oslo", 1, similarity=0.65)
    first, second = ranked(old, memory("new", text, 2, cosine, similarity), question="my home", scale=wide)
    assert first.id == ("new" if outdated else "old")
    assert (first.parts["change"] > 0, second.parts["change"]) == (outdated, 0)


def test_nine_deviations_are_the_same_statement_and_one_is_further() -> None:
    """On a scale without rounding."""
    exact = Calibration(unrelated={"en": -0.125}, known={"en": 1.0}, spread=0.125)
    old = memory("old", "Home, by the sea, is in Oslo", 1, similarity=0.625)
    for similarity, first in ((0.5, "old"), (0.515625, "new")):
        found = ranked(old, memory("new", "Home means Bergen", 2, 1.0, similarity), question="my home", scale=exact)
        assert found[0].id == first


def test_without_a_similarity_only_words_say_the_same() -> None:
    wide = Calibration(unrelated={"en": 0.0}, known={"en": 1.0}, spread=0.1)
    old, new = memory("old", "Home, by the sea, is in Oslo", 1, similarity=0.65), memory("new", "Home means Bergen", 2)
    for first, second in ((old, replace(new, similarity=None)), (replace(old, similarity=None), new)):
        found = ranked(first, second, question="my home", scale=wide)
        assert all(one.parts["change"] == 0 for one in found)


def test_only_the_newer_of_two_outdates_the_other() -> None:
    said = [memory("1", "I moved to Bergen", 1), memory("2", "I live in Oslo", 2)]
    assert [one.parts["change"] for one in ranked(*said)] == [0, 0]
    assert is_outdated(OLD, replace(NEW, observed_at_us=2))
    assert not is_outdated(OLD, replace(NEW, observed_at_us=1)), "said at the same time"
    assert not is_outdated(OLD, replace(NEW, observed_at_us=0))


def test_what_is_better_anyway_gains_nothing() -> None:
    better = replace(NEW, words=document_weights("I live in Bergen now, I moved"), similarity=0.7)
    found = ranked(OLD, better)
    assert ids(found) == ["new", "old"]
    assert [one.parts["change"] for one in found] == [0, 0]


@pytest.mark.parametrize(
    ("cosine", "similarity", "outdated"),
    [(1.0, 0.5, True), (0.655, 0.5, True), (0.645, 0.5, False), (1.0, 0.305, True), (1.0, 0.295, False)],
)
def test_both_are_about_the_same_and_the_newer_may_answer(cosine: float, similarity: float, outdated: bool) -> None:
    assert is_outdated(OLD, memory("new", "I moved to Bergen", 2, cosine, similarity)) == outdated


def test_four_and_a_half_deviations_are_the_same_subject_and_one_may_answer() -> None:
    """On a scale without rounding."""
    exact = Calibration(unrelated={"en": 0.4375}, known={"en": 1.0}, spread=0.125)
    old, new = replace(OLD, similarity=1.0), replace(NEW, similarity=0.5625)
    assert ids(ranked(old, new, scale=exact)) == ["new", "old"]
    assert ids(ranked(old, replace(new, similarity=0.5615), scale=exact)) == ["old", "new"]
    assert ids(ranked(old, replace(new, vector=[0.999, math.sqrt(1 - 0.999**2)]), scale=exact)) == ["old", "new"]


def test_of_equal_scores_the_newer_comes_first() -> None:
    twins = [memory("a", "I moved to Oslo", 1), memory("b", "I moved to Oslo", 2)]
    first, second = ranked(*twins)
    assert (first.id, second.id) == ("b", "a")
    assert first.order == pytest.approx(second.order + 1e-3)


@pytest.mark.parametrize(
    "other", [{"owner": "bo"}, {"actor": "Bo"}, {"role": "assistant"}, {"role": "user", "owner": "bo"}], ids=str
)
def test_nobody_outdates_what_somebody_else_said(other: dict[str, str]) -> None:
    assert not is_outdated(OLD, replace(NEW, **other))
    assert is_outdated(replace(OLD, **other), replace(NEW, **other))


def test_questions_and_long_memories_change_nothing() -> None:
    assert not is_outdated(OLD, memory("new", "I moved to Bergen?", 2))
    assert not is_outdated(memory("old", "I live in Oslo?", 1), NEW)
    live, moved = document_weights("I live in Oslo"), document_weights("I moved to Bergen")
    assert is_outdated(OLD, replace(NEW, words={key("w moved"): 1.0}))
    assert is_outdated(replace(OLD, words={0: 1.0}, similarity=0.6), NEW)
    for tokens, outdated in ((60, True), (61, False)):
        long_old = {**live, **dict.fromkeys(range(tokens - len(live)), 1.0)}
        long_new = {**moved, **dict.fromkeys(range(tokens - len(moved)), 1.0)}
        assert (len(long_old), len(long_new)) == (tokens, tokens)
        assert is_outdated(replace(OLD, words=long_old), NEW) == outdated
        assert is_outdated(OLD, replace(NEW, words=long_new)) == outdated


def test_without_words_or_a_vector_nothing_is_outdated() -> None:
    assert not is_outdated(OLD, replace(NEW, vector=None))
    assert not is_outdated(replace(OLD, vector=None), NEW)
    for nothing in (None, {}):
        assert not is_outdated(OLD, replace(NEW, words=nothing))
        assert not is_outdated(replace(OLD, words=nothing, similarity=0.7), NEW)
        both = [replace(OLD, words=nothing, similarity=0.7), replace(NEW, words=nothing)]
        assert [one.parts["change"] for one in ranked(*both)] == [0, 0]


@pytest.mark.parametrize(("known", "first"), [(1.0, "new"), (0.4, "new"), (0.39, "old"), (0.0, "old")])
def test_a_model_that_hardly_knows_the_language_does_not_tell_subjects_apart(known: float, first: str) -> None:
    scale = Calibration(unrelated={"en": 0.2}, known={"en": known}, spread=0.1)
    assert ids(ranked(OLD, replace(NEW, similarity=0.6), scale=scale))[0] == first


def test_what_repeats_the_old_needs_no_embedding() -> None:
    question = "How much is my rent in Oslo?"
    old = memory("old", "My rent in Oslo is 900 euros", 1, similarity=0.6)
    new = memory("new", "My rent in Oslo is 1050 euros", 2, cosine=0.0, similarity=0.1)
    assert is_outdated(old, new, question)
    assert is_outdated(replace(old, vector=None, similarity=None), replace(new, vector=None, similarity=None), question)
    assert not is_outdated(old, replace(new, observed_at_us=0), question)
    assert not is_outdated(old, replace(new, role="assistant"), question)
    assert not is_outdated(memory("old", "My rent in Oslo is 900 euros?", 1, similarity=0.9), new, question)


@pytest.mark.parametrize(("others", "outdated"), [(6, True), (7, False)])
def test_only_the_eight_best_are_looked_at(others: int, outdated: bool) -> None:
    between = [memory(f"{n}", f"They live at number {n}", n, cosine=0.0, similarity=0.6) for n in range(others)]
    found = ranked(OLD, NEW, *between)
    assert found[-1].id == ("new" if not outdated else ids(found)[-1])
    assert ids(found).index("new") == (ids(found).index("old") - 1 if outdated else others + 1)


def test_others_without_a_vector_are_among_the_best_too() -> None:
    between = [replace(memory(f"{n}", "They live there", n, similarity=0.6), vector=None) for n in range(7)]
    assert ids(ranked(OLD, NEW, *between))[-1] == "new"


def test_of_several_changes_the_newest_comes_first() -> None:
    chain = [
        OLD,
        NEW,
        memory("newer", "We moved to Voss", 3, similarity=0.4),
        memory("newest", "I now rent in Hamar", 4),
    ]
    found = ranked(*chain)
    assert ids(found) == ["newest", "newer", "new", "old"]
    steps = [one.order - other.order for one, other in pairwise(found)]
    assert steps == pytest.approx([1e-3] * 3)


def test_in_a_chain_only_what_is_about_the_same_is_passed() -> None:
    hobby = memory("hobby", "I live for chess", 2, cosine=0.0, similarity=0.8)
    found = ranked(OLD, NEW, hobby)
    assert ids(found) == ["hobby", "new", "old"]
    assert [one.parts["change"] > 0 for one in found] == [False, True, False]


def test_the_diverse_preset_counts_redundancy_after_the_change() -> None:
    found = rank(QUESTION, [OLD, NEW], calibration=SCALE, preset="diverse")
    assert ids(found) == ["new", "old"]
    assert found[0].parts["redundancy"] == 0
    assert found[1].parts["redundancy"] == pytest.approx(0.7 * (1 + 3 * 0.225 / math.log(8) + found[1].parts["links"]))


# --- through a search


class Homes:
    """An embedder of two subjects, homes and others. It cannot be calibrated, so the generic scale is used."""

    identity = "homes"
    dims = 2

    def embed(self, given: Sequence[str]) -> list[list[float]]:
        if len(given) > 5:
            raise ValueError("too many texts")
        return [[1.0, 0.0] if {"live", "moved"} & set(text.rstrip("?.").split()) else [0.0, 1.0] for text in given]


@pytest.fixture
def homes(config: Config, open_memory: Any) -> Any:
    config["vector_store"]["config"]["embedding_model_dims"] = 2
    return open_memory(config, embedder=Homes())


def say(store: Any, text: str, when: str, **scope: str) -> None:
    store.add([{"role": "user", "content": text}], infer=False, timestamp=when, **scope)


def test_a_search_finds_the_new_home_first(homes: Any) -> None:
    say(homes, "We moved to Bergen.", "2024-05-01", user_id="u")
    say(homes, "I live in Oslo.", "2020-01-01", user_id="u")
    say(homes, "I like tea.", "2025-01-01", user_id="u")
    assert texts(homes.search(QUESTION, user_id="u"))[:2] == ["We moved to Bergen.", "I live in Oslo."]


def test_a_search_over_several_users_mixes_nobodys_homes(homes: Any) -> None:
    say(homes, "We moved to Bergen.", "2024-05-01", user_id="u", agent_id="a")
    say(homes, "I live in Oslo.", "2020-01-01", user_id="v", agent_id="a")
    assert texts(homes.search(QUESTION, agent_id="a")) == ["I live in Oslo.", "We moved to Bergen."]


def test_an_assistant_outdates_nothing_that_the_user_said(homes: Any) -> None:
    say(homes, "I live in Oslo.", "2020-01-01", user_id="u")
    homes.add(
        [{"role": "assistant", "content": "You moved to Bergen."}], user_id="u", infer=False, timestamp="2024-05-01"
    )
    assert texts(homes.search(QUESTION, user_id="u")) == ["I live in Oslo.", "You moved to Bergen."]
