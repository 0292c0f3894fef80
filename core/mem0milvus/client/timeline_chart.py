"""The chart of ``Memory.timeline``, drawn with matplotlib, the extra ``plot``."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from textwrap import shorten
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from mem0milvus.data.timestamps import FOREVER_US, from_us
from mem0milvus.errors import ConfigError
from mem0milvus.operations.memories.timeline import Life, Lives

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Label, colour and marker of each event. The shapes of the markers differ too, for readers who cannot see the colours.
EVENTS = {
    "ADD": ("learnt", "#1b7f79", "o"),
    "UPDATE": ("changed", "#dd8a1f", "D"),
    "DELETE": ("forgotten", "#a3282c", "X"),
    "RESTORE": ("brought back", "#3a5ba0", "^"),
}

_TEXT_COLOUR, _FAINT_COLOUR, _GRID_COLOUR = "#22313a", "#8a979e", "#e3e8ea"

#: Colours of the bars: the latest version, an earlier version, and the last version of a deleted memory.
_LATEST, _EARLIER, _DELETED = "#9fcfca", "#d9e8e6", "#e6e3e3"

#: Sizes in inches, first in the direction of x: the figure, the labels, the right margin, a character of 7 points.
_WIDTH, _LABELS, _RIGHT, _CHARACTER = 10.0, 3.1, 0.35, 0.058

#: Sizes in inches from top to bottom: the heading, a memory's line, the gap below the lines, the curve, the time axis.
_TOP, _LINE, _GAP, _CURVE, _BOTTOM = 0.95, 0.40, 0.3, 0.85, 0.45

#: Characters per line of a label, and the minimum of characters for printing a text in a bar.
_LABEL_WIDTH, _MIN_BAR_TEXT = 46, 6

#: matplotlib's default font, and fonts with the letters of most other languages. Those that are installed are used.
_FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS", "Segoe UI Emoji", "Noto Emoji"),
)


def draw_timeline(lives: Lives) -> Figure:
    """Draw the memories of a timeline as lines, and their number as a curve below. Requires matplotlib."""
    shown = sorted(
        sorted(lives.lives, key=lambda life: life.changed_us)[-lives.lines :], key=lambda life: life.start_us
    )
    height = _TOP + _LINE * max(len(shown), 2) + _GAP + _CURVE + _BOTTOM
    figure = _new_figure(height)
    above, below = _add_axes(figure, height)
    start_us, end_us = _time_range(lives)
    for axes in (above, below):
        axes.set_xlim(from_us(start_us), from_us(end_us))  # type: ignore[arg-type]  # datetimes are converted
    _draw_lines(above, shown, end_us)
    _draw_curve(below, lives.lives, start_us, end_us)
    _write_heading(figure, lives, len(shown), height)
    return figure


def _new_figure(height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigError('timeline() needs matplotlib: pip install "mem0milvus[plot]".') from error

    class Timeline(Figure):
        """A figure that a notebook displays without pyplot."""

        def draw(self, renderer: Any) -> None:
            with warnings.catch_warnings():
                # matplotlib warns of each character that no font has, and then draws a box, which is enough here.
                warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
                super().draw(renderer)

        def _repr_png_(self) -> bytes:
            picture = BytesIO()
            self.savefig(picture, format="png", dpi=110)
            return picture.getvalue()

    return Timeline(figsize=(_WIDTH, height), dpi=110, facecolor="white")


def _add_axes(figure: Figure, height: float) -> tuple[Axes, Axes]:
    """Return the axes of the lines and, below them with the same time range, those of the curve."""
    left, width = _LABELS / _WIDTH, (_WIDTH - _LABELS - _RIGHT) / _WIDTH
    bottom = _BOTTOM + _CURVE + _GAP
    above = figure.add_axes((left, bottom / height, width, (height - _TOP - bottom) / height))
    below = figure.add_axes((left, _BOTTOM / height, width, _CURVE / height))
    for axes in (above, below):
        axes.set_facecolor("white")
        axes.tick_params(length=0, labelsize=8, labelcolor=_TEXT_COLOUR)
        axes.grid(axis="x", color=_GRID_COLOUR, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in axes.spines.values():
            side.set_visible(False)
    above.tick_params(labelbottom=False)
    return above, below


def _time_range(lives: Lives) -> tuple[int, int]:
    """Return the start and end of the chart in microseconds: all changes, and up to a quarter of their duration more.

    The time after the last change ends now, but is at least a twentieth, so that the last marker is visible.
    """
    if not lives.lives:
        return lives.now_us - 60_000_000, lives.now_us
    first = min(life.start_us for life in lives.lives)
    last = max(life.changed_us for life in lives.lives)
    duration = last - first or 60_000_000
    end = max(min(lives.now_us, last + duration // 4), last + duration // 20)
    return first - (end - first) // 50, end + (end - first) // 50


def _draw_lines(axes: Axes, shown: Sequence[Life], end_us: int) -> None:
    count = max(len(shown), 2)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks(range(len(shown)), [_label(life.spans[-1].memory) for life in shown])
    for label, life in zip(axes.get_yticklabels(), shown, strict=True):
        label.set(fontfamily=_installed_fonts(), fontsize=7.5, parse_math=False, linespacing=1.05)
        if life.end_us != FOREVER_US:
            label.set(color=_FAINT_COLOUR, fontstyle="italic")
    start, end = axes.get_xlim()
    characters_per_day = (_WIDTH - _LABELS - _RIGHT) / _CHARACTER / (end - start)
    for line, life in enumerate(shown):
        _draw_memory(axes, life, line, end_us, characters_per_day)
    if not shown:
        axes.text(0.5, 0.5, "nothing is known yet", transform=axes.transAxes, ha="center", color=_FAINT_COLOUR)


def _draw_memory(axes: Axes, life: Life, line: int, end_us: int, characters_per_day: float) -> None:
    for span in life.spans:
        start, end = from_us(span.start_us), from_us(min(span.end_us, end_us))
        is_last = span is life.spans[-1]
        colour = _EARLIER if not is_last else _LATEST if span.end_us == FOREVER_US else _DELETED
        axes.barh(line, end - start, left=start, height=0.56, color=colour, linewidth=0)  # type: ignore[arg-type]
        room = int((end - start).total_seconds() / 86_400 * characters_per_day) - 3
        if not is_last and room >= _MIN_BAR_TEXT:  # the label beside the line shows the last text
            text = axes.text(start, line, "   " + _shortened(" ".join(span.memory.split()), room))  # type: ignore[arg-type]
            text.set(fontsize=7, color=_TEXT_COLOUR, va="center", parse_math=False, fontfamily=_installed_fonts())
            text.set_clip_on(True)
    for event, time in _events(life):
        _, colour, marker = EVENTS[event]
        size = 38 if marker in "oD" else 56
        axes.scatter([time], [line], s=size, c=colour, marker=marker, edgecolors="white", linewidths=0.8, zorder=3)  # type: ignore[arg-type]


def _events(life: Life) -> list[tuple[str, datetime]]:
    """Return the changes of a memory with their times. A gap between two versions begins with a deletion."""
    events: list[tuple[str, datetime]] = []
    for number, span in enumerate(life.spans):
        if number and (deleted_us := life.spans[number - 1].end_us) < span.start_us:
            events.append(("DELETE", from_us(deleted_us)))
        events.append((span.event if number else "ADD", from_us(span.start_us)))
    if life.end_us != FOREVER_US:
        events.append(("DELETE", from_us(life.end_us)))
    return events


def _draw_curve(axes: Axes, lives: Sequence[Life], start_us: int, end_us: int) -> None:
    """Draw the number of memories over time."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    steps: Counter[int] = Counter()
    for span in (span for life in lives for span in life.spans):
        steps[span.start_us] += 1
        steps[span.end_us] -= 1
    times, counts = [from_us(start_us)], [0]
    for time_us in sorted(steps):
        if time_us != FOREVER_US and steps[time_us]:
            times.append(from_us(time_us))
            counts.append(counts[-1] + steps[time_us])
    times.append(from_us(end_us))
    counts.append(counts[-1])
    axes.fill_between(times, counts, step="post", color=_LATEST, alpha=0.55, linewidth=0)  # type: ignore[arg-type]
    axes.step(times, counts, where="post", color=EVENTS["ADD"][1], linewidth=1.4)  # type: ignore[arg-type]
    axes.set_ylim(0, max([*counts, 1]) * 1.15)
    axes.set_ylabel("memories\nknown", rotation=0, ha="right", va="center", fontsize=8, color=_TEXT_COLOUR, labelpad=12)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(fontsize=8, color=_FAINT_COLOUR)


