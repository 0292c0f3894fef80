"""The short-term buffer: the messages of one conversation, as records beside the memory."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage
from typing_extensions import override

from llamaindex_mem0milvus.messages import SYSTEM_ROLES
from mem0milvus import AsyncRecordStore, PutRecord, RecordItem

#: The most characters of a message's JSON in one record. A record holds 65,536 bytes; quoted as JSON once more, a
#: character takes at most 4 bytes.
PART_CHARACTERS = 15_000

#: The records that are read first; usually more than fit into a prompt.
FIRST_READ = 100

#: Returns whether these newest messages are enough for a caller.
Enough = Callable[[Sequence[ChatMessage]], bool]


class Buffer(ABC):
    """The messages of one conversation. For a blocking caller, the methods block and never suspend."""

    @abstractmethod
    async def read_all(self) -> list[ChatMessage]:
        """Return all messages, oldest first. Changing them does not change the buffer."""

    async def read_latest(self, enough: Enough) -> list[ChatMessage]:  # noqa: ARG002 - reads all
        """Return all system messages, and at least as many of the newest messages as are enough."""
        return await self.read_all()

    @abstractmethod
    async def append(self, messages: Sequence[ChatMessage]) -> None:
        """Add messages at the end."""

    @abstractmethod
    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        """Replace all messages by these."""

    @abstractmethod
    async def clear(self) -> None:
        """Delete all messages."""


class RecordBuffer(Buffer):
    """The messages of one conversation as records beside the memory, where they survive restarts.

    A message is stored as JSON, in one record or, if it is long, in several.
    """

    def __init__(self, records: AsyncRecordStore, namespace: tuple[str, ...]) -> None:
        self._records = records
        self._namespace = namespace

    @override
    async def read_all(self) -> list[ChatMessage]:
        return [_parse(text) for text, _ in _join(await self._records.list(self._namespace))]

    @override
    async def read_latest(self, enough: Enough) -> list[ChatMessage]:
        limit = FIRST_READ
        while True:
            newest = (await self._records.list(self._namespace, limit=limit, descending=True))[::-1]
            messages = [_parse(text) for text, _ in _join(newest)]
            if len(newest) < limit:
                return messages
            if messages and enough(messages):
                return [*await self._older_system_messages(newest), *messages]
            limit *= 8

    @override
    async def append(self, messages: Sequence[ChatMessage]) -> None:
        await self._put(messages)

    @override
    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        # An agent that is given a chat_history sets it before each run, so usually most messages are stored already.
        # If not, the old messages are deleted only after the new ones are stored: a crash loses nothing.
        stored = _join(await self._records.list(self._namespace))
        wanted = [_dump(message) for message in messages]
        kept = len(stored)
        if [text for text, _ in stored] == wanted[:kept]:
            await self._put(messages[kept:])
            return
        await self._put(messages)
        await self._records.delete_many([(self._namespace, key) for _, keys in stored for key in keys])

    @override
    async def clear(self) -> None:
        await self._records.delete_namespace(self._namespace)

    async def _older_system_messages(self, newer: Sequence[RecordItem]) -> list[ChatMessage]:
        roles = {"role": {"in": [role.value for role in SYSTEM_ROLES]}}
        known = {item["key"] for item in newer}
        system = await self._records.list(self._namespace, filters=roles)
        return [_parse(text) for text, keys in _join(system) if not known.issuperset(keys)]

    async def _put(self, messages: Sequence[ChatMessage]) -> None:
        await self._records.put_many([record for message in messages for record in _cut(message, self._namespace)])


def _dump(message: ChatMessage) -> str:
    dumped = message.model_dump(mode="json", fallback=str)
    text = json.dumps(dumped, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8 form, but an ASCII escape
        return json.dumps(dumped)
    return text


def _parse(text: str) -> ChatMessage:
    return ChatMessage.model_validate(json.loads(text))


def _cut(message: ChatMessage, namespace: tuple[str, ...]) -> list[PutRecord]:
    """Return the records of a message, each with a piece of its JSON."""
    text, name = _dump(message), uuid4().hex
    pieces = [text[start : start + PART_CHARACTERS] for start in range(0, len(text), PART_CHARACTERS)]
    shared = {"message": name, "parts": len(pieces), "role": message.role.value}
    return [
        PutRecord(namespace=namespace, key=f"{name}-{number}", value={**shared, "part": number, "json": piece})
        for number, piece in enumerate(pieces)
    ]


def _join(items: Sequence[RecordItem]) -> list[tuple[str, list[str]]]:
    """Return the JSON of each message whose records are complete, and their keys, in order."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for item in items:
        value = item["value"]
        found.setdefault(value["message"], {})[value["part"]] = {**value, "key": item["key"]}
    complete = (parts for parts in found.values() if len(parts) == next(iter(parts.values()))["parts"])
    return [
        ("".join(parts[number]["json"] for number in sorted(parts)), [part["key"] for part in parts.values()])
        for parts in complete
    ]
