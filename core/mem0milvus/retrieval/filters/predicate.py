"""Evaluate a filter in Python for one row. This defines what filters mean; expressions for Milvus must agree."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from mem0milvus.retrieval.filters import nodes
from mem0milvus.retrieval.filters.fields import METADATA, Column, Target, is_index
from mem0milvus.retrieval.filters.nodes import Filter, Operator

_COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(node: Filter, row: Mapping[str, object]) -> bool:
    """Return whether a row satisfies a filter.

    Args:
        node: the filter.
        row: the typed columns by name, and ``metadata`` as a dict. An absent text column is ``""``.
    """
    if isinstance(node, nodes.And):
        return all(matches(part, row) for part in node.parts)
    if isinstance(node, nodes.Or):
        return any(matches(part, row) for part in node.parts)
    if isinstance(node, nodes.Not):
        return not matches(node.part, row)
    return _holds(node, _value_at(node.target, row))


def _value_at(target: Target, row: Mapping[str, object]) -> object:
    if isinstance(target, Column):
        return row.get(target.name, "" if target.kind == "text" else None)
    value = row.get(METADATA)
    for segment in target.segments:
        if isinstance(value, Mapping):
            value = value.get(segment)
        elif isinstance(value, (list, tuple)) and is_index(segment) and int(segment) < len(value):
            value = value[int(segment)]
        else:
            return None
    return value


def _holds(node: nodes.Leaf, value: object) -> bool:
    if isinstance(node, nodes.Exists):
        return _exists(node.target, value)
    if isinstance(node, nodes.Compare):
        return _comparable(value, node.value) and _COMPARISONS[node.operator](value, node.value)
    if isinstance(node, nodes.AnyIn):
        return any(_equal(value, wanted) for wanted in node.values)
    if isinstance(node, nodes.Like):
        return isinstance(value, str) and node.pattern.matches(value)
    return _contains(node, value)


def _exists(target: Target, value: object) -> bool:
    if isinstance(target, Column):
        return target.absent is None or value != target.absent
    return value is not None


def _contains(node: nodes.Contains, value: object) -> bool:
    if isinstance(value, str):
        return isinstance(node.value, str) and node.value in value
    return isinstance(value, (list, tuple)) and any(_equal(element, node.value) for element in value)


def _equal(left: object, right: object) -> bool:
    return _comparable(left, right) and left == right


def _comparable(left: object, right: object) -> bool:
    """True for two texts and for two numbers; booleans are the numbers 1 and 0."""
    return any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, (int, float)))
