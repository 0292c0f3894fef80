"""How results look on a terminal of 80 columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Generic, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from mem0milvus import Change, HistoryEntry, MemoryItem, SearchItem
from mem0milvus.cli.terminal import plain

_Row = TypeVar("_Row")

_Item = TypeVar("_Item", MemoryItem, SearchItem)

_GENERATED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
    print_rich_table(console, table)


def print_rich_table(console: Console, table: Table) -> None:
    """Print a table as it is; where the output is no terminal, without spaces at the ends of lines."""
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
    """The first part of a generated id; an id that somebody chose is shown whole."""
    return memory_id[:8] if _GENERATED.fullmatch(memory_id) else memory_id


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

CHANGES: tuple[Column[Change], ...] = (
    Column("event", lambda change: change["event"]),
    Column("id", lambda change: short_id(change["id"]), wraps=True),
    Column("memory", lambda change: change["memory"], wraps=True),
)


def listed(items: Sequence[_Item]) -> list[Column[_Item]]:
    """The columns of a list of memories; those that would be empty or the same in each row are left out."""
    columns: list[Column[_Item]] = [
        Column("id", lambda item: short_id(item["id"]), wraps=any(short_id(i["id"]) == i["id"] for i in items)),
        Column("memory", lambda item: item["memory"], wraps=True),
    ]
    telling = [name for name in ("user_id", "agent_id", "run_id") if len({item.get(name, "") for item in items}) > 1]
    columns += [Column(name.removesuffix("_id"), _of(name), wraps=True) for name in telling]
    if any(item["metadata"] for item in items):
        columns.append(Column("metadata", lambda item: pairs(item["metadata"]), wraps=True))
    columns.append(Column("stored", lambda item: day(item["created_at"])))
    if any(item["version"] > 1 for item in items):
        columns.append(Column("version", lambda item: str(item["version"]), number=True))
    return columns


def found(items: Sequence[SearchItem]) -> list[Column[SearchItem]]:
    """The columns of what a search found."""
    return [*(column for column in listed(items) if column.heading != "version"), SCORE, RELEVANCE]


def reasons(items: Sequence[SearchItem]) -> list[Column[SearchItem]]:
    """The columns of what places and relevances are made of."""
    parts = dict.fromkeys(part for item in items for part in item.get("explain", {}))
    return [Column("id", lambda item: short_id(item["id"]), wraps=True), *(_part(name) for name in parts)]


def _part(name: str) -> Column[SearchItem]:
    return Column(name, lambda item: f"{item['explain'].get(name, 0):.2f}", number=True)


def _of(name: str) -> Callable[[_Item], str]:
    return lambda item: str(item.get(name, "-"))


def pairs(values: Mapping[str, object]) -> str:
    """Keys and values, a line each."""
    return "\n".join(f"{key}={_shown(value)}" for key, value in values.items())


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def legend(metric: str) -> str:
    """How to read the numbers of a search."""
    closer = "smaller is closer" if metric == "L2" else "larger is closer"
    return f"score: {metric}, {closer}. relevance: 0 to 1, larger is better."


#: How to read the numbers.
LEGEND = "score: L2 distance, smaller is closer. relevance: 0 to 1, larger is better."
