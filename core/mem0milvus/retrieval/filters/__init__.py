r"""Filters: Mem0's filter dict, compiled to a Milvus expression that means the same on every Milvus.

``parse`` reads the dict into frozen ``nodes``, ``emit`` writes them as an expression, ``predicate``
answers them in Python. The predicate is the definition; property tests hold Milvus to it.

**Fields.** The names in :data:`TYPED_FIELDS` are columns. Every other name is a dotted path into the
metadata: ``address.city`` is the ``city`` in the ``address``, ``tags.0`` the first of the ``tags``. A
metadata key that has a column's name is reached as ``metadata.role``. A metadata key with a dot in it, with
``][`` or with a control character cannot be filtered on.

**Conditions.** Several fields are ANDed, and several operators on one field. A plain value means ``eq``, a
plain list ``in``. ``AND`` and ``OR`` take lists of filters, ``NOT`` takes one filter or a list of which
none may match. All are also written in lower case or with ``$``, operators also with ``$``.

======================== ===============================================================================
``eq`` ``ne``            equal, and its complement. ``None`` is "missing or null", ``"*"`` "any value"
``in`` ``nin``           equal to one of a list, and its complement. ``in []`` matches nothing
``gt gte lt lte``        order: numbers by size, text by code points, moments by time
``contains``             text that has the given text in it, or a list that has the given element
``like``                 the whole text is of a form: ``%`` any run, ``_`` any one character, ``\`` quotes
``exists``               ``true``: there is a value and it is not null; ``false``: the complement
======================== ===============================================================================

**Meaning.** Logic is two-valued: ``ne``, ``nin`` and ``NOT`` are exact complements.

- A value that is missing, null or of another type than the operand satisfies no condition but a negated
  one. So ``{"age": {"ne": 3}}`` also finds the memories without an ``age``, and so does
  ``{"NOT": {"age": {"gt": 3}}}``.
- Whole numbers and floats compare by size: 7 equals 7.0. Integers are exact in 64 bits; where an integer
  beyond 2**53 meets a float, a server may round. ``True`` and ``False`` are the numbers 1 and 0, as in Python
  (Milvus Lite cannot tell them apart). Numbers never equal text.
- A column that was not given is missing too: a text that is ``""`` (which ``eq`` finds as such), the
  ``expires_at`` of a memory that never expires, the ``updated_at`` of one that was never changed. Moments
  are a datetime, ISO 8601 text, or seconds since 1970.
- Text is compared code point by code point: case, spaces and Unicode forms count.

**Exactness.** Every row that matches satisfies the expression. A few filters have none that means exactly
the same: ``contains`` and ``like`` with ``%``, ``_`` or ``\`` as plain characters or with ``_`` as wildcard,
both with anything but a prefix on Milvus 2.3, ``exists`` where a server may count null as a value, and
negated numeric order on Lite, where the value may be an object. :func:`needs_check` says so, and the caller
then drops from the answer the rows which :func:`matches` refuses.

**Safety.** An expression is one parenthesis: ``f"({scope}) and {to_expression(filter)}"`` never reaches
beyond the scope, whatever keys and values a filter holds.
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
