"""Conversations: which turns hold the answer to a question. Any number of data sets, each in each way of ranking.

Each conversation is a user, each session a run, each turn a memory. The figures are ``recall@5`` and ``recall@10``
(share of the right turns among the first), ``mrr`` among 20, and ``r-precision``: the recall among as many results as
there are right turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.data_sets import User
from benchmarks.metrics import average, r_precision, recall, reciprocal_rank
from benchmarks.natural import ALL
from benchmarks.retrieval import WAYS, stored

Figures = dict[str, float]


def measure(
    users: Iterable[User], embedder: Mapping[str, Any], ways: Sequence[str] = WAYS
) -> dict[str, dict[str, dict[str, Figures]]]:
    """Store all conversations and rank in each way.

    Returns:
        For each way, ``figures`` overall (``all``) and by kind of question.
    """
    scores: dict[str, list[tuple[str, Figures]]] = {way: [] for way in ways}
    with stored(users, embedder, ways) as everyone:
        for user, rankers in everyone:
            for way, rank in rankers.items():
                for question in user.questions:
                    ranked = [one.id for one in rank(question.text)]
                    scores[way].append((question.kind, score(ranked, question.answers)))
    return {way: {"figures": _by_kind(of_way)} for way, of_way in scores.items()}


def score(ranked: Sequence[str], right: frozenset[str]) -> Figures:
    """Return all metrics of one question."""
    return {
        "recall@1": recall(ranked, right, 1),
        "recall@5": recall(ranked, right, 5),
        "recall@10": recall(ranked, right, 10),
        "mrr": reciprocal_rank(ranked, right),
        "r-precision": r_precision(ranked, right),
    }


def _by_kind(scores: Sequence[tuple[str, Figures]]) -> dict[str, Figures]:
    kinds = sorted({kind for kind, _ in scores})
    every = {kind: average(one for other, one in scores if other == kind) for kind in kinds}
    return {ALL: average(one for _, one in scores), **every}
