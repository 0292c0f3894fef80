"""Results that notebooks display as tables. In every other respect they are plain dicts and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, TypeVar, cast

T = TypeVar("T")

#: The most rows shown.
MAX_ROWS = 100

#: The first columns, if the rows have these keys; other keys follow in their own order.
_FIRST = ("version", "event", "memory", "previous_memory", "old_memory", "new_memory", "relevance", "score")

#: Keys without a column, because their values are too long or not informative.
_HIDDEN = ("hash", "explain")

_TEXT_STYLE = "text-align: left; vertical-align: top; white-space: pre-wrap; max-width: 40em"
_NUMBER_STYLE = "text-align: right; vertical-align: top"


class TableDict(dict[str, Any]):
    """A dict that notebooks display as a table: a row for each of its ``results``, or else for each key."""

    def _repr_html_(self) -> str:
        rows = self.get("results")
        if isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows):
            return _table_of(rows)
        return _table(("", ""), [(key, value) for key, value in self.items()])

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # pickled results can be read without this library


class TableList(list[Any]):
    """A list of dicts that notebooks display as a table: a row for each dict."""

    def _repr_html_(self) -> str:
        return _table_of(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def as_table(result: T) -> T:
    """Return the same result, which notebooks display as a table.

    Args:
        result: a dict, or a list of dicts.
    """
    return cast("T", TableList(result) if isinstance(result, list) else TableDict(cast("Mapping[str, Any]", result)))


def _table_of(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<p><em>no results</em></p>"
    found = dict.fromkeys(key for row in rows for key in row if key not in _HIDDEN)
    columns = [*(key for key in _FIRST if key in found), *(key for key in found if key not in _FIRST)]
    shown = rows[:MAX_ROWS]
    below = f"<p><em>… and {len(rows) - MAX_ROWS:,} more</em></p>" if len(rows) > MAX_ROWS else ""
    return _table(columns, [[row.get(column) for column in columns] for row in shown]) + below


def _table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f'<th style="text-align: left">{escape(heading.replace("_", " "))}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    style = _NUMBER_STYLE if isinstance(value, (int, float)) and not isinstance(value, bool) else _TEXT_STYLE
    show: Callable[[Any], str] = next((show for kind, show in _SHOWN if isinstance(value, kind)), str)
    return f'<td style="{style}">{escape(show(value))}</td>'


def _pairs(value: Mapping[str, Any]) -> str:
    return "\n".join(f"{key}: {inner}" for key, inner in value.items())


_SHOWN: Sequence[tuple[type, Callable[[Any], str]]] = (
    (type(None), lambda _: ""),
    (bool, lambda value: "yes" if value else "no"),
    (float, lambda value: f"{value:.3f}"),
    (dict, _pairs),
)
