"""The nodes of a filter: frozen values without behaviour, and the ways to build them in code.

``parse`` makes them from a user's dict; ``emit`` turns them into a Milvus expression and ``predicate``
into an answer in Python. Negation is only ever a :class:`Not` around another node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
    """The value at ``target`` is of the operand's type and compares with it."""

    target: Target
    operator: Operator
    value: Scalar


@dataclass(frozen=True)
class AnyIn:
    """The value at ``target`` equals one of ``values``; with no values, never."""

    target: Target
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Like:
    """The value at ``target`` is text of the form of ``pattern``."""

    target: Target
    pattern: Pattern


@dataclass(frozen=True)
class Contains:
    """The value at ``target`` is a list with the element ``value``, or text with ``value`` in it."""

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
    """The filter that holds where all parts hold; ``None`` stands for no condition."""
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
    """The filter that holds where at least one part holds: with no parts, nowhere.

    ``None`` stands for no condition, which always holds.
    """
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(parts):
        return None
    if not known:
        return any_in("id", ())
    return known[0] if len(known) == 1 else Or(known)


def required_text(where: Filter | None, field: str) -> str | None:
    """What the text ``field`` is in every row that the filter lets through; None where the filter does not say."""
    if isinstance(where, And):
        told = (required_text(part, field) for part in where.parts)
        return next((value for value in told if value is not None), None)
    if isinstance(where, Compare) and where.operator == "==" and where.target == column(field):
        return str(where.value)
    return None


def negation(part: Filter) -> Filter:
    """The filter that holds where ``part`` does not."""
    return Not(part)


def equals(field: str, value: str | int) -> Filter:
    """The typed ``field`` equals ``value``; a moment is given in microseconds.

    Raises:
        FilterError: there is no such field, or the value is not of its type.
    """
    return Compare(column(field), "==", _checked(column(field), value))


def any_in(field: str, values: Sequence[str | int]) -> Filter:
    """The typed ``field`` equals one of ``values``; with no values, nothing matches.

    Raises:
        FilterError: there is no such field, or a value is not of its type.
    """
    return AnyIn(column(field), tuple(_checked(column(field), value) for value in values))


def starts_with(field: str, text: str) -> Filter:
    """The typed ``field`` begins with ``text``, which is not empty.

    Raises:
        FilterError: there is no such field, or it is no text.
    """
    return Like(column(field), Pattern((str(_checked(column(field), text)), Wildcard.RUN)))


def at_most(field: str, value: int) -> Filter:
    """The typed ``field`` is ``value`` or less."""
    return Compare(column(field), "<=", _checked(column(field), value))


def at_least(field: str, value: int) -> Filter:
    """The typed ``field`` is ``value`` or more."""
    return Compare(column(field), ">=", _checked(column(field), value))


def less_than(field: str, value: int) -> Filter:
    """The typed ``field`` is less than ``value``."""
    return Compare(column(field), "<", _checked(column(field), value))


def greater_than(field: str, value: int) -> Filter:
    """The typed ``field`` is more than ``value``."""
    return Compare(column(field), ">", _checked(column(field), value))


def _checked(field: Column, value: str | int) -> str | int:
    if field.kind == "text":
        if isinstance(value, str):
            check_unicode(value, f"{field.name}={value!r}")
            return str.__str__(value)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT64_MAX:
        return int(value)
    wanted = "text" if field.kind == "text" else "a whole number of 64 bits"
    raise FilterError(f"{field.name} is compared with {wanted}, not with {value!r}.")
