"""Compile nodes to the text of a Milvus expression. All literals and all quoting are written here, nowhere else.

Negation is pushed down to the leaves. Each leaf has two expressions: one for where it holds, one for where it does not.
Milvus Lite evaluates in three-valued logic, where ``not unknown`` is unknown and the row is dropped; a server evaluates
in two-valued logic. So ``not (…)`` is written only around expressions that are never unknown, or in a disjunction with
a term that is true where they are. Every expression returned is in parentheses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mem0milvus.retrieval.filters import nodes
from mem0milvus.retrieval.filters.fields import METADATA, Column, Path
from mem0milvus.retrieval.filters.nodes import Filter, Operator, Scalar
from mem0milvus.retrieval.filters.patterns import Pattern, containing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Constants. Ids are never empty, so these work on every Milvus, while 2.3 refuses the literal ``true`` as a filter.
ALWAYS = '(id != "")'
NEVER = '(id == "")'

_OPPOSITE: dict[Operator, str] = {"==": "!=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})

#: Up to here every integer is exact as a float, so ``7`` and ``7.0`` are two spellings of one number.
_EXACT_FLOAT = 2**53


@dataclass(frozen=True)
class Dialect:
    """The differences between the kinds of Milvus that evaluate an expression.

    Attributes:
        infix_like: ``like`` accepts ``%`` anywhere (Milvus Lite, and servers from 2.4), not only at the end.
        null_exists: ``exists`` may be true for a key whose value is null (Milvus 2.3).
        json_text: ``like`` works on the whole JSON column as text (Milvus Lite). It finds values that are objects: on
            Lite, comparing an object with a number is unknown.
    """

    infix_like: bool = True
    null_exists: bool = True
    json_text: bool = False


#: Valid on Milvus Lite and on servers from 2.4.
COMMON = Dialect()
LITE = Dialect(null_exists=False, json_text=True)
SERVER_2_3 = Dialect(infix_like=False)


def to_expression(node: Filter, dialect: Dialect = COMMON) -> str:
    """Compile a filter to a Milvus expression in parentheses.

    Every row that matches the filter satisfies the expression. If :func:`needs_check` is true, other rows may satisfy
    it too; the caller drops these with ``matches``.
    """
    return _emit(node, dialect, holds=True)


def needs_check(node: Filter, dialect: Dialect = COMMON) -> bool:
    """Return whether rows that do not match the filter may satisfy its expression."""
    return _inexact(node, dialect, holds=True)


def literal(value: Scalar) -> str:
    r"""Write a value as a literal that every Milvus reads alike.

    Control characters are written raw: Lite does not read ``\u`` escapes, and Lite and servers accept raw ones.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value.translate(_ESCAPES)}"' if isinstance(value, str) else repr(value)


def _emit(node: Filter, dialect: Dialect, *, holds: bool) -> str:
    if isinstance(node, nodes.Not):
        return _emit(node.part, dialect, holds=not holds)
    if isinstance(node, (nodes.And, nodes.Or)):
        # De Morgan: a conjunction fails where any of its parts fails.
        join = _all if isinstance(node, nodes.And) == holds else _any
        return join(_emit(part, dialect, holds=holds) for part in node.parts)
    if isinstance(node.target, Column):
        return _of_column(node, node.target, dialect, holds=holds)
    spellings = (_of_path(node, _spelling(segments), dialect, holds=holds) for segments in node.target.spellings)
    return _any(spellings) if holds else _all(spellings)


def _inexact(node: Filter, dialect: Dialect, *, holds: bool) -> bool:
    if isinstance(node, nodes.Not):
        return _inexact(node.part, dialect, holds=not holds)
    if isinstance(node, (nodes.And, nodes.Or)):
        return any(_inexact(part, dialect, holds=holds) for part in node.parts)
    if isinstance(node, nodes.Exists):
        return isinstance(node.target, Path) and dialect.null_exists
    if isinstance(node, nodes.Compare):
        return not holds and dialect.json_text and _orders_numbers(node)
    pattern = _pattern(node)
    return pattern is not None and not _is_exact(pattern, dialect)


