"""The shares of the question's words that candidates have, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.text import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.neighbours import Neighbours
    from mem0milvus.retrieval.ranking.presets import Preset

    Array = NDArray[np.float64]

# Two forms of a word share its stem and about half of its pieces, so a share of 0.6 counts as the whole word. Unrelated
# words share a few pieces by chance, so up to 0.2 counts as nothing. Linear between; tuned on LoCoMo and 13 languages.
_CHANCE = 0.2
_WHOLE = 0.6


@dataclass(frozen=True, slots=True)
class QuestionTerms:
    """The terms of a question as arrays.

    Attributes:
        worths: the worth of each term.
        keys: all keys of the terms.
        key_shares: the share of each key in each term, shape ``(keys, terms)``.
        names: for each term, 1 if it is a name, else 0.
    """

    worths: Array
    keys: tuple[int, ...]
    key_shares: Array
    names: Array

    def shares_in(self, words: Sequence[Mapping[int, float] | None]) -> Array:
        """The share of each term that each candidate has, 0 to 1: shape ``(candidates, terms)``."""
        none: Mapping[int, float] = {}
        # One byte for each candidate and key: `bytes(map(…))` runs the look-ups in C, without a Python loop per key.
        flags = b"".join([bytes(map((one or none).__contains__, self.keys)) for one in words])
        has: Array = np.frombuffer(flags, dtype=np.uint8).reshape(len(words), len(self.keys)).astype(np.float64)
        shares: Array = has @ self.key_shares
        return shares


def question_terms(terms: Sequence[Term]) -> QuestionTerms:
    """Assign each key to the term in which it weighs most, then rescale the remaining keys of each term to sum to 1."""
    owners: dict[int, tuple[float, int, float]] = {}
    for number, term in enumerate(terms):
        for key, share in term.keys:
            owners[key] = max(owners.get(key, (0.0, 0, 0.0)), (term.worth * share, number, share))
    shares = np.zeros((len(owners), len(terms)))
    for row, (_, number, share) in enumerate(owners.values()):
        shares[row, number] = share
    totals = shares.sum(axis=0)
    worths = np.array([term.worth for term in terms]) * (totals > 0)
    names = np.array([float(term.is_name) for term in terms])
    return QuestionTerms(worths, tuple(owners), shares / np.where(totals, totals, 1.0), names)


def coverage(terms: QuestionTerms, shares: Array) -> Array:
    """The share of the question's words, by worth, that each candidate has. Half a word counts a quarter."""
    covered: Array = np.square(shares) @ terms.worths
    return covered / (terms.worths.sum() or 1.0)


def missing_names(terms: QuestionTerms, shares: Array) -> Array:
    """The share of the question's names that each candidate lacks; 0 for a question without names."""
    lacked: Array = (1.0 - np.square(shares)) @ terms.names
    return lacked / (terms.names.sum() or 1.0)


def lexical(terms: QuestionTerms, shares: Array, lengths: Array, neighbours: Neighbours, weights: Preset) -> Array:
    """The share of the question's words, by worth and rarity, that each candidate has together with its neighbours.

    Of each term a candidate counts its own share, or the weighted share of a neighbour where that is larger. A long
    candidate has words by chance, so from ``long`` tokens on its shares fall with its length.

    Args:
        terms: the terms of the question.
        shares: the share of each term that each candidate has.
        lengths: the number of tokens of each candidate.
        neighbours: the candidates around each candidate in its run.
        weights: the weights of the neighbours' words, ``before`` and ``after``, and ``long``.
    """
    whole = np.clip((shares - _CHANCE) / (_WHOLE - _CHANCE), 0.0, 1.0)
    whole /= np.maximum(lengths / weights.long, 1.0)[:, None]
    padded = np.vstack([whole, np.zeros(shares.shape[1])])  # the index past the end, a missing neighbour, has no words
    steps = {**{-i: share for i, share in enumerate(weights.before, 1)}, **dict(enumerate(weights.after, 1))}
    for step, share in steps.items():
        if step in neighbours.at:
            lent = share * neighbours.share(step, weights.same_speaker)
            np.maximum(whole, lent[:, None] * padded[neighbours.at[step]], out=whole)
    worths = terms.worths * _rarity(shares)
    scores: Array = whole @ worths
    return scores / (worths.sum() or 1.0)


def _rarity(shares: Array) -> Array:
    """The inverse document frequency (as in BM25) of each term among the candidates."""
    frequency = np.square(shares).sum(axis=0)
    rarity: Array = np.log(1 + (len(shares) - frequency + 0.5) / (frequency + 0.5))
    return rarity
