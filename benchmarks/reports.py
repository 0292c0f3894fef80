"""Results as tables on a terminal and as JSON. Standard library only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any


def table(rows: Mapping[str, Mapping[str, Any]], first: str = "") -> str:
    """Format rows under their names; the columns are the keys of the rows in the order of their first occurrence."""
    cells = _cells([first], [([name], row) for name, row in rows.items()])
    return "\n".join(_lines(cells, 1)) + "\n"


def sections(first: Sequence[str], rows: Sequence[tuple[Sequence[str], Mapping[str, Any]]]) -> str:
    """Format rows with several names each.

    A name is left out where it is that of the row above. Rows that share their first name are a section; an empty line
    is above and below a section of several rows.

    Args:
        first: the headings of the names.
        rows: the names of each row, and its values by column.
    """
    above = [[""] * len(first), *(names for names, _ in rows)]
    named = [(_differing(names, before), values) for (names, values), before in zip(rows, above, strict=False)]
    head, *lines = _lines(_cells(first, named), len(first))
    sizes = Counter(names[0] for names, _ in rows)
    gaps = [
        name != before and max(sizes[name], sizes[before]) > 1
        for (name, *_), (before, *_) in zip(above[1:], above, strict=False)
    ]
    return "\n".join([head, *("\n" * gap + line for gap, line in zip(gaps, lines, strict=True))]) + "\n"


def _differing(names: Sequence[str], above: Sequence[str]) -> list[str]:
    """Return the names from the first one on that differs from the row above; "" for those before."""
    equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(names, above, strict=True)))
    return [name if at >= equal else "" for at, name in enumerate(names)]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table with aligned columns."""
    cells = [list(head), *map(list, rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(first: Sequence[str], rows: Sequence[tuple[Sequence[str], Mapping[str, Any]]]) -> list[list[str]]:
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    lines = [[*names, *(_shown(row.get(column)) for column in columns)] for names, row in rows]
    return [[*first, *columns], *lines]


def _lines(cells: Sequence[Sequence[str]], names: int) -> list[str]:
    """Return the lines of a table: the first columns, the names, are aligned to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        padded[:names] = [cell.ljust(width) for cell, width in zip(line[:names], widths, strict=False)]
        lines.append("  ".join(padded).rstrip())
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        if value == int(value) and abs(value) >= 2:
            return f"{int(value):,}"
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return str(value)


def write(report: Mapping[str, Any], path: Path) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Read a report."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report
