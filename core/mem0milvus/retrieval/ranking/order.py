"""The order of candidates, computed on NumPy arrays with one entry for each candidate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.ranking.candidates import Candidate, Ranked
from mem0milvus.retrieval.ranking.changes import changed
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.ranking.neighbours import find_neighbours, run_mean, run_numbers
from mem0milvus.retrieval.ranking.relevance import relevance
from mem0milvus.retrieval.ranking.words import coverage, lexical, missing_names, question_terms
from mem0milvus.retrieval.text import ASKS, query_terms
from mem0milvus.retrieval.text.words import words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.presets import Preset
    from mem0milvus.types import Vector

    Array = NDArray[np.float64]

_DAY_US = 24 * 3600 * 1_000_000

_ASSISTANT = "assistant"


def ordered(
    question: str,
    candidates: Sequence[Candidate],
    weights: Preset,
    *,
    now_us: int,
    scope_names: Iterable[str],
    calibration: Calibration,
    vector: Vector | None,
) -> list[Ranked]:
    """Order candidates as ``rank`` documents; requires at least one candidate."""
    candidates = sorted(candidates, key=_among_equals)
    terms = question_terms(query_terms(question, without=scope_names))
    shares = terms.shares_in([c.words for c in candidates])
    answering = shares
    if any(c.metadata_words for c in candidates):
        answering = terms.shares_in([_without_metadata(c) for c in candidates])
    runs = run_numbers(candidates)
    neighbours = find_neighbours(candidates, runs)
    lengths = np.array([len(c.words or ()) for c in candidates])
    similarities = np.array([np.nan if c.similarity is None else c.similarity for c in candidates])
    parts = {
        "similarity": calibration.evidence(question, similarities),
        "lexical": lexical(terms, shares, lengths, neighbours, weights),
        "coverage": coverage(terms, answering),
        "missing_names": missing_names(terms, answering),
        "personal": np.full(len(candidates), calibration.personal(question, vector)),
        "actor": _actor_named(question, candidates),
    }
    order = _base_score(parts, candidates, weights)
    if weights.recency:
        parts["recency"] = weights.recency * _recency(candidates, now_us, weights.half_life_days)
        order = order + parts["recency"]
    parts["neighbours"] = neighbours.gain(order, weights.lend, weights.same_speaker)
    order = order + parts["neighbours"]
    parts["run"] = weights.run * run_mean(order, runs)
    order = order + parts["run"]
    parts["change"] = changed(question, order, candidates, shares, parts["similarity"], calibration)
    order = order + parts["change"]
    if weights.diversity:
        parts["redundancy"] = spread(order, candidates, weights.diversity, calibration.of_language("")[0])
        order = order - parts["redundancy"]
    return _ranked(candidates, order, parts)


def _among_equals(candidate: Candidate) -> tuple[float, int, str]:
    """The order of equal scores: by similarity, the newer one first, then by id, and never as Milvus returned the rows.

    Similarities above the limit of evidence score the same, and so do all in a language that the model does not know.
    """
    closeness = math.inf if candidate.similarity is None else -round(candidate.similarity, 6)
    return closeness, -candidate.observed_at_us, candidate.id


class _Parts(Mapping[str, float]):
    """The parts of one candidate, read from the arrays on access: ``search`` reads them only with ``explain=True``."""

    __slots__ = ("_arrays", "_index")

    def __init__(self, arrays: Mapping[str, Array], index: int) -> None:
        self._arrays = arrays
        self._index = index

    def __getitem__(self, name: str) -> float:
        return float(self._arrays[name][self._index])

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return repr(dict(self))


def _ranked(candidates: Sequence[Candidate], order: Array, parts: Mapping[str, Array]) -> list[Ranked]:
    orders = order.tolist()
    similar, covered, missing = (parts[name].tolist() for name in ("similarity", "coverage", "missing_names"))
    personal = float(parts["personal"][0])
    ranked = []
    for index in np.argsort(-order, kind="stable").tolist():  # stable: equal scores stay as they were sorted
        one = candidates[index]
        absolute = relevance(
            None if one.similarity is None else similar[index],
            None if one.words is None else covered[index],
            missing_names=0.0 if one.words is None else missing[index],
            personal=personal,
        )
        ranked.append(Ranked(one.id, orders[index], absolute, _Parts(parts, index)))
    return ranked


def _without_metadata(candidate: Candidate) -> Mapping[int, float] | None:
    words, ignored = candidate.words, candidate.metadata_words
    if words is None or not ignored:
        return words
    return {key: weight for key, weight in words.items() if key not in ignored}


def _base_score(parts: Mapping[str, Array], candidates: Sequence[Candidate], weights: Preset) -> Array:
    """The score of each candidate without its neighbours and its run."""
    score = weights.similarity * parts["similarity"] + weights.lexical * parts["lexical"]
    asks = np.array([c.words is not None and ASKS in c.words for c in candidates])
    assistant = np.array([c.role == _ASSISTANT for c in candidates])
    score = (score + weights.actor * parts["actor"]) * np.where(asks, 1 - weights.asking, 1.0)
    return np.where(assistant, 1 - weights.assistant, 1.0) * score


def _actor_named(question: str, candidates: Sequence[Candidate]) -> Array:
    """1 for each candidate whose actor the question names, else 0."""
    asked = {word.text for word in words_of(question)}
    named = {
        actor: float(any(word.text in asked for word in words_of(actor))) for actor in {c.actor for c in candidates}
    }
    return np.array([named[c.actor] for c in candidates])


def _recency(candidates: Sequence[Candidate], now_us: int, half_life_days: float) -> Array:
    """Exponential decay by age: 1 for now and for the future, 0.5 at an age of one half-life."""
    ages = np.array([max(0, now_us - c.observed_at_us) for c in candidates], dtype=np.float64)
    return np.exp2(-ages / (half_life_days * _DAY_US))
