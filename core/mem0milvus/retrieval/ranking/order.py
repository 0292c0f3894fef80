"""The order of candidates, computed on NumPy arrays with one entry for each candidate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.calibration import Calibration
from mem0milvus.retrieval.ranking.candidates import Asked, Candidate, Ranked
from mem0milvus.retrieval.ranking.changes import changed
from mem0milvus.retrieval.ranking.diversity import spread
from mem0milvus.retrieval.ranking.evidence import Evidence, Judge, similarities
from mem0milvus.retrieval.ranking.links import linked
from mem0milvus.retrieval.ranking.neighbours import find_neighbours, run_mean, run_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mem0milvus.retrieval.ranking.presets import Preset

    Array = NDArray[np.float64]

_DAY_US = 24 * 3600 * 1_000_000


def ordered(
    question: Asked,
    sentences: Sequence[Asked],
    candidates: Sequence[Candidate],
    weights: Preset,
    *,
    now_us: int,
    scope_names: Sequence[str],
    calibration: Calibration,
) -> list[Ranked]:
    """Order candidates as ``rank`` documents; requires at least one candidate."""
    candidates = sorted(candidates, key=_among_equals)
    runs = run_numbers(candidates)
    neighbours = find_neighbours(candidates, runs)
    judge = Judge(candidates, neighbours, weights, calibration, scope_names)
    given = np.array([np.nan if c.similarity is None else c.similarity for c in candidates])
    whole = judge.evidence(question, given)
    single = [judge.evidence(one, similarities(one.vector, candidates)) for one in sentences]
    parts, order = dict(whole.parts), whole.score
    if single:
        best = np.max([one.score for one in single], axis=0)
        parts["sentences"] = weights.sentence * (best - order)
        order = order + parts["sentences"]
    if weights.recency:
        parts["recency"] = weights.recency * _recency(candidates, now_us, weights.half_life_days)
        order = order + parts["recency"]
    parts["neighbours"] = neighbours.gain(order, weights.lend, weights.same_speaker)
    order = order + parts["neighbours"]
    parts["run"] = weights.run * run_mean(order, runs)
    order = order + parts["run"]
    parts["links"] = linked(order, candidates, whole, weights.link)
    order = order + parts["links"]
    similar = np.max([one.parts["similarity"] for one in (whole, *single)], axis=0)
    parts["change"] = changed(question.text, order, candidates, whole.shares, similar, calibration)
    order = order + parts["change"]
    if weights.diversity:
        parts["redundancy"] = spread(order, candidates, weights.diversity, calibration.of_language("")[0])
        order = order - parts["redundancy"]
    return _ranked(candidates, order, parts, [whole, *single])


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


def _ranked(
    candidates: Sequence[Candidate], order: Array, parts: dict[str, Array], texts: Sequence[Evidence]
) -> list[Ranked]:
    """The candidates by their order, each with its relevance to the text, of the question or a sentence, it answers."""
    relevances = np.array([one.relevances(candidates) for one in texts])
    if len(texts) > 1:
        parts["sentence"] = relevances.argmax(axis=0).astype(np.float64)
    orders, best = order.tolist(), relevances.max(axis=0).tolist()
    return [
        Ranked(candidates[index].id, orders[index], best[index], _Parts(parts, index))
        for index in np.argsort(-order, kind="stable").tolist()  # stable: equal scores stay as they were sorted
    ]


def _recency(candidates: Sequence[Candidate], now_us: int, half_life_days: float) -> Array:
    """Exponential decay by age: 1 for now and for the future, 0.5 at an age of one half-life."""
    ages = np.array([max(0, now_us - c.observed_at_us) for c in candidates], dtype=np.float64)
    return np.exp2(-ages / (half_life_days * _DAY_US))
