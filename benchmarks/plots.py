"""Charts of saved figures as PNG, with dark lines on white, readable on any page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks import reports
from benchmarks.peers import OURS, TITLES

DPI = 160
INK = "#222222"
#: Distinguishable with colour blindness (Okabe and Ito, "Color universal design").
COLOURS = {
    OURS: "#0072B2",
    f"{OURS} offline": "#56B4E9",
    "mem0": "#D55E00",
    "langchain": "#009E73",
    "llamaindex": "#CC79A7",
    "bare": "#888888",
}
#: Colours of curves, from the same palette.
CURVES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
METRICS = ("recall@5", "recall@10", "mrr")

Report = Mapping[str, Any]


def draw_all(results: Path, to: Path) -> list[Path]:
    """Draw all charts for which the folder has reports, and return the files written."""
    found: dict[str, Report] = {path.stem: reports.read(path) for path in sorted(results.glob("*.json"))}
    of = {one["name"]: [other for other in found.values() if other["name"] == one["name"]] for one in found.values()}
    to.mkdir(parents=True, exist_ok=True)
    drawn = []
    if "peers" in of:
        offline = [one for one in of.get("locomo", []) if not one["settings"]["embedder_url"]]
        drawn.append(recall(of["peers"][0], offline[0] if offline else None, to / "recall.png"))
    if "latency" in of:
        drawn.append(search_latency(of["latency"][0], of.get("peers-latency", []), to / "search_latency.png"))
    if "relevance" in of:
        drawn.append(relevance(of["relevance"], to / "relevance.png"))
    if "natural" in of:
        drawn.append(shown(of["natural"][0], to / "shown.png"))
    return drawn


def recall(peers: Report, offline: Report | None, path: Path) -> Path:
    """Draw bars: evidence found by each library, over categories 1 to 4."""
    rows = {TITLES[name]: (COLOURS[name], result["1-4"]) for name, result in peers["results"].items()}
    if offline is not None:
        ours = f"{OURS} offline"
        rows = {
            TITLES[OURS]: rows.pop(TITLES[OURS]),
            f"{TITLES[OURS]}, no model": (COLOURS[ours], offline["results"]["1-4"]),
            **rows,
        }
    figure, axes = _figure(7.6, 3.6)
    width = 0.8 / len(rows)
    for place, (name, (colour, averages)) in enumerate(rows.items()):
        at = [column + place * width - 0.4 + width / 2 for column in range(len(METRICS))]
        bars = axes.bar(at, [averages[metric] for metric in METRICS], width * 0.92, color=colour, label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize=7, color=INK, padding=1)
    axes.set_xticks(range(len(METRICS)), [metric.replace("mrr", "MRR") for metric in METRICS])
    axes.set_ylim(0, 1)
    model = peers["settings"]["model"]
    axes.set_title(f"Evidence found on LoCoMo, categories 1 to 4, vectors of {model}", fontsize=10, color=INK)
    axes.legend(fontsize=7, frameon=False, loc="upper right", ncols=2)
    return _save(figure, path)


def search_latency(own: Report, others: list[Report], path: Path) -> Path:
    """Draw lines: median time of a search by the number of memories, both on logarithmic scales."""
    figure, axes = _figure(7.6, 3.8)
    lines: dict[str, dict[int, float]] = {
        OURS: {_size(size): rows["search"]["p50"] for size, rows in own["results"].items()},
        "bare": {_size(size): rows["search"]["bare_p50"] for size, rows in own["results"].items()},
    }
    for report in others:
        for name, sizes in report["results"].items():
            if name != OURS:
                lines[name] = {_size(size): rows["search"]["p50"] for size, rows in sizes.items()}
    titles = {**TITLES, "bare": "pymilvus alone: the two searches"}
    for name, points in lines.items():
        style = "--" if name == "bare" else "-"
        sizes, times = list(points), list(points.values())
        axes.plot(sizes, times, style, marker="o", markersize=4, color=COLOURS[name], label=titles[name])
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({size for points in lines.values() for size in points})
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("memories of 100 users in one Milvus Lite file", fontsize=9, color=INK)
    axes.set_ylabel("median search, ms", fontsize=9, color=INK)
    axes.set_title("Searching the memories of one user", fontsize=10, color=INK)
    axes.legend(fontsize=7, frameon=False)
    return _save(figure, path)


def relevance(found: list[Report], path: Path) -> Path:
    """Draw curves: wrong conversations and right answers above a threshold."""
    figure, axes = _figure(7.6, 3.6)
    for report, style in zip(found, _styles(), strict=False):
        curve = report["results"]["curve"]
        model = report["settings"]["model"] if report["settings"]["embedder_url"] else "no model"
        thresholds = [point["threshold"] for point in curve]
        for name, colour in (
            ("right answers kept", "#0072B2"),
            ("wrong conversations that bring something", "#D55E00"),
        ):
            axes.plot(thresholds, [point[name] for point in curve], style, color=colour, label=f"{name}, {model}")
    axes.axvline(found[0]["results"]["default"]["threshold"], color="#888888", linewidth=1)
    axes.set_xlabel("threshold on relevance; the line is the default for injection", fontsize=9, color=INK)
    axes.set_ylim(0, 1)
    axes.set_title("What a threshold lets through, on LoCoMo", fontsize=10, color=INK)
    axes.legend(fontsize=7, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.08))
    return _save(figure, path)


def shown(report: Report, path: Path) -> Path:
    """Draw curves: right memories shown against off-topic ones, over all thresholds of relevance, for each embedder."""
    figure, axes = _figure(7.6, 4.6)
    default = None
    for colour, (embedder, by_way) in zip(cycle(CURVES), report["results"].items(), strict=False):
        ours = next(one for one in by_way.values() if one["default"] is not None)
        default = ours["default"]
        axes.plot(*_points(ours["curve"]), color=colour, linewidth=2, label=embedder)
        marked = min(ours["curve"], key=lambda point: abs(point["threshold"] - default))
        axes.plot(*_points([marked]), "o", color=colour, markersize=8, markeredgecolor="white", zorder=3)
        if bare := by_way.get("bare-dense"):
            axes.plot(*_points(bare["curve"]), "--", color=colour, linewidth=1, label=f"{embedder}, cosine alone")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_xlim(0, 5)
    axes.set_ylim(0, 1)
    axes.set_xlabel("memories shown for an off-topic prompt, of five", fontsize=9, color=INK)
    axes.set_ylabel("questions with the right memory shown", fontsize=9, color=INK)
    title = f"What a threshold on relevance shows, from 1 (left) to 0; the dot is the default, {default}"
    axes.set_title(title, fontsize=10, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return _save(figure, path)


def _points(curve: Sequence[Mapping[str, float]]) -> tuple[list[float], list[float]]:
    return [point["off-topic shown"] for point in curve], [point["right shown"] for point in curve]


def _styles() -> Iterator[str]:
    yield from ("-", "--", ":")


def _size(text: str) -> int:
    return int(text.replace(",", ""))


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure that does not use pyplot, whose state is global to the process."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor="white")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    return path
