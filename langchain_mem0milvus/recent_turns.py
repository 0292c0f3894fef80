"""The last turns of a chain, stored as records beside its memories: one list for each scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_mem0milvus.message_text import message_dicts
from mem0milvus import SCOPE_FIELDS, AsyncRecordStore, Mem0MilvusError, OnError, StoreError, log_failure

#: The first label of every namespace in which turns are stored.
ROOT = "langchain-buffer"


@dataclass(frozen=True, slots=True)
class Turn:
    """The user's text and the chain's answer; either may be empty."""

    asked: str
    answered: str

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the turn's messages as ``Memory.add`` takes them."""
        return [*message_dicts("user", self.asked), *message_dicts("assistant", self.answered)]

    def to_messages(self) -> list[BaseMessage]:
        """Return the turn's messages as LangChain's."""
        return [message for message in (HumanMessage(self.asked), AIMessage(self.answered)) if message.content]


@dataclass(frozen=True, slots=True)
class RecentTurns:
    """The last turns of one scope, in a record store. Turns beyond the limit are deleted."""

    scope: Mapping[str, str]
    limit: int
    on_error: OnError

    async def read(self, records: AsyncRecordStore) -> list[Turn]:
        """Read the turns, oldest first; none if the store fails and failures are only logged."""
        try:
            items = await records.list(self._namespace, descending=True, limit=self.limit)
        except StoreError as error:
            if self.on_error == "raise":
                raise
            log_failure("The last turns could not be read, and the model answers without them", error)
            return []
        return [Turn(item["value"]["asked"], item["value"]["answered"]) for item in reversed(items)]

    async def append(self, records: AsyncRecordStore, turn: Turn) -> None:
        """Append a turn, and delete the turns beyond the limit."""
        try:
            await records.put(self._namespace, uuid4().hex, {"asked": turn.asked, "answered": turn.answered})
            if old := await records.list(self._namespace, descending=True, offset=self.limit):
                await records.delete_many([(self._namespace, item["key"]) for item in old])
        except Mem0MilvusError as error:
            if self.on_error == "raise":
                raise
            log_failure("A turn could not be stored among the last turns", error)

    async def clear(self, records: AsyncRecordStore) -> None:
        """Delete all turns of the scope."""
        await records.delete_namespace(self._namespace)

    @property
    def _namespace(self) -> tuple[str, ...]:
        # Each id follows its field's name: without the names, user "a" and agent "a" would share a namespace.
        return (ROOT, *(label for name in SCOPE_FIELDS if name in self.scope for label in (name, self.scope[name])))
