"""Drawing what was learnt, changed and forgotten over time. It needs matplotlib, the extra ``plot``."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from mem0milvus.data.timestamps import FOREVER_US, from_us
from mem0milvus.errors import ConfigError
from mem0milvus.operations.memories.timeline import Life, Lives, Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Events by name: how the legend calls them, their colour, and their marker. Shapes differ as well as colours.
EVENTS = {
    "ADD": ("learnt", "#1b7f79", "o"),
    "UPDATE": ("changed", "#dd8a1f", "D"),
    "DELETE": ("forgotten", "#a3282c", "X"),
    "RESTORE": ("brought back", "#3a5ba0", "^"),
}

_INK, _FAINT_INK, _GRID = "#22313a", "#8a979e", "#e3e8ea"
_KNOWN, _REPLACED, _FORGOTTEN = "#9fcfca", "#d9e8e6", "#e6e3e3"

#: Sizes in inches.
_WIDTH, _LINE, _LABELS, _RIGHT, _TOP, _CURVE, _BOTTOM = 10.0, 0.40, 3.1, 0.35, 0.95, 0.85, 0.45

#: About how wide a character of 7 points is, in inches.
_CHARACTER = 0.058

#: Characters in a line of a label, and the shortest text that is worth printing in a bar.
_LABEL_WIDTH, _SHORTEST = 46, 6

#: Beside matplotlib's own font, those that have the letters of most other languages, where they are installed.
_FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS", "Segoe UI Emoji", "Noto Emoji"),
)


def draw_timeline(lives: Lives) -> Figure:
    """Draw it.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    shown = sorted(
        sorted(lives.lives, key=lambda life: life.changed_us)[-lives.lines :], key=lambda life: life.start_us
    )
    height = _TOP + _LINE * max(len(shown), 2) + 0.3 + _CURVE + _BOTTOM
    figure = _new_figure(height)
    above, below = _panels(figure, height)
    start, end = _extent(lives)
    for axes in (above, below):
        axes.set_xlim(from_us(start), from_us(end))  # type: ignore[arg-type]
    _draw_lines(above, shown, end)
    _draw_curve(below, lives.lives, start, end)
    _write_heading(figure, lives, len(shown), height)
    return figure


