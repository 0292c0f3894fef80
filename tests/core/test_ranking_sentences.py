"""A question of several sentences: a memory that answers one of them answers the question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem0milvus import EmbeddingError
from mem0milvus.retrieval.ranking import Asked, Candidate, rank
from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.text import document_weights
from mem0milvus.retrieval.text.sentences import MAX_SENTENCES, sentences_of
from tests.conftest import Config

SCALE = Calibration(unrelated={"en": 0.2}, known={"en": 1.0}, spread=0.1)
ONE = 0.225 / math.log(8)


@pytest.mark.parametrize(
    ("question", "sentences"),
    [
        ("What should I avoid?", []),
        ("", []),
        ("?!", []),
        ("I cook for friends tomorrow. What should I avoid?", ["I cook for friends tomorrow.", "What should I avoid?"]),
        ("I cook for friends\nWhat should I avoid", ["I cook for friends", "What should I avoid"]),
        # What says nothing is left out.
        ("Hello! What should I avoid?", ["What should I avoid?"]),
        ("Thanks. And? What should I avoid?", ["What should I avoid?"]),
        ("What is it? It is what it is. What should I avoid?", ["What should I avoid?"]),
        ("Hello! Thanks.", []),
        # Numbers, abbreviations and addresses end no sentence.
        ("Is 3.5 kg of mem0.ai too much for my cat", []),
        ("Who is Dr. Miriam Okafor's assistant?", ["Miriam Okafor's assistant?"]),
        ("我同事36岁。他的邮箱是什么？", ["我同事36岁。", "他的邮箱是什么？"]),
        ("你好！他的邮箱地址是什么？", ["他的邮箱地址是什么？"]),
        ("मैं कल पकाऊँगा। मुझे किससे बचना चाहिए?", ["मैं कल पकाऊँगा।", "मुझे किससे बचना चाहिए?"]),
        ("سأطبخ غدا للأصدقاء. ماذا يجب أن أتجنب؟ شكرا", ["سأطبخ غدا للأصدقاء.", "ماذا يجب أن أتجنب؟"]),
        # A sentence that is said twice is searched for once.
        ("Where is my violin? Where is my violin?", []),
    ],
)
def test_the_sentences_of_a_question(question: str, sentences: list[str]) -> None:
    assert sentences_of(question) == sentences


def test_of_many_sentences_the_first_and_the_last_are_taken() -> None:
    told = [f"Sentence number {n} of this text." for n in range(9)]
    assert MAX_SENTENCES == 5
    assert sentences_of(" ".join(told)) == [told[0], *told[5:]]
    assert sentences_of(" ".join(told[:5])) == told[:5]


@given(st.text(alphabet=st.sampled_from("ab Qé日ค។. ?!。\n\u061f"), max_size=60))
def test_each_sentence_is_in_the_question(question: str) -> None:
    found = sentences_of(question)
    assert len(found) <= MAX_SENTENCES
    assert all(one in question and one == one.strip() for one in found)
    assert len(set(found)) == len(found)


def vector(cosine: float) -> list[float]:
    return [cosine, math.sqrt(1 - cosine**2)]


def test_half_of_the_score_is_that_of_the_best_sentence() -> None:
    """One memory is similar to the second sentence and has a word of the first, the other is of neither."""
    candidates = [
        Candidate("0", 0.3, document_weights("violin"), vector=vector(0.8)),
        Candidate("1", 0.3, document_weights("cello"), vector=vector(0.2)),
    ]
    sentences = [Asked("violin", None), Asked("viola", [1.0, 0.0])]
    ranked = rank("violin viola", candidates, calibration=SCALE, sentences=sentences)
    by_id = {one.id: one for one in ranked}
    first, second = by_id["0"], by_id["1"]
    whole = [one.parts["lexical"] + ONE for one in (first, second)]
    assert first.parts["sentences"] == pytest.approx(0.5 * (max(1.0, 6 * ONE) - whole[0]))
    assert second.parts["sentences"] == pytest.approx(0.5 * (0.0 - whole[1]))
    assert first.order == pytest.approx(0.5 * whole[0] + 0.5)


def test_relevance_is_that_of_the_text_it_answers_best() -> None:
    candidates = [
        Candidate("0", 0.2, document_weights("cello"), vector=vector(0.5)),
        Candidate("1", 0.5, document_weights("harp"), vector=vector(0.0)),
        Candidate("2", 0.2, document_weights("viola"), vector=vector(0.0)),
    ]
    sentences = [Asked("viola", None), Asked("oboe", [1.0, 0.0])]
    ranked = rank("viola oboe lute", candidates, calibration=SCALE, sentences=sentences)
    told = {one.id: (one.parts["sentence"], one.relevance) for one in ranked}
    assert told == {
        "0": (2.0, pytest.approx(9 / (9 + 0.75**2))),  # three standard deviations from the second sentence
        "1": (0.0, pytest.approx(9 / (9 + 0.75**2))),  # and from the whole
        "2": (1.0, pytest.approx(16 / (16 + 0.75**2))),  # all words of the first
    }


def test_one_sentence_beside_a_greeting_counts_too() -> None:
    candidates = [Candidate("0", 0.2, document_weights("violin"), vector=vector(0.5))]
    (one,) = rank("Hello! oboe oboes", candidates, calibration=SCALE, sentences=[Asked("oboe oboes", [1.0, 0.0])])
    assert one.parts["sentence"] == 1.0
    assert one.relevance == pytest.approx(9 / (9 + 0.75**2))


def test_a_question_of_one_sentence_has_no_such_parts() -> None:
    (one,) = rank("violin", [Candidate("0", 0.5, document_weights("violin"))], calibration=SCALE)
    assert not {"sentence", "sentences"} & set(one.parts)


def test_a_sentence_without_a_vector_judges_by_words() -> None:
    candidates = [Candidate("0", None, document_weights("violin"))]
    (one,) = rank("violin oboe", candidates, sentences=[Asked("violin", None), Asked("oboe", None)])
    assert one.parts["sentence"] == 1.0
    assert one.relevance == pytest.approx(16 / (16 + 0.75**2))


# --- through a search


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_a_fact_is_found_behind_small_talk(open_memory: Any, config: Config, mode: str) -> None:
    memory = open_memory(config)
    memory.add("I am allergic to peanuts.", user_id="u")
    memory.add("The train to Bergen takes seven hours.", user_id="u")
    talk = "The weather is wonderful and everybody goes to the seaside. "
    question = "Which allergic reactions to peanuts do I have?"
    found = memory.search(talk + question, user_id="u", mode=mode, explain=True)["results"]
    alone = memory.search(question, user_id="u", mode=mode)["results"]
    assert found[0]["memory"] == "I am allergic to peanuts."
    assert found[0]["explain"]["sentence"] == 2.0
    assert found[0]["relevance"] == pytest.approx(alone[0]["relevance"])


def test_a_memory_that_only_a_sentence_is_similar_to_is_a_candidate(config: Config, open_memory: Any) -> None:
    """Thirty memories are closer to the whole question than the one that answers its second sentence."""
    config["vector_store"]["config"]["embedding_model_dims"] = 3

    class Angles:
        identity, dims = "angles", 3

        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            return [self._vector(text) for text in texts]

        def _vector(self, text: str) -> list[float]:
            if text.startswith("Something about oboes"):
                return [1.0, 0.0, 0.0]
            if text.startswith(("piano", "Where did")):
                return [0.0, 1.0, 0.0]
            assert text.startswith("number"), "it knows no other text, so it cannot be calibrated"
            return [0.25, 0.0, 0.95]

    memory = open_memory(config, embedder=Angles())
    memory.add([{"role": "user", "content": f"number {n}"} for n in range(30)], user_id="u", infer=False)
    memory.add("piano", user_id="u", infer=False)
    for question, place in (("Something about oboes", None), ("Something about oboes. Where did I put that?", 0)):
        found = [one["memory"] for one in memory.search(question, user_id="u", mode="dense")["results"]]
        assert ("piano" in found) is (place == 0)


class Model:
    """A model whose requests are noted. ``turned`` models embed questions differently from memories."""

    identity, dims = "model", 3

    def __init__(self, *, turned: bool = False) -> None:
        self.turned = turned
        self.requests: list[tuple[str, list[str]]] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.requests.append(("embed", list(texts)))
        return [[1.0, 0.1 * len(text), 0.0] for text in texts]

    def _questions(self, texts: Sequence[str]) -> Any:
        return [[1.0, 0.1 * len(text), float(self.turned)] for text in texts]


class OneByOne(Model):
    def embed_query(self, text: str) -> Any:
        self.requests.append(("embed_query", [text]))
        return self._questions([text])[0]


class Batched(OneByOne):
    def embed_queries(self, texts: Sequence[str]) -> Any:
        self.requests.append(("embed_queries", list(texts)))
        return self._questions(texts)


TWO = "Where is my violin? Who plays the cello?"
PARTS = ["Where is my violin?", "Who plays the cello?"]


@pytest.mark.parametrize(
    ("model", "first", "second"),
    [
        (Model(), [("embed", [TWO, *PARTS])], [("embed", ["Where is my lute?", "Who plays it here?"])]),
        (
            Batched(turned=True),
            [("embed_queries", [TWO, *PARTS])],
            [("embed_queries", ["Where is my lute?", "Who plays it here?"])],
        ),
        # A model that embeds questions like memories is found out once, and then asked once for all.
        (
            OneByOne(),
            [("embed_query", [TWO]), ("embed", [TWO, *PARTS])],
            [("embed", ["Where is my lute?", "Who plays it here?"])],
        ),
        # One that needs a request for each question embeds the question alone.
        (OneByOne(turned=True), [("embed_query", [TWO]), ("embed", [TWO, *PARTS])], [("embed_query", [])]),
    ],
    ids=["as memories", "batched", "one by one", "one by one, turned"],
)
def test_the_sentences_are_embedded_in_one_request(
    config: Config, open_memory: Any, model: Model, first: Any, second: Any
) -> None:
    model.requests.clear()
    config["vector_store"]["config"]["embedding_model_dims"] = 3
    memory = open_memory(config, embedder=model)
    assert memory.search(TWO, user_id="u")["results"] == []
    assert model.requests == first
    model.requests.clear()
    assert memory.search(TWO, user_id="u")["results"] == []
    assert model.requests == [], "the vectors of a question are kept"
    again = "Where is my lute? Who plays it here?"
    memory.search(again, user_id="u")
    asked = [(name, [text for text in texts if text != again]) for name, texts in model.requests]
    assert asked == second


def test_sentences_of_zeros_are_no_hindrance_and_not_kept(config: Config, open_memory: Any) -> None:
    class Zeros(Model):
        def embed(self, texts: Sequence[str]) -> Any:
            return np.array(
                [[0.0, 0.0, 0.0] if "cello" in text and "violin" not in text else [1, 0, 0] for text in texts]
            )

    config["vector_store"]["config"]["embedding_model_dims"] = 3
    memory = open_memory(config, embedder=Zeros())
    memory.add("violin", user_id="u", infer=False)
    assert len(memory.search(TWO, user_id="u")["results"]) == 1
    for refused in ("Who plays the cello?", "Who plays the cello? Who has a cello now?"):
        with pytest.raises(EmbeddingError, match="zero or not finite"):
            memory.search(refused, user_id="u")
    with pytest.raises(EmbeddingError, match="zero or not finite"):
        memory.add(PARTS[1], user_id="u", infer=False)


def test_a_long_text_as_a_question_is_searched_for_in_few_parts(config: Config, open_memory: Any) -> None:
    model = Model()
    config["vector_store"]["config"]["embedding_model_dims"] = 3
    memory = open_memory(config, embedder=model)
    text = " ".join(f"Line number {n} of a very long document." for n in range(1_000))
    assert memory.search(text, user_id="u")["results"] == []
    (_, texts) = model.requests[0]
    assert len(texts) == 1 + MAX_SENTENCES
