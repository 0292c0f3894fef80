"""Ranking: what moves a memory up, and what its relevance tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

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
from mem0milvus.retrieval.ranking.calibration import Calibration, calibrate, sample_memories, sample_questions
from mem0milvus.retrieval.text import document_weights, key, query_terms
from mem0milvus.retrieval.text.words import question_language

TENNIS = "Likes to play tennis on weekends"
EXAM = "I have a linear algebra midterm exam on November 20"


def lexical(
    id_: str, text: str, *, run: str = "", seq: int = 0, actor: str = "", role: str = "", observed_at_us: int = 0
) -> Candidate:
    words = document_weights(text, actor=actor)
    return Candidate(id_, None, words, actor=actor, role=role, scope_run=run, seq=seq, observed_at_us=observed_at_us)


@lru_cache(maxsize=1)
def offline_calibration() -> Calibration:
    embedder = HashingEmbedder()
    memories, questions = embedder.embed(sample_memories()), embedder.embed(sample_questions())
    return calibrate(list(memories), list(questions))


def offline(question: str, memories: Sequence[tuple[str, Sequence[str]]], user: str = "") -> list[Ranked]:
    """Rank memories, ids "0", "1", ..., each a text and the texts of its metadata, as a search without a model does."""
    vectors = HashingEmbedder().embed([question, *(text for text, _ in memories)])
    candidates = []
    for i, (text, extra) in enumerate(memories):
        words = document_weights(text, extra=extra)
        metadata_words = frozenset(words.keys() - document_weights(text).keys())
        closeness = float(vectors[0] @ vectors[i + 1])
        candidates.append(
            Candidate(str(i), closeness, words, vector=vectors[i + 1].tolist(), metadata_words=metadata_words)
        )
    return rank(question, candidates, scope_names=[user], calibration=offline_calibration(), vector=vectors[0].tolist())


def ids(ranked: Sequence[Ranked]) -> list[str]:
    return [one.id for one in ranked]


def test_metadata_tells_which_memory_is_a_hobby_and_makes_it_no_more_relevant() -> None:
    for hobbies in (["hobbies"], []):
        memories = [(EXAM, ["task"]), (TENNIS, hobbies)]
        ranked = offline("What are Alice's hobbies", memories, user="alice")
        assert ranked[0].order > 0.9 + ranked[1].order if hobbies else ranked[0].order < 0.1
        assert ids(ranked)[0] == "1" or not hobbies
        assert all(one.relevance < DEFAULT_INJECTION_THRESHOLD for one in ranked)
    said = offline("What are Alice's hobbies", [(EXAM, []), ("Her hobbies: tennis", [])], user="alice")
    assert ids(said) == ["1", "0"]
    assert said[0].relevance >= DEFAULT_INJECTION_THRESHOLD > said[1].relevance


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


@pytest.mark.parametrize("known", [0.0, 0.05, 1.0])
def test_order_follows_similarity_also_where_it_is_no_evidence_or_beyond_the_limit(known: float) -> None:
    """In a language that a model does not know, and above and below the limits of evidence, scores are equal."""
    scale = Calibration(unrelated={"en": 0.0}, known={"en": known}, spread=0.03)
    similarities = (0.2, 0.9, 0.1, 0.99, -0.5, -0.4, 0.5)
    candidates = [Candidate(str(i), similarity, None) for i, similarity in enumerate(similarities)]
    for given_order in (candidates, candidates[::-1]):
        assert ids(rank("tennis", given_order, calibration=scale)) == ["3", "1", "6", "0", "2", "5", "4"]


def test_equals_without_a_vector_come_after_those_with_one() -> None:
    scale = Calibration(unrelated={"en": 0.0}, known={"en": 0.0}, spread=0.1)
    candidates = [Candidate("a", None, None), Candidate("b", -0.1, None), Candidate("c", 0.0999999, None)]
    candidates += [Candidate("d", 0.1, None), Candidate("0", None, None), Candidate("z", 0.100004, None)]
    ranked = rank("tennis", candidates, calibration=scale)
    assert ids(ranked) == ["z", "c", "d", "b", "0", "a"], "to six digits, c equals d"


def test_an_embedding_outweighs_few_words_and_not_many() -> None:
    """Among a few candidates, six standard deviations are worth more than half of the question's words."""
    scale = Calibration(unrelated={"en": 0.2}, known={"en": 1.0}, spread=0.1)
    meant = Candidate("meant", 0.6, document_weights("evening music"))
    question = "violin lesson Tuesday afternoon"
    one = Candidate("said", 0.2, document_weights("violin"))
    three = Candidate("said", 0.2, document_weights("violin lesson on Tuesday"))
    assert ids(rank(question, [meant, one], calibration=scale))[0] == "meant"
    assert ids(rank(question, [meant, three], calibration=scale))[0] == "said"


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
        lexical("asks", "Where did you adopt your dog Rex?", actor="Bea", run="r", seq=4),
        lexical("answers", "At the shelter in Leeds.", actor="Caro", run="r", seq=5),
        lexical("elsewhere", "At the shelter in Leeds.", actor="Caro", run="other", seq=5),
        lexical("no run", "At the shelter in Leeds.", actor="Caro"),
    ]
    ranked = rank("Where was Rex adopted?", candidates)
    assert set(ids(ranked)[:2]) == {"asks", "answers"}
    relevances = {one.id: one.relevance for one in ranked}
    assert relevances["answers"] == relevances["no run"] < DEFAULT_INJECTION_THRESHOLD < relevances["asks"]


