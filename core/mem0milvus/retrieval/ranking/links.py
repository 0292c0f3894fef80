"""Links: a memory gains if it shares rare words with a better one and has what that one lacks of the question.

"What is the email of the person who is 36?" needs two memories, "My colleague Lin is 36" and "Lin's email is …". The
second one has few words of the question, but a name that the first one has too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.candidates import Candidate
    from mem0milvus.retrieval.ranking.evidence import Evidence

    Array = NDArray[np.float64]
    Indexes = NDArray[np.intp]

#: Only so many of the best candidates pass score on.
_BEST = 8

#: The most tokens of a linked memory, of some sixty words. Longer ones share words with all others.
_LONGEST = 250


def linked(order: Array, candidates: Sequence[Candidate], asked: Evidence, share: float) -> Array:
    """The gain of each candidate from the best one that it is linked to.

    The gain is ``share`` of the other's score, times the part of the other's words that both have, by rarity and
    without those of the question, times the root of the part of the question that only the gaining candidate has.

    Args:
        order: the scores so far.
        candidates: the candidates. Those of an assistant and long ones are not linked.
        asked: the terms of the question, and the share of each term that each candidate has.
        share: the weight of links.
    """
    gain = np.zeros(len(order))
    rows = np.array([n for n, c in enumerate(candidates) if _is_linked(c)], dtype=np.intp)
    best = rows[np.argsort(-order[rows], kind="stable")][:_BEST]
    best = best[order[best] > 0]
    worths = asked.terms.worths / (asked.terms.worths.sum() or 1.0)
    # Axis 0: those that gain. Axis 1: those that pass score on.
    extra = np.zeros((len(rows), len(best)))
    for column, row in enumerate(best):
        extra[:, column] = np.maximum(asked.shares[rows] - asked.shares[row], 0.0) @ worths
    if not extra.any():
        return gain
    texts = [candidates[n].words or {} for n in rows.tolist()]
    common = _common_words(texts, np.searchsorted(rows, best), frozenset(asked.terms.keys))
    gain[rows] = share * (common * np.sqrt(extra) * order[best]).max(axis=1)
    return gain


def _is_linked(candidate: Candidate) -> bool:
    return candidate.role != "assistant" and len(candidate.words or ()) <= _LONGEST


def _common_words(texts: Sequence[Mapping[int, float]], best: Indexes, without: frozenset[int]) -> Array:
    """The part of the words of the best texts that each text has, by rarity: shape ``(texts, best)``, 0 to 1."""
    words = set().union(*(texts[n] for n in best.tolist())) - without
    columns = {key: column for column, key in enumerate(words)}
    rows, cells = [], []
    for row, text in enumerate(texts):
        shared = columns.keys() & text.keys()
        rows += [row] * len(shared)
        cells += [columns[key] for key in shared]
    has = np.zeros((len(texts), len(columns)))
    has[rows, cells] = 1.0
    frequency = has.sum(axis=0)
    rarity = np.where(frequency > 1, np.log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5)), 0.0)
    theirs = has[best] * rarity
    totals = theirs.sum(axis=1)
    part: Array = has @ theirs.T / np.where(totals > 0, totals, 1.0)
    return part
