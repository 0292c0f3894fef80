"""Parse a user's filter dict into nodes. All errors in a filter are found here, before Milvus sees it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from mem0milvus.data.quoting import MAX_SHOWN, shown
from mem0milvus.data.scope import SCOPE_FIELDS
from mem0milvus.data.timestamps import parse_moment
from mem0milvus.errors import FilterError, ValidationError
from mem0milvus.retrieval.filters import nodes
from mem0milvus.retrieval.filters.fields import Column, Path, Target, check_unicode, target, value_path
from mem0milvus.retrieval.filters.nodes import INT64_MAX, Filter, Operator, Scalar
from mem0milvus.retrieval.filters.patterns import parse_pattern
from mem0milvus.retrieval.filters.predicate import matches

OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "like", "exists")

#: The deepest nesting of AND, OR and NOT.
MAX_DEPTH = 32

#: The most comparisons in one filter. A server takes a second or two for this many.
MAX_COMPARISONS = 500

#: Mem0's spelling of "any value".
ANY = "*"

_LOGICAL = {
    dollar + spelling: name
    for name in ("AND", "OR", "NOT")
    for spelling in (name, name.lower())
    for dollar in ("", "$")
}
_ORDER: dict[str, Operator] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def parse_filters(filters: Mapping[str, object] | None) -> Filter | None:
    """Parse a filter.

    Args:
        filters: Mem0's filter dict; the docstring of the package defines its meaning.

    Returns:
        The filter, or ``None`` for ``None`` and ``{}``: no condition.

    Raises:
        FilterError: the filter is not valid. No part of a filter is ever ignored.
    """
    return _parse(filters, _Parser())


def parse_value_filters(filters: Mapping[str, object] | None) -> Filter | None:
    """Parse a filter on the values of records: like ``parse_filters``, but every name is a path into the value.

    Raises:
        FilterError: the filter is not valid. No part of a filter is ever ignored.
    """
    return _parse(filters, _Parser(value_path))


def _parse(filters: Mapping[str, object] | None, parser: _Parser) -> Filter | None:
    if filters is None:
        return None
    _check_mapping(filters, "filters")
    return parser.conditions(filters, depth=0) if filters else None


def split_scope(filters: Mapping[str, object] | None) -> tuple[dict[str, str], dict[str, object]]:
    """Separate the scope from a filter such as ``{"user_id": "alice", "category": "x"}``.

    Only an equality that every result must satisfy is part of the scope: one at the top level, or in an ``AND`` there.
    Any other condition on a scope field stays in the filter, where it can narrow the scope but never widen it.

    Args:
        filters: Mem0's filter dict. It is not changed.

    Returns:
        The scope by field name, and the filter without the scope.

    Raises:
        FilterError: a scope field is compared with ``None``, ``""`` or a value that is not text.
    """
    scope: dict[str, str] = {}
    if filters is None:
        return scope, {}
    _check_mapping(filters, "filters")
    return scope, _without_scope(filters, scope, depth=0)


def _without_scope(filters: Mapping[str, object], scope: dict[str, str], depth: int) -> dict[str, object]:
    rest: dict[str, object] = {}
    for name, condition in filters.items():
        value = _scope_value(name, condition) if name in SCOPE_FIELDS else None
        if value is not None and scope.setdefault(name, value) == value:
            continue
        if _LOGICAL.get(name) == "AND" and isinstance(condition, (list, tuple)) and depth < MAX_DEPTH:
            parts = _parts_without_scope(condition, scope, depth + 1)
            if parts or not condition:
                rest[name] = parts
        else:
            rest[name] = condition
    return rest


def _parts_without_scope(parts: Sequence[object], scope: dict[str, str], depth: int) -> list[object]:
    """The parts of an ``AND`` without the parts that held only scope ids. The parser reports errors in them later."""
    kept: list[object] = []
    for part in parts:
        rest = _without_scope(part, scope, depth) if isinstance(part, Mapping) and part else part
        if rest or not part:
            kept.append(rest)
    return kept


def _scope_value(name: str, condition: object) -> str | None:
    """The one id that the condition requires; ``None`` for any other condition."""
    if isinstance(condition, Mapping):
        if len(condition) != 1:
            return None
        key, condition = next(iter(condition.items()))
        if key not in ("eq", "$eq"):
            return None
    if condition == ANY or isinstance(condition, (list, tuple, set, frozenset)):
        return None
    return str(_Parser().value(Column(name), condition, name))


class _Parser:
    """Parses one filter and counts its comparisons."""

    def __init__(self, target: Callable[[str], Target] = target) -> None:
        self._target = target
        self._comparisons = 0

    def conditions(self, filters: Mapping[str, object], depth: int) -> Filter:
        """All conditions of one dict, ANDed."""
        if depth > MAX_DEPTH:
            raise FilterError(f"The filter is nested more than {MAX_DEPTH} deep.")
        parts = []
        for name, condition in filters.items():
            if not isinstance(name, str):
                raise FilterError(f"A filter's keys are field names, not {type(name).__name__} {shown(name)}.")
            if name in _LOGICAL:
                parts.append(self._combined(name, condition, depth))
            elif name.startswith("$"):
                raise FilterError(f"{shown(name)} is not a field. {_did_you_mean(name, tuple(_LOGICAL))}")
            else:
                parts.append(self._field(name, condition))
        return parts[0] if len(parts) == 1 else nodes.And(tuple(parts))

    def _combined(self, name: str, value: object, depth: int) -> Filter:
        logical = _LOGICAL[name]
        if logical == "NOT" and isinstance(value, Mapping):
            value = [value]
        if not isinstance(value, (list, tuple)) or not value:
            also = " or one filter" if logical == "NOT" else ""
            raise FilterError(f"{name} takes a list of at least one filter{also}, not {shown(value)}.")
        parts = []
        for part in value:
            _check_mapping(part, f"Each part of {name}")
            if not part:
                raise FilterError(f"A part of {name} is empty: an empty filter would match everything.")
            parts.append(self.conditions(part, depth + 1))
        if logical == "AND":
            return nodes.And(tuple(parts))
        either = parts[0] if len(parts) == 1 else nodes.Or(tuple(parts))
        return nodes.Not(either) if logical == "NOT" else either

    def _field(self, name: str, condition: object) -> Filter:
        field = self._target(name)
        if not isinstance(condition, Mapping):
            return self._condition(field, name, "in" if _is_list(condition) else "eq", condition)
        if not condition:
            raise FilterError(f"The condition on {shown(name)} is empty: give a value or an operator.")
        parts = [self._condition(field, name, _operator(key, name), operand) for key, operand in condition.items()]
        return parts[0] if len(parts) == 1 else nodes.And(tuple(parts))

    def _condition(self, field: Target, name: str, operator: str, operand: object) -> Filter:
        if operator in ("ne", "nin"):
            return nodes.Not(self._condition(field, name, "eq" if operator == "ne" else "in", operand))
        if operator == "eq":
            return self._equal(field, name, operand)
        if operator == "in":
            return self._in(field, name, operand)
        if operator == "exists":
            return self._exists(field, name, operand)
        if operator == "like":
            return _present(field, self._like(field, name, operand))
        if operator == "contains":
            return _present(field, self._contains(field, name, operand))
        return _present(field, nodes.Compare(field, _ORDER[operator], self.value(field, operand, name)))

    def _equal(self, field: Target, name: str, operand: object) -> Filter:
        if operand is None and not _is_scope(field):
            return self._exists(field, name, operand=False)
        if isinstance(operand, str) and operand == ANY:
            return self._exists(field, name, operand=True)
        return nodes.Compare(field, "==", self.value(field, operand, name))

    def _in(self, field: Target, name: str, operand: object) -> Filter:
        if not _is_list(operand):
            raise FilterError(f"in and nin on {shown(name)} take a list of values, not {_shown(operand)}.")
        given = list(operand)  # type: ignore[call-overload]
        wanted = nodes.AnyIn(field, tuple(self.value(field, value, name) for value in given if value is not None))
        if len(wanted.values) == len(given):
            return wanted
        missing = self._equal(field, name, None)
        return nodes.Or((missing, wanted)) if wanted.values else missing

    def _exists(self, field: Target, name: str, operand: object) -> Filter:
        if not isinstance(operand, bool):
            raise FilterError(f"exists on {shown(name)} takes true or false, not {_shown(operand)}.")
        self._count(field)
        return nodes.Exists(field) if operand else nodes.Not(nodes.Exists(field))

    def _like(self, field: Target, name: str, operand: object) -> Filter:
        pattern = parse_pattern(self._text(field, name, "like", operand))
        if (text := pattern.literal) is not None:
            return nodes.Compare(field, "==", text)
        return nodes.Like(field, pattern)

    def _contains(self, field: Target, name: str, operand: object) -> Filter:
        if isinstance(field, Column):
            return nodes.Contains(field, self._text(field, name, "contains", operand))
        return nodes.Contains(field, self.value(field, operand, name))

    def _text(self, field: Target, name: str, operator: str, operand: object) -> str:
        if isinstance(field, Column) and field.kind != "text":
            raise FilterError(f"{operator} looks into text, and {shown(name)} is a {field.kind}.")
        if not isinstance(operand, str):
            raise FilterError(f"{operator} on {shown(name)} takes text, not {_shown(operand)}.")
        return str(self.value(field, operand, name, may_be_empty=True))

    def _count(self, field: Target) -> None:
        self._comparisons += len(field.spellings) if isinstance(field, Path) else 1
        if self._comparisons > MAX_COMPARISONS:
            raise FilterError(
                f"The filter makes more than {MAX_COMPARISONS} comparisons (each numeric part of a path doubles "
                "them). Split the request."
            )

    def value(self, field: Target, operand: object, name: str, *, may_be_empty: bool = False) -> Scalar:
        """Check an operand and convert it to the type of the field.

        Raises:
            FilterError: it is not of the field's type, or cannot be written in an expression.
        """
        self._count(field)
        if isinstance(field, Column) and field.kind == "moment":
            return _moment(operand, name)
        if isinstance(field, Column) and field.kind == "text":
            if not isinstance(operand, str) or (_is_scope(field) and not operand and not may_be_empty):
                what = "text that is not empty" if _is_scope(field) else "text"
                raise FilterError(f"{shown(name)} is compared with {what}, not with {_shown(operand)}.")
            return _text(operand, name)
        whole = isinstance(field, Column)
        if whole and (isinstance(operand, bool) or not isinstance(operand, (int, float))):
            raise FilterError(f"{shown(name)} is compared with a whole number, not with {_shown(operand)}.")
        return _scalar(operand, name, whole=whole)


def _present(field: Target, condition: Filter) -> Filter:
    """Add ``exists`` to the condition if the value that means "absent" in this column would satisfy it."""
    if isinstance(field, Column) and field.absent is not None and matches(condition, {field.name: field.absent}):
        return nodes.And((nodes.Exists(field), condition))
    return condition


def _moment(operand: object, name: str) -> int:
    try:
        return parse_moment(operand, name)
    except ValidationError as error:
        raise FilterError(str(error)) from error


def _scalar(operand: object, name: str, *, whole: bool) -> Scalar:
    if isinstance(operand, str):
        return _text(operand, name)
    if isinstance(operand, bool):
        return bool(operand)
    if isinstance(operand, (int, float)):
        return _number(operand, name, whole=whole)
    hint = " Give a timestamp in the form in which it was stored." if isinstance(operand, datetime) else ""
    raise FilterError(f"{shown(name)} is compared with text, a number or a boolean, not with {_shown(operand)}.{hint}")


def _number(operand: float, name: str, *, whole: bool) -> int | float:
    if isinstance(operand, float) and not math.isfinite(operand):
        raise FilterError(f"{shown(name)} is compared with {shown(operand)}, which no stored number can be.")
    if operand == int(operand) and (isinstance(operand, int) or abs(operand) < 2**63):
        if abs(operand) > INT64_MAX:
            raise FilterError(f"{shown(name)} is compared with {_shown(operand)}, which does not fit into 64 bits.")
        return int(operand)
    if whole:
        raise FilterError(f"{shown(name)} is compared with a whole number, not with {shown(operand)}.")
    return float(operand)


def _text(operand: str, name: str) -> str:
    check_unicode(operand, f"The value for {shown(name)}")
    return str.__str__(operand)  # a plain str: a subclass, such as an enum, may have another repr


def _is_list(operand: object) -> bool:
    return isinstance(operand, (list, tuple, set, frozenset))


def _is_scope(field: Target) -> bool:
    return isinstance(field, Column) and field.name in SCOPE_FIELDS


def _check_mapping(value: object, what: str) -> None:
    if not isinstance(value, Mapping):
        raise FilterError(f"{what} must be a dict, as in {{'category': 'hobbies'}}, not {_shown(value)}.")


def _operator(key: object, name: str) -> str:
    operator = key[1:] if isinstance(key, str) and key.startswith("$") else key
    if isinstance(operator, str) and operator in OPERATORS:
        return operator
    meant = operator[:MAX_SHOWN] if isinstance(operator, str) else shown(operator)
    raise FilterError(
        f"{shown(key)} on {shown(name)} is not an operator. {_did_you_mean(meant, OPERATORS)}The operators are "
        f"{', '.join(OPERATORS)}; a key inside an object is reached with a dot, as in '{name[:MAX_SHOWN]}.{meant}'."
    )


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"Did you mean {shown(close[0])}? " if close else ""


def _shown(value: object) -> str:
    return f"{type(value).__name__} {shown(value)}"
