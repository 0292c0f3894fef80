"""The evidence that candidates answer one text, the question or a sentence of it, as NumPy arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.relevance import relevance
from mem0milvus.retrieval.ranking.words import QuestionTerms, coverage, lexical, missing_names, question_terms
from mem0milvus.retrieval.text import ASKS, query_terms
from mem0milvus.retrieval.text.words import words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.calibration import Calibration
    from mem0milvus.retrieval.ranking.candidates import Asked, Candidate
    from mem0milvus.retrieval.ranking.neighbours import Neighbours
    from mem0milvus.retrieval.ranking.presets import Preset

    Array = NDArray[np.float64]

_ASSISTANT = "assistant"

# The more memories, the more of them are similar by chance, while a rare word says as much. So similarity weighs less
# among many candidates: it is divided by the logarithm of their number, within these bounds.
_FEW = 8
_MANY = 150


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for each candidate.

    Attributes:
        terms: the terms of the text.
        shares: the share of each term that each candidate has, shape ``(candidates, terms)``.
        parts: the named parts of the evidence, each with one value per candidate.
        score: their weighted sum.
    """

    terms: QuestionTerms
    shares: Array
    parts: dict[str, Array]
    score: Array

    def relevances(self, candidates: Sequence[Candidate]) -> Array:
        """The relevance of each candidate to the text."""
        names = ("similarity", "coverage", "missing_names")
        similar, covered, missing = (self.parts[name].tolist() for name in names)
        personal = float(self.parts["personal"][0])
        return np.array([
            relevance(
                None if one.similarity is None else similar[n],
                None if one.words is None else covered[n],
                missing_names=0.0 if one.words is None else missing[n],
                personal=personal,
            )
            for n, one in enumerate(candidates)
        ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judge:
    """What all texts of a question are compared with: the candidates, the weights and the scale of similarities."""

    candidates: Sequence[Candidate]
    neighbours: Neighbours
    weights: Preset
    calibration: Calibration
    scope_names: Sequence[str]

    def evidence(self, asked: Asked, similarities: Array) -> Evidence:
        """The evidence that the candidates answer a text, to which they have these similarities (NaN for none)."""
        candidates, text = self.candidates, asked.text
        terms = question_terms(query_terms(text, without=self.scope_names))
        shares = terms.shares_in([c.words for c in candidates])
        answering = shares
        if any(c.metadata_words for c in candidates):
            answering = terms.shares_in([_without_metadata(c) for c in candidates])
        lengths = np.array([len(c.words or ()) for c in candidates])
        parts = {
            "similarity": self.calibration.evidence(text, similarities),
            "lexical": lexical(terms, shares, lengths, self.neighbours, self.weights),
            "coverage": coverage(terms, answering),
            "missing_names": missing_names(terms, answering),
            "personal": np.full(len(candidates), self.calibration.personal(text, asked.vector)),
            "actor": _actor_named(text, candidates),
        }
        return Evidence(terms, shares, parts, self._score(parts))

    def _score(self, parts: Mapping[str, Array]) -> Array:
        """The score of each candidate without its neighbours, its run and its links."""
        weights, candidates = self.weights, self.candidates
        similarity = weights.similarity / math.log(min(max(len(candidates), _FEW), _MANY))
        score = similarity * parts["similarity"] + weights.lexical * parts["lexical"]
        asks = np.array([c.words is not None and ASKS in c.words for c in candidates])
        assistant = np.array([c.role == _ASSISTANT for c in candidates])
        score = (score + weights.actor * parts["actor"]) * np.where(asks, 1 - weights.asking, 1.0)
        return np.where(assistant, 1 - weights.assistant, 1.0) * score


def similarities(vector: Sequence[float] | None, candidates: Sequence[Candidate]) -> Array:
    """The cosine of a vector and each candidate; NaN where either is missing."""
    found = np.full(len(candidates), np.nan)
    rows = [n for n, candidate in enumerate(candidates) if candidate.vector is not None]
    if vector is not None and rows:
        found[rows] = np.array([candidates[n].vector for n in rows]) @ np.asarray(vector)
    return found


def _without_metadata(candidate: Candidate) -> Mapping[int, float] | None:
    words, ignored = candidate.words, candidate.metadata_words
    if words is None or not ignored:
        return words
    return {key: weight for key, weight in words.items() if key not in ignored}


def _actor_named(question: str, candidates: Sequence[Candidate]) -> Array:
    """1 for each candidate whose actor the question names, else 0."""
    asked = {word.text for word in words_of(question)}
    named = {
        actor: float(any(word.text in asked for word in words_of(actor))) for actor in {c.actor for c in candidates}
    }
    return np.array([named[c.actor] for c in candidates])
