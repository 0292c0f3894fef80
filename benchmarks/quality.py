"""All data sets side by side: every embedder in every way of ranking, as a Markdown table.

``natural`` has the figures of ``python -m benchmarks natural``; conversations have those of ``evidence``, and so has
LoCoMo, over categories 1 to 4. ``multilingual`` has the means over languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import evidence, natural, reports
from benchmarks.data_sets import User
from benchmarks.natural import ALL
from benchmarks.retrieval import MODES, TITLES, WAYS

NATURAL = "natural"
MULTILINGUAL = "multilingual"
LOCOMO = "LoCoMo"

HYBRID, *PARTS = MODES

#: The figures in each column of a data set.
COLUMNS: Mapping[str, Sequence[Sequence[str]]] = {
    NATURAL: [("recall@1", "recall@5", "mrr"), ("right shown", "off-topic shown")],
    MULTILINGUAL: [("recall@1", "mrr")],
    LOCOMO: [("recall@5", "recall@10", "mrr")],
}
#: The figures in the column of conversations.
OF_CONVERSATIONS: Sequence[Sequence[str]] = [("recall@5", "recall@10", "mrr", "r-precision")]
#: The figures in which hybrid is held against its two parts.
COMPARED = ("recall@1", "recall@5", "mrr")
HEADINGS = {"mrr": "MRR", "r-precision": "R-precision", "right shown": "right", "off-topic shown": "off-topic shown"}

#: The reports by data set, embedder and way of ranking.
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def measure(
    name: str, users: Iterable[User], embedder: Mapping[str, Any], ways: Sequence[str] = WAYS
) -> dict[str, dict[str, Any]]:
    """Measure one data set with one embedder, in each way of ranking."""
    if name == NATURAL:
        return natural.measure(users, embedder, ways)
    reports_by_way = evidence.measure(users, embedder, ways)
    if name == MULTILINGUAL:
        for report in reports_by_way.values():
            report["figures"][ALL] = _macro(report["figures"])
    return reports_by_way


def _macro(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the means over all groups but the one of everything."""
    groups = [one for name, one in figures.items() if name != ALL]
    means = {name: round(sum(one[name] for one in groups) / len(groups), 4) for name in figures[ALL]}
    return {**means, "questions": figures[ALL]["questions"]}


def table(results: Results) -> str:
    """Return the Markdown table: a row for each embedder and way of ranking, and columns for each data set."""
    columns = [(name, figures) for name in results for figures in COLUMNS.get(name, OF_CONVERSATIONS)]
    head = ["embedder", "ranking", *(f"{name}: {_heading(figures)}" for name, figures in columns)]
    rows = [
        [embedder, TITLES.get(way, way), *(_cell(results[name][embedder][way], figures) for name, figures in columns)]
        for embedder, way in _runs(results)
    ]
    return reports.markdown(head, rows)


def comparison(results: Results) -> str:
    """Return the Markdown table of what hybrid has more than the better of its parts; "" if one was not measured."""
    runs = _runs(results)
    embedders = list(dict.fromkeys(embedder for embedder, _ in runs))
    if any((embedder, mode) not in runs for embedder in embedders for mode in MODES):
        return ""
    head = ["hybrid minus the better of dense and lexical", *results]
    rows = [[embedder, *(_gains(results[name][embedder]) for name in results)] for embedder in embedders]
    return reports.markdown(head, rows) + f"\nEach: {_heading(COMPARED)}\n"


def _gains(by_way: Mapping[str, Any]) -> str:
    figures = {way: by_way[way]["figures"][ALL] for way in MODES}
    gains = [figures[HYBRID][name] - max(figures[part][name] for part in PARTS) for name in COMPARED]
    return " / ".join(f"{gain:+.3f}".replace("0.", ".", 1) for gain in gains)


def _runs(results: Results) -> list[tuple[str, str]]:
    first = next(iter(results.values()))
    return [(embedder, way) for embedder, by_way in first.items() for way in by_way]


def _heading(figures: Sequence[str]) -> str:
    return " / ".join(HEADINGS.get(name, name) for name in figures)


def _cell(report: Mapping[str, Any], figures: Sequence[str]) -> str:
    values = report["figures"][ALL]
    return " / ".join(f"{values[name]:.3f}".removeprefix("0") if name in values else "–" for name in figures)
