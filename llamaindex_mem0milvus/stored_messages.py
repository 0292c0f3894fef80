"""The messages of a conversation that a memory block has stored, so that each is stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage

from llamaindex_mem0milvus.messages import text_of
from mem0milvus import AsyncRecordStore

#: The most digests of a conversation. LlamaIndex's ``Memory`` flushes a conversation before it is longer.
MOST_DIGESTS = 1_000

#: The record's key, in the conversation's namespace.
_KEY = "stored"


def digest_of(message: ChatMessage) -> str:
    """Return 16 hexadecimal digits that identify a message by its role and text."""
    return hashlib.sha256(f"{message.role.value}\0{text_of(message)}".encode()).hexdigest()[:16]


class StoredMessages:
    """The digests of the stored messages of one conversation.

    Args:
        namespace: the conversation's namespace in a record store beside the memory.
    """

    def __init__(self, namespace: Sequence[str]) -> None:
        self._namespace = tuple(namespace)

    async def after_stored(self, records: AsyncRecordStore, history: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages of a conversation after those that are stored.

        Args:
            records: the record store.
            history: the conversation, oldest first. Its beginning may be missing.
        """
        known = await self._read(records)
        digests = [digest_of(message) for message in history]
        for index in range(len(history) - 1, -1, -1):
            pairs = zip(reversed(digests[: index + 1]), reversed(known), strict=False)
            if known and all(one == other for one, other in pairs):
                return list(history[index + 1 :])
        return list(history)

    async def not_stored(self, records: AsyncRecordStore, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return those of the messages that were never stored."""
        known = set(await self._read(records))
        return [message for message in messages if digest_of(message) not in known]

    async def add(self, records: AsyncRecordStore, messages: Sequence[ChatMessage]) -> None:
        """Record that messages are stored."""
        digests = [*await self._read(records), *map(digest_of, messages)]
        await records.put(self._namespace, _KEY, {"digests": digests[-MOST_DIGESTS:]})

    async def _read(self, records: AsyncRecordStore) -> list[str]:
        record = await records.get(self._namespace, _KEY)
        return [] if record is None else list(record["value"]["digests"])
