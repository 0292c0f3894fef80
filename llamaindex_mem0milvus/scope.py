"""Whose memories an object of this package is about: ids given by the application, checked once."""

from __future__ import annotations

from collections.abc import Mapping

from mem0milvus import SCOPE_FIELDS, ValidationError, check_id

#: Ids of a scope, those that were given.
Scope = dict[str, str]


def read_scope(
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    context: Mapping[str, str | None] | None = None,
) -> Scope:
    """The ids that were given; there may be none.

    Args:
        user_id: whose memories.
        agent_id: which agent's.
        run_id: which conversation's.
        context: the same three in a dict, as ``llama-index-memory-mem0`` has it.

    Raises:
        ValidationError: an id is empty or no text, is given twice with different values, or ``context`` has other keys.
    """
    if unknown := set(context or ()) - set(SCOPE_FIELDS):
        raise ValidationError(f"context has {sorted(unknown)}; the ids of a scope are {', '.join(SCOPE_FIELDS)}.")
    beside = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    scope: Scope = {}
    for name, value in [*beside.items(), *(context or {}).items()]:
        if value is None:
            continue
        if scope.setdefault(name, check_id(value, name)) != value:
            raise ValidationError(f"{name} is {scope[name]!r} and, inside context, {value!r}: give it once.")
    return scope


def require_scope(scope: Mapping[str, str], what: str) -> None:
    """Check that there is an id.

    Raises:
        ValidationError: there is none.
    """
    if not scope:
        raise ValidationError(f"{what} needs to know whose memories: give user_id=, agent_id= or run_id=.")
