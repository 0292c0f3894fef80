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
    """Return the ids that were given, as arguments or in ``context``, as ``llama-index-memory-mem0`` takes them.

    Raises:
        ValidationError: an id is invalid or given twice with different values; ``context`` has other keys; or there is
            no id, and the class named by ``required_by`` needs one.
    """
    if unknown := set(context or ()) - set(SCOPE_FIELDS):
        raise ValidationError(f"context has {sorted(unknown)}; the ids of a scope are {', '.join(SCOPE_FIELDS)}.")
    arguments = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    scope: Scope = {}
    for name, value in [*arguments.items(), *(context or {}).items()]:
        if value is not None and scope.setdefault(name, check_id(value, name)) != value:
            raise ValidationError(f"{name} is {scope[name]!r} and, inside context, {value!r}: give it once.")
    if required_by and not scope:
        raise ValidationError(f"{required_by} needs a scope: give user_id=, agent_id= or run_id=.")
    return scope
