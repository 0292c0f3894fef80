"""Diversity: a candidate that repeats a better one loses a part of its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.candidates import Candidate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: The redundancy of a candidate is measured against the best 100 only: the loop below runs once for each of these.
_CHOSEN = 100

# On the way from unrelated texts to identical ones, two memories begin to say the same here, and say the same there.
_SIMILAR = 0.3
_SAME = 0.84


def spread(order: Array, candidates: Sequence[Candidate], share: float, unrelated: float) -> Array:
    """The redundancy of each candidate, to be subtracted from its score, by maximal marginal relevance.

    After Carbonell and Goldstein, "The use of MMR" (SIGIR 1998), with the fused score in place of relevance.
    Redundancy is a share of the candidate's own score, so a candidate that hardly answers the question never gains by
    being unlike those that do.

    Args:
        order: the fused scores, 0 or more.
        candidates: the candidates, compared by vectors, or by words if one has no vector. A candidate with neither is
            like no other.
        share: the share of its score that an exact repetition loses.
        unrelated: the cosine of unrelated texts.
    """
    rows = _unit_vectors(candidates)
    loss = np.zeros(len(order))
    left = np.ones(len(order), dtype=bool)
    for _ in range(min(_CHOSEN, len(order))):
        chosen = int(np.argmax(np.where(left, order - loss, -np.inf)))
        left[chosen] = False
        way = (rows @ rows[chosen] - unrelated) / (1 - unrelated)
        alike = np.clip((way - _SIMILAR) / (_SAME - _SIMILAR), 0.0, 1.0)
        loss = np.where(left, np.maximum(loss, share * alike * order), loss)
    return loss


def _unit_vectors(candidates: Sequence[Candidate]) -> Array:
    """One unit vector for each candidate: the embeddings, or if one is missing, vectors of all candidates' words."""
    if all(c.vector is not None for c in candidates):
        return np.array([c.vector for c in candidates], dtype=np.float64)
    return _word_vectors([c.words or {} for c in candidates])


def _word_vectors(words: Sequence[Mapping[int, float]]) -> Array:
    columns = {key: column for column, key in enumerate(dict.fromkeys(key for one in words for key in one))}
    rows = np.zeros((len(words), len(columns)))
    for row, one in enumerate(words):
        rows[row, [columns[key] for key in one]] = list(one.values())
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms, norms, 1.0)