def _orders_numbers(node: nodes.Compare) -> bool:
    return isinstance(node.target, Path) and node.operator != "==" and not isinstance(node.value, str)


def _pattern(node: nodes.Leaf) -> Pattern | None:
    if isinstance(node, nodes.Like):
        return node.pattern
    return containing(node.value) if isinstance(node, nodes.Contains) and isinstance(node.value, str) else None


def _is_exact(pattern: Pattern, dialect: Dialect) -> bool:
    return pattern.is_prefix or (pattern.is_plain and dialect.infix_like)


# --- typed columns --------------------------------------------------------------------------------------


def _of_column(node: nodes.Leaf, column: Column, dialect: Dialect, *, holds: bool) -> str:
    name = column.name
    if isinstance(node, nodes.Compare):
        return f"({name} {node.operator if holds else _OPPOSITE[node.operator]} {literal(node.value)})"
    if isinstance(node, nodes.AnyIn):
        if not node.values:
            return NEVER if holds else ALWAYS
        return f"({name} {'in' if holds else 'not in'} [{', '.join(map(literal, node.values))}])"
    if isinstance(node, nodes.Exists):
        return _column_exists(column, holds=holds)
    # The parser takes nothing but text for "contains" on a column.
    pattern = node.pattern if isinstance(node, nodes.Like) else containing(str(node.value))
    return _like(pattern, name, dialect, holds=holds) or ALWAYS


def _column_exists(column: Column, *, holds: bool) -> str:
    absent = column.absent
    if absent is None:
        return ALWAYS if holds else NEVER
    return f"({column.name} {'!=' if holds else '=='} {literal(absent)})"


# --- metadata -------------------------------------------------------------------------------------------


def _spelling(segments: tuple[str | int, ...]) -> str:
    """Write a path in Milvus's syntax. On Lite ``["0"]`` is a key and ``[0]`` an index; on a server each means both."""
    return METADATA + "".join(f"[{literal(segment)}]" for segment in segments)


def _of_path(node: nodes.Leaf, path: str, dialect: Dialect, *, holds: bool) -> str:
    if isinstance(node, nodes.Exists):
        return _path_exists(path, dialect, holds=holds)
    if isinstance(node, nodes.Compare) and node.operator != "==":
        return _order(node.operator, node.value, path, dialect, holds=holds)
    if isinstance(node, nodes.Compare):
        return _or_missing(path, _compare("==", node.value, path), holds=holds)
    if isinstance(node, nodes.AnyIn):
        if not node.values:
            return NEVER if holds else ALWAYS
        return _or_missing(path, _any(_compare("==", value, path) for value in node.values), holds=holds)
    if isinstance(node, nodes.Contains):
        return _contains(node.value, path, dialect, holds=holds)
    shape = _like(node.pattern, path, dialect, holds=True) or _is_text(path)
    if holds:
        return shape
    if not _is_exact(node.pattern, dialect):
        return ALWAYS
    return f"(not (exists {path}) or not {_is_text(path)} or not {shape})"


def _or_missing(path: str, expression: str, *, holds: bool) -> str:
    """``expression``, or its complement. On Lite, ``expression`` is unknown only where the value is missing."""
    return expression if holds else f"(not (exists {path}) or not {expression})"


def _path_exists(path: str, dialect: Dialect, *, holds: bool) -> str:
    if holds:
        return f"(exists {path})"
    if not dialect.null_exists:
        return f"(not (exists {path}))"
    # Milvus 2.3 has no test for null: exclude the values that are certainly not null (text, numbers, non-empty lists).
    present = _any([_is_text(path), _is_number(path), f"exists {path}[0]"])
    return f"(not (exists {path}) or not {present})"


def _is_text(path: str) -> str:
    return f'({path} like "%")'


def _is_number(path: str) -> str:
    """Booleans count as numbers. On Lite the result is unknown for objects, and false for text and lists."""
    return f"({path} * 0 == 0 or {path} == true or {path} == false)"


