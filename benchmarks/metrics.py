"""Retrieval metrics. Each takes the ranked ids of one question and the ids that answer it; average over questions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence


def recall(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of the relevant ids among the first ``k``."""
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def hit(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 when a relevant id is among the first ``k``, else 0."""
    return float(not set(ranked[:k]).isdisjoint(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """1 over the place of the first relevant id; 0 when none was returned."""
    return next((1 / place for place, one in enumerate(ranked, 1) if one in relevant), 0.0)


def score(ranked: Sequence[str], relevant: Collection[str]) -> dict[str, float]:
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
