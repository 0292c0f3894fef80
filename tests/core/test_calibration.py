"""Calibration: what the similarities of a model mean, and where that is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from mem0milvus import AsyncMemory, EmbeddingError, Memory, RecordStore, StoreError
from mem0milvus.milvus.connection import Connection
from mem0milvus.models import calibration_cache
from mem0milvus.models.calibration_cache import CalibrationCache
from mem0milvus.models.offline_embedder import HashingEmbedder
from mem0milvus.retrieval.ranking import calibration as module
from mem0milvus.retrieval.ranking.calibration import (
    CALIBRATION_VERSION,
    GENERIC,
    Calibration,
    calibrate,
    sample_memories,
    sample_questions,
)
from mem0milvus.retrieval.ranking.calibration_texts import SAMPLES, Samples
from mem0milvus.runtime.blocking_driver import BlockingDriver, run
from mem0milvus.runtime.open_store import OpenStore
from tests.conftest import Config, texts

MEMORIES, QUESTIONS = sample_memories(), sample_questions()


@pytest.fixture(autouse=True)
def _new_process() -> None:
    """A process that has not measured an embedder of this library yet."""
    calibration_cache._of_own.clear()


def close(*expected: float) -> Any:
    return pytest.approx(list(expected), abs=1e-9)


# --- the texts


def test_the_samples_are_in_the_order_of_the_measurement() -> None:
    english, german = SAMPLES["en"], SAMPLES["de"]
    assert next(iter(SAMPLES)) == "en"
    asked = [question for _, question in english.pairs]
    assert MEMORIES[:16] == [fact for fact, _ in english.pairs]
    assert QUESTIONS[:52] == [*asked, *english.personal, *english.requests]
    assert QUESTIONS[52:60] == [*(question for _, question in german.pairs), *german.requests]
    assert len(MEMORIES) == sum(len(one.pairs) for one in SAMPLES.values())
    assert len(QUESTIONS) == len(MEMORIES) + sum(len(one.requests) + len(one.personal) for one in SAMPLES.values())


def test_each_language_is_detected_in_its_samples() -> None:
    """A question is read on the scale of its language, so most samples must be of the language they are under."""
    for language, samples in SAMPLES.items():
        found = [module.question_language(question) for _, question in samples.pairs]
        assert found.count(language) > len(found) / 2, (language, found)


def test_other_texts_are_another_version() -> None:
    """A store that was calibrated with the old texts would otherwise keep their measurement."""
    digest = hashlib.sha256(json.dumps([MEMORIES, QUESTIONS]).encode()).hexdigest()[:16]
    assert (CALIBRATION_VERSION, digest) == (1, "fb9d4600d63f6374")


def test_no_sample_stands_twice() -> None:
    assert len(set(MEMORIES)) == len(MEMORIES)
    assert len(set(QUESTIONS)) == len(QUESTIONS)


# --- the measurement, by hand


#: Two languages of two facts each, on the axes x and y; z tells personal questions from others.
TWO: Mapping[str, Samples] = {
    "en": Samples((("f", "q"), ("f", "q")), ("r", "r"), ("p",)),
    "tr": Samples((("f", "q"), ("f", "q")), ("r", "r")),
}
FACTS = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 2


def measured(
    monkeypatch: pytest.MonkeyPatch, *, related: float = 0.65, deviation: float = 0.1, scale: float = 1.0
) -> Calibration:
    """English: 0.8 for answers, 0.2 for others. Turkish: ``related`` and 0.5. Others deviate by ``deviation``."""
    monkeypatch.setattr(module, "SAMPLES", TWO)
    near, far = 0.2 + deviation, 0.2 - deviation
    up, down = 0.5 + deviation, 0.5 - deviation
    english = [[0.8, far, 0.4], [near, 0.8, 0.6], [far, near, 0.5], [near, far, -0.2], [far, near, -0.4]]
    turkish = [[related, down, 0.1], [up, related, 0.3], [down, up, -0.1], [up, down, -0.1]]
    return calibrate(FACTS, (scale * np.array(english + turkish)).tolist())


def test_unrelated_is_the_mean_and_spread_the_deviation_of_what_does_not_answer(monkeypatch: Any) -> None:
    found = measured(monkeypatch)
    assert found.unrelated == pytest.approx({"en": 0.2, "tr": 0.5})
    assert found.spread == pytest.approx(0.1)
    # Answers are 6 and 1.5 deviations above the others; 3 are those of a model that knows the language.
    assert found.known == pytest.approx({"en": 1.0, "tr": 0.5})


@pytest.mark.parametrize(("related", "known"), [(0.5, 0.0), (0.4, 0.0), (0.53, 0.1), (0.8, 1.0), (0.9, 1.0)])
def test_known_is_from_none_to_three_deviations(monkeypatch: Any, related: float, known: float) -> None:
    assert measured(monkeypatch, related=related).known["tr"] == pytest.approx(known)


def test_a_model_of_equal_cosines_has_a_least_spread(monkeypatch: Any) -> None:
    assert measured(monkeypatch, deviation=0.0).spread == 1e-3


def test_the_direction_is_from_requests_to_personal_questions_by_what_is_known(monkeypatch: Any) -> None:
    found = measured(monkeypatch)
    # The difference of the means, times the number of personal questions, times how well the language is known.
    english = 1.0 * 3 * np.array([(0.8 + 0.3 + 0.1) / 3 - 0.2, (0.1 + 0.8 + 0.3) / 3 - 0.2, 0.5 + 0.3])
    turkish = 0.5 * 2 * np.array([(0.65 + 0.6) / 2 - 0.5, (0.4 + 0.65) / 2 - 0.5, 0.2 + 0.1])
    unit = (english + turkish) / np.linalg.norm(english + turkish)
    assert list(found.direction) == pytest.approx(unit.tolist(), abs=1e-6)


def test_the_middle_and_the_scale_of_the_direction(monkeypatch: Any) -> None:
    """The means of the two kinds, and the mean of their variances; a language counts by how well it is known."""
    found = measured(monkeypatch)
    unit = np.array(found.direction, dtype=float)
    asked = np.array([[0.8, 0.1, 0.4], [0.3, 0.8, 0.6], [0.1, 0.3, 0.5], [0.65, 0.4, 0.1], [0.6, 0.65, 0.3]]) @ unit
    others = np.array([[0.3, 0.1, -0.2], [0.1, 0.3, -0.4], [0.4, 0.6, -0.1], [0.6, 0.4, -0.1]]) @ unit
    means, variances = [], []
    for places, weights in ((asked, [1, 1, 1, 0.5, 0.5]), (others, [1, 1, 0.5, 0.5])):
        mean = sum(w * place for w, place in zip(weights, places, strict=True)) / sum(weights)
        squares = sum(w * (place - mean) ** 2 for w, place in zip(weights, places, strict=True))
        means.append(mean)
        variances.append(squares / sum(weights))
    assert found.middle == pytest.approx(sum(means) / 2, abs=1e-6)
    assert found.scale == pytest.approx((sum(variances) / 2) ** 0.5, abs=1e-6)


def test_a_model_that_knows_no_language_has_no_direction(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "SAMPLES", TWO)
    found = calibrate(FACTS, [[0.5, 0.5, z] for z in (0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1)])
    assert found.known == {"en": 0.0, "tr": 0.0}
    assert (len(found.direction), found.middle, found.scale) == (0, 0.0, 1.0)
    assert found.personal("Do I own a boat?", [0.0, 0.0, 1.0]) == 0.0


@pytest.mark.parametrize("zero", ["fact", "question"])
def test_a_language_with_a_vector_of_zeros_is_left_out(monkeypatch: Any, zero: str) -> None:
    monkeypatch.setattr(module, "SAMPLES", {"tr": TWO["tr"], "en": TWO["en"]})
    turkish = [[0.9, 0.1, 0.1], [0.6, 0.9, 0.3], [0.4, 0.6, -0.1], [0.6, 0.4, -0.1]]
    english = [[0.8, 0.1, 0.4], [0.3, 0.8, 0.6], [0.1, 0.3, 0.5], [0.3, 0.1, -0.2], [0.1, 0.3, -0.4]]
    facts = [list(fact) for fact in FACTS]
    (facts if zero == "fact" else turkish)[1] = [0.0, 0.0, 0.0]
    found = calibrate(facts, turkish + english)
    assert (found.unrelated, found.known) == (pytest.approx({"en": 0.2}), {"en": 1.0})
    assert found.spread == pytest.approx(0.1)
    assert found.direction[2] > 0.9


def test_a_model_of_nothing_but_zeros_is_read_on_the_generic_scale(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "SAMPLES", TWO)
    assert calibrate([[0.0] * 3] * 4, [[0.0] * 3] * 9) is GENERIC


def test_a_direction_on_which_all_of_a_kind_are_one_has_a_least_scale(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "SAMPLES", {"en": Samples((("f", "q"), ("f", "q")), ("r",))})
    found = calibrate(FACTS[:2], [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.1, 0.1, 0.0]])
    assert found.scale == 1e-6


# --- models


class Topics(HashingEmbedder):
    """A model that knows languages: a question is close to the sample that answers it, and personal ones are alike.

    Texts of a language that it does not know are all alike. ``common`` of each vector is the same for all texts.
    """

    identity = "topics"

    def __init__(self, *, unknown: Sequence[str] = (), common: float = 0.0) -> None:
        super().__init__(256)
        self._common = common
        self._topics: dict[str, int] = {}
        self._personal: dict[str, float] = {}
        self._unknown: set[str] = set()
        for language, samples in SAMPLES.items():
            asked = [*(question for _, question in samples.pairs), *samples.personal]
            for number, pair in enumerate(samples.pairs):
                self._topics |= dict.fromkeys(pair, number)
            self._personal |= dict.fromkeys(asked, 1.0) | dict.fromkeys(samples.requests, -1.0)
            if language in unknown:
                self._unknown |= {*asked, *samples.requests, *(fact for fact, _ in samples.pairs)}
        self.dims = 256 + 16 + 3

    def embed(self, given: Sequence[str]) -> Any:
        self.dims = 256
        noise = super().embed(given).astype(float)
        self.dims = 256 + 16 + 3
        more = np.zeros((len(given), 19))
        for row, text in enumerate(given):
            if text in self._unknown:
                noise[row] *= 0.1
                more[row, 16] = 1.0
            elif text in self._topics:
                more[row, self._topics[text]] = 0.8
            more[row, 17] = 0.3 * self._personal.get(text, 0.0) * (text not in self._unknown)
        rows = np.hstack([noise, more])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows *= (1 - self._common) ** 0.5
        rows[:, -1] = self._common**0.5
        return rows


def scale_of(model: Topics) -> Calibration:
    return calibrate(list(model.embed(MEMORIES)), list(model.embed(QUESTIONS)))


def evidence(model: Topics, question: str, *memories: str) -> list[float]:
    """The evidence of each memory and, last, that of the question alone."""
    asked, *rows = model.embed([question, *memories])
    scale = scale_of(model)
    return [*scale.evidence(question, np.array(rows) @ asked).tolist(), scale.personal(question, asked)]


def test_narrow_and_wide_cosines_give_the_same_evidence() -> None:
    question, answer = SAMPLES["en"].pairs[1][::-1]
    for asked in (question, *SAMPLES["de"].requests, *SAMPLES["ja"].personal, "Where is the boat?"):
        wide = evidence(Topics(), asked, answer, *MEMORIES[:8])
        narrow = evidence(Topics(common=0.9), asked, answer, *MEMORIES[:8])
        assert narrow == pytest.approx(wide, abs=1e-5)
    assert evidence(Topics(common=0.9), question, answer)[0] > 3
    assert scale_of(Topics(common=0.9)).unrelated["en"] > 0.9 > 0.1 > scale_of(Topics()).unrelated["en"]
    assert scale_of(Topics(common=0.9)).spread == pytest.approx(scale_of(Topics()).spread / 10)


def test_a_language_that_a_model_does_not_know_counts_nothing() -> None:
    model = Topics(unknown=["ko", "th", "ar"])
    known = scale_of(model).known
    assert all(known[language] < 0.1 for language in ("ko", "th", "ar"))
    assert all(known[language] > 0.9 for language in ("en", "de", "zh", "ja", "ru"))
    question, answer = SAMPLES["ko"].pairs[0][::-1]
    cosine = float(model.embed([question])[0] @ model.embed([answer])[0])
    assert cosine > 0.9
    assert abs(evidence(model, question, answer)[0]) < 0.6
    assert abs(evidence(model, question, answer)[-1]) < 0.2
    assert evidence(Topics(), question, answer)[0] > 3


def test_a_personal_question_is_evidence_and_a_request_speaks_against_all_memories() -> None:
    model = Topics()
    scale = scale_of(model)
    for language in ("en", "de", "zh"):
        samples = SAMPLES[language]
        asked = [scale.personal(question, model.embed([question])[0]) for _, question in samples.pairs]
        others = [scale.personal(request, model.embed([request])[0]) for request in samples.requests]
        assert min(asked) > 0 > max(others), language
    assert -2 <= min(others) <= max(asked) <= 2


def test_a_vector_of_another_length_tells_nothing() -> None:
    scale = scale_of(Topics())
    assert scale.personal("Do I own a boat?", [1.0, 0.0]) == 0.0
    assert scale.personal("Do I own a boat?", None) == 0.0


def test_a_similarity_that_is_missing_is_no_evidence() -> None:
    scale = Calibration(unrelated={"en": 0.5}, known={"en": 1.0}, spread=0.1)
    assert scale.evidence("boat", np.array([np.nan, 0.6])).tolist() == close(0.0, 1.0)


def test_no_evidence_has_no_sign() -> None:
    """It is shown to users, and -0.0 would look like something against a memory."""
    scale = Calibration(unrelated={"en": 0.5}, known={"en": 0.0}, spread=0.1)
    signs = [math.copysign(1, value) for value in scale.evidence("boat", np.array([0.1, 0.5, 0.9])).tolist()]
    assert signs == [1, 1, 1]


# --- as text


def test_a_calibration_is_the_same_after_it_was_kept_as_text() -> None:
    scale = scale_of(Topics())
    again = Calibration.from_text(scale.to_text())
    assert again is not None
    assert again.unrelated == pytest.approx(dict(scale.unrelated), abs=1e-4)
    assert again.known == pytest.approx(dict(scale.known), abs=1e-4)
    assert (again.spread, again.middle, again.scale) == pytest.approx(
        (scale.spread, scale.middle, scale.scale), abs=1e-6
    )
    assert list(again.direction) == pytest.approx(list(scale.direction), abs=1e-3)
    assert again.to_text() == scale.to_text()
    bare = Calibration.from_text(GENERIC.to_text())
    assert bare is not None
    assert (dict(bare.unrelated), dict(bare.known), bare.spread) == ({"en": 0.07}, {"en": 1.0}, 0.085)
    assert (len(bare.direction), bare.middle, bare.scale) == (0, 0.0, 1.0)


def test_the_digits_that_are_kept() -> None:
    scale = Calibration({"en": 0.123456}, {"en": 0.987654}, 0.12345678, [0.5], 0.87654321, 0.11111111)
    kept = json.loads(scale.to_text())
    assert kept.pop("direction")
    assert kept == {
        "version": CALIBRATION_VERSION,
        "unrelated": {"en": 0.1235},
        "known": {"en": 0.9877},
        "spread": 0.123457,
        "middle": 0.876543,
        "scale": 0.111111,
    }


def test_a_calibration_is_shown_without_its_vector() -> None:
    assert repr(GENERIC) == (
        "Calibration(unrelated={'en': 0.07}, known={'en': 1.0}, spread=0.085, middle=0.0, scale=1.0)"
    )


def test_a_calibration_fits_into_a_property() -> None:
    for dims, limit in ((256, 3_000), (3_072, 10_000)):
        wide = Calibration(dict.fromkeys(SAMPLES, 0.1), dict.fromkeys(SAMPLES, 1.0), 0.1, [0.01] * dims)
        assert len(wide.to_text()) < limit


WHOLE = json.loads(Calibration({"en": 0.1}, {"en": 1.0}, 0.1, [0.6, 0.8]).to_text())
DAMAGED = {
    "nothing": "",
    "no JSON": "{",
    "a number": "3",
    "a list": "[]",
    "null": "null",
    "another version": json.dumps({**WHOLE, "version": CALIBRATION_VERSION + 1}),
    "no version": json.dumps({key: value for key, value in WHOLE.items() if key != "version"}),
    "no spread": json.dumps({key: value for key, value in WHOLE.items() if key != "spread"}),
    "no languages": json.dumps({key: value for key, value in WHOLE.items() if key != "known"}),
    "no spread at all": json.dumps({**WHOLE, "spread": 0}),
    "no scale": json.dumps({**WHOLE, "scale": 0}),
    "no language": json.dumps({**WHOLE, "unrelated": {}}),
    "a word for a number": json.dumps({**WHOLE, "middle": "x"}),
    "null for a number": json.dumps({**WHOLE, "unrelated": {"en": None}}),
    "a list of languages": json.dumps({**WHOLE, "known": ["en"]}),
    "half a number in the direction": json.dumps({**WHOLE, "direction": "AAAA"}),
    "a direction cut off": json.dumps({**WHOLE, "direction": WHOLE["direction"][:-1]}),
    "a number for the direction": json.dumps({**WHOLE, "direction": 3}),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_text_that_holds_no_calibration_of_this_version(text: str) -> None:
    assert Calibration.from_text(json.dumps(WHOLE)) is not None
    assert Calibration.from_text(text) is None


# --- where it is kept


class Measured:
    """What ``CalibrationCache`` is given: a text that is kept, and a model that is measured."""

    scale = Calibration({"en": 0.3}, {"en": 1.0}, 0.1)

    def __init__(self, kept: str = "", fails: Exception | None = None) -> None:
        self.kept = kept
        self.times = 0
        self.fails = fails
        self.cache = CalibrationCache(lambda: self.kept, self.save)

    def save(self, text: str) -> None:
        self.kept = text

    async def measure(self) -> Calibration:
        self.times += 1
        if self.fails:
            raise self.fails
        return self.scale

    def get(self, identity: str = "") -> Calibration:
        return run(self.cache.get(BlockingDriver(), self.measure, identity))


def test_a_kept_calibration_is_not_measured() -> None:
    kept = Measured(GENERIC.to_text())
    assert [kept.get().to_text(), kept.get().to_text()] == [GENERIC.to_text()] * 2
    assert kept.times == 0


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_one_is_measured_again_and_replaced(text: str) -> None:
    damaged = Measured(text)
    assert damaged.get() is damaged.get()
    assert damaged.get().to_text() == damaged.kept == Measured.scale.to_text()
    assert damaged.times == 1


def test_the_process_that_measures_ranks_with_the_digits_that_others_read() -> None:
    first = Measured()
    first.scale = Calibration({"en": 0.123456789}, {"en": 0.987654321}, 0.12345678, [0.123456, 0.9], 0.1, 0.2)
    found = first.get()
    read = Calibration.from_text(first.kept)
    assert read is not None
    assert (found.unrelated, found.known, found.spread) == (read.unrelated, read.known, read.spread)
    assert list(found.direction) == list(read.direction) != list(first.scale.direction)


def test_a_server_that_cannot_change_properties_is_served_all_the_same() -> None:
    refusing = Measured()

    def refuse(text: str) -> None:
        raise StoreError("cannot alter")

    refusing.cache.save = refuse
    assert refusing.get() is refusing.get()
    assert refusing.get().to_text() == Measured.scale.to_text()
    assert refusing.times == 1, "it is known to this process"


def test_where_nothing_is_kept_it_is_known_to_the_process() -> None:
    measured_here = Measured()
    measured_here.cache = CalibrationCache()
    assert measured_here.get() is measured_here.get()
    assert measured_here.get().to_text() == Measured.scale.to_text()
    assert measured_here.times == 1


def test_a_model_that_fails_is_read_on_the_generic_scale_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    failing = Measured(fails=EmbeddingError("a secret text"))
    with caplog.at_level(logging.DEBUG, logger="mem0milvus"):
        assert failing.get() is GENERIC
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert warning.getMessage() == "The embedding model could not be calibrated: EmbeddingError"
    assert failing.kept == ""
    failing.fails = None
    assert failing.get().to_text() == Measured.scale.to_text()
    assert (failing.times, len(caplog.records)) == (2, 1)


def test_other_failures_are_not_hidden() -> None:
    with pytest.raises(StoreError):
        Measured(fails=StoreError("no line")).get()


# --- through a memory


class Counting(HashingEmbedder):
    """The offline embedder, which remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(128)
        self.asked: list[list[str]] = []

    def embed(self, given: Sequence[str]) -> Any:
        self.asked.append(list(given))
        return super().embed(given)


