"""Metrics of retrieval and of durations. Standard library only: peers are measured in environments of their own.

Each retrieval metric takes the ranked results of one question and the ids that answer it; average over questions. A
result is one id, or several where a memory stems from several turns; ``k`` counts results.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from benchmarks.conversations import ADVERSARIAL, CATEGORIES

Result: TypeAlias = "str | Collection[str]"


def _ids(result: Result) -> set[str]:
    return {result} if isinstance(result, str) else set(result)


def recall(ranked: Sequence[Result], relevant: Collection[str], k: int) -> float:
    """Return the share of the relevant ids among the first ``k``."""
    found = set().union(*map(_ids, ranked[:k]))
    return len(found & set(relevant)) / len(set(relevant))


def hit(ranked: Sequence[Result], relevant: Collection[str], k: int) -> float:
    """Return 1 if a relevant id is among the first ``k``, else 0."""
    return float(any(not _ids(one).isdisjoint(relevant) for one in ranked[:k]))


def reciprocal_rank(ranked: Sequence[Result], relevant: Collection[str]) -> float:
    """Return 1 over the rank of the first relevant id; 0 if there is none."""
    places = (1 / place for place, one in enumerate(ranked, 1) if not _ids(one).isdisjoint(relevant))
    return next(places, 0.0)


def r_precision(ranked: Sequence[Result], relevant: Collection[str]) -> float:
    """Return the share of the relevant ids among as many results as there are relevant ids."""
    return recall(ranked, relevant, len(set(relevant)))


def score(ranked: Sequence[Result], relevant: Collection[str]) -> dict[str, float]:
    """Return all metrics of one question."""
    return {
        **{f"recall@{k}": recall(ranked, relevant, k) for k in (5, 10, 20)},
        "hit@10": hit(ranked, relevant, 10),
        "mrr": reciprocal_rank(ranked, relevant),
    }


def average(scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each metric over questions, and the number of questions."""
    items = list(scores)
    means = {name: math.fsum(one[name] for one in items) / len(items) for name in items[0]} if items else {}
    return {**{name: round(value, 4) for name, value in means.items()}, "questions": float(len(items))}


def by_category(scores: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Average scores over categories 1 to 4, over all categories, and over each."""
    scores = list(scores)
    report = {
        "1-4": average(one for category, one in scores if category != ADVERSARIAL),
        "1-5": average(one for _, one in scores),
    }
    for number, name in CATEGORIES.items():
        if any(category == number for category, _ in scores):
            report[name] = average(one for category, one in scores if category == number)
    return report


def seconds(function: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """Return the duration of a call."""
    started = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - started


def percentile(values: Iterable[float], percent: float) -> float:
    """Interpolate linearly between the two closest ranks, as numpy does. NaN for no values."""
    ranked = sorted(values)
    if not ranked:
        return math.nan
    place = (len(ranked) - 1) * percent / 100
    low, high = math.floor(place), math.ceil(place)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def durations_ms(durations_s: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile of durations in milliseconds, and their number."""
    return {
        "p50": round(percentile(durations_s, 50) * 1e3, 3),
        "p95": round(percentile(durations_s, 95) * 1e3, 3),
        "calls": float(len(durations_s)),
    }
