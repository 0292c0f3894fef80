"""The nodes of a filter: frozen values without behaviour, and functions that build filters in code.

``parse`` makes nodes from a user's dict; ``emit`` compiles them to a Milvus expression; ``predicate`` evaluates them in
Python. The only negation is :class:`Not` around another node: no leaf has a negated form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mem0milvus.data.quoting import shown
from mem0milvus.errors import FilterError
from mem0milvus.retrieval.filters.fields import Column, Target, check_unicode, column
from mem0milvus.retrieval.filters.patterns import Pattern, Wildcard

if TYPE_CHECKING:
    from collections.abc import Sequence

Scalar = str | int | float
Operator = Literal["==", "<", "<=", ">", ">="]

INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Compare:
    """The value at ``target`` has the operand's type, and the comparison is true."""

    target: Target
    operator: Operator
    value: Scalar


@dataclass(frozen=True)
class AnyIn:
    """The value at ``target`` equals one of ``values``; without values, never."""

    target: Target
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Like:
    """The value at ``target`` is text and matches ``pattern``."""

    target: Target
    pattern: Pattern


@dataclass(frozen=True)
class Contains:
    """The value at ``target`` is a list with the element ``value``, or text that contains ``value``."""

    target: Target
    value: Scalar


@dataclass(frozen=True)
class Exists:
    """There is a value at ``target``, and it is not null."""

    target: Target


@dataclass(frozen=True)
class And:
    """All of ``parts`` hold."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    """At least one of ``parts`` holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    """``part`` does not hold."""

    part: Filter


Leaf = Compare | AnyIn | Like | Contains | Exists
Filter = Compare | AnyIn | Like | Contains | Exists | And | Or | Not


def all_of(*parts: Filter | None) -> Filter | None:
    """The conjunction of filters; ``None`` is no condition."""
    flat: list[Filter] = []
    for part in parts:
        if isinstance(part, And):
            flat.extend(part.parts)
        elif part is not None:
            flat.append(part)
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(*parts: Filter | None) -> Filter | None:
    """The disjunction of filters; without parts, a filter that matches nothing.

    ``None`` is no condition, which every row satisfies: with a ``None`` among the parts, the result is ``None``.
    """
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(parts):
        return None
    if not known:
        return any_in("id", ())
    return known[0] if len(known) == 1 else Or(known)


def required_text(where: Filter | None, field: str) -> str | None:
    """The one value that the text ``field`` has in all matching rows; None if the filter does not require one."""
    if isinstance(where, And):
        required = (required_text(part, field) for part in where.parts)
        return next((value for value in required if value is not None), None)
    if isinstance(where, Compare) and where.operator == "==" and where.target == column(field):
        return str(where.value)
    return None


def negation(part: Filter) -> Filter:
    """The exact complement of ``part``."""
    return Not(part)


def equals(field: str, value: str | int) -> Filter:
    """The typed ``field`` equals ``value``; a timestamp is given in microseconds.

    Raises:
        FilterError: there is no such field, or the value is not of its type.
    """
    return _compare(field, "==", value)


def any_in(field: str, values: Sequence[str | int]) -> Filter:
    """The typed ``field`` equals one of ``values``; without values, nothing matches.

    Raises:
        FilterError: there is no such field, or a value is not of its type.
    """
    return AnyIn(column(field), tuple(_checked(column(field), value) for value in values))


def starts_with(field: str, text: str) -> Filter:
    """The typed ``field`` begins with ``text``, which is not empty.

    Raises:
        FilterError: there is no such field, or it is not text.
    """
    return Like(column(field), Pattern((str(_checked(column(field), text)), Wildcard.RUN)))


def at_most(field: str, value: int) -> Filter:
    """The typed ``field`` is ``value`` or less."""
    return _compare(field, "<=", value)


def at_least(field: str, value: int) -> Filter:
    """The typed ``field`` is ``value`` or more."""
    return _compare(field, ">=", value)


def less_than(field: str, value: int) -> Filter:
    """The typed ``field`` is less than ``value``."""
    return _compare(field, "<", value)


def greater_than(field: str, value: int) -> Filter:
    """The typed ``field`` is more than ``value``."""
    return _compare(field, ">", value)


def _compare(field: str, operator: Operator, value: str | int) -> Filter:
    return Compare(column(field), operator, _checked(column(field), value))


def _checked(field: Column, value: str | int) -> str | int:
    if field.kind == "text":
        if isinstance(value, str):
            check_unicode(value, f"{field.name}={shown(value)}")
            return str.__str__(value)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT64_MAX:
        return int(value)
    wanted = "text" if field.kind == "text" else "a whole number of 64 bits"
    raise FilterError(f"{field.name} is compared with {wanted}, not with {shown(value)}.")
