"""Results as tables on a terminal and as JSON. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def table(rows: Mapping[str, Mapping[str, Any]], first: str = "") -> str:
    """Format rows under their names; the columns are the keys of the rows in the order of their first occurrence."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells = [[first, *columns]]
    cells += [[name, *(_shown(row.get(column)) for column in columns)] for name, row in rows.items()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(line, widths) for line in cells) + "\n"


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    name, *rest = [cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in _numbered(cells, widths)]
    return "  ".join([name, *rest]).rstrip()


def _numbered(cells: Iterable[str], widths: Sequence[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(cells, widths, strict=True))


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
