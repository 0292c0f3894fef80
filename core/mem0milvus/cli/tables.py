"""Tables and lists of fields that fit a terminal of 80 columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any, Generic, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from mem0milvus import DEFAULT_INJECTION_THRESHOLD, Change, HistoryEntry, MemoryItem, SearchItem
from mem0milvus.cli.terminal import plain, print_line

_Row = TypeVar("_Row")

_Item = TypeVar("_Item", MemoryItem, SearchItem)

_GENERATED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column: its heading, the text of a row in it, and whether it is a number or a text that may wrap."""

    heading: str
    show: Callable[[_Row], str]
    number: bool = False
    wraps: bool = False


def print_table(columns: Sequence[Column[_Row]], rows: Sequence[_Row]) -> None:
    """Print results as rows, or ``(none)``."""
    if not rows:
        print_line("(none)", style="dim")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.number else "left",
            no_wrap=not column.wraps,
            overflow="fold",
            style="cyan" if column.number else None,
        )
    for row in rows:
        table.add_row(*(plain(column.show(row)) for column in columns))
    print_rich_table(table)


def print_fields(values: Mapping[str, Any]) -> None:
    """Print keys and values, one row each."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in values.items():
        shown = pairs(value) if isinstance(value, Mapping) else "-" if value is None else str(value)
        table.add_row(key.replace("_", " "), plain(shown or "-"))
    print_rich_table(table)


def print_rich_table(table: Table) -> None:
    """Print a table; a pipe or a file gets no spaces at the ends of lines, which rich pads to the full width."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(plain(line.rstrip()), soft_wrap=True)


def print_legend(items: Sequence[SearchItem], metric: str = "L2", *, stderr: bool = False) -> None:
    """Print how to read the numbers of a search, and a warning if all results are below the injection threshold."""
    closer = "smaller is closer" if metric == "L2" else "larger is closer"
    print_line(f"score: {metric}, {closer}. relevance: 0 to 1, larger is better.", style="dim", stderr=stderr)
    if all(item["relevance"] < DEFAULT_INJECTION_THRESHOLD for item in items):
        warning = f"No memory reaches a relevance of {DEFAULT_INJECTION_THRESHOLD}: the answer may not be there."
        print_line(warning, style="yellow", stderr=stderr)


def day(moment: str) -> str:
    """Return the date of an ISO 8601 text."""
    return moment[:10]


def second(moment: str | None) -> str:
    """Return an ISO 8601 text in UTC to the second, on two lines."""
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone(timezone.utc).strftime("%Y-%m-%d\n%H:%M:%S")


def short_id(memory_id: str) -> str:
    """Return the first eight characters of a generated id, and any other id in full."""
    return memory_id[:8] if _GENERATED.fullmatch(memory_id) else memory_id


def pairs(values: Mapping[str, object]) -> str:
    """Return keys and values, one line each."""
    return "\n".join(f"{key}={_shown(value)}" for key, value in values.items())


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _id_column(*, wraps: bool = False) -> Column[Any]:
    return Column("id", lambda item: short_id(item["id"]), wraps=wraps)


#: The category that the quickstart stores with a memory.
_CATEGORY: Column[Any] = Column("category", lambda item: str(item["metadata"].get("category", "-")))
TEXT: Column[Any] = Column("memory", lambda item: item["memory"], wraps=True)
SCORES: tuple[Column[SearchItem], ...] = (
    Column("score", lambda item: f"{item['score']:.2f}", number=True),
    Column("relevance", lambda item: f"{item['relevance']:.2f}", number=True),
)

#: The quickstart's columns of memories and of search results.
MEMORIES: tuple[Column[MemoryItem], ...] = (
    _id_column(),
    TEXT,
    _CATEGORY,
    Column("created (UTC)", lambda item: second(item["created_at"])),
    Column("updated (UTC)", lambda item: second(item["updated_at"])),
)
FOUND: tuple[Column[SearchItem], ...] = (
    _id_column(),
    TEXT,
    _CATEGORY,
    Column("created", lambda item: day(item["created_at"])),
    *SCORES,
)

HISTORY: tuple[Column[HistoryEntry], ...] = (
    Column("version", lambda entry: str(entry["version"]), number=True),
    Column("event", lambda entry: entry["event"]),
    Column("old memory", lambda entry: entry["old_memory"] or "-", wraps=True),
    Column("new memory", lambda entry: entry["new_memory"] or "-", wraps=True),
    Column("when (UTC)", lambda entry: second(entry["updated_at"] or entry["created_at"])),
)

CHANGES: tuple[Column[Change], ...] = (Column("event", lambda change: change["event"]), _id_column(wraps=True), TEXT)


def listed(items: Sequence[_Item]) -> list[Column[_Item]]:
    """Return the columns of a list of memories, without those that would be empty or the same in each row."""
    columns: list[Column[_Item]] = [_id_column(wraps=any(short_id(item["id"]) == item["id"] for item in items)), TEXT]
    differing = [name for name in ("user_id", "agent_id", "run_id") if len({item.get(name, "") for item in items}) > 1]
    columns += [Column(name.removesuffix("_id"), partial(_field, name), wraps=True) for name in differing]
    if any(item["metadata"] for item in items):
        columns.append(Column("metadata", lambda item: pairs(item["metadata"]), wraps=True))
    columns.append(Column("stored", lambda item: day(item["created_at"])))
    if any(item["version"] > 1 for item in items):
        columns.append(Column("version", lambda item: str(item["version"]), number=True))
    return columns


def found(items: Sequence[SearchItem]) -> list[Column[SearchItem]]:
    """Return the columns of search results."""
    return [*(column for column in listed(items) if column.heading != "version"), *SCORES]


#: The parts that are shown even if they are 0 for all results: with all parts a table is wider than a terminal.
_ALWAYS_SHOWN = ("similarity", "lexical", "coverage", "order")


def reasons(items: Sequence[SearchItem]) -> list[Column[SearchItem]]:
    """Return the columns of ``explain``: the parts of ranks and relevances that are not 0 for all results."""
    parts = dict.fromkeys(part for item in items for part in item.get("explain", {}))
    shown = [part for part in parts if part in _ALWAYS_SHOWN or any(_part(part, item) != "0.00" for item in items)]
    return [_id_column(wraps=True), *(Column(name, partial(_part, name), number=True) for name in shown)]


def _field(name: str, item: Mapping[str, Any]) -> str:
    return str(item.get(name, "-"))


def _part(name: str, item: SearchItem) -> str:
    return f"{item['explain'].get(name, 0):.2f}"
