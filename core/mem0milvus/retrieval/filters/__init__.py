r"""Filters: Mem0's filter dict, compiled to a Milvus expression that means the same on every Milvus.

``parse`` reads the dict into frozen ``nodes``, ``emit`` compiles these to an expression, ``predicate`` evaluates them
in Python. The predicate is the definition; property tests compare Milvus with it.

**Fields.** The names in :data:`TYPED_FIELDS` are columns. Every other name is a dotted path into the metadata:
``address.city`` is the ``city`` in the ``address``, ``tags.0`` the first of the ``tags``. A metadata key with the name
of a column is written with a prefix, as in ``metadata.role``. A metadata key that contains a dot, ``][`` or a control
character cannot be filtered on.

**Conditions.** Several fields are combined with AND, and so are several operators on one field. A plain value means
``eq``, a plain list ``in``. ``AND`` and ``OR`` take lists of filters; ``NOT`` takes one filter, or a list of filters
none of which may match. These three may also be written in lower case or with ``$``, operators also with ``$``.

======================== ===============================================================================
``eq`` ``ne``            equal, and its complement. ``None`` is "missing or null", ``"*"`` "any value"
``in`` ``nin``           equal to one of a list, and its complement. ``in []`` matches nothing
``gt gte lt lte``        order: numbers by size, text by code points, timestamps by time
``contains``             text that contains the given text, or a list that contains the given element
``like``                 the whole text matches: ``%`` any text, ``_`` any one character, ``\`` quotes
``exists``               ``true``: there is a value and it is not null; ``false``: the complement
======================== ===============================================================================

**Meaning.** Logic is two-valued: ``ne``, ``nin`` and ``NOT`` are exact complements.

- A value that is missing, null or of another type than the operand satisfies negated conditions only. So
  ``{"age": {"ne": 3}}`` also finds memories without an ``age``, and so does ``{"NOT": {"age": {"gt": 3}}}``.
- Whole numbers and floats compare by size: 7 equals 7.0. Integers are exact in 64 bits; if an integer beyond 2**53 is
  compared with a float, a server may round. ``True`` and ``False`` are the numbers 1 and 0, as in Python, because
  Milvus Lite cannot distinguish them. Numbers never equal text.
- A column without a value counts as missing too: text that is ``""`` (``{"eq": ""}`` finds it), the ``expires_at`` of
  a memory that never expires, the ``updated_at`` of a memory that was never changed. A timestamp is a datetime, ISO
  8601 text, or seconds since 1970.
- Text is compared code point by code point: case, spaces and Unicode normalisation forms matter.

**Exactness.** Every row that matches satisfies the expression. For a few filters no expression has exactly the same
meaning: ``contains`` and ``like`` with ``%``, ``_`` or ``\`` as plain characters or with ``_`` as a wildcard, both with
anything but a prefix on Milvus 2.3, ``exists`` on servers that may count null as a value, and negated numeric order on
Lite, where the value may be an object. :func:`needs_check` is true for these, and the caller then drops the rows for
which :func:`matches` is false.

**Safety.** An expression is enclosed in parentheses: ``f"({scope}) and {to_expression(filter)}"`` never matches rows
outside the scope, whatever keys and values a filter contains.
"""

from __future__ import annotations

from mem0milvus.retrieval.filters.emit import COMMON, LITE, SERVER_2_3, Dialect, literal, needs_check, to_expression
from mem0milvus.retrieval.filters.fields import TYPED_FIELDS
from mem0milvus.retrieval.filters.nodes import (
    Filter,
    all_of,
    any_in,
    any_of,
    at_least,
    at_most,
    equals,
    greater_than,
    less_than,
    negation,
    required_text,
    starts_with,
)
from mem0milvus.retrieval.filters.parse import OPERATORS, parse_filters, parse_value_filters, split_scope
from mem0milvus.retrieval.filters.predicate import matches

__all__ = [
    "COMMON",
    "LITE",
    "OPERATORS",
    "SERVER_2_3",
    "TYPED_FIELDS",
    "Dialect",
    "Filter",
    "all_of",
    "any_in",
    "any_of",
    "at_least",
    "at_most",
    "equals",
    "greater_than",
    "less_than",
    "literal",
    "matches",
    "needs_check",
    "negation",
    "parse_filters",
    "parse_value_filters",
    "required_text",
    "split_scope",
    "starts_with",
    "to_expression",
]
