"""Listing records in an order, and listing namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from mem0milvus.data.namespaces import ANY_LABEL, check_items, labels_of, read_namespace
from mem0milvus.data.numbers import check_whole_number
from mem0milvus.data.quoting import shown
from mem0milvus.data.record_row import RecordRow, to_item
from mem0milvus.data.record_types import Namespace, NamespaceCondition, Namespaces, RecordItems, RecordOrder
from mem0milvus.errors import ValidationError
from mem0milvus.operations.records.read import check_window
from mem0milvus.ports import RecordPorts
from mem0milvus.retrieval.filters import Filter, all_of, equals, greater_than, parse_value_filters
from mem0milvus.retrieval.filters.scope_filters import in_namespace, within_namespace
from mem0milvus.types import Consistency

#: The columns by which each order sorts.
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "order": ("seq",),
    "created_at": ("created_at", "seq"),
    "updated_at": ("updated_at", "seq"),
    "key": (),
}


async def list_records(
    ports: RecordPorts,
    namespace: Namespace,
    *,
    prefix: bool = False,
    filters: Mapping[str, Any] | None = None,
    limit: int | None = None,
    offset: int = 0,
    order: RecordOrder = "order",
    descending: bool = False,
    consistency: Consistency | None = None,
) -> RecordItems:
    """Return the records of a namespace or, with ``prefix``, of all namespaces within it."""
    if not isinstance(order, str) or order not in _ORDERS:
        raise ValidationError(f"order={shown(order)}; known are {', '.join(_ORDERS)}.")
    if not isinstance(descending, bool):
        raise ValidationError(f"descending must be True or False, not {shown(descending)}.")
    where = all_of(namespace_filter(namespace, prefix), parse_value_filters(filters))
    rows = await list_rows(ports, where, limit, offset, _ORDERS[order], descending, consistency)
    return [to_item(row) for row in rows]


def namespace_filter(namespace: Namespace, prefix: bool) -> Filter | None:
    """Check a namespace and return the filter for its rows or, with ``prefix``, for those of all within it."""
    path = read_namespace(namespace, may_be_empty=prefix)
    return within_namespace(path) if prefix else in_namespace(path)


async def list_rows(
    ports: RecordPorts,
    where: Filter | None,
    limit: int | None,
    offset: int,
    columns: Sequence[str] = _ORDERS["order"],
    descending: bool = False,
    consistency: Consistency | None = None,
) -> list[RecordRow]:
    """Return the records that match a filter, sorted by some columns and then by namespace and key."""
    check_window(limit, offset)
    consistency = consistency or ports.consistency
    now_us = ports.clock.now_us()
    # With a limit, only the columns to sort by are read of all rows, and then the rows of the window in full.
    only = None if limit is None else columns
    pages = ports.rows.pages(_first_rows(where, now_us), only=only, consistency=consistency)
    found = [row async for page in pages for row in page]
    found.sort(key=lambda row: ([getattr(row, c) for c in columns], labels_of(f"{row.id}/")), reverse=descending)
    window = found[offset : None if limit is None else offset + limit]
    if only is None:
        return window
    rows = await ports.rows.get([row.id for row in window], consistency=consistency)
    return [rows[row.id] for row in window if row.id in rows and rows[row.id].is_there(now_us)]


async def list_namespaces(
    ports: RecordPorts,
    *,
    prefix: Namespace = (),
    suffix: Namespace = (),
    conditions: Sequence[NamespaceCondition] = (),
    max_depth: int | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Namespaces:
    """Return the namespaces that have records and meet all conditions, sorted."""
    wanted = [
        _read_condition(c)
        for c in (("prefix", prefix), ("suffix", suffix), *check_items(conditions, "conditions", "conditions"))
    ]
    check_window(limit, offset)
    if max_depth is not None:
        check_whole_number(max_depth, "max_depth", least=1)
    # Milvus filters by the labels before the first wildcard; the rest of each condition is checked here.
    begins = [tuple(takewhile(lambda label: label != ANY_LABEL, p)) for kind, p in wanted if kind == "prefix"]
    where = all_of(*(within_namespace(read_namespace(labels, may_be_empty=True)) for labels in begins))
    first_rows = _first_rows(where, ports.clock.now_us())
    pages = ports.rows.pages(first_rows, only=("namespace",), consistency=ports.consistency)
    paths = {row.namespace async for page in pages for row in page}
    matching = (labels for labels in map(labels_of, paths) if all(_matches(labels, *c) for c in wanted))
    cut = sorted({labels[:max_depth] for labels in matching})
    return cut[offset : None if limit is None else offset + limit]


def _first_rows(where: Filter | None, now_us: int) -> Filter | None:
    """Return the filter for the first rows of the records that have not expired."""
    return all_of(where, equals("part", 0), greater_than("expires_at", now_us))


def _read_condition(condition: object) -> tuple[str, tuple[str, ...]]:
    if not isinstance(condition, tuple) or len(condition) != 2 or condition[0] not in ("prefix", "suffix"):
        raise ValidationError(f"A condition is ('prefix', labels) or ('suffix', labels), not {shown(condition)}.")
    kind, pattern = condition
    read_namespace(pattern, kind, may_be_empty=True)
    return kind, tuple(pattern)


def _matches(labels: tuple[str, ...], kind: str, pattern: tuple[str, ...]) -> bool:
    part = labels[: len(pattern)] if kind == "prefix" else labels[len(labels) - len(pattern) :]
    return len(part) == len(pattern) and all(
        wanted in (ANY_LABEL, label) for wanted, label in zip(pattern, part, strict=True)
    )
