"""Filters for the rows of a scope or of a namespace."""

from __future__ import annotations

from collections.abc import Mapping

from mem0milvus.data.scope import SCOPE_FIELDS, Scope, check_id, read_scope
from mem0milvus.errors import ValidationError
from mem0milvus.retrieval.filters.nodes import Filter, all_of, equals, starts_with
from mem0milvus.retrieval.filters.parse import parse_filters, split_scope
from mem0milvus.types import ScopeId


def in_scope(scope: Scope) -> Filter | None:
    """Match the rows that have all ids of a scope; None, no condition, for the empty scope."""
    return all_of(*(equals(name, value) for name in SCOPE_FIELDS if (value := getattr(scope, name))))


def exactly_in(scope: Scope) -> Filter | None:
    """Match the rows that have exactly the ids of a scope: an id that the scope lacks must be absent."""
    return all_of(*(equals(name, getattr(scope, name)) for name in SCOPE_FIELDS))


def in_namespace(path: str) -> Filter:
    """Match the rows in the namespace with this path, without the namespaces inside it."""
    return equals("namespace", path)


def within_namespace(path: str) -> Filter | None:
    """Match the rows in a namespace and in the namespaces inside it; None, no condition, for the path of ``()``."""
    return starts_with("namespace", path) if path else None


def read_scope_and_filters(
    user_id: ScopeId, agent_id: ScopeId, run_id: ScopeId, filters: Mapping[str, object] | None
) -> tuple[Scope, Filter | None]:
    """Read the scope, given as arguments or inside ``filters``, and the other conditions of ``filters``.

    Raises:
        ValidationError: an id is wrong, or given twice with different values.
        FilterError: the filters are not valid.
    """
    outer = read_scope(user_id, agent_id, run_id)
    inner, rest = split_scope(filters)
    ids = {}
    for name in SCOPE_FIELDS:
        argument = getattr(outer, name)
        in_filters = check_id(inner[name], name) if name in inner else ""
        if argument and in_filters and argument != in_filters:
            raise ValidationError(f"{name} is {argument!r} and, inside filters, {in_filters!r}: give it once.")
        ids[name] = argument or in_filters
    return Scope(**ids), parse_filters(rest)