def _compare(operator: str, value: Scalar, path: str) -> str:
    """A comparison in which true and false count as 1 and 0. Lite does this itself; a server does not."""
    if isinstance(value, str):
        return f"({path} {operator} {literal(value)})"
    number = int(value) if isinstance(value, bool) else value
    terms = [f"{path} {operator} {literal(number)}"]
    terms += [f"{path} == {literal(flag)}" for flag in (False, True) if _holds(operator, flag, number)]
    return f"({' or '.join(terms)})"


def _holds(operator: str, left: float, right: float) -> bool:
    equal, below = left == right, left < right
    return {"==": equal, "<": below, "<=": below or equal, ">": not (below or equal), ">=": not below}[operator]


def _order(operator: Operator, value: Scalar, path: str, dialect: Dialect, *, holds: bool) -> str:
    if holds:
        return _compare(operator, value, path)
    other_type = _is_text(path) if isinstance(value, str) else _is_number(path)
    terms = [f"not (exists {path})", f"not {other_type}", _compare(_OPPOSITE[operator], value, path)]
    if dialect.json_text and not isinstance(value, str):
        # On Lite the terms above are unknown for an object at the path: then the metadata, read as text, contains a
        # second opening brace.
        terms.append(f'{METADATA} like "%{{%{{%"')
    return f"({' or '.join(terms)})"


def _contains(value: Scalar, path: str, dialect: Dialect, *, holds: bool) -> str:
    # Lite parses a text value such as '["a"]' as JSON and searches the list: hence the second condition.
    listed = f"(json_contains_any({path}, [{_elements(value)}]) and not {_is_text(path)})"
    if not isinstance(value, str):
        return _or_missing(path, listed, holds=holds)
    pattern = containing(value)
    if not holds and not _is_exact(pattern, dialect):
        return ALWAYS
    inside = _like(pattern, path, dialect, holds=True) or _is_text(path)
    return _or_missing(path, f"({listed} or {inside})", holds=holds)


def _elements(value: Scalar) -> str:
    """All spellings of a value under which a server finds it in a list; Lite needs only one of them.

    ``json_contains_any`` takes them as a list: the parser of Lite 3.1 accepts a negative number there, and not as the
    argument of ``json_contains``.
    """
    spellings: list[Scalar] = [value]
    if not isinstance(value, str):
        number = int(value) if isinstance(value, bool) else value
        spellings = [number]
        if isinstance(number, int) and abs(number) <= _EXACT_FLOAT:
            spellings.append(float(number))
        spellings += [flag for flag in (False, True) if flag == number]
    return ", ".join(map(literal, spellings))


# --- text -----------------------------------------------------------------------------------------------


def _like(pattern: Pattern, operand: str, dialect: Dialect, *, holds: bool) -> str | None:
    """A condition that all matching text satisfies, exact if ``_is_exact`` says so; ``None`` for no condition."""
    if pattern.is_prefix or (not dialect.infix_like and pattern.head):
        if not pattern.head:
            return f'({operand} like "%")' if holds else NEVER
        expression = _starts_with(pattern.head, operand)
    elif dialect.infix_like:
        expression = f"({operand} like {literal(pattern.milvus)})"
        if pattern.tail:
            # Lite 3.1 matches with a regular expression that ends in "$", which also matches before a final line break.
            expression = f"({expression} and not ({operand} like {literal(pattern.milvus + chr(10))}))"
    else:
        return None
    if holds:
        return expression
    return f"(not {expression})" if _is_exact(pattern, dialect) else None


def _starts_with(text: str, operand: str) -> str:
    """Match a prefix as a range of texts, because ``like`` cannot quote wildcards on every Milvus."""
    end = _successor(text)
    below = f" and {operand} < {literal(end)}" if end else ""
    return f"({operand} >= {literal(text)}{below})"


def _successor(text: str) -> str | None:
    """The smallest text, by code points, above all that start with ``text``; ``None`` if there is none."""
    kept = text.rstrip(chr(0x10FFFF))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)


def _all(parts: Iterable[str]) -> str:
    return _joined(list(parts), " and ")


def _any(parts: Iterable[str]) -> str:
    return _joined(list(parts), " or ")


def _joined(parts: Sequence[str], conjunction: str) -> str:
    return parts[0] if len(parts) == 1 else f"({conjunction.join(parts)})"