def test_who_speaks_on_answers_less_often_than_who_speaks_next() -> None:
    orders = {}
    for actor in ("Bea", "Caro"):
        asks = lexical("asks", "Where did you adopt your dog Rex?", actor="Bea", run="r", seq=4)
        said_next = lexical("next", "At the shelter in Leeds.", actor=actor, run="r", seq=5)
        orders[actor] = {one.id: one.order for one in rank("Where was Rex adopted?", [asks, said_next])}["next"]
    assert 0 < orders["Bea"] < 0.6 * orders["Caro"]


def test_neighbours_without_a_run_lend_nothing() -> None:
    candidates = [lexical("hit", "violin lesson", seq=0), lexical("next", "the weather", seq=1)]
    assert rank("violin", candidates)[1].order == 0.0


def test_a_memory_that_asks_stands_behind_one_that_tells() -> None:
    assert ids(rank("violin lesson", [lexical("a", "violin lesson?"), lexical("b", "violin lesson.")])) == ["b", "a"]


def test_recency_is_a_matter_of_the_preset() -> None:
    day = 86_400_000_000
    candidates = [
        Candidate("old", 0.31, None, observed_at_us=0),
        Candidate("new", 0.2, None, observed_at_us=100 * day),
    ]
    assert ids(rank("violin", candidates, now_us=101 * day)) == ["old", "new"]
    assert ids(rank("violin", candidates, preset="recent", now_us=101 * day)) == ["new", "old"]
    with pytest.raises(KeyError):
        rank("violin", candidates, preset="unheard of")


def test_the_name_of_the_scope_is_not_missed_in_a_memory() -> None:
    candidates = [lexical("a", "Her hobbies are chess and tennis")]
    question = "What are Alice's hobbies?"
    assert rank(question, candidates, scope_names=["alice"])[0].relevance > rank(question, candidates)[0].relevance


def test_of_equals_the_newer_comes_first() -> None:
    candidates = [Candidate(str(when), 0.41, None, observed_at_us=when) for when in (3, 1, 2)]
    assert ids(rank("violin", candidates)) == ["3", "2", "1"]
    assert len({one.order for one in rank("violin", candidates)}) == 1
    closer = Candidate("closer", 0.410002, None, observed_at_us=0)
    scale = Calibration(unrelated={"en": 0.0}, known={"en": 1.0}, spread=0.01)
    assert ids(rank("violin", [*candidates, closer], calibration=scale)) == ["closer", "3", "2", "1"]


def test_equals_are_ordered_by_id() -> None:
    candidates = [lexical(name, "violin lesson") for name in ("b", "c", "a")]
    assert ids(rank("violin", candidates)) == ["a", "b", "c"]


def test_nothing_to_rank_and_nothing_asked() -> None:
    assert rank("violin", []) == []
    ranked = rank("?!", [lexical("b", TENNIS), lexical("a", EXAM)])
    assert [(one.id, one.relevance) for one in ranked] == [("a", relevance(None, 0.0)), ("b", relevance(None, 0.0))]
    assert ranked[0].relevance < DEFAULT_INJECTION_THRESHOLD