class AsMemories(Counting):
    """A model that embeds questions as it does memories, and has a method for each, as LangChain's models have."""

    def embed_query(self, text: str) -> Any:
        self.asked.append([f"question: {text}"])
        return HashingEmbedder.embed(self, [text])[0]


class InBatches(Counting):
    """A model that embeds questions in their own way, also many at a time."""

    def embed_query(self, text: str) -> Any:
        return self.embed_queries([text])[0]

    def embed_queries(self, given: Sequence[str]) -> Any:
        return self.embed([f"question: {text}" for text in given])


class InBatchesAwaited(InBatches):
    async def aembed_queries(self, given: Sequence[str]) -> Any:
        self.asked.append(["awaited"])
        return HashingEmbedder.embed(self, [f"question: {text}" for text in given])


def say(memory: Any, *said: str) -> None:
    memory.add([{"role": "user", "content": text} for text in said], user_id="u", infer=False)


@pytest.fixture
def reopened(open_memory: Callable[..., Any], config: Config) -> Callable[[Counting], Any]:
    """Closes the memory that is open and opens it with another model, as a further process would."""
    del config["embedder"]
    opened: list[Any] = []

    def reopen(model: Counting) -> Any:
        if opened:
            opened.pop().close()
        calibration_cache._of_own.clear()
        opened.append(open_memory(config, embedder=model))
        return opened[0]

    return reopen


