"""Whose memories an object of this package is about: ids given by the application, checked once."""

from __future__ import annotations

from collections.abc import Mapping

from mem0milvus import ValidationError

#: The ids of a scope, as the methods of ``Memory`` take them.
SCOPE_IDS = ("user_id", "agent_id", "run_id")

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
    if unknown := set(context or ()) - set(SCOPE_IDS):
        raise ValidationError(f"context has {sorted(unknown)}; the ids of a scope are {', '.join(SCOPE_IDS)}.")
    beside = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    scope: Scope = {}
    for name, value in [*beside.items(), *(context or {}).items()]:
        if value is None:
            continue
        if not isinstance(value, str):
            raise ValidationError(f"{name} must be a text, not {type(value).__name__} {value!r}: use {str(value)!r}.")
        if not value:
            raise ValidationError(f"{name} is empty: it names nobody, and never means everyone.")
        if scope.setdefault(name, value) != value:
            raise ValidationError(f"{name} is {scope[name]!r} and, inside context, {value!r}: give it once.")
    return scope


def require_scope(scope: Mapping[str, str], what: str) -> None:
    """Check that there is an id.

    Raises:
        ValidationError: there is none.
    """
    if not scope:
        raise ValidationError(f"{what} needs to know whose memories: give user_id=, agent_id= or run_id=.")