def _new_figure(height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigError('A timeline is drawn with matplotlib: pip install "mem0milvus[plot]".') from error

    class Timeline(Figure):
        """A figure that a notebook shows without pyplot."""

        def draw(self, renderer: Any) -> None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
                super().draw(renderer)

        def _repr_png_(self) -> bytes:
            from io import BytesIO

            picture = BytesIO()
            self.savefig(picture, format="png", dpi=110)
            return picture.getvalue()

    return Timeline(figsize=(_WIDTH, height), dpi=110, facecolor="white")


def _panels(figure: Figure, height: float) -> tuple[Axes, Axes]:
    """The panel of lines and, below it over the same time, that of the curve."""
    left, width = _LABELS / _WIDTH, (_WIDTH - _LABELS - _RIGHT) / _WIDTH
    bottom = _BOTTOM + _CURVE + 0.3
    above = figure.add_axes((left, bottom / height, width, (height - _TOP - bottom) / height))
    below = figure.add_axes((left, _BOTTOM / height, width, _CURVE / height))
    for axes in (above, below):
        axes.set_facecolor("white")
        axes.tick_params(length=0, labelsize=8, labelcolor=_INK)
        axes.grid(axis="x", color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in axes.spines.values():
            side.set_visible(False)
    above.tick_params(labelbottom=False)
    return above, below


def _extent(lives: Lives) -> tuple[int, int]:
    """From when until when, in microseconds: the changes, and some time after the last one that has passed already."""
    if not lives.lives:
        return lives.now_us - 60_000_000, lives.now_us
    first = min(life.start_us for life in lives.lives)
    last = max(life.changed_us for life in lives.lives)
    busy = last - first or 60_000_000
    end = max(min(lives.now_us, last + busy // 4), last + busy // 20)
    return first - (end - first) // 50, end + (end - first) // 50


def _draw_lines(axes: Axes, shown: Sequence[Life], end_us: int) -> None:
    count = max(len(shown), 2)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks(range(len(shown)), [_label(life.spans[-1].memory) for life in shown])
    for label, life in zip(axes.get_yticklabels(), shown, strict=True):
        label.set(fontfamily=_families(), fontsize=7.5, parse_math=False, linespacing=1.05)
        if life.end_us != FOREVER_US:
            label.set(color=_FAINT_INK, fontstyle="italic")
    start, end = axes.get_xlim()
    characters_per_day = (_WIDTH - _LABELS - _RIGHT) / _CHARACTER / (end - start)
    for place, life in enumerate(shown):
        _draw_life(axes, life, place, end_us, characters_per_day)
    if not shown:
        axes.text(0.5, 0.5, "nothing is known yet", transform=axes.transAxes, ha="center", color=_FAINT_INK)


def _draw_life(axes: Axes, life: Life, place: int, end_us: int, characters_per_day: float) -> None:
    for number, span in enumerate(life.spans):
        start, end = from_us(span.start_us), from_us(min(span.end_us, end_us))
        is_last = number == len(life.spans) - 1
        colour = _REPLACED if not is_last else _KNOWN if span.end_us == FOREVER_US else _FORGOTTEN
        axes.barh(place, end - start, left=start, height=0.56, color=colour, linewidth=0)  # type: ignore[arg-type]
        room = int((end - start).total_seconds() / 86_400 * characters_per_day) - 3
        if not is_last and room >= _SHORTEST:
            text = axes.text(
                start,  # type: ignore[arg-type]
                place,
                "   " + _cut(" ".join(span.memory.split()), room),
                fontsize=7,
                color=_INK,
                va="center",
                parse_math=False,
                fontfamily=_families(),
            )
            text.set_clip_on(True)
    for event, moment in _events(life):
        _mark(axes, event, [moment], [place])


def _mark(axes: Axes, event: str, moments: Sequence[datetime], places: Sequence[float]) -> None:
    _, colour, marker = EVENTS[event]
    size = 38 if marker in "oD" else 56
    axes.scatter(moments, places, s=size, c=colour, marker=marker, edgecolors="white", linewidths=0.8, zorder=3)  # type: ignore[arg-type]


def _events(life: Life) -> list[tuple[str, datetime]]:
    """What happened to a memory, and when. After a gap between two versions it had been forgotten."""
    found: list[tuple[str, datetime]] = []
    before: Span | None = None
    for span in life.spans:
        if before is not None and before.end_us < span.start_us:
            found.append(("DELETE", from_us(before.end_us)))
        found.append(("ADD" if before is None else span.event, from_us(span.start_us)))
        before = span
    if life.end_us != FOREVER_US:
        found.append(("DELETE", from_us(life.end_us)))
    return found


def _draw_curve(axes: Axes, lives: Sequence[Life], start_us: int, end_us: int) -> None:
    """How many memories were known at each moment."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    steps: Counter[int] = Counter()
    for life in lives:
        for span in life.spans:
            steps[span.start_us] += 1
            steps[span.end_us] -= 1
    moments, known = [start_us], [0]
    for moment in sorted(steps):
        if moment != FOREVER_US and steps[moment]:
            moments.append(moment)
            known.append(known[-1] + steps[moment])
    moments.append(end_us)
    known.append(known[-1])
    times = [from_us(moment) for moment in moments]
    axes.fill_between(times, known, step="post", color=_KNOWN, alpha=0.55, linewidth=0)  # type: ignore[arg-type]
    axes.step(times, known, where="post", color=EVENTS["ADD"][1], linewidth=1.4)  # type: ignore[arg-type]
    axes.set_ylim(0, max([*known, 1]) * 1.15)
    axes.set_ylabel("memories\nknown", rotation=0, ha="right", va="center", fontsize=8, color=_INK, labelpad=12)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(fontsize=8, color=_FAINT_INK)


def _write_heading(figure: Figure, lives: Lives, lines: int, height: float) -> None:
    from matplotlib.lines import Line2D

    known = sum(life.end_us == FOREVER_US for life in lives.lives)
    told = f"{_count(known, 'memory', 'memories')} known, {len(lives.lives) - known:,} forgotten"
    if lines < len(lives.lives):
        told += f". The {lines:,} that changed last have a line; all count in the curve"
    title = f"What was learnt, changed and forgotten{': ' + lives.whose if lives.whose else ''}"
    x = 0.2 / _WIDTH
    heading = figure.text(x, 1 - 0.3 / height, shorten(title, 90, placeholder="…"), fontsize=13, fontweight="bold")
    heading.set(color=_INK, va="center", parse_math=False, fontfamily=_families())
    figure.text(x, 1 - 0.55 / height, f"{told}. Times are UTC.", fontsize=8.5, color=_FAINT_INK, va="center")
    counts = Counter(event for life in lives.lives for event, _ in _events(life))
    handles = [
        Line2D([], [], marker=marker, color="none", markerfacecolor=colour, markeredgecolor="white", markersize=8)
        for event, (_, colour, marker) in EVENTS.items()
        if counts[event]
    ]
    labels = [f"{name} {counts[event]:,}" for event, (name, _, _) in EVENTS.items() if counts[event]]
    place = (_LABELS / _WIDTH - 0.008, 1 - 0.92 / height)
    legend = figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=place, ncols=4, frameon=False, fontsize=8.5, handletextpad=0.2
    )
    for text in legend.get_texts():
        text.set_color(_INK)


def _label(text: str) -> str:
    """A memory on at most two short lines."""
    text = " ".join(text.split())
    first = _fitting(text, _LABEL_WIDTH)
    if first < len(text) and (space := text.rfind(" ", 0, first + 1)) > first // 2:
        first = space
    return "\n".join(part for part in (text[:first], _cut(text[first:].strip(), _LABEL_WIDTH)) if part)


def _cut(text: str, width: int) -> str:
    fitting = _fitting(text, width)
    return text if fitting == len(text) else text[: _fitting(text, width - 1)].rstrip() + "…"


def _fitting(text: str, width: int) -> int:
    """How many characters fit, where those of East Asia are twice as wide."""
    for count, character in enumerate(text):
        width -= 2 if east_asian_width(character) in "WF" else 1
        if width < 0:
            return count
    return len(text)


def _families() -> list[str]:
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return [name for name in _FONTS if name in installed]


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
