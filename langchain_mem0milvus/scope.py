"""Whose memories a call is about: ids that are fixed, and ids that each call names. One rule for the whole package.

An id is fixed at construction or read from the call, never both: a call that names another user than the fixed one is
refused, and so is a call that names no user where one is expected. So no call ever falls back to somebody else's
memories or to everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mem0milvus import SCOPE_FIELDS, ValidationError, check_id

#: What a call names where nothing else is said. A ``run_id`` is no default: LangGraph's servers put an id of their own
#: under that name.
DEFAULT_KEYS: Mapping[str, str] = {"user_id": "user_id"}

#: Gives the ids of a scope, as in ``{"user_id": "alice"}``, for what a framework knows of a call.
ScopeFunction = Callable[[Any], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ScopeReader:
    """Reads the scope of a call.

    Attributes:
        fixed: ids that are the same for every call.
        keys: for each id that a call gives, the name under which it gives it. All of them are required.
        watched: names that a call may give only with the value of the fixed id.
        function: gives the ids instead.
        where: where a call gives its ids, for messages.
    """

    fixed: Mapping[str, str]
    keys: Mapping[str, str]
    watched: Mapping[str, str]
    function: ScopeFunction | None
    where: str

    @classmethod
    def of(
        cls,
        ids: Mapping[str, str | None],
        keys: Mapping[str, str] | None,
        *,
        where: str,
        function: ScopeFunction | None = None,
    ) -> ScopeReader:
        """A reader for what a user gave at construction.

        Args:
            ids: the three ids, None for those that are not fixed.
            keys: names of ids in a call; left out, ``user_id`` under its own name unless it is fixed.
            where: where a call gives its ids, for messages.
            function: gives the ids instead.

        Raises:
            ValidationError: an id is empty, fixed and named at once, or there is none at all.
        """
        fixed = {name: check_id(value, name) for name, value in ids.items() if value is not None}
        if function is not None and (fixed or keys):
            raise ValidationError("scope= gives all ids of a call: leave out user_id, agent_id, run_id and scope_keys.")
        chosen = {} if function else dict(DEFAULT_KEYS if keys is None else keys)
        if unknown := set(chosen) - set(SCOPE_FIELDS):
            raise ValidationError(
                f"scope_keys has {sorted(unknown)}; the ids of a scope are {', '.join(SCOPE_FIELDS)}."
            )
        if keys and (twice := set(chosen) & set(fixed)):
            raise ValidationError(f"{sorted(twice)} are fixed and read from each call: choose one.")
        if not (fixed or chosen or function):
            raise ValidationError("Whose memories? Give user_id=, agent_id= or run_id=, or scope_keys=.")
        watched = {} if keys is not None else {name: key for name, key in chosen.items() if name in fixed}
        read = {name: key for name, key in chosen.items() if name not in fixed}
        return cls(fixed, read, watched, function, where)

    def read(self, *sources: object) -> dict[str, str]:
        """The scope of a call.

        Args:
            sources: where its ids may stand: dicts, objects with attributes, or None. With ``function``, the first one
                is what it is given.

        Raises:
            ValidationError: an id is missing or empty, is no text, or stands there twice with different values.
        """
        if self.function is not None:
            return check_scope(self.function(sources[0]))
        for name, key in self.watched.items():
            if any(value != self.fixed[name] for value in _values(key, sources)):
                raise ValidationError(
                    f"{name} is fixed here, and {self.where} names another one under {key!r}. Leave {name} out at "
                    f"construction to read it from each call, or give scope_keys={{}} to disregard what a call names."
                )
        named = {name: self._named(name, key, sources) for name, key in self.keys.items()}
        return {**self.fixed, **named}

    def _named(self, name: str, key: str, sources: tuple[object, ...]) -> str:
        values = _values(key, sources)
        if not values:
            raise ValidationError(
                f"Whose memories? {self.where} has no {key!r}. Give it there, or fix {name}= at construction."
            )
        if any(value != values[0] for value in values):
            raise ValidationError(f"{self.where} has {key!r} twice, with different values: give it once.")
        return check_id(values[0], name)

    @property
    def named(self) -> set[str]:
        """The names under which a call may give ids."""
        return {*self.keys.values(), *self.watched.values()}

    @property
    def is_fixed(self) -> bool:
        """Whether every call has the same scope."""
        return not self.keys and self.function is None


def check_scope(scope: object) -> dict[str, str]:
    """Check what a user's own function gave.

    Raises:
        ValidationError: it is no dict of ids, or has none.
    """
    if not isinstance(scope, Mapping) or not scope or not set(scope) <= set(SCOPE_FIELDS):
        raise ValidationError(f"scope() must give a dict with some of {', '.join(SCOPE_FIELDS)}, not {scope!r}.")
    return {name: check_id(value, name) for name, value in scope.items()}


def _values(key: str, sources: tuple[object, ...]) -> list[object]:
    """What the sources have under a name, None left out."""
    found = (s.get(key) if isinstance(s, Mapping) else getattr(s, key, None) for s in sources if s is not None)
    return [value for value in found if value is not None]
