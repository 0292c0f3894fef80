"""Changes: a memory that reports a change comes before the older one that it outdates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.ranking.candidates import Candidate
from mem0milvus.retrieval.text import ASKS
from mem0milvus.retrieval.text.change_words import change_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Only among so many of the best candidates is one looked for that outdates another.
_BEST = 8

#: Evidence of similarity, in standard deviations, from which two memories are about the same.
_SAME_SUBJECT = 4.0

#: Share of their words from which two memories repeat each other, except for what has changed.
_REPEATS = 0.5

#: Evidence of similarity to the question from which a newer memory may answer it.
_ANSWERS = 1.0

#: The most tokens of a short statement, of some twelve words.
_SHORT = 60

#: By this much more than the older memory is the newer one put before it.
_BEFORE = 1e-3


def changed(
    question: str,
    order: Array,
    candidates: Sequence[Candidate],
    shares: Array,
    evidence: Array,
    calibration: Calibration,
) -> Array:
    """The gain of each candidate that outdates an older, better one of the same user and speaker.

    Both are about the same subject by their embeddings. The newer one has a word of change, as in "I moved to Bergen",
    or repeats most of the older one and as much of the question: "My rent is 900 euros", "My rent is 1050 euros".

    Args:
        question: the question; its language decides what the embedding model understands.
        order: the fused scores.
        candidates: the candidates; those without a vector outdate nothing.
        evidence: the evidence of each candidate's similarity to the question.
        shares: the share of each term of the question that each candidate has, shape ``(candidates, terms)``.
        calibration: the scale of similarities between embeddings.
    """
    gain = np.zeros(len(order))
    best = [int(index) for index in np.argsort(-order, kind="stable")[:_BEST] if candidates[index].vector is not None]
    if len(best) < 2:
        return gain
    best.sort(key=lambda index: (candidates[index].observed_at_us, index))
    vectors = np.asarray([candidates[index].vector for index in best], dtype=np.float64)
    alike = calibration.evidence(question, vectors @ vectors.T) >= _SAME_SUBJECT
    for older, newer in combinations(range(len(best)), 2):
        one, other = best[older], best[newer]
        if alike[older, newer] and evidence[other] >= _ANSWERS:
            lead = order[one] + gain[one] - order[other] - gain[other]
            if lead >= 0 and _outdates(candidates[other], candidates[one], shares[other], shares[one]):
                gain[other] += lead + _BEFORE
    return gain


def _outdates(newer: Candidate, older: Candidate, has: Array, had: Array) -> bool:
    if (newer.owner, newer.actor, newer.role) != (older.owner, older.actor, older.role):
        return False
    says, said = newer.words or {}, older.words or {}
    if newer.observed_at_us == older.observed_at_us or not _is_short_statement(says) or not _is_short_statement(said):
        return False
    if not change_keys().isdisjoint(says):
        return True
    repeats = len(says.keys() & said.keys()) >= _REPEATS * len(says.keys() | said.keys())
    return repeats and bool((has >= had - 1e-9).all())


def _is_short_statement(words: Mapping[int, float]) -> bool:
    """Longer memories say several things, of which one may have changed; questions say nothing."""
    return ASKS not in words and 0 < len(words) <= _SHORT
