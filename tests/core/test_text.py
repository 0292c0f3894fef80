"""Text analysis: what finds what, in every script, and what stands in the stored vector."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
import unicodedata
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem0milvus.models.offline_embedder import HashingEmbedder
from mem0milvus.retrieval.text import ASKS, MAX_LEXICAL_TOKENS, document_weights, key, query_terms, query_weights
from mem0milvus.retrieval.text.words import language_of, runs_of, words_of


def score(question: str, memory: str, **beside: object) -> float:
    stored = document_weights(memory, **beside)  # type: ignore[arg-type]
    return sum(worth * stored.get(number, 0.0) for number, worth in query_weights(question).items())


@given(st.text(min_size=1))
def test_any_text_that_is_not_blank_has_an_entry_that_milvus_takes(text: str) -> None:
    stored = document_weights(text)
    assert bool(stored) == bool(text.strip())
    assert len(stored) <= MAX_LEXICAL_TOKENS
    assert all(0 <= number < 2**32 - 1 and weight > 0 for number, weight in stored.items())


@given(st.text())
def test_any_question_can_be_asked(question: str) -> None:
    assert all(0 <= number < 2**32 - 1 and worth > 0 for number, worth in query_weights(question).items())


@given(st.text())
def test_the_quick_cut_is_the_full_cut(text: str) -> None:
    assert runs_of(text) == [word.text for word in words_of(text)]


@pytest.mark.parametrize("question", ["", "   ", "?!", "…"])
def test_a_question_without_words_has_no_vector(question: str) -> None:
    assert query_weights(question) == {}


def test_function_words_are_not_looked_for_unless_there_is_nothing_else() -> None:
    assert score("What is the tennis?", "What is the matter?") == 0.0
    assert score("who are you", "you know who") > 0.0


@pytest.mark.parametrize(
    ("question", "memory", "other"),
    [
        (
            "Which sport is played on the weekend?",
            "Likes to play tennis on weekends",
            "Has an algebra exam in November",
        ),
        ("Wer repariert das Fahrrad?", "Die Fahrradreparatur macht mein Nachbar.", "Das Auto steht in der Garage."),
        ("¿Dónde trabajaba su hermana?", "Mi hermana trabaja en un hospital.", "Mi padre cocina los domingos."),
        ("Кто купил машину?", "Брат ездит на новой машине.", "Сестра читает книгу."),
        ("Kitabı kim okuyor?", "Annem akşamları kitap okur.", "Babam televizyon izler."),
        ("أين تعمل الطبيبة؟", "طبيبتي في عيادة قريبة.", "أحب الشاي بالنعناع."),
        ("किताब कौन पढ़ता है?", "बहन रोज़ किताबें पढ़ती है।", "भाई क्रिकेट खेलता है।"),
        ("누가 피아노를 쳐요?", "동생은 피아노 학원에 다닌다.", "형은 자전거를 탄다."),
        ("車を運転するのは誰ですか。", "父は毎日車で運転している。", "母は庭で花を育てる。"),
        ("谁会弹钢琴？", "妹妹每天练习弹钢琴。", "爸爸喜欢钓鱼。"),
        ("ใครเล่นกีตาร์", "พี่ชายชอบเล่นกีตาร์ตอนเย็น", "แม่ทำอาหารเก่ง"),
        ("எங்கே புத்தகம் வாங்கினேன்?", "புத்தகத்தை சென்னையில் வாங்கினேன்.", "நான் தேநீர் குடிக்கிறேன்."),
    ],
)
def test_inflected_and_unspaced_words_are_found(question: str, memory: str, other: str) -> None:
    assert score(question, memory) > 2 * score(question, other)


def test_vowel_signs_stay_with_their_letters() -> None:
    assert [word.text for word in words_of("मैं किताबें पढ़ता हूँ")] == [
        unicodedata.normalize("NFKC", word) for word in ["मैं", "किताबें", "पढ़ता", "हूँ"]
    ]
    assert [word.text for word in words_of("นักเรียนที่นี่")] == ["นักเรียนที่นี่"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cafe", "Café"),
        ("ISTANBUL", "İstanbul"),
        ("Strasse", "Straße"),
        ("ｔｅｎｎｉｓ", "tennis"),
        ("cafe\u0301s", "cafés"),
        ("أحمد", "احمد"),
        ("كِتَاب", "كتاب"),
        ("ﾃﾆｽ", "テニス"),
        ("don\u2019t panic", "don't panic"),
    ],
)
def test_spellings_of_one_word_meet(one: str, other: str) -> None:
    same = sum(query_weights(other).values())
    assert score(one, other) >= 0.9 * score(other, other)
    assert score(other, other) >= 0.5 * same


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I have been to the shop", "en"),
        ("Ich habe das nicht gesehen", "de"),
        ("No sé dónde está mi casa", "es"),
        ("Je ne sais pas où il est", "fr"),
        ("Saya tidak tahu di mana itu", "id"),
        ("Bu kitap benim için çok güzel", "tr"),
        ("Я не знаю", "ru"),
        ("मैं नहीं जानता", "hi"),
        ("tennis", "en"),
        ("私は学生です", ""),
    ],
)
def test_function_words_and_script_tell_the_language(text: str, language: str) -> None:
    assert language_of(words_of(text)) == language


def test_emoji_and_bare_signs_can_be_found() -> None:
    assert score("🎾", "🎾 tomorrow") > 0
    assert document_weights("!!!")


def test_names_weigh_more_and_everyday_words_less() -> None:
    worth = {term.keys[0][0]: term.worth for term in query_terms("When did people visit Lisbon museum?")}
    people, name, museum = (worth[query_terms(word)[0].keys[0][0]] for word in ("people", "lisbon", "museum"))
    assert people < museum < name


def test_what_stands_beside_a_memory_is_found() -> None:
    moment = datetime(2023, 5, 7, tzinfo=timezone.utc)
    beside = {"actor": "Alice", "observed_at": moment, "extra": ["hobbies"]}
    for question in ("alice", "in May", "2023", "on May 7", "en mayo", "5月", "hobby", "What are Alice's hobbies"):
        assert score(question, "Likes tennis", **beside) > 0, question
        assert score(question, "Likes tennis") < 0.1, question


def test_the_verb_may_is_not_the_month() -> None:
    may = document_weights("x", observed_at=datetime(2023, 5, 7, tzinfo=timezone.utc))
    assert not query_weights("it may rain").keys() & may.keys()


def test_a_question_is_marked() -> None:
    assert ASKS in document_weights("Do you like tennis? ")
    assert ASKS in document_weights("テニスは好きですか？")
    assert ASKS not in document_weights("I like tennis.")


def test_a_long_memory_keeps_its_actor_date_and_words_before_n_grams() -> None:
    text = " ".join(f"{chr(97 + i % 26)}{chr(97 + i // 26)}landword" for i in range(400))
    moment = datetime(2023, 5, 7, tzinfo=timezone.utc)
    stored = document_weights(text, actor="Alice", observed_at=moment, extra=["cut off"])
    assert len(stored) == MAX_LEXICAL_TOKENS
    assert query_weights("Alice").keys() <= stored.keys()
    assert query_weights("in May 2023").keys() & stored.keys()
    assert {key("w " + word) for word in text.split()} <= stored.keys()


def test_repeating_a_word_adds_less_and_less() -> None:
    once, twice, often = (score("tennis", "tennis " * n) for n in (1, 2, 20))
    assert once < twice < often < 2 * once


def test_names_of_the_scope_are_left_out_of_a_question() -> None:
    assert len(query_terms("What are Alice's hobbies?", without=["alice"])) == 1
    assert query_terms("Alice?", without=["alice"]) == query_terms("Alice?")


def test_weights_are_the_same_in_every_process() -> None:
    code = (
        "from mem0milvus.retrieval.text import document_weights as d; import sys;"
        "print(sorted(d('Ångström plays テニス on weekends', actor='Bo').items()), 'numpy' in sys.modules)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1
    assert printed.pop().endswith(b"False\n")


def test_encoded_data_is_not_kept_in_memory() -> None:
    rng = random.Random(5)
    embedder = HashingEmbedder(64)

    def analyse_some_data() -> None:
        data = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
        assert len(document_weights(data)) == MAX_LEXICAL_TOKENS
        assert embedder.embed([data]).shape == (1, 64)

    analyse_some_data()  # with all that is made once
    tracemalloc.start()
    try:
        for _ in range(2):
            analyse_some_data()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000, "bytes: one of these has twenty thousand n-grams"
