"""LangGraph's search filters: as conditions of the record store where it can hold them, and as an answer in Python.

A filter names keys of a value: ``{"status": "active", "score": {"$gte": 3}}``. A plain value means equality; a dict
without operators is looked for inside the value's dict of that key, whatever else is in there; a list equals a list of
the same length, element by element. A key with dots in it means that key, else the path that it spells.

- ``None`` equals a key that is missing, and ``$ne`` holds for one that is missing.
- Order compares numbers with numbers and texts with texts. Where the types differ, or the key is missing, no order
  holds. (``InMemoryStore`` turns both sides into floats, and fails where that cannot be done.)
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

#: What the record store reads as something else than a key of the value.
_LOGICAL = frozenset({"and", "or", "not", "AND", "OR", "NOT"})
_UNADDRESSABLE = re.compile(r"[\x00-\x1f.]|\]\[")


@dataclass(frozen=True, slots=True)
class StoreFilter:
    """A filter, read and checked.

    Attributes:
        wanted: the filter as it was given.
        conditions: a filter for the record store that every value satisfies which this one lets through.
        is_exact: whether no other value satisfies it.
    """

    wanted: Mapping[str, Any]
    conditions: Mapping[str, Any] | None
    is_exact: bool

    def matches(self, value: Mapping[str, Any]) -> bool:
        """Whether the filter lets a value through."""
        return all(_matches(_look_up(value, key), wanted) for key, wanted in self.wanted.items())


def read_filter(given: object) -> StoreFilter:
    """Read the ``filter`` of a search; None and ``{}`` let everything through.

    Raises:
        FilterError: it is no dict with texts as keys, or has an operator that there is not, or a value that cannot be
            compared with.
    """
    if given is None:
        return StoreFilter({}, None, is_exact=True)
    if not isinstance(given, Mapping):
        raise FilterError(f"filter must be a dict, as in {{'status': 'active'}}, not {given!r}.")
    for key in given:
        if _checked_key(key).startswith("$"):
            raise FilterError(
                f"{key!r} is no key of a value: operators stand under a key, as in {{'size': {{'$gt': 3}}}}."
            )
    parts = [part for key, wanted in given.items() for part in _conditions((key,), wanted)]
    known = [part for part in parts if part is not None and part is not _INEXACT]
    return StoreFilter(dict(given), {"AND": known} if known else None, is_exact=len(known) == len(parts))


#: Stands among the conditions for what they leave open.
_INEXACT: Mapping[str, Any] = {}

_Conditions = Iterator[Mapping[str, Any]]


def _conditions(path: tuple[str, ...], wanted: object) -> _Conditions:
    """What the record store is asked for one key; ``_INEXACT`` where that says less than the filter does."""
    if isinstance(wanted, Mapping):
        yield from _of_dict(path, wanted)
    elif isinstance(wanted, (list, tuple)):
        yield _INEXACT  # the length is not asked for
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
                f"{key!r} on {'.'.join(path)!r} is no operator of a store's filter; they are {', '.join(OPERATORS)}."
            )
        yield from _compared(path, key, wanted[key])


def _compared(path: tuple[str, ...], name: str, operand: object) -> _Conditions:
    if isinstance(operand, (Mapping, list, tuple)) and name in ("$eq", "$ne"):
        yield _INEXACT
        return
    if not isinstance(operand, (str, int, float)) and not (operand is None and name in ("$eq", "$ne")):
        what = "a text, a number or a boolean" if name in _ORDERS else "what JSON has"
        raise FilterError(f"{'.'.join(path)!r} is compared with {what}, not with {type(operand).__name__} {operand!r}.")
    if not _is_addressable(path):
        yield _INEXACT
        return
    if len(path) > 1 and (operand is None or name == "$ne" or any(key.isdecimal() for key in path)):
        yield _INEXACT  # it also holds where there is no dict at all, or a list in the place of a dict
    yield {".".join(path): _comparison(name, operand)}


def _comparison(name: str, operand: object) -> Mapping[str, object]:
    if operand == "*":  # the record store reads it as "any value"
        return {"in" if name == "$eq" else "nin": [operand]} if name in ("$eq", "$ne") else {name: operand}
    return {name: operand}


def _is_addressable(path: tuple[str, ...]) -> bool:
    if any(not key or _UNADDRESSABLE.search(key) for key in path):
        return False
    return not (len(path) == 1 and path[0] in _LOGICAL) and sum(key.isdecimal() for key in path) <= 1


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise FilterError(f"A filter's keys are texts, not {type(key).__name__} {key!r}.")
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
