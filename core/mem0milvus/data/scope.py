"""Whose memories: the ids of a user, an agent and a run, checked before anything else happens."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mem0milvus.data.limits import MAX_ID_BYTES, VERSION_SEPARATOR
from mem0milvus.errors import ValidationError
from mem0milvus.types import ScopeId, Unset

if TYPE_CHECKING:
    from mem0milvus.data.memory_row import MemoryRow

#: The ids of a scope, as operations take them.
SCOPE_FIELDS = ("user_id", "agent_id", "run_id")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memories are meant. An id that was not given is ``""`` and does not narrow."""

    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""

    def __bool__(self) -> bool:
        return bool(self.user_id or self.agent_id or self.run_id)

    def holds(self, record: MemoryRow) -> bool:
        """Whether a memory has all the ids given."""
        return all(getattr(self, name) in ("", getattr(record, name)) for name in SCOPE_FIELDS)


def read_scope(user_id: ScopeId, agent_id: ScopeId, run_id: ScopeId) -> Scope:
    """Check the ids that an operation was given.

    Raises:
        ValidationError: an id is ``None``, empty, not text, too long, or holds control characters.
    """
    given = dict(zip(SCOPE_FIELDS, (user_id, agent_id, run_id), strict=True))
    return Scope(**{name: check_id(value, name) for name, value in given.items() if not isinstance(value, Unset)})


def require_scope(scope: Scope, operation: str) -> None:
    """Raise a ValidationError when no id was given."""
    if not scope:
        raise ValidationError(
            f"{operation} needs to know whose memories: give user_id=, agent_id= or run_id= "
            "(beside the other arguments, or inside filters)."
        )


def check_id(value: object, name: str) -> str:
    """Check an id of a user, an agent, a run or an actor.

    Ids are taken as they are: two that differ in case, in a trailing space or in their Unicode form are two.

    Raises:
        ValidationError: it is not text, empty, too long, or holds characters that cannot be stored safely.
    """
    if value is None or value == "":
        raise ValidationError(
            f"{name}={value!r} names nobody. Leave {name} out, or give it a value: it never means everyone."
        )
    if not isinstance(value, str):
        raise ValidationError(f"{name} must be a text, not {type(value).__name__} {value!r}: use {str(value)!r}.")
    check_characters(value, name)
    if (length := len(value.encode())) > MAX_ID_BYTES:
        raise ValidationError(f"{name} is {length} bytes long in UTF-8 and the most is {MAX_ID_BYTES}: {value[:40]!r}…")
    return value


def check_memory_id(value: object, name: str = "memory_id") -> str:
    """Check the id of a memory that a caller named.

    Raises:
        ValidationError: as ``check_id``, or it holds the separator of versions.
    """
    if value is None or value == "":
        raise ValidationError(f"{name}={value!r} names no memory.")
    memory_id = check_id(value, name)
    if VERSION_SEPARATOR in memory_id:
        raise ValidationError(
            f"{name}={memory_id!r} holds {VERSION_SEPARATOR!r}, which stands between an id and a version number "
            "in the store: use another character."
        )
    return memory_id


def check_characters(value: str, name: str) -> None:
    """Raise a ValidationError for control characters and for halves of surrogate pairs."""
    for position, character in enumerate(value):
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValidationError(
                f"{name}={value!r} holds the character U+{ord(character):04X} at position {position}, "
                "which cannot stand in an id."
            )