def test_a_model_is_measured_once_and_never_again_in_another_process(reopened: Callable[..., Any]) -> None:
    first = Counting()
    memory = reopened(first)
    assert memory.search("boat", user_id="u")["results"] == []
    assert first.asked == [["boat"]], "where nothing is found, nothing is measured"
    say(memory, "The boat is red.")
    assert memory.search("boat", user_id="u", mode="lexical")["results"]
    assert first.asked[1:] == [["The boat is red."]], "words need no calibration"
    found = memory.search("boat", user_id="u", explain=True)["results"]
    memory.search("a red boat", user_id="u")
    assert first.asked[2:] == [MEMORIES, QUESTIONS, ["a red boat"]]
    second = Counting()
    again = reopened(second).search("boat", user_id="u", explain=True)["results"]
    assert second.asked == [["boat"]]
    assert again == found, "to the last digit"


def test_a_model_that_fails_at_so_many_texts_is_still_searched_with(
    reopened: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    class Small(Counting):
        most = 50

        def embed(self, given: Sequence[str]) -> Any:
            if len(given) > self.most:
                raise ValueError("too many texts, the first is " + given[0])
            return super().embed(given)

    model = Small()
    memory = reopened(model)
    say(memory, "The boat is red.", "Tea is green.")
    with caplog.at_level(logging.WARNING, logger="mem0milvus"):
        found = memory.search("Which boat?", user_id="u", explain=True)["results"]
    assert found[0]["memory"] == "The boat is red."
    (cosine,) = (1 - found[0]["score"] / 2,)
    expected = np.clip((cosine - 0.07) / 0.085, -2, 6)
    assert found[0]["explain"]["similarity"] == pytest.approx(expected, abs=1e-4)
    assert caplog.messages == ["The embedding model could not be calibrated: EmbeddingError"]
    model.most = 1000
    with caplog.at_level(logging.WARNING, logger="mem0milvus"):
        memory.search("Which boat?", user_id="u")
    assert (len(caplog.messages), model.asked[-2:]) == (1, [MEMORIES, QUESTIONS])


def test_a_server_that_refuses_to_change_properties(
    reopened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("alter_collection_properties is not known")

    monkeypatch.setattr(Connection, "write_property", refuse)
    monkeypatch.setattr(OpenStore, "_save_calibration", refuse)
    for _ in range(2):
        model = Counting()
        memory = reopened(model)
        say(memory, "The boat is red.")
        for _ in range(2):
            assert texts(memory.search("boat", user_id="u"))[0] == "The boat is red."
        assert model.asked[-2:] == [MEMORIES, QUESTIONS]


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (Counting, [["boat"], MEMORIES, QUESTIONS]),
        (AsMemories, [["question: boat"], MEMORIES, QUESTIONS, [f"question: {QUESTIONS[0]}"]]),
        (InBatches, [["question: boat"], MEMORIES, [f"question: {question}" for question in QUESTIONS]]),
    ],
)
def test_questions_are_measured_as_the_model_embeds_them(
    reopened: Callable[..., Any], model: type[Counting], asked: list[list[str]]
) -> None:
    embedder = model()
    memory = reopened(embedder)
    say(memory, "The boat is red.")
    memory.search("boat", user_id="u")
    assert embedder.asked[1:] == asked


