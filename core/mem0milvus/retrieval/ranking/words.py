"""What candidates have of a question's words, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.text import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.presets import Preset

    Array = NDArray[np.float64]

# Two forms of a word share its stem and about half of its pieces: what has so much of a word has the word.
# A few pieces are shared by chance. The linear scale between, tuned on LoCoMo and thirteen languages.
_CHANCE = 0.2
_WHOLE = 0.6


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's words in the form that is quick to score with."""

    worths: Array  #: of each term
    keys: tuple[int, ...]
    shares: Array  #: of each key in each term: shape ``(keys, terms)``

    def parts(self, words: Sequence[Mapping[int, float] | None]) -> Array:
        """How much of each term each candidate has, 0 to 1: shape ``(candidates, terms)``."""
        none: Mapping[int, float] = {}
        have = b"".join([bytes(map((one or none).__contains__, self.keys)) for one in words])  # a byte for each key
        has: Array = np.frombuffer(have, dtype=np.uint8).reshape(len(words), len(self.keys)).astype(np.float64)
        parts: Array = has @ self.shares
        return parts


def asked(terms: Sequence[Term]) -> Asked:
    """A key that several terms have goes to the one it is worth most in; the rest of a term makes it whole."""
    owners: dict[int, tuple[float, int, float]] = {}
    for number, term in enumerate(terms):
        for key, share in term.keys:
            owners[key] = max(owners.get(key, (0.0, 0, 0.0)), (term.worth * share, number, share))
    shares = np.zeros((len(owners), len(terms)))
    for row, (_, number, share) in enumerate(owners.values()):
        shares[row, number] = share
    totals = shares.sum(axis=0)
    worths = np.array([term.worth for term in terms]) * (totals > 0)
    return Asked(worths, tuple(owners), shares / np.where(totals, totals, 1.0))


def coverage(question: Asked, parts: Array) -> Array:
    """The share of the question's words, by worth, that each candidate has. Half a word counts a quarter."""
    covered: Array = np.square(parts) @ question.worths
    return covered / (question.worths.sum() or 1.0)


def lexical(question: Asked, parts: Array, around: Mapping[int, NDArray[np.intp]], weights: Preset) -> Array:
    """Each candidate read together with its neighbours: the most of each term; over the best candidate.

    Args:
        question: the question.
        parts: what each candidate has of it.
        around: for each step, which candidate stands so far from each one; their count where there is none.
        weights: how much of a neighbour's words a candidate is read with.
    """
    whole = np.clip((parts - _CHANCE) / (_WHOLE - _CHANCE), 0.0, 1.0)
    padded = np.vstack([whole, np.zeros(parts.shape[1])])  # no neighbour, no words
    steps = {**{-i: share for i, share in enumerate(weights.before, 1)}, **dict(enumerate(weights.after, 1))}
    for step, share in steps.items():
        if step in around:
            np.maximum(whole, share * padded[around[step]], out=whole)
    scores: Array = whole @ (question.worths * _rarity(parts))
    return scores / (scores.max() or 1.0)


def _rarity(parts: Array) -> Array:
    """How rare each term is among the candidates (the inverse document frequency of BM25)."""
    frequency = np.square(parts).sum(axis=0)
    rarity: Array = np.log(1 + (len(parts) - frequency + 0.5) / (frequency + 0.5))
    return rarity
