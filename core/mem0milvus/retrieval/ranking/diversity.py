"""Diversity: a candidate that says the same as a better one steps back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.candidates import Candidate
from mem0milvus.retrieval.ranking.relevance import SAME, UNRELATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: So many are chosen one after the other; those behind step back from these alone.
_CHOSEN = 100


def spread(order: Array, candidates: Sequence[Candidate], share: float) -> Array:
    """What each candidate loses to those before it: maximal marginal relevance.

    Carbonell and Goldstein, "The use of MMR" (SIGIR 1998), with the candidate's fused score in the place of
    its relevance, and redundancy on the scale from unrelated texts to the same said twice. It takes a share of the
    score, so that what hardly answers the question never gains from being unlike what does.

    Args:
        order: the fused scores, 0 or more.
        candidates: with vectors, or else with words; one that has neither is like no other.
        share: of its score, what the same said twice loses.
    """
    rows = _vectors(candidates)
    loss = np.zeros(len(order))
    left = np.ones(len(order), dtype=bool)
    for _ in range(min(_CHOSEN, len(order))):
        chosen = int(np.argmax(np.where(left, order - loss, -np.inf)))
        left[chosen] = False
        alike = np.clip((rows @ rows[chosen] - UNRELATED) / (SAME - UNRELATED), 0.0, 1.0)
        loss = np.where(left, np.maximum(loss, share * alike * order), loss)
    return loss


def _vectors(candidates: Sequence[Candidate]) -> Array:
    """Unit vectors, one for each candidate: stored ones, or where one is missing, all made of words."""
    if all(c.vector is not None for c in candidates):
        return np.array([c.vector for c in candidates], dtype=np.float64)
    return _of_words([c.words or {} for c in candidates])


def _of_words(words: Sequence[Mapping[int, float]]) -> Array:
    columns = {key: column for column, key in enumerate(dict.fromkeys(key for one in words for key in one))}
    rows = np.zeros((len(words), len(columns)))
    for row, one in enumerate(words):
        rows[row, [columns[key] for key in one]] = list(one.values())
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms, norms, 1.0)
