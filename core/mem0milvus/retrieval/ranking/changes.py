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
from mem0milvus.retrieval.text.words import question_language

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.types import Vector

    Array = NDArray[np.float64]

#: Only among so many of the best candidates is one looked for that outdates another.
_BEST = 8

#: Standard deviations above unrelated texts from which two memories are about the same, if the model knows the language
#: so well.
_SAME_SUBJECT = 4.5
_KNOWN = 0.4

#: Standard deviations from which they say nearly the same, and so many by which the newer one may be further from the
#: question.
_SAME_STATEMENT = 9.0
_CLOSE = 1.0

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

    The newer one is about the same subject by the embeddings and has a word of change, as in "I moved to Bergen". Or it
    has as much of the question and says nearly the same: by the embeddings ("The wedding has been pushed back to
    September") or by its words ("My rent is 1050 euros").

    Args:
        question: the question; its language decides what the embedding model understands.
        order: the fused scores.
        candidates: the candidates.
        evidence: the evidence of each candidate's similarity to the question.
        shares: the share of each term of the question that each candidate has, shape ``(candidates, terms)``.
        calibration: the scale of similarities between embeddings.
    """
    gain = np.zeros(len(order))
    best = [int(index) for index in np.argsort(-order, kind="stable")[:_BEST]]
    best.sort(key=lambda index: (candidates[index].observed_at_us, index))
    alike = _alike(question, [candidates[index].vector for index in best], calibration)
    for older, newer in combinations(range(len(best)), 2):
        one, other = best[older], best[newer]
        lead = order[one] + gain[one] - order[other] - gain[other]
        if lead < 0 or not _are_comparable(candidates[other], candidates[one]):
            continue
        likeness = float(alike[older, newer])
        reports = likeness >= _SAME_SUBJECT and evidence[other] >= _ANSWERS and _reports_change(candidates[other])
        has_as_much = bool((shares[other] >= shares[one] - 1e-9).all())
        if reports or (has_as_much and _repeats(candidates[other], candidates[one], likeness, calibration)):
            gain[other] += lead + _BEFORE
    return gain


def _alike(question: str, vectors: Sequence[Vector | None], calibration: Calibration) -> Array:
    """The similarity of each two vectors in standard deviations above unrelated texts.

    0 if a vector is missing, or if the model hardly knows the language.
    """
    unrelated, known = calibration.of_language(question_language(question))
    if known < _KNOWN or any(vector is None for vector in vectors):
        return np.zeros((len(vectors), len(vectors)))
    rows = np.asarray(vectors, dtype=np.float64)
    deviations: Array = (rows @ rows.T - unrelated) / calibration.spread
    return deviations


def _are_comparable(newer: Candidate, older: Candidate) -> bool:
    if (newer.owner, newer.actor, newer.role) != (older.owner, older.actor, older.role):
        return False
    later = newer.observed_at_us > older.observed_at_us
    return later and _is_short_statement(newer.words or {}) and _is_short_statement(older.words or {})


def _reports_change(memory: Candidate) -> bool:
    return not change_keys().isdisjoint(memory.words or {})


def _repeats(newer: Candidate, older: Candidate, likeness: float, calibration: Calibration) -> bool:
    """Whether the newer memory says nearly the same by its words, or by its embedding and as close to the question."""
    says, said = (newer.words or {}).keys(), (older.words or {}).keys()
    if len(says & said) >= _REPEATS * len(says | said):
        return True
    if likeness < _SAME_STATEMENT or newer.similarity is None or older.similarity is None:
        return False
    return (older.similarity - newer.similarity) / calibration.spread < _CLOSE


def _is_short_statement(words: Mapping[int, float]) -> bool:
    """Longer memories say several things, of which one may have changed; questions say nothing."""
    return ASKS not in words and 0 < len(words) <= _SHORT
