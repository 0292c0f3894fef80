"""Ordinary facts asked for in other words: is the right memory found, and is it shown to a model?

Each persona is a user. The adapters show a model the first five memories whose relevance reaches
``DEFAULT_INJECTION_THRESHOLD``. The figures:

- ``recall@1``, ``recall@5``: share of questions with a right memory first, or among the first five;
- ``mrr``: mean of 1 over the rank of the first right memory, among 20;
- ``right shown``: share of questions with a right memory among the first five that reaches the threshold;
- ``off-topic shown``: mean number of memories shown for a prompt that no memory helps with; ``off-topic any``: share
  of such prompts for which any memory is shown;
- ``newer first``: share of pairs of contradicting memories of which the newer one ranks before the older one.

Of a bare embedder, what would be shown is in the curve alone: the default threshold is none of cosines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.data_sets import Contradiction, User
from benchmarks.metrics import average, hit, reciprocal_rank
from benchmarks.retrieval import MODES, WAYS, Found, Ranker, stored
from mem0milvus import DEFAULT_INJECTION_THRESHOLD

#: Memories in a prompt, as in the adapters.
SHOWN = 5
THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(101))
ALL = "all"

Figures = dict[str, float]


@dataclass
class Observed:
    """The memories found by one way of ranking: for questions, for off-topic prompts, and for contradictions."""

    questions: list[tuple[Sequence[Found], Collection[str]]] = field(default_factory=list)
    offtopic: list[Sequence[Found]] = field(default_factory=list)
    newer_first: list[bool] = field(default_factory=list)

    def figures(self, threshold: float | None) -> Figures:
        """Return all figures; those of what is shown need a threshold."""
        figures = average(_ranks([one.id for one in found], right) for found, right in self.questions)
        if threshold is not None:
            point = self.at(threshold)
            figures |= {name: point[name] for name in ("right shown", "off-topic shown", "off-topic any")}
        if self.newer_first:
            figures["newer first"] = _mean(self.newer_first)
        questions = figures.pop("questions")
        return {**figures, "questions": questions}

    def at(self, threshold: float) -> Figures:
        """Return the figures of what is shown at a threshold."""
        numbers = [min(SHOWN, len(_reaching(found, threshold))) for found in self.offtopic]
        return {
            "threshold": threshold,
            "right shown": _mean(
                any(one.id in right for one in _reaching(found[:SHOWN], threshold)) for found, right in self.questions
            ),
            "off-topic shown": _mean(numbers),
            "off-topic any": _mean(number > 0 for number in numbers),
        }

    def curve(self) -> list[Figures]:
        """Return the figures of what is shown at each threshold from 0 to 1; none for a ranking without relevance."""
        found = [one for ranked, _ in self.questions for one in ranked]
        return [] if any(one.relevance is None for one in found) else [self.at(threshold) for threshold in THRESHOLDS]


def measure(
    users: Iterable[User], embedder: Mapping[str, Any], ways: Sequence[str] = WAYS
) -> dict[str, dict[str, Any]]:
    """Store all personas and rank in each way.

    Returns:
        For each way, ``figures`` overall (``all``) and by language, and the ``curve`` over thresholds.
    """
    observed: dict[str, dict[str, Observed]] = {way: {} for way in ways}
    with stored(users, embedder, ways) as everyone:
        for user, rankers in everyone:
            for way, rank in rankers.items():
                _observe(user, rank, observed[way].setdefault(user.language, Observed()))
    return {way: _report(by_language, way) for way, by_language in observed.items()}


def _observe(user: User, rank: Ranker, seen: Observed) -> None:
    seen.questions += [(rank(question.text), question.answers) for question in user.questions]
    seen.offtopic += [rank(prompt) for prompt in user.offtopic]
    seen.newer_first += [_newer_first(rank(pair.text), pair) for pair in user.contradictions]


def _newer_first(found: Sequence[Found], pair: Contradiction) -> bool:
    pair_found = [one.id for one in found if one.id in (pair.older, pair.newer)]
    return pair_found[:1] == [pair.newer]


def _report(by_language: Mapping[str, Observed], way: str) -> dict[str, Any]:
    everything = Observed()
    for one in by_language.values():
        everything.questions += one.questions
        everything.offtopic += one.offtopic
        everything.newer_first += one.newer_first
    threshold = DEFAULT_INJECTION_THRESHOLD if way in MODES else None
    groups = {ALL: everything, **by_language}
    figures = {name: one.figures(threshold) for name, one in groups.items()}
    return {"figures": figures, "default": threshold, "curve": everything.curve()}


def _ranks(ranked: Sequence[str], right: Collection[str]) -> Figures:
    return {
        "recall@1": hit(ranked, right, 1),
        "recall@5": hit(ranked, right, 5),
        "mrr": reciprocal_rank(ranked, right),
    }


def _reaching(found: Sequence[Found], threshold: float) -> list[Found]:
    return [one for one in found if one.relevance is not None and one.relevance >= threshold]


def _mean(values: Iterable[float]) -> float:
    items = list(values)
    return round(sum(items) / len(items), 4) if items else 0.0
