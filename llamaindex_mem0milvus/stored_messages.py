"""The messages of a conversation that a memory block has stored, so that each is stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage

from llamaindex_mem0milvus.messages import text_of
from mem0milvus import RecordFaces

#: The most digests of a conversation. LlamaIndex's ``Memory`` flushes a conversation before it is longer.
MOST_DIGESTS = 1_000

#: The record's key, in the conversation's namespace.
_KEY = "stored"


def digest_of(message: ChatMessage) -> str:
    """Return 16 hexadecimal digits that identify a message by its role and text."""
    return hashlib.sha256(f"{message.role.value}\0{text_of(message)}".encode()).hexdigest()[:16]


class StoredMessages:
    """The digests of the stored messages of one conversation, in a record beside the memory."""

    def __init__(self, records: RecordFaces, namespace: Sequence[str]) -> None:
        self._records = records
        self._namespace = tuple(namespace)

    async def after_stored(self, history: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages of a conversation after those that are stored. Its beginning may be missing."""
        known = await self._read()
        digests = [digest_of(message) for message in history]
        for index in range(len(history) - 1, -1, -1):
            pairs = zip(reversed(digests[: index + 1]), reversed(known), strict=False)
            if known and all(one == other for one, other in pairs):
                return list(history[index + 1 :])
        return list(history)

    async def not_stored(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages that were never stored."""
        known = set(await self._read())
        return [message for message in messages if digest_of(message) not in known]

    async def add(self, messages: Sequence[ChatMessage]) -> None:
        """Store the digests of messages."""
        digests = [*await self._read(), *map(digest_of, messages)][-MOST_DIGESTS:]
        await self._records.arun(lambda records: records.put(self._namespace, _KEY, {"digests": digests}))

    async def _read(self) -> list[str]:
        record = await self._records.arun(lambda records: records.get(self._namespace, _KEY))
        return [] if record is None else list(record["value"]["digests"])
