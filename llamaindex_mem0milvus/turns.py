"""Which messages of a conversation a memory block has stored already, so that each turn is stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage

from llamaindex_mem0milvus.messages import text_of
from mem0milvus import AsyncRecordStore

#: Of so many messages it is known that they were stored; a conversation that is not flushed yet is shorter.
MOST_DIGESTS = 1_000

#: The record's key, in the conversation's namespace.
_KEY = "stored"


def digest_of(message: ChatMessage) -> str:
    """What tells a message from others: 16 hexadecimal digits made of its role and text."""
    return hashlib.sha256(f"{message.role.value}\0{text_of(message)}".encode()).hexdigest()[:16]


class StoredTurns:
    """What is stored of one conversation.

    Args:
        namespace: the conversation's own, in a record store beside the memory.
    """

    def __init__(self, namespace: Sequence[str]) -> None:
        self._namespace = tuple(namespace)

    async def new(self, records: AsyncRecordStore, history: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The messages of a conversation that came after those that are stored.

        Args:
            records: the record store.
            history: the conversation as it is now, oldest first. It may have lost its beginning.
        """
        known = await self._read(records)
        digests = [digest_of(message) for message in history]
        for index in range(len(history) - 1, -1, -1):
            pairs = zip(reversed(digests[: index + 1]), reversed(known), strict=False)
            if known and all(one == other for one, other in pairs):
                return list(history[index + 1 :])
        return list(history)

    async def unknown(self, records: AsyncRecordStore, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Those of some messages that were never stored."""
        known = set(await self._read(records))
        return [message for message in messages if digest_of(message) not in known]

    async def note(self, records: AsyncRecordStore, messages: Sequence[ChatMessage]) -> None:
        """Note that messages are stored."""
        digests = [*await self._read(records), *map(digest_of, messages)]
        await records.put(self._namespace, _KEY, {"digests": digests[-MOST_DIGESTS:]})

    async def _read(self, records: AsyncRecordStore) -> list[str]:
        record = await records.get(self._namespace, _KEY)
        return [] if record is None else list(record["value"]["digests"])
