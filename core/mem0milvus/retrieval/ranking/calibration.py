"""Calibration of an embedding model: what its similarities mean.

Cosines are not comparable between models: unrelated texts are at 0.07 with one and at 0.76 with another, and the texts
of a language that a model does not know are all alike. So each model embeds the built-in texts once, and similarities
are read against what was measured with them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mem0milvus.retrieval.ranking.calibration_texts import SAMPLES, Samples
from mem0milvus.retrieval.text.words import question_language

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.types import Vector

    Array = NDArray[np.float64]

#: Stored with each calibration. Must change whenever the texts or the measurement change.
CALIBRATION_VERSION = 1

#: Standard deviations between unrelated texts and a question with its answer, in a model that knows the language.
_KNOWN = 3.0

# Evidence from one similarity, in standard deviations above unrelated texts, is limited to this range.
_LEAST, _MOST = -2.0, 6.0

#: Evidence from the question alone is limited to so many standard deviations.
_MOST_PERSONAL = 2.0


@dataclass(frozen=True, slots=True, eq=False)  # an array has no one answer to ==
class Calibration:
    """The scale on which the similarities of one embedding model are read.

    Attributes:
        unrelated: mean cosine of a question and an unrelated memory, by language.
        known: how well the model tells answers from unrelated memories, 0 to 1, by language.
        spread: standard deviation of the cosines of unrelated texts.
        direction: unit vector, shape ``(dims,)``, from requests that no memory helps with to personal questions; empty
            if unknown.
        middle: the position on this direction between the two kinds.
        scale: standard deviation of the positions of each kind.
    """

    unrelated: Mapping[str, float]
    known: Mapping[str, float]
    spread: float
    direction: Vector = field(default=(), repr=False)
    middle: float = 0.0
    scale: float = 1.0

    def of_language(self, language: str) -> tuple[float, float]:
        """Return ``unrelated`` and ``known`` of a language; of one without samples, the medians."""
        if language in self.unrelated:
            return self.unrelated[language], self.known[language]
        return float(np.median(list(self.unrelated.values()))), float(np.median(list(self.known.values())))

    def evidence(self, question: str, similarities: Array) -> Array:
        """The evidence of similarities that memories answer a question; 0 for a similarity that is NaN.

        In standard deviations above unrelated texts, -2 to 6, times ``known`` of the question's language.
        """
        unrelated, known = self.of_language(question_language(question))
        deviations = np.clip((similarities - unrelated) / self.spread, _LEAST, _MOST)
        return known * np.nan_to_num(deviations) + 0.0  # no -0.0

    def personal(self, question: str, vector: Vector | None) -> float:
        """The evidence of the question alone that a memory may help: -2 to 2, times ``known`` of its language."""
        if vector is None or len(self.direction) != len(vector):
            return 0.0
        _, known = self.of_language(question_language(question))
        deviations = (float(np.dot(vector, self.direction)) - self.middle) / self.scale
        return known * float(np.clip(deviations, -_MOST_PERSONAL, _MOST_PERSONAL))

    def to_text(self) -> str:
        """Return the calibration as text, for a property of a collection: 2 to 20 kB."""
        rounded = {name: {key: round(value, 4) for key, value in getattr(self, name).items()} for name in _BY_LANGUAGE}
        numbers = {name: round(getattr(self, name), 6) for name in _NUMBERS}
        direction = base64.b64encode(np.asarray(self.direction, dtype="<f2").tobytes()).decode()
        return json.dumps({"version": CALIBRATION_VERSION, **rounded, **numbers, "direction": direction})

    @classmethod
    def from_text(cls, text: str) -> Calibration | None:
        """Return the calibration that a text holds; None if it holds none of this version."""
        try:
            given: dict[str, Any] = json.loads(text)
            if given["version"] != CALIBRATION_VERSION:
                return None
            direction = np.frombuffer(base64.b64decode(given["direction"]), dtype="<f2").astype(np.float32)
            fields: dict[str, Any] = {name: float(given[name]) for name in _NUMBERS}
            fields |= {name: {key: float(one) for key, one in given[name].items()} for name in _BY_LANGUAGE}
            usable = fields["spread"] > 0 and fields["scale"] > 0 and fields["unrelated"]
            return cls(direction=cast("Vector", direction), **fields) if usable else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


_BY_LANGUAGE = ("unrelated", "known")
_NUMBERS = ("spread", "middle", "scale")

#: The scale used where a model could not be measured: that of all-MiniLM-L6-v2 and English.
GENERIC = Calibration(unrelated={"en": 0.07}, known={"en": 1.0}, spread=0.085)


def sample_memories() -> list[str]:
    """The built-in texts to be embedded as memories."""
    return [fact for samples in SAMPLES.values() for fact, _ in samples.pairs]


def sample_questions() -> list[str]:
    """The built-in texts to be embedded as questions: in each language personal ones first, then the others."""
    return [text for samples in SAMPLES.values() for text in (*_questions(samples), *samples.requests)]


def calibrate(memories: Sequence[Vector], questions: Sequence[Vector]) -> Calibration:
    """Measure a model by its unit vectors of ``sample_memories`` and ``sample_questions``.

    A language counts for the direction by how well the model knows it; one with a vector of zeros is left out.
    """
    measured = _by_language(np.asarray(memories, dtype=np.float64), np.asarray(questions, dtype=np.float64))
    if not measured:
        return GENERIC
    unrelated = {name: float(one.unrelated.mean()) for name, one in measured.items()}
    deviations = np.concatenate([one.unrelated - unrelated[name] for name, one in measured.items()])
    spread = max(float(np.sqrt(np.mean(np.square(deviations)))), 1e-3)
    gains = {name: float(one.related.mean()) - unrelated[name] for name, one in measured.items()}
    known = {name: min(1.0, max(0.0, gain / spread / _KNOWN)) for name, gain in gains.items()}
    direction = sum((known[name] * len(one.asked) * one.contrast for name, one in measured.items()), start=np.zeros(()))
    length = float(np.linalg.norm(direction))
    if length < 1e-9:  # the model knows none of the languages
        return Calibration(unrelated, known, spread)
    unit = direction / length
    asked, others = (
        _weighted([(getattr(one, kind) @ unit, known[name]) for name, one in measured.items()])
        for kind in ("asked", "others")
    )
    scale = max(((asked[1] + others[1]) / 2) ** 0.5, 1e-6)
    middle = (asked[0] + others[0]) / 2
    return Calibration(unrelated, known, spread, cast("Vector", unit.astype(np.float32)), middle, scale)


@dataclass(frozen=True, slots=True)
class _Measured:
    """The vectors and cosines of one language."""

    related: Array
    unrelated: Array
    asked: Array  #: vectors of the questions and personal requests
    others: Array  #: vectors of the requests with which no memory helps

    @property
    def contrast(self) -> Array:
        difference: Array = self.asked.mean(axis=0) - self.others.mean(axis=0)
        return difference


def _by_language(memories: Array, questions: Array) -> dict[str, _Measured]:
    measured = {}
    first_memory = first_question = 0
    for name, samples in SAMPLES.items():
        pairs, asked = len(samples.pairs), len(_questions(samples))
        facts = memories[first_memory : first_memory + pairs]
        texts = questions[first_question : first_question + asked + len(samples.requests)]
        first_memory, first_question = first_memory + pairs, first_question + len(texts)
        if not (facts.any(axis=1).all() and texts.any(axis=1).all()):
            continue
        cosines = texts @ facts.T
        answers = np.zeros(cosines.shape, dtype=bool)
        answers[np.arange(pairs), np.arange(pairs)] = True
        measured[name] = _Measured(cosines[answers], cosines[~answers], texts[:asked], texts[asked:])
    return measured


def _questions(samples: Samples) -> list[str]:
    return [*(question for _, question in samples.pairs), *samples.personal]


def _weighted(groups: Sequence[tuple[Array, float]]) -> tuple[float, float]:
    """Mean and variance of the values of all groups, each group with its weight."""
    values = np.concatenate([group for group, _ in groups])
    weights = np.concatenate([np.full(len(group), weight) for group, weight in groups])
    mean = float(np.average(values, weights=weights))
    return mean, float(np.average(np.square(values - mean), weights=weights))
