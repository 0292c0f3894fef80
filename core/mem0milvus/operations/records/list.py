"""Listing records in an order, and listing namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from mem0milvus.data.namespaces import ANY_LABEL, labels_of, read_namespace
from mem0milvus.data.record_row import RecordRow, to_item
from mem0milvus.data.record_types import Namespace, NamespaceCondition, Namespaces, RecordItems, RecordOrder
from mem0milvus.errors import ValidationError
from mem0milvus.operations.records.read import check_window
from mem0milvus.ports import RecordPorts
from mem0milvus.retrieval.filters import Filter, all_of, equals, greater_than, parse_value_filters
from mem0milvus.retrieval.filters.scope_filters import in_namespace, within_namespace
from mem0milvus.types import Consistency

#: The columns that each order goes by.
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
    """See ``RecordStore.list``."""
    if order not in _ORDERS:
        raise ValidationError(f"order={order!r}; known are {', '.join(_ORDERS)}.")
    path = read_namespace(namespace, may_be_empty=prefix)
    where = all_of(within_namespace(path) if prefix else in_namespace(path), parse_value_filters(filters))
    level = consistency or ports.consistency
    rows = await listed(ports, where, _ORDERS[order], limit, offset, descending, level)
    return [to_item(row) for row in rows]


async def listed(
    ports: RecordPorts,
    where: Filter | None,
    columns: Sequence[str] = _ORDERS["order"],
    limit: int | None = None,
    offset: int = 0,
    descending: bool = False,
    consistency: Consistency | None = None,
) -> list[RecordRow]:
    """The records that a filter lets through, in the order of some columns; equals by namespace and key."""
    check_window(limit, offset)
    now_us = ports.clock.now_us()
    # Of many, those that are not wanted are looked at only as far as the order needs.
    only = None if limit is None else columns
    found: list[RecordRow] = []
    async for page in ports.rows.pages(_there(where, now_us), only=only, consistency=consistency):
        found.extend(page)
    found.sort(key=lambda row: ([getattr(row, c) for c in columns], labels_of(f"{row.id}/")), reverse=descending)
    wanted = found[offset : None if limit is None else offset + limit]
    if only is None:
        return wanted
    rows = await ports.rows.get([row.id for row in wanted], consistency=consistency)
    return [rows[row.id] for row in wanted if row.id in rows and rows[row.id].is_there(now_us)]


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
    """See ``RecordStore.list_namespaces``."""
    wanted = [_read_condition(c) for c in (("prefix", prefix), ("suffix", suffix), *conditions)]
    check_window(limit, offset)
    if max_depth is not None and (not isinstance(max_depth, int) or isinstance(max_depth, bool) or max_depth < 1):
        raise ValidationError(f"max_depth must be a whole number from 1, not {max_depth!r}.")
    begins = [tuple(takewhile(lambda label: label != ANY_LABEL, p)) for kind, p in wanted if kind == "prefix"]
    where = all_of(*(within_namespace(read_namespace(labels, may_be_empty=True)) for labels in begins))
    paths: set[str] = set()
    there = _there(where, ports.clock.now_us())
    async for page in ports.rows.pages(there, only=("namespace",), consistency=ports.consistency):
        paths.update(row.namespace for row in page)
    matching = (labels for labels in map(labels_of, paths) if all(_holds(labels, *c) for c in wanted))
    cut = sorted({labels[:max_depth] for labels in matching})
    return cut[offset : None if limit is None else offset + limit]


def _there(where: Filter | None, now_us: int) -> Filter | None:
    return all_of(where, equals("part", 0), greater_than("expires_at", now_us))


def _read_condition(condition: object) -> tuple[str, tuple[str, ...]]:
    if not isinstance(condition, tuple) or len(condition) != 2 or condition[0] not in ("prefix", "suffix"):
        raise ValidationError(f"A condition is ('prefix', labels) or ('suffix', labels), not {condition!r}.")
    kind, pattern = condition
    read_namespace(pattern, kind, may_be_empty=True)
    return kind, tuple(pattern)


def _holds(labels: tuple[str, ...], kind: str, pattern: tuple[str, ...]) -> bool:
    if len(pattern) > len(labels):
        return False
    part = labels[: len(pattern)] if kind == "prefix" else labels[len(labels) - len(pattern) :]
    return all(wanted in (ANY_LABEL, label) for wanted, label in zip(pattern, part, strict=True))
