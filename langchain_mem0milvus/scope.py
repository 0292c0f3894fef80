"""The scope of a call: ids that are fixed at construction, and ids that are read from each call.

A call that gives a different user than the fixed one is refused, and so is a call without a user where one is expected.
No call ever falls back to the memories of another user, or of all users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from typing_extensions import override

from mem0milvus import SCOPE_FIELDS, AsyncMemory, Faces, Memory, ValidationError, check_id, check_scope

#: The ids that are read from a call by default. ``run_id`` is not one of them: LangGraph's servers put an id of their
#: own, a new one for each run, into the configuration under this name. Nothing stored under it would be found later.
DEFAULT_KEYS: Mapping[str, str] = {"user_id": "user_id"}

#: Computes the ids of a scope, as in ``{"user_id": "alice"}``, from the framework's object for the call.
ScopeFunction = Callable[[Any], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ScopeReader:
    """Reads the scope of a call."""

    fixed: Mapping[str, str]  #: ids that are the same for every call
    keys: Mapping[str, str]  #: the name under which a call gives each other id; all of them are required
    watched: Mapping[str, str]  #: names under which a call may give an id only if it equals the fixed one
    function: ScopeFunction | None  #: computes all ids instead
    where: str  #: the place of a call's ids, for messages

    @classmethod
    def of(
        cls,
        ids: Mapping[str, str | None],
        keys: Mapping[str, str] | None,
        *,
        where: str,
        function: ScopeFunction | None = None,
    ) -> ScopeReader:
        """Check the arguments of a constructor: fixed ids or None, and names of ids (by default, ``DEFAULT_KEYS``)."""
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
            raise ValidationError("The scope is empty: give user_id=, agent_id= or run_id=, or scope_keys=.")
        watched = {} if keys is not None else {name: key for name, key in chosen.items() if name in fixed}
        read = {name: key for name, key in chosen.items() if name not in fixed}
        return cls(fixed, read, watched, function, where)

    def read(self, *sources: object) -> dict[str, str]:
        """Read the scope of a call from dicts or objects that may hold ids. ``function`` gets the first of them.

        Raises:
            ValidationError: an id is missing or invalid, or two sources hold different values.
        """
        if self.function is not None:
            return check_scope(self.function(sources[0]))
        for name, key in self.watched.items():
            if any(value != self.fixed[name] for value in _values(key, sources)):
                raise ValidationError(
                    f"{name} is fixed here, and {self.where} has another one under {key!r}. Leave {name} out at "
                    "construction to read it from each call, or give scope_keys={} to ignore the id of a call."
                )
        return {**self.fixed, **{name: self._read_id(name, key, sources) for name, key in self.keys.items()}}

    def read_run(self, runtime: Any, config: Mapping[str, Any]) -> dict[str, str]:
        """Read the scope of a run from its context and configuration; ``runtime`` is None outside an agent."""
        if self.function is not None:
            return self.read(config if runtime is None else runtime)
        return self.read(getattr(runtime, "context", None), config.get("configurable"))

    def _read_id(self, name: str, key: str, sources: tuple[object, ...]) -> str:
        values = _values(key, sources)
        if not values:
            raise ValidationError(
                f"The scope is incomplete: {self.where} has no {key!r}. Give it there, or fix {name}= at construction."
            )
        if any(value != values[0] for value in values):
            raise ValidationError(f"{key!r} is given twice in {self.where}, with different values: give it once.")
        return check_id(values[0], name)


def _values(key: str, sources: tuple[object, ...]) -> list[object]:
    """Return the values that the sources hold under a name, without None."""
    found = (s.get(key) if isinstance(s, Mapping) else getattr(s, key, None) for s in sources if s is not None)
    return [value for value in found if value is not None]


class ScopedModel(BaseModel):
    """The fields of a pydantic model of LangChain that works on an open memory, in the scope of each call."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    memory: Memory | AsyncMemory = Field(exclude=True, repr=False)
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    scope_keys: dict[str, str] | None = None

    _where: ClassVar[str]
    _opened: Faces = PrivateAttr()

    @override
    def model_post_init(self, context: Any, /) -> None:
        self._opened = Faces(self.memory)
        _ = self._scope  # raises now if the scope is invalid

    # Neither is computed once: a field can be assigned later, and ``model_copy(update=…)`` keeps private attributes.

    @property
    def _access(self) -> Faces:
        if self._opened.memory is not self.memory:
            self._opened = Faces(self.memory)
        return self._opened

    @property
    def _scope(self) -> ScopeReader:
        ids = {"user_id": self.user_id, "agent_id": self.agent_id, "run_id": self.run_id}
        return ScopeReader.of(ids, self.scope_keys, where=self._where)