def test_the_parts_explain_a_place() -> None:
    [one] = rank("tennis", [Candidate("a", 0.5, document_weights(TENNIS, actor="Bo"), "Bo")])
    assert one.parts["coverage"] == pytest.approx(1.0)
    added = sum(one.parts[name] for name in ("neighbours", "run", "links", "change"))
    assert one.order == pytest.approx(0.225 / math.log(8) * one.parts["similarity"] + one.parts["lexical"] + added)


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.text(max_size=40), st.floats(-1, 1), st.integers(0, 6), st.sampled_from(["", "r", "s"]))),
    st.sampled_from(sorted(PRESETS)),
)
def test_any_candidates_are_ranked(question: str, rows: list[tuple[str, float, int, str]], preset: str) -> None:
    candidates = [
        Candidate(str(i), similarity, document_weights(text), actor="Bo", scope_run=run, seq=seq)
        for i, (text, similarity, seq, run) in enumerate(rows)
    ]
    ranked = rank(question, candidates, preset=preset)
    assert sorted(ids(ranked)) == sorted(c.id for c in candidates)
    assert all(0.0 <= one.relevance <= 1.0 + 1e-9 for one in ranked)
    assert [one.order for one in ranked] == sorted((one.order for one in ranked), reverse=True)
    assert ids(rank(question, candidates[::-1], preset=preset)) == ids(ranked)


def test_relevance_grows_with_similarity_and_coverage() -> None:
    assert relevance(None, 0.0) == relevance(0.0, 0.0) == relevance(0.0, None)
    assert relevance(-2.0, 0.0) == relevance(0.0, 0.0) == 0 < relevance(0.1, 0.0) < DEFAULT_INJECTION_THRESHOLD
    assert DEFAULT_INJECTION_THRESHOLD < relevance(2.0, 0.0) < relevance(2.0, 0.4) < relevance(3.0, 0.4) < 1
    assert relevance(6.0, 1.0, personal=2.0) < 1
    assert relevance(-2.0, 0.0, missing_names=1.0, personal=-2.0) == 0
    assert relevance(2.0, 0.5, missing_names=1.0) < relevance(2.0, 0.5) < relevance(2.0, 0.5, personal=0.1)


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


# --- names, roles and the user


def test_a_memory_of_somebody_else_is_not_relevant() -> None:
    """All words but the name are there."""
    memories = [("Caro went hiking in the hills", []), ("Bea went hiking in the hills", [])]
    ranked = offline("When did you say Bea went hiking?", memories)
    assert ids(ranked) == ["1", "0"]
    without = offline("When did you say she went hiking?", memories)
    assert ranked[1].relevance < without[1].relevance
    assert ranked[1].parts["missing_names"] == pytest.approx(1.0, abs=0.1)
    assert ranked[0].parts["missing_names"] == 0.0


def test_the_word_user_distinguishes_nothing() -> None:
    said = ("The user has a sailing boat", "Der Nutzer mag Tee", "El usuario vive en Leeds", "The user is 34")
    memories = [lexical(str(i), text) for i, text in enumerate(said)]
    for question in ("Does the user own a boat?", "Besitzt der Nutzer ein Boat?", "¿El usuario tiene un boat?"):
        ranked = rank(question, memories)
        assert ids(ranked)[0] == "0"
        assert [one.id for one in ranked if one.relevance >= DEFAULT_INJECTION_THRESHOLD] == ["0"], question
        assert all(one.parts["coverage"] == 0 and one.parts["lexical"] == 0 for one in ranked[1:])
    covered = {one.id: one.parts["coverage"] for one in rank("user", memories)}
    assert (covered["0"], covered["3"]) == pytest.approx((1.0, 1.0)), "a question of nothing else asks for it"


def test_what_the_user_said_comes_before_what_an_assistant_said() -> None:
    candidates = [
        lexical("a", "The violin lesson is on Friday", role="assistant"),
        lexical("b", "The violin lesson is on Friday", role="user"),
        lexical("c", "The violin is in the attic", role="user"),
    ]
    ranked = rank("When is the violin lesson?", candidates)
    assert ids(ranked) == ["b", "a", "c"], "but a better answer stays before a worse one"
    assert ranked[0].relevance == ranked[1].relevance


# --- text without spaces


