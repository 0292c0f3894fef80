"""The order of candidates, computed on arrays with one entry for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.candidates import NEIGHBOUR_REACH, Candidate, Ranked
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.ranking.relevance import relevance
from mem0milvus.retrieval.ranking.words import asked, coverage, lexical
from mem0milvus.retrieval.text import ASKS, query_terms
from mem0milvus.retrieval.text.words import words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.presets import Preset

    Array = NDArray[np.float64]
    #: For each step, which candidate stands so far from each one; their count where there is none.
    Around = Mapping[int, NDArray[np.intp]]

# Cosines that are closer than this differ by the rounding of 32-bit floats.
_ROUNDING = 1e-6

_DAY_US = 24 * 3600 * 1_000_000

#: Standard deviations by which the best candidate of a question stands above the mean where a model
#: understands both (2.9 on LoCoMo and on English with all-MiniLM-L6-v2; 0.2 to 2 where it does not).
_CLEAR = 3.0


def ordered(
    question: str, candidates: Sequence[Candidate], weights: Preset, *, now_us: int, scope_names: Iterable[str]
) -> list[Ranked]:
    """See ``rank``; there is at least one candidate."""
    candidates = sorted(candidates, key=attrgetter("id"))  # whatever the order they came in
    words = asked(query_terms(question, without=scope_names))
    have = words.parts([c.words for c in candidates])
    runs = _runs(candidates)
    around = _around(candidates, runs)
    parts = {
        "similarity": _similarity(candidates),
        "lexical": lexical(words, have, around, weights),
        "coverage": coverage(words, have),
        "actor": _named(question, candidates),
    }
    order = _own(parts, candidates, weights)
    if weights.recency:
        parts["recency"] = weights.recency * _recency(candidates, now_us, weights.half_life_days)
        order = order + parts["recency"]
    parts["neighbours"] = _lent(order, around, weights.lend)
    order = order + parts["neighbours"]
    parts["run"] = weights.run * _best_of_runs(order, runs)
    order = order + parts["run"]
    if weights.diversity:
        parts["redundancy"] = spread(order, candidates, weights.diversity)
        order = order - parts["redundancy"]
    return _ranked(candidates, order, parts)


class _Parts(Mapping[str, float]):
    """One candidate's parts, read from the arrays of all: few are ever looked at."""

    __slots__ = ("_arrays", "_place")

    def __init__(self, arrays: Mapping[str, Array], place: int) -> None:
        self._arrays = arrays
        self._place = place

    def __getitem__(self, name: str) -> float:
        return float(self._arrays[name][self._place])

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return repr(dict(self))


def _ranked(candidates: Sequence[Candidate], order: Array, parts: Mapping[str, Array]) -> list[Ranked]:
    orders, covered = order.tolist(), parts["coverage"].tolist()
    ranked = []
    for place in np.argsort(-order, kind="stable").tolist():  # equals stay in the order of their ids
        one = candidates[place]
        fits = relevance(one.similarity, None if one.words is None else covered[place])
        ranked.append(Ranked(one.id, orders[place], fits, _Parts(parts, place)))
    return ranked


def _own(parts: Mapping[str, Array], candidates: Sequence[Candidate], weights: Preset) -> Array:
    """What each candidate scores by itself."""
    score = weights.similarity * parts["similarity"] + weights.lexical * parts["lexical"]
    asks = np.array([c.words is not None and ASKS in c.words for c in candidates])
    return (score + weights.actor * parts["actor"]) * np.where(asks, 1 - weights.asking, 1.0)


def _similarity(candidates: Sequence[Candidate]) -> Array:
    """Similarities over their span, and that by how clearly the best one stands out.

    A model that does not know a language, or has only texts that it cannot tell apart, gives similarities
    that are all about the same. Stretched to 0 and 1 they would be noise as loud as a model's word. The
    measure is that of the similarities themselves, so it holds for any model, however narrow its cosines.
    """
    given = np.array([np.nan if c.similarity is None else c.similarity for c in candidates])
    known = given[~np.isnan(given)]
    span = float(np.ptp(known)) if len(known) else 0.0
    if span < _ROUNDING:
        return np.zeros(len(given))
    most = min(_CLEAR, (len(known) - 1) / len(known) ** 0.5)  # so far can one of so few stand out at all
    clear = min(1.0, float((known.max() - known.mean()) / known.std()) / most)
    stretched: Array = clear * (given - known.min()) / span
    return np.nan_to_num(stretched)


def _named(question: str, candidates: Sequence[Candidate]) -> Array:
    said = {word.text for word in words_of(question)}
    names = {
        actor: float(any(word.text in said for word in words_of(actor))) for actor in {c.actor for c in candidates}
    }
    return np.array([names[c.actor] for c in candidates])


def _recency(candidates: Sequence[Candidate], now_us: int, half_life_days: float) -> Array:
    """1 for now and what is still to come, one half for a half-life ago."""
    ages = np.array([max(0, now_us - c.observed_at_us) for c in candidates], dtype=np.float64)
    return np.exp2(-ages / (half_life_days * _DAY_US))


def _runs(candidates: Sequence[Candidate]) -> NDArray[np.intp]:
    """The number of each candidate's run; 0 stands for none."""
    numbers = {"": 0}
    return np.array([numbers.setdefault(c.scope_run, len(numbers)) for c in candidates])


def _around(candidates: Sequence[Candidate], runs: NDArray[np.intp]) -> Around:
    """Who stands where, found in the sorted list of all positions; runs lie too far apart to touch."""
    positions = np.array([c.seq for c in candidates])
    places = runs * (positions.max() + 2 * NEIGHBOUR_REACH + 1) + positions
    order = np.argsort(places, kind="stable")
    inside = places[order]
    around = {}
    for step in (*range(-NEIGHBOUR_REACH, 0), *range(1, NEIGHBOUR_REACH + 1)):
        at = np.minimum(np.searchsorted(inside, places + step), len(order) - 1)
        there = (inside[at] == places + step) & (runs > 0)
        around[step] = np.where(there, order[at], len(order))
    return around


def _lent(scores: Array, around: Around, shares: Sequence[float]) -> Array:
    """What neighbours lend of their own scores."""
    padded = np.append(scores, 0.0)
    lent = np.zeros(len(scores))
    for step, near in around.items():
        if abs(step) <= len(shares):
            lent += shares[abs(step) - 1] * padded[near]
    return lent


def _best_of_runs(scores: Array, runs: NDArray[np.intp]) -> Array:
    """The mean of the three best of each candidate's run; a missing one counts 0."""
    order = np.lexsort((-scores, runs))
    sorted_runs = runs[order]
    place = np.arange(len(order)) - np.searchsorted(sorted_runs, sorted_runs)
    best = (place < 3) & (sorted_runs > 0)
    sums = np.bincount(sorted_runs[best], scores[order[best]], minlength=int(runs.max()) + 1)
    return sums[runs] / 3