def _write_heading(figure: Figure, lives: Lives, lines: int, height: float) -> None:
    from matplotlib.lines import Line2D

    known = sum(life.end_us == FOREVER_US for life in lives.lives)
    summary = f"{known:,} {'memory' if known == 1 else 'memories'} known, {len(lives.lives) - known:,} forgotten"
    if lines < len(lives.lives):
        summary += f". The {lines:,} that changed last have a line; all count in the curve"
    title = f"What was learnt, changed and forgotten{': ' + lives.whose if lives.whose else ''}"
    x = 0.2 / _WIDTH
    heading = figure.text(x, 1 - 0.3 / height, shorten(title, 90, placeholder="…"), fontsize=13, fontweight="bold")
    heading.set(color=_TEXT_COLOUR, va="center", parse_math=False, fontfamily=_installed_fonts())
    figure.text(x, 1 - 0.55 / height, f"{summary}. Times are UTC.", fontsize=8.5, color=_FAINT_COLOUR, va="center")
    counts = Counter(event for life in lives.lives for event, _ in _events(life))
    handles = [
        Line2D([], [], marker=marker, color="none", markerfacecolor=colour, markeredgecolor="white", markersize=8)
        for event, (_, colour, marker) in EVENTS.items()
        if counts[event]
    ]
    labels = [f"{name} {counts[event]:,}" for event, (name, _, _) in EVENTS.items() if counts[event]]
    point = (_LABELS / _WIDTH - 0.008, 1 - 0.92 / height)
    look = {"labelcolor": _TEXT_COLOUR, "frameon": False, "fontsize": 8.5, "handletextpad": 0.2}
    figure.legend(handles, labels, loc="lower left", bbox_to_anchor=point, ncols=4, **look)


def _label(text: str) -> str:
    """Return a memory's text on at most two short lines."""
    text = " ".join(text.split())
    first = _prefix_length(text, _LABEL_WIDTH)
    if first < len(text) and (space := text.rfind(" ", 0, first + 1)) > first // 2:
        first = space
    return "\n".join(part for part in (text[:first], _shortened(text[first:].strip(), _LABEL_WIDTH)) if part)


def _shortened(text: str, width: int) -> str:
    if _prefix_length(text, width) == len(text):
        return text
    return text[: _prefix_length(text, width - 1)].rstrip() + "…"


def _prefix_length(text: str, width: int) -> int:
    """Return the number of characters that fit into a width. East Asian characters are twice as wide as others."""
    for count, character in enumerate(text):
        width -= 2 if east_asian_width(character) in "WF" else 1
        if width < 0:
            return count
    return len(text)


def _installed_fonts() -> list[str]:
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return [name for name in _FONTS if name in installed]
