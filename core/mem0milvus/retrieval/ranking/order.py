"""The order of candidates, computed on NumPy arrays with one entry for each candidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.candidates import NEIGHBOUR_REACH, Candidate, Ranked
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.ranking.relevance import relevance
from mem0milvus.retrieval.ranking.words import coverage, lexical, question_terms
from mem0milvus.retrieval.text import ASKS, query_terms
from mem0milvus.retrieval.text.words import words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.presets import Preset

    Array = NDArray[np.float64]
    #: For each distance in a run (-2 to 2, without 0), the index of the candidate at that distance from each candidate.
    #: The number of candidates, an index past the end, stands for "no such candidate".
    Neighbours = Mapping[int, NDArray[np.intp]]

# Cosines are products of 32-bit floats: a difference below this is rounding.
_ROUNDING = 1e-6

_DAY_US = 24 * 3600 * 1_000_000

#: Standard deviations by which the best candidate exceeds the mean when the model understands question and memories:
#: 2.9 on LoCoMo and on English with all-MiniLM-L6-v2; 0.2 to 2 in languages that the model does not know.
_CLEAR = 3.0


def ordered(
    question: str, candidates: Sequence[Candidate], weights: Preset, *, now_us: int, scope_names: Iterable[str]
) -> list[Ranked]:
    """Order candidates as ``rank`` documents; requires at least one candidate."""
    # Sorted, so that equal scores and the rounding of sums do not depend on the order in which Milvus returned rows.
    candidates = sorted(candidates, key=attrgetter("id"))
    terms = question_terms(query_terms(question, without=scope_names))
    shares = terms.shares_in([c.words for c in candidates])
    runs = _run_numbers(candidates)
    neighbours = _find_neighbours(candidates, runs)
    parts = {
        "similarity": _similarity(candidates),
        "lexical": lexical(terms, shares, neighbours, weights),
        "coverage": coverage(terms, shares),
        "actor": _actor_named(question, candidates),
    }
    order = _base_score(parts, candidates, weights)
    if weights.recency:
        parts["recency"] = weights.recency * _recency(candidates, now_us, weights.half_life_days)
        order = order + parts["recency"]
    parts["neighbours"] = _neighbour_gain(order, neighbours, weights.lend)
    order = order + parts["neighbours"]
    parts["run"] = weights.run * _run_mean(order, runs)
    order = order + parts["run"]
    if weights.diversity:
        parts["redundancy"] = spread(order, candidates, weights.diversity)
        order = order - parts["redundancy"]
    return _ranked(candidates, order, parts)


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
    orders, covered = order.tolist(), parts["coverage"].tolist()
    ranked = []
    for index in np.argsort(-order, kind="stable").tolist():  # a stable sort keeps equal scores in the order of ids
        one = candidates[index]
        absolute = relevance(one.similarity, None if one.words is None else covered[index])
        ranked.append(Ranked(one.id, orders[index], absolute, _Parts(parts, index)))
    return ranked


def _base_score(parts: Mapping[str, Array], candidates: Sequence[Candidate], weights: Preset) -> Array:
    """The score of each candidate without its neighbours and its run."""
    score = weights.similarity * parts["similarity"] + weights.lexical * parts["lexical"]
    asks = np.array([c.words is not None and ASKS in c.words for c in candidates])
    return (score + weights.actor * parts["actor"]) * np.where(asks, 1 - weights.asking, 1.0)


def _similarity(candidates: Sequence[Candidate]) -> Array:
    """Stretch similarities to 0 to 1 over the candidates, then scale them by how clearly the best one stands out.

    A model gives nearly equal similarities to texts in a language that it does not know, and to texts that it cannot
    distinguish. Stretched alone, these would be noise with the full weight of similarity. "Clearly" is measured in
    standard deviations of the similarities themselves, so it works for models with wide and with narrow cosines.
    """
    given = np.array([np.nan if c.similarity is None else c.similarity for c in candidates])
    known = given[~np.isnan(given)]
    span = float(np.ptp(known)) if len(known) else 0.0
    if span < _ROUNDING:
        return np.zeros(len(given))
    most = min(_CLEAR, (len(known) - 1) / len(known) ** 0.5)  # of n values none can exceed the mean by more deviations
    clearness = min(1.0, float((known.max() - known.mean()) / known.std()) / most)
    stretched: Array = clearness * (given - known.min()) / span
    return np.nan_to_num(stretched)


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


def _run_numbers(candidates: Sequence[Candidate]) -> NDArray[np.intp]:
    """Number the runs from 1; 0 for a candidate without a run."""
    numbers = {"": 0}
    return np.array([numbers.setdefault(c.scope_run, len(numbers)) for c in candidates])


def _find_neighbours(candidates: Sequence[Candidate], runs: NDArray[np.intp]) -> Neighbours:
    """Find the neighbours of each candidate by binary search in one sorted array of positions.

    Each run gets its own section of one number line. The sections are further apart than neighbours can be, so the last
    memory of one run is never the neighbour of the first memory of the next.
    """
    positions = np.array([c.seq for c in candidates])
    places = runs * (positions.max() + 2 * NEIGHBOUR_REACH + 1) + positions
    order = np.argsort(places, kind="stable")
    sorted_places = places[order]
    neighbours = {}
    for step in (*range(-NEIGHBOUR_REACH, 0), *range(1, NEIGHBOUR_REACH + 1)):
        at = np.minimum(np.searchsorted(sorted_places, places + step), len(order) - 1)
        exists = (sorted_places[at] == places + step) & (runs > 0)
        neighbours[step] = np.where(exists, order[at], len(order))
    return neighbours


def _neighbour_gain(scores: Array, neighbours: Neighbours, shares: Sequence[float]) -> Array:
    """The sum of the shares of their scores that the neighbours of each candidate lend it."""
    padded = np.append(scores, 0.0)  # the index past the end, a missing neighbour, lends nothing
    gain = np.zeros(len(scores))
    for step, indexes in neighbours.items():
        if abs(step) <= len(shares):
            gain += shares[abs(step) - 1] * padded[indexes]
    return gain


def _run_mean(scores: Array, runs: NDArray[np.intp]) -> Array:
    """The mean of the three best scores in the run of each candidate; in a shorter run, missing scores count 0."""
    order = np.lexsort((-scores, runs))
    sorted_runs = runs[order]
    rank_in_run = np.arange(len(order)) - np.searchsorted(sorted_runs, sorted_runs)
    best = (rank_in_run < 3) & (sorted_runs > 0)
    sums = np.bincount(sorted_runs[best], scores[order[best]], minlength=int(runs.max()) + 1)
    return sums[runs] / 3
