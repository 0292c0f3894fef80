"""The scope of an object of this package: ids that the application gives, checked once."""

from __future__ import annotations

from collections.abc import Mapping

from mem0milvus import SCOPE_FIELDS, ValidationError, check_id

#: The ids of a scope that were given.
Scope = dict[str, str]


def read_scope(
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    context: Mapping[str, str | None] | None = None,
    *,
    required_by: str | None = None,
) -> Scope:
    """Return the ids that were given.

    Args:
        user_id: the id of the user.
        agent_id: the id of the agent.
        run_id: the id of the conversation.
        context: the same three in a dict, as ``llama-index-memory-mem0`` takes them.
        required_by: the name of the class that needs at least one id; None if there may be none.

    Raises:
        ValidationError: an id is invalid, is given twice with different values, or is missing; or ``context`` has other
            keys.
    """
    if unknown := set(context or ()) - set(SCOPE_FIELDS):
        raise ValidationError(f"context has {sorted(unknown)}; the ids of a scope are {', '.join(SCOPE_FIELDS)}.")
    arguments = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    scope: Scope = {}
    for name, value in [*arguments.items(), *(context or {}).items()]:
        if value is not None and scope.setdefault(name, check_id(value, name)) != value:
            raise ValidationError(f"{name} is {scope[name]!r} and, inside context, {value!r}: give it once.")
    if required_by and not scope:
        raise ValidationError(f"{required_by} needs to know whose memories: give user_id=, agent_id= or run_id=.")
    return scope