@pytest.mark.parametrize(
    ("question", "memories"),
    [
        ("我喜欢喝什么茶？", ["我每天早上喝绿茶。", "我住在杭州。", "我哥哥是水管工。"]),
        ("妹妹在哪里工作？", ["我妹妹在医院工作。", "我们家的狗很大。", "他在学法语。"]),
        ("コーヒーは飲みますか？", ["毎朝コーヒーを飲みます。", "犬を飼っています。", "神戸に住んでいます。"]),
        ("誕生日はいつですか？", ["誕生日は五月三日です。", "兄は医者です。", "車は持っていません。"]),
        ("ฉันชอบดื่มกาแฟไหม", ["ฉันดื่มกาแฟทุกเช้า", "ฉันมีแมวสองตัว", "พี่ชายทำงานที่ธนาคาร"]),
    ],
)
def test_without_spaces_the_memory_with_the_words_comes_first_and_is_relevant(
    question: str, memories: list[str]
) -> None:
    for turn in range(3):
        texts = memories[turn:] + memories[:turn]
        ranked = rank(question, [lexical(text, text) for text in texts])
        assert ranked[0].id == memories[0]
        assert ranked[0].relevance > ranked[1].relevance + 0.05


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("我住在哪里？", ["哪里"]),
        ("你喜欢什么茶？", ["什么"]),
        ("誕生日はいつですか？", ["いつ", "です", "すか"]),
        ("ペットはどこですか？", ["どこ", "です"]),
        ("ฉันอยู่ที่ไหน", ["ไหน"]),
        ("ฉันชื่ออะไร", ["ะไ", "ไร"]),
    ],
)
def test_words_that_only_ask_are_not_looked_for(question: str, words: list[str]) -> None:
    """In a memory they would be found by chance: each question has them."""
    looked_for = {number for term in query_terms(question) for number, _ in term.keys}
    assert looked_for
    assert looked_for.isdisjoint(key("c " + word) for word in words)
    asks_the_same = lexical("other", "".join(words) + "？")
    (found,) = rank(question, [asks_the_same])
    assert found.parts["coverage"] == 0


@pytest.mark.parametrize(
    ("question", "single", "pair"), [("漢字", 0.125, 1.0), ("カラ", 0.025 / 3, 0.625), ("漢カ", 0.125, 0.5)]
)
def test_a_character_alone_is_worth_a_third_of_its_share(question: str, single: float, pair: float) -> None:
    """A pair of Han characters is worth a word, 0.8 of 0.8; a Han character is 0.3 of 0.8, a Katakana one 0.02."""
    terms = query_terms(question)
    assert (terms[0].worth, terms[-1].worth) == pytest.approx((single, pair))
    assert len(terms) == 3
    assert not any(term.is_name for term in terms)


def test_thai_clusters_are_worth_by_their_length() -> None:
    worths = {len(term.keys): term.worth for term in query_terms("แมว")}
    assert worths == {1: pytest.approx(0.375)}
    assert sorted(term.worth for term in query_terms("แมว")) == pytest.approx([0.25, 0.25, 0.375])


def test_only_words_with_a_capital_inside_a_sentence_are_names() -> None:
    def names(question: str) -> list[bool]:
        return [term.is_name for term in query_terms(question)]

    assert names("Lisbon museum in Porto") == [False, False, True]
    assert names("museum, MUSEUM") == [True], "the same word, once as a name"
    assert names("MUSEUM, museum: museum Museum") == [True]
    assert names("Wie heißt der Hund?") == [False, False], "nouns in German are no names"
    assert names("In welchem Jahr, 2021?") == [False] * 3
    assert names("and") == [False], "nor is a function word"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What is my name?", "en"),
        ("boat", "en"),
        ("Wie heißt mein Hund und wo wohnt er?", "de"),
        ("¿Dónde vive mi hermana y cuándo viene?", "es"),
        ("Как зовут мою собаку?", "ru"),
        ("Πού μένω;", "el"),
        ("أين أسكن؟", "ar"),
        ("मैं कहाँ रहता हूँ?", "hi"),
        ("我住在哪里？", "zh"),
        ("私はどこに住んでいますか？", "ja"),
        ("コーヒー", "ja"),
        ("나는 어디에 살아요?", "ko"),
        ("ฉันอยู่ที่ไหน", "th"),
        ("What is 我的 name in the passport?", "zh"),
        ("What does すし mean?", "ja"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_language_of_a_question(question: str, language: str) -> None:
    assert question_language(question) == language
