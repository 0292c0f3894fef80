"""LangGraph's search filters: as conditions of the record store where it has equivalent ones, and in Python.

A filter names keys of a value: ``{"status": "active", "score": {"$gte": 3}}``. A plain value means equality. A dict
without operators matches if the value's dict under that key has at least these keys. A list matches a list of the same
length, element by element. A key with dots means the key itself if the value has it, else a path.

- ``None`` equals a missing key, and ``$ne`` is true for a missing key.
- Order compares numbers with numbers and texts with texts. If the types differ, or the key is missing, it is false.
  (``InMemoryStore`` of langgraph-checkpoint 4.3.2 converts both sides to floats and raises if that fails.)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mem0milvus import FilterError

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
OPERATORS = ("$eq", "$ne", *_ORDERS)

#: Words that the record store reads as logic, and characters that it reads as parts of a path, not of a key.
_LOGICAL = frozenset({"and", "or", "not", "AND", "OR", "NOT"})
_UNADDRESSABLE = re.compile(r"[\x00-\x1f.]|\]\[")


@dataclass(frozen=True, slots=True)
class StoreFilter:
    """A checked filter.

    Attributes:
        wanted: the filter that the caller gave.
        conditions: a filter for the record store. It passes every value that this filter passes.
        is_exact: whether ``conditions`` passes no other values; if not, ``matches`` must check them.
    """

    wanted: Mapping[str, Any]
    conditions: Mapping[str, Any] | None
    is_exact: bool

    def matches(self, value: Mapping[str, Any]) -> bool:
        """Return whether the filter passes a value."""
        return all(_matches(_look_up(value, key), wanted) for key, wanted in self.wanted.items())


def read_filter(given: object) -> StoreFilter:
    """Check the ``filter`` of a search, or raise a FilterError; None and ``{}`` pass everything."""
    if given is None:
        return StoreFilter({}, None, is_exact=True)
    if not isinstance(given, Mapping):
        raise FilterError(f"filter must be a dict, as in {{'status': 'active'}}, not {given!r}.")
    for key in given:
        if _checked_key(key).startswith("$"):
            raise FilterError(
                f"{key!r} is an operator, not a key of a value: put it under a key, as in {{'size': {{'$gt': 3}}}}."
            )
    parts = [part for key, wanted in given.items() for part in _conditions((key,), wanted)]
    known = [part for part in parts if part is not _INEXACT]
    return StoreFilter(dict(given), {"AND": known} if known else None, is_exact=len(known) == len(parts))


#: Marks, among the conditions, that they pass more values than the filter does.
_INEXACT: Mapping[str, Any] = {}

_Conditions = Iterator[Mapping[str, Any]]


def _conditions(path: tuple[str, ...], wanted: object) -> _Conditions:
    """Yield the conditions on one key, and ``_INEXACT`` if they pass more values than the filter does."""
    if isinstance(wanted, Mapping):
        yield from _of_dict(path, wanted)
    elif isinstance(wanted, (list, tuple)):
        yield _INEXACT  # the conditions do not check the length
        if wanted and not (isinstance(wanted[0], (list, tuple)) or wanted[0] is None):
            yield from _conditions((*path, "0"), wanted[0])
    else:
        yield from _compared(path, "$eq", wanted)


def _of_dict(path: tuple[str, ...], wanted: Mapping[object, object]) -> _Conditions:
    keys = [_checked_key(key) for key in wanted]
    if not any(key.startswith("$") for key in keys):
        if not keys:
            yield _INEXACT  # any dict
        for key in keys:
            yield from _conditions((*path, key), wanted[key])
        return
    for key in keys:
        if key not in OPERATORS:
            raise FilterError(
                f"{key!r} on {'.'.join(path)!r} is not an operator of a store's filter: use {', '.join(OPERATORS)}."
            )
        yield from _compared(path, key, wanted[key])


def _compared(path: tuple[str, ...], name: str, operand: object) -> _Conditions:
    if isinstance(operand, (Mapping, list, tuple)) and name in ("$eq", "$ne"):
        yield _INEXACT
        return
    if not isinstance(operand, (str, int, float)) and not (operand is None and name in ("$eq", "$ne")):
        kinds = "a text, a number or a boolean" if name in _ORDERS else "a JSON value"
        raise FilterError(
            f"{'.'.join(path)!r} can be compared with {kinds}, not with {type(operand).__name__} {operand!r}."
        )
    if not _is_addressable(path):
        yield _INEXACT
        return
    if len(path) > 1 and (operand is None or name == "$ne" or any(key.isdecimal() for key in path)):
        yield _INEXACT  # the condition is also true for a missing dict, or a list in its place
    yield {".".join(path): _comparison(name, operand)}


def _comparison(name: str, operand: object) -> Mapping[str, object]:
    if operand == "*":  # a wildcard of the record store, which this filter does not have
        return {"in" if name == "$eq" else "nin": [operand]} if name in ("$eq", "$ne") else {name: operand}
    return {name: operand}


def _is_addressable(path: tuple[str, ...]) -> bool:
    if any(not key or _UNADDRESSABLE.search(key) for key in path):
        return False
    return not (len(path) == 1 and path[0] in _LOGICAL) and sum(key.isdecimal() for key in path) <= 1


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise FilterError(f"A filter's keys must be texts, not {type(key).__name__} {key!r}.")
    return key


def _look_up(value: object, key: str) -> object:
    if not isinstance(value, Mapping):
        return None
    if key in value or "." not in key:
        return value.get(key)
    first, _, rest = key.partition(".")
    return _look_up(value.get(first), rest)


def _matches(value: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        if any(key.startswith("$") for key in wanted):
            return all(_compares(value, name, operand) for name, operand in wanted.items())
        return isinstance(value, Mapping) and all(_matches(_look_up(value, k), inner) for k, inner in wanted.items())
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(wanted)
            and all(_matches(one, other) for one, other in zip(value, wanted, strict=True))
        )
    return value == wanted


def _compares(value: object, name: str, operand: object) -> bool:
    if name in ("$eq", "$ne"):
        same = value == (list(operand) if isinstance(operand, tuple) else operand)
        return same if name == "$eq" else not same
    alike = any(isinstance(value, kind) and isinstance(operand, kind) for kind in (str, (int, float)))
    return alike and _ORDERS[name](value, operand)
