"""How results look on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Generic, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from mem0milvus import HistoryEntry, MemoryItem, SearchItem
from mem0milvus.cli.terminal import plain

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column: its heading, what it shows of a result, and whether it is a number or a text that may wrap."""

    heading: str
    show: Callable[[_Row], str]
    number: bool = False
    wraps: bool = False


def print_table(console: Console, columns: Sequence[Column[_Row]], rows: Sequence[_Row]) -> None:
    """Print results, each a row; a line in their place when there are none."""
    if not rows:
        console.print("(none)", style="dim")
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
    _print_without_trailing_spaces(console, table)


def _print_without_trailing_spaces(console: Console, table: Table) -> None:
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(plain(line.rstrip()), soft_wrap=True)


def day(moment: str) -> str:
    """The date of a moment in ISO 8601."""
    return moment[:10]


def second(moment: str | None) -> str:
    """A moment in ISO 8601, in UTC, to the second, on two lines."""
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone(timezone.utc).strftime("%Y-%m-%d\n%H:%M:%S")


def short_id(memory_id: str) -> str:
    """The first part of a generated id."""
    return memory_id[:8]


def category(item: MemoryItem) -> str:
    """The category that the quickstart stores with a memory."""
    return str(item["metadata"].get("category", "-"))


SCORE: Column[SearchItem] = Column("score", lambda item: f"{item['score']:.2f}", number=True)
RELEVANCE: Column[SearchItem] = Column("relevance", lambda item: f"{item['relevance']:.2f}", number=True)

MEMORIES: tuple[Column[MemoryItem], ...] = (
    Column("id", lambda item: short_id(item["id"])),
    Column("memory", lambda item: item["memory"], wraps=True),
    Column("category", category),
    Column("created (UTC)", lambda item: second(item["created_at"])),
    Column("updated (UTC)", lambda item: second(item["updated_at"])),
)

FOUND: tuple[Column[SearchItem], ...] = (
    Column("id", lambda item: short_id(item["id"])),
    Column("memory", lambda item: item["memory"], wraps=True),
    Column("category", category),
    Column("created", lambda item: day(item["created_at"])),
    SCORE,
    RELEVANCE,
)

HISTORY: tuple[Column[HistoryEntry], ...] = (
    Column("version", lambda entry: str(entry["version"]), number=True),
    Column("event", lambda entry: entry["event"]),
    Column("old memory", lambda entry: entry["old_memory"] or "-", wraps=True),
    Column("new memory", lambda entry: entry["new_memory"] or "-", wraps=True),
    Column("when (UTC)", lambda entry: second(entry["updated_at"] or entry["created_at"])),
)

#: How to read the numbers.
LEGEND = "score: L2 distance, smaller is closer. relevance: 0 to 1, larger is better."
