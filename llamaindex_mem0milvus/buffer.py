"""The short-term buffer: the messages of one conversation, as records beside the memory.

Its methods are asynchronous. Made for a blocking caller, they block and never suspend.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage

from llamaindex_mem0milvus.messages import SYSTEM_ROLES
from mem0milvus import AsyncRecordStore, PutRecord, RecordFaces, RecordItem

T = TypeVar("T")

#: A record holds 65,536 bytes of JSON. Of so many characters of JSON, quoted once more, none can take more.
PART_CHARACTERS = 15_000

#: Records that are read at first; mostly they are more than fit into a prompt.
FIRST_READ = 100


@dataclass(frozen=True, slots=True)
class Window:
    """The newest messages of a buffer, oldest first.

    Attributes:
        messages: the messages.
        is_whole: whether these are all.
    """

    messages: list[ChatMessage]
    is_whole: bool


class Buffer(Protocol):
    """The messages of one conversation."""

    async def read_all(self) -> list[ChatMessage]:
        """All messages, oldest first. Changing them does not change the buffer."""

    async def read_latest(self, enough: Callable[[Sequence[ChatMessage]], bool]) -> Window:
        """The newest messages, at least as many as are enough, where there are so many, and all system messages."""

    async def append(self, messages: Sequence[ChatMessage]) -> None:
        """Add messages at the end."""

    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        """Let these be the messages."""

    async def clear(self) -> None:
        """Remove all messages."""


class RecordBuffer:
    """The messages of one conversation as records beside the memory: they survive restarts.

    A message is written as JSON, in one record or, where it is long, in several.

    Args:
        records: the record store.
        namespace: the conversation's own.
        blocks: whether the caller blocks.
    """

    def __init__(self, records: RecordFaces, namespace: Sequence[str], *, blocks: bool) -> None:
        self._records = records
        self._namespace = tuple(namespace)
        self._blocks = blocks

    async def read_all(self) -> list[ChatMessage]:
        """See ``Buffer``."""
        return [_parse(text) for text, _ in _join(await self._on(lambda store: store.list(self._namespace)))]

    async def read_latest(self, enough: Callable[[Sequence[ChatMessage]], bool]) -> Window:
        """See ``Buffer``."""
        limit = FIRST_READ
        while True:
            newest = await self._list_newest(limit)
            messages = [_parse(text) for text, _ in _join(newest)]
            is_whole = len(newest) < limit
            if is_whole or (messages and enough(messages)):
                break
            limit *= 8
        return Window(messages if is_whole else [*await self._older_system_messages(newest), *messages], is_whole)

    async def append(self, messages: Sequence[ChatMessage]) -> None:
        """See ``Buffer``."""
        await self._put([_dump(message) for message in messages], messages)

    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        """See ``Buffer``. What is there already is left alone, and the old goes only when the new is there."""
        there = _join(await self._on(lambda store: store.list(self._namespace)))
        wanted = [_dump(message) for message in messages]
        kept = len(there)
        if [text for text, _ in there] == wanted[:kept]:
            await self._put(wanted[kept:], messages[kept:])
            return
        await self._put(wanted, messages)
        old = [(self._namespace, key) for _, keys in there for key in keys]
        await self._on(lambda store: store.delete_many(old))

    async def clear(self) -> None:
        """See ``Buffer``."""
        await self._on(lambda store: store.delete_namespace(self._namespace))

    async def _list_newest(self, limit: int) -> list[RecordItem]:
        newest = await self._on(lambda store: store.list(self._namespace, limit=limit, descending=True))
        return newest[::-1]

    async def _older_system_messages(self, newer: Sequence[RecordItem]) -> list[ChatMessage]:
        roles = {"role": {"in": [role.value for role in SYSTEM_ROLES]}}
        known = {item["key"] for item in newer}
        system = await self._on(lambda store: store.list(self._namespace, filters=roles))
        return [_parse(text) for text, keys in _join(system) if not known.issuperset(keys)]

    async def _put(self, texts: Sequence[str], messages: Sequence[ChatMessage]) -> None:
        records = [
            PutRecord(namespace=self._namespace, key=f"{name}-{value['part']}", value=value)
            for text, message in zip(texts, messages, strict=True)
            for name in [uuid4().hex]
            for value in _cut(text, name, message.role.value)
        ]
        await self._on(lambda store: store.put_many(records))

    async def _on(self, body: Callable[[AsyncRecordStore], Coroutine[Any, Any, T]]) -> T:
        return self._records.run(body) if self._blocks else await self._records.arun(body)


def _dump(message: ChatMessage) -> str:
    dumped = message.model_dump(mode="json", fallback=str)
    text = json.dumps(dumped, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which can be kept as an escape only
        return json.dumps(dumped)
    return text


def _parse(text: str) -> ChatMessage:
    return ChatMessage.model_validate(json.loads(text))


def _cut(text: str, name: str, role: str) -> list[dict[str, Any]]:
    """A message's JSON as values of records."""
    pieces = [text[start : start + PART_CHARACTERS] for start in range(0, len(text), PART_CHARACTERS)]
    return [
        {"message": name, "part": number, "parts": len(pieces), "role": role, "json": piece}
        for number, piece in enumerate(pieces)
    ]


def _join(items: Sequence[RecordItem]) -> list[tuple[str, list[str]]]:
    """The JSON of each message whose records are all there, and their keys, in order."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for item in items:
        value = item["value"]
        found.setdefault(value["message"], {})[value["part"]] = {**value, "key": item["key"]}
    whole = (parts for parts in found.values() if len(parts) == next(iter(parts.values()))["parts"])
    return [
        ("".join(parts[number]["json"] for number in sorted(parts)), [part["key"] for part in parts.values()])
        for parts in whole
    ]
