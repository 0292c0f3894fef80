"""Scopes: the checked ids of a user, an agent and a run."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mem0milvus.data.limits import MAX_ID_BYTES, VERSION_SEPARATOR
from mem0milvus.data.quoting import shown
from mem0milvus.errors import ValidationError
from mem0milvus.types import ScopeId, Unset

if TYPE_CHECKING:
    from mem0milvus.data.memory_row import MemoryRow

#: The names of a scope's ids, as arguments and as columns.
SCOPE_FIELDS = ("user_id", "agent_id", "run_id")


@dataclass(frozen=True, slots=True)
class Scope:
    """The ids that memories must have. An id that was not given is ``""``, and matches any id."""

    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""

    def __bool__(self) -> bool:
        return bool(self.user_id or self.agent_id or self.run_id)

    def holds(self, row: MemoryRow) -> bool:
        """Return whether a memory has all ids of the scope."""
        return all(getattr(self, name) in ("", getattr(row, name)) for name in SCOPE_FIELDS)


def read_scope(user_id: ScopeId, agent_id: ScopeId, run_id: ScopeId) -> Scope:
    """Check the ids given to an operation, as ``check_id`` does."""
    given = dict(zip(SCOPE_FIELDS, (user_id, agent_id, run_id), strict=True))
    return Scope(**{name: check_id(value, name) for name, value in given.items() if not isinstance(value, Unset)})


def require_scope(scope: Scope, operation: str) -> None:
    """Raise a ValidationError if the scope has no id."""
    if not scope:
        raise ValidationError(
            f"{operation} requires a scope: give user_id=, agent_id= or run_id=, as an argument or inside filters."
        )


def check_id(value: object, name: str) -> str:
    """Check an id of a user, an agent, a run or an actor.

    Ids are compared exactly: ids that differ in case, in a trailing space or in their Unicode form are different.

    Example:
        >>> check_id("alice", "user_id")
        'alice'

    Raises:
        ValidationError: it is not text, empty, too long, or contains control characters.
    """
    if value is None or value == "":
        raise ValidationError(
            f"{name} must not be {shown(value)}. Leave {name} out, or give it a value: it never means everyone."
        )
    return check_short_text(value, name, MAX_ID_BYTES)


def check_memory_id(value: object, name: str = "memory_id") -> str:
    """Check the id of a memory given by a caller, as ``check_id`` does, and for the separator of versions."""
    if value is None or value == "":
        raise ValidationError(f"{name} must not be {shown(value)}: give the id of a memory.")
    memory_id = check_id(value, name)
    if VERSION_SEPARATOR in memory_id:
        raise ValidationError(
            f"{name}={shown(memory_id)} contains {VERSION_SEPARATOR!r}, which separates an id from a version number in "
            "the store: use another character."
        )
    return memory_id


def check_short_text(value: object, name: str, most_bytes: int) -> str:
    """Check an id, a label or a key: a text of limited length, without control characters or half surrogate pairs."""
    if not isinstance(value, str):
        raise ValidationError(
            f"{name} must be a text, not {type(value).__name__} {shown(value)}: use {_as_text(value)}."
        )
    for position, character in enumerate(value):
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValidationError(
                f"{name}={shown(value)} contains the character U+{ord(character):04X} at position {position}, which is "
                "not allowed in an id."
            )
    if (length := len(value.encode())) > most_bytes:
        raise ValidationError(f"{name} is {length:,} bytes long in UTF-8; the maximum is {most_bytes}: {value[:40]!r}…")
    return value


def _as_text(value: object) -> str:
    try:
        return shown(str(value))
    except ValueError:  # an int of thousands of digits
        return "a text"
