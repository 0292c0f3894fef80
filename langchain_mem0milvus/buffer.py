"""The last turns of a chain, kept beside its memories: one list for each scope, which survives the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_mem0milvus.texts import Said, said
from mem0milvus import (
    SCOPE_FIELDS,
    AsyncRecordStore,
    Mem0MilvusError,
    OnError,
    RecordFaces,
    StoreError,
    log_failure,
)

#: The first label of every buffer's namespace.
ROOT = "langchain-buffer"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said and what the chain answered; either may be empty."""

    asked: str
    answered: str

    def said(self) -> list[Said]:
        """As ``Memory.add`` takes it."""
        return [*said("user", self.asked), *said("assistant", self.answered)]

    def messages(self) -> list[BaseMessage]:
        """As LangChain's messages."""
        asked: list[BaseMessage] = [HumanMessage(self.asked)] if self.asked else []
        answered: list[BaseMessage] = [AIMessage(self.answered)] if self.answered else []
        return asked + answered


class Buffer:
    """The last turns of each scope.

    Args:
        records: where they are stored.
        turns: how many are shown. Older ones are deleted.
    """

    def __init__(self, records: RecordFaces, turns: int) -> None:
        self._records = records
        self._turns = turns

    def last(self, scope: Mapping[str, str], on_error: OnError) -> list[Turn]:
        """The last turns of a scope, oldest first; none where the store fails and that is only logged."""
        return self._records.run(lambda store: self._last(store, scope, on_error))

    async def alast(self, scope: Mapping[str, str], on_error: OnError) -> list[Turn]:
        """As ``last``."""
        return await self._records.arun(lambda store: self._last(store, scope, on_error))

    def append(self, scope: Mapping[str, str], turn: Turn, on_error: OnError) -> None:
        """Put a turn at the end of a scope's list, and delete those that are too old to be shown."""
        self._records.run(lambda store: self._append(store, scope, turn, on_error))

    async def aappend(self, scope: Mapping[str, str], turn: Turn, on_error: OnError) -> None:
        """As ``append``."""
        await self._records.arun(lambda store: self._append(store, scope, turn, on_error))

    def clear(self, scope: Mapping[str, str]) -> None:
        """Delete the turns of a scope."""
        self._records.run(lambda store: store.delete_namespace(_namespace(scope)))

    async def aclear(self, scope: Mapping[str, str]) -> None:
        """As ``clear``."""
        await self._records.arun(lambda store: store.delete_namespace(_namespace(scope)))

    async def _last(self, store: AsyncRecordStore, scope: Mapping[str, str], on_error: OnError) -> list[Turn]:
        try:
            items = await store.list(_namespace(scope), descending=True, limit=self._turns)
        except StoreError as error:
            if on_error == "raise":
                raise
            log_failure("The last turns could not be read, and the model answers without them", error)
            return []
        return [Turn(item["value"]["asked"], item["value"]["answered"]) for item in reversed(items)]

    async def _append(self, store: AsyncRecordStore, scope: Mapping[str, str], turn: Turn, on_error: OnError) -> None:
        namespace = _namespace(scope)
        value: dict[str, Any] = {"asked": turn.asked, "answered": turn.answered}
        try:
            await store.put(namespace, uuid4().hex, value)
            old = await store.list(namespace, descending=True, offset=self._turns)
            if old:
                await store.delete_many([(namespace, item["key"]) for item in old])
        except Mem0MilvusError as error:
            if on_error == "raise":
                raise
            log_failure("A turn could not be put among the last ones", error)


def _namespace(scope: Mapping[str, str]) -> tuple[str, ...]:
    """Each id after its name, so that no two scopes share a namespace, whichever ids they have."""
    return (ROOT, *(label for name in SCOPE_FIELDS if name in scope for label in (name, scope[name])))
