"""The commands ``natural``, ``evidence`` and ``quality``: data sets, embedders and ways of ranking."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import data_sets, embedders, plots, quality, reports
from benchmarks.data_sets import User
from benchmarks.natural import ALL
from benchmarks.retrieval import MODES, TITLES, WAYS
from mem0milvus.retrieval import ranking
from mem0milvus.retrieval.ranking import Preset

Results = dict[str, Any]

#: A data set to measure: its name, its file, and the function that reads it.
Source = tuple[str, Path, Callable[[Path, "int | None"], Sequence[User]]]


def add(commands: Any, keep: argparse.ArgumentParser) -> None:
    """Add the three commands; ``keep`` has the option under which figures are saved."""
    options = argparse.ArgumentParser(add_help=False)
    embedders.add_options(options)
    options.add_argument(
        "--mode", action="append", choices=WAYS, default=[], help="way of ranking, may be repeated; default: all"
    )
    options.add_argument(
        "--weight",
        action="append",
        type=_weight,
        default=[],
        metavar="NAME=VALUE",
        help="another weight of the preset `balanced`, to see what depends on it; may be repeated",
    )
    options.add_argument("--limit", type=int, metavar="N", help="only the first N users of each file")
    plot = argparse.ArgumentParser(add_help=False)
    plot.add_argument("--plot", type=Path, metavar="FILE", help="draw `right shown` against `off-topic shown` (PNG)")
    parents = [keep, options]
    command = commands.add_parser("natural", parents=[*parents, plot], help="facts asked for in other words")
    command.add_argument("--data", type=Path, required=True, metavar="FILE", dest="natural")
    command.add_argument(
        "--in-passing", action="store_true", help="put an off-topic prompt before each question and prompt"
    )
    command = commands.add_parser("evidence", parents=parents, help="turns of conversations that hold the answer")
    command.add_argument("--data", type=_named, action="append", required=True, metavar="[NAME=]FILE", dest="evidence")
    command = commands.add_parser("quality", parents=[*parents, plot], help="all data sets side by side, as Markdown")
    for name in ("natural", "multilingual", "locomo"):
        command.add_argument(f"--{name}", type=Path, metavar="FILE")
    command.add_argument("--evidence", type=_named, action="append", default=[], metavar="[NAME=]FILE")


def _named(text: str) -> tuple[str, Path]:
    """Read the name and the path of a data set; without a name, that of its folder and file."""
    name, separator, path = text.partition("=")
    if separator:
        return name, Path(path)
    file = Path(text).resolve()
    return f"{file.parent.name}/{file.stem}", Path(text)


def _weight(text: str) -> tuple[str, float]:
    """Read the name and the value of a weight."""
    name, _, value = text.partition("=")
    if name not in {field.name for field in fields(Preset) if isinstance(field.default, float)}:
        raise argparse.ArgumentTypeError(f"{name!r} is no weight with one value")
    return name, float(value)


def natural(given: argparse.Namespace) -> Results:
    """Measure personas."""
    _check_plot(given)
    read = data_sets.read_natural_in_passing if given.in_passing else data_sets.read_natural
    results = _measure(given, [(quality.NATURAL, given.natural, read)])
    by_embedder = results[quality.NATURAL]
    sys.stdout.write(reports.sections(("", "embedder", "ranking"), list(_rows(by_embedder, shared=(ALL, "en")))))
    _draw(given, by_embedder)
    return by_embedder  # type: ignore[no-any-return]


def evidence(given: argparse.Namespace) -> Results:
    """Measure conversations."""
    results = _measure(given, [(name, path, data_sets.read_conversations) for name, path in given.evidence])
    rows = [
        ((name, *names), values)
        for name, by_embedder in results.items()
        for names, values in _rows(by_embedder, shared=(ALL,))
    ]
    sys.stdout.write(reports.sections(("", "kind", "embedder", "ranking"), rows))
    return results


def all_sets(given: argparse.Namespace) -> Results:
    """Measure all data sets, and print them side by side."""
    _check_plot(given)
    given_sources: list[tuple[str, Path | None, Any]] = [
        (quality.NATURAL, given.natural, data_sets.read_natural),
        (quality.MULTILINGUAL, given.multilingual, data_sets.read_multilingual),
        (quality.LOCOMO, given.locomo, data_sets.read_locomo),
        *((name, path, data_sets.read_conversations) for name, path in given.evidence),
    ]
    sources: list[Source] = [(name, path, read) for name, path, read in given_sources if path is not None]
    if not sources:
        raise SystemExit("There is nothing to measure: name a file, such as --natural FILE.")
    results = _measure(given, sources)
    sys.stdout.write("\n".join(filter(None, (quality.table(results), quality.comparison(results)))))
    _draw(given, results.get(quality.NATURAL, {}))
    return results


COMMANDS: Mapping[str, Callable[[argparse.Namespace], Results]] = {
    "natural": natural,
    "evidence": evidence,
    "quality": all_sets,
}


def _measure(given: argparse.Namespace, sources: Sequence[Source]) -> Results:
    """Return the reports by data set, embedder and way of ranking."""
    names = [name for name, _, _ in sources]
    if len(set(names)) < len(names):
        raise SystemExit(f"Two data sets have one name: {', '.join(names)}. Name them: NAME=FILE.")
    sections = embedders.chosen(given)
    ways = [way for way in WAYS if not given.mode or way in given.mode]
    users = {name: read(path, given.limit) for name, path, read in sources}
    results: Results = {}
    other: dict[str, Any] = dict(given.weight)
    balanced = replace(ranking.PRESETS["balanced"], **other)
    with patch.object(ranking, "PRESETS", {**ranking.PRESETS, "balanced": balanced}):
        for name in names:
            for embedder, section in sections.items():
                sys.stderr.write(f"measuring {name} with {embedder}\n")
                results.setdefault(name, {})[embedder] = quality.measure(name, users[name], section, ways)
    return results


def _rows(by_embedder: Results, shared: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the rows of a table: the shared groups in all ways of ranking, the others in the first way alone."""
    first = next(iter(by_embedder.values()))
    groups = next(iter(first.values()))["figures"]
    for group in sorted(groups, key=lambda name: name not in shared):
        for embedder, by_way in by_embedder.items():
            for way in by_way if group in shared else list(by_way)[:1]:
                yield (group, embedder, TITLES.get(way, way)), by_way[way]["figures"][group]


def _check_plot(given: argparse.Namespace) -> None:
    if given.plot is None:
        return
    if given.natural is None:
        raise SystemExit("--plot shows personas: add --natural FILE.")
    if given.mode and not set(given.mode).intersection(MODES):
        raise SystemExit(f"--plot shows relevance: add --mode with one of {', '.join(MODES)}.")


def _draw(given: argparse.Namespace, by_embedder: Results) -> None:
    if given.plot is not None:
        sys.stdout.write(f"\n{plots.shown({'results': by_embedder}, given.plot)}\n")