def test_a_batch_of_questions_is_awaited_where_it_can_be(
    reopened: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    embedder = InBatchesAwaited()
    memory = reopened(embedder)
    say(memory, "The boat is red.")
    memory.search("boat", user_id="u")
    in_one = [f"question: {question}" for question in QUESTIONS]
    awaits = "awaiting" in request.node.name
    assert embedder.asked[-1] == (["awaited"] if awaits else in_one)


@pytest.mark.parametrize("wrong", [[], [[1.0]], [[float("nan")] * 128] * len(QUESTIONS)], ids=["none", "short", "nan"])
def test_wrong_vectors_of_questions_are_no_calibration(
    reopened: Callable[..., Any], wrong: list[list[float]], caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(InBatches):
        def embed_query(self, text: str) -> Any:
            return HashingEmbedder.embed(self, [text])[0]

        def embed_queries(self, given: Sequence[str]) -> Any:
            return wrong

    memory = reopened(Wrong())
    say(memory, "The boat is red.")
    with caplog.at_level(logging.WARNING, logger="mem0milvus"):
        assert texts(memory.search("boat", user_id="u")) == ["The boat is red."]
    assert len(caplog.messages) == 1


def test_a_model_that_gives_zeros_for_a_script_is_measured_without_its_languages(
    reopened: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    class Latin(Counting):
        def embed(self, given: Sequence[str]) -> Any:
            known = np.array([min(text) < "z" and max(text) < "\u0400" for text in given])
            return super().embed(given) * known[:, None]

    memory = reopened(Latin())
    say(memory, "The boat is red.")
    with caplog.at_level(logging.WARNING, logger="mem0milvus"):
        assert texts(memory.search("boat", user_id="u")) == ["The boat is red."]
    assert caplog.messages == []
    again = Latin()
    assert texts(reopened(again).search("boat", user_id="u")) == ["The boat is red."]
    assert again.asked == [["boat"]]


def test_of_first_searches_at_the_same_time_one_measures_and_the_others_wait(config: Config) -> None:
    del config["embedder"]

    class Slow(Counting):
        def embed(self, given: Sequence[str]) -> Any:
            if len(given) > 2:
                time.sleep(0.05)
            return super().embed(given)

    model = Slow()
    with Memory.from_config(config, embedder=model) as memory:
        say(memory, "The boat is red.", "Tea is green.")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: memory.search("boat", user_id="u")["results"], range(8)))
    assert len({item[0]["relevance"] for item in found}) == 1
    assert model.asked.count(MEMORIES) == model.asked.count(QUESTIONS) == 1


def test_of_first_searches_at_the_same_time_one_is_awaited(config: Config) -> None:
    del config["embedder"]
    model = Counting()

    async def together() -> list[Any]:
        async with AsyncMemory.from_config(config, embedder=model) as memory:
            await memory.add("The boat is red.", user_id="u", infer=False)
            return await asyncio.gather(*(memory.search("boat", user_id="u") for _ in range(8)))

    assert [texts(one) for one in asyncio.run(together())] == [["The boat is red."]] * 8
    assert model.asked.count(MEMORIES) == model.asked.count(QUESTIONS) == 1


def test_record_stores_are_calibrated_too_and_keep_it_with_their_collection(config: Config) -> None:
    del config["embedder"]
    for asked in ([["The boat is red."], ["boat"], MEMORIES, QUESTIONS], [["boat"]]):
        model = Counting()
        with RecordStore.from_config(config, embedder=model) as records:
            if len(asked) > 1:
                records.put(("u",), "a", {}, text="The boat is red.")
            for _ in range(2):
                assert [item["key"] for item in records.search("boat", ("u",))] == ["a"]
            records.search("boat", ("u",), mode="lexical")
        assert model.asked == asked


def test_blocking_and_async_access_to_one_memory_share_the_calibration(config: Config) -> None:
    del config["embedder"]
    model = Counting()

    async def ask(memory: Memory) -> None:
        async with memory.to_async() as awaited:
            await awaited.search("boat", user_id="u")

    with Memory.from_config(config, embedder=model) as memory:
        say(memory, "The boat is red.")
        asyncio.run(ask(memory))
        memory.search("boat", user_id="u")
    assert model.asked == [["The boat is red."], ["boat"], MEMORIES, QUESTIONS]


def test_another_model_is_measured_anew(config: Config) -> None:
    class Other(Counting):
        identity = "other"

    del config["embedder"]
    with Memory.from_config(config, embedder=Counting()) as memory:
        say(memory, "The boat is red.")
        memory.search("boat", user_id="u")
        memory.reembed(Other())
    other = Other()
    with Memory.from_config(config, embedder=other) as memory:
        assert texts(memory.search("boat", user_id="u")) == ["The boat is red."]
    assert other.asked == [["boat"], MEMORIES, QUESTIONS]


def test_a_process_measures_an_embedder_of_this_library_once_for_all_stores() -> None:
    first, second, other = Measured(), Measured(), Measured()
    own = f"{calibration_cache.OWN}model"
    assert first.get(own) is second.get(own)
    assert other.get("another model") is not first.get(own)
    assert (first.times, second.times, other.times) == (1, 0, 1)
