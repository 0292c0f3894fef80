"""Metrics of retrieval and of durations. Standard library only: peers are measured in environments of their own.

Each retrieval metric takes the ranked results of one question and the ids that answer it; average over questions. A
result is one id, or several where a memory stems from several turns; ``k`` counts results.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

Result: TypeAlias = "str | Collection[str]"


def _ids(result: Result) -> set[str]:
    return {result} if isinstance(result, str) else set(result)


def recall(ranked: Sequence[Result], relevant: Collection[str], k: int) -> float:
    """Share of the relevant ids among the first ``k``."""
    found = set().union(*map(_ids, ranked[:k]))
    return len(found & set(relevant)) / len(set(relevant))


def hit(ranked: Sequence[Result], relevant: Collection[str], k: int) -> float:
    """1 when a relevant id is among the first ``k``, else 0."""
    return float(any(not _ids(one).isdisjoint(relevant) for one in ranked[:k]))


def reciprocal_rank(ranked: Sequence[Result], relevant: Collection[str]) -> float:
    """1 over the place of the first relevant id; 0 when none was returned."""
    places = (1 / place for place, one in enumerate(ranked, 1) if not _ids(one).isdisjoint(relevant))
    return next(places, 0.0)


def score(ranked: Sequence[Result], relevant: Collection[str]) -> dict[str, float]:
    """All metrics of one question."""
    return {
        **{f"recall@{k}": recall(ranked, relevant, k) for k in (5, 10, 20)},
        "hit@10": hit(ranked, relevant, 10),
        "mrr": reciprocal_rank(ranked, relevant),
    }


def average(scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over questions, each of which weighs the same, and how many there are."""
    items = list(scores)
    means = {name: math.fsum(one[name] for one in items) / len(items) for name in items[0]} if items else {}
    return {**{name: round(value, 4) for name, value in means.items()}, "questions": float(len(items))}


def percentile(values: Iterable[float], percent: float) -> float:
    """Linear between the two closest ranks, as numpy has it. NaN for no values."""
    ranked = sorted(values)
    if not ranked:
        return math.nan
    place = (len(ranked) - 1) * percent / 100
    low, high = math.floor(place), math.ceil(place)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def durations_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and number of durations, in milliseconds."""
    return {
        "p50": round(percentile(seconds, 50) * 1e3, 3),
        "p95": round(percentile(seconds, 95) * 1e3, 3),
        "calls": float(len(seconds)),
    }
