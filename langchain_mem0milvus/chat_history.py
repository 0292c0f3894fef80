"""``Mem0MilvusChatMessageHistory``: the messages of one conversation, stored in Milvus."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
from typing_extensions import override

from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    Memory,
    PutRecord,
    RecordFaces,
    RecordItem,
    RecordStore,
    ValidationError,
)

logger = logging.getLogger(__name__)

#: The first label of every conversation's namespace, which separates them from other records of the collection.
ROOT = "langchain_chat_history"

#: The most characters of a message in one record. A record holds 65,536 bytes of JSON, and UTF-8 takes at most 4 bytes
#: for a character.
PIECE_CHARACTERS = 16_000

_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Mem0MilvusChatMessageHistory(BaseChatMessageHistory):
    """The messages of one conversation, in order and complete: with tool calls, content blocks, ids and usage.

    It serves ``RunnableWithMessageHistory`` and other users of a chat history, blocking and async. The object holds no
    messages itself: several objects of one conversation, and processes one after another, read the same messages.
    Messages are stored in ``<collection_name>_records``, where no search of a memory finds them.

        >>> history = Mem0MilvusChatMessageHistory(memory, "monday", user_id="alice")
        >>> history.add_messages([HumanMessage("Hello!")])

    Args:
        memory: an open ``Memory`` or ``RecordStore``, or their async forms for async callers only. Its opener closes
            it.
        session_id: the id of the conversation.
        user_id: the id of the user. Conversations of two users are separate, even with the same ``session_id``.
        collection_name: the collection, if a memory is given; by default ``<the memory's collection>_records``.

    Raises:
        ValidationError: ``memory`` is none of these, or an id is not a text, or empty.
    """

    def __init__(
        self,
        memory: Memory | AsyncMemory | RecordStore | AsyncRecordStore,
        session_id: str,
        *,
        user_id: str | None = None,
        collection_name: str | None = None,
    ) -> None:
        for name, given in (("session_id", session_id), ("user_id", user_id)):
            if not (isinstance(given, str) and given) and (name, given) != ("user_id", None):
                raise ValidationError(f"{name} must be a text and not empty, not {given!r}.")
        self.session_id = session_id
        self.user_id = user_id
        self._records = RecordFaces(memory, collection_name)
        self._namespace = (ROOT, session_id) if user_id is None else (ROOT, user_id, session_id)

    @property
    @override
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # the base declares an attribute
        """All messages of the conversation, oldest first.

        Raises:
            StoreError: Milvus failed.
        """
        return self._records.run(self._read)

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        return await self._records.arun(self._read)

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages, in one request.

            >>> history.add_messages([HumanMessage("Hello!"), AIMessage("Hello, Alice.")])

        Raises:
            ValidationError: a message holds a value that JSON cannot represent. No message was stored.
            StoreError: Milvus failed.
        """
        pieces = self._pieces(messages)
        self._records.run(lambda records: records.put_many(pieces))

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        pieces = self._pieces(messages)
        await self._records.arun(lambda records: records.put_many(pieces))

    @override
    def clear(self) -> None:
        """Delete all messages of this conversation.

        Raises:
            StoreError: Milvus failed; a second call continues the deletion.
        """
        self._records.run(lambda records: records.delete_namespace(self._namespace))

    @override
    async def aclear(self) -> None:
        await self._records.arun(lambda records: records.delete_namespace(self._namespace))

    async def _read(self, records: AsyncRecordStore) -> list[BaseMessage]:
        return _join_pieces(await records.list(self._namespace))

    def _pieces(self, messages: Sequence[BaseMessage]) -> list[PutRecord]:
        """Return the records of messages: one for each, several for a long one."""
        records: list[PutRecord] = []
        for message in messages:
            text, name = _to_json(message), uuid4().hex
            pieces = [text[start : start + PIECE_CHARACTERS] for start in range(0, len(text), PIECE_CHARACTERS)]
            for number, piece in enumerate(pieces):
                value = {"type": message.type, "pieces": len(pieces), "json": piece}
                records.append(PutRecord(namespace=self._namespace, key=f"{name}-{number}", value=value))
        return records

    def __repr__(self) -> str:
        user = "" if self.user_id is None else f", user_id={self.user_id!r}"
        return f"{type(self).__name__}({self.session_id!r}{user})"


def _to_json(message: BaseMessage) -> str:
    try:
        fields = message_to_dict(message)
        text = json.dumps(fields, ensure_ascii=False)
        # Half of a surrogate pair, from a cut emoji, has no UTF-8 form, but an ASCII escape (``\ud83d``).
        return json.dumps(fields) if _SURROGATE.search(text) else text
    except (TypeError, ValueError) as error:
        raise ValidationError(
            f"A message of the type {message.type!r} holds a value that JSON cannot represent, and was not stored: "
            f"{error}. Leave it out of additional_kwargs, response_metadata or a tool's artifact."
        ) from error


def _join_pieces(items: Sequence[RecordItem]) -> list[BaseMessage]:
    """Join the pieces of messages, each message in the place of its first piece.

    A process that is killed while it stores a long message leaves some of its pieces: such messages are left out.
    """
    messages: dict[str, dict[int, Mapping[str, Any]]] = {}
    for item in items:
        name, _, number = item["key"].rpartition("-")
        messages.setdefault(name, {})[int(number)] = item["value"]
    whole = [pieces for pieces in messages.values() if len(pieces) == next(iter(pieces.values()))["pieces"]]
    if len(whole) < len(messages):
        logger.warning("%d messages were only partly stored, and are left out.", len(messages) - len(whole))
    return messages_from_dict(
        [json.loads("".join(pieces[number]["json"] for number in range(len(pieces)))) for pieces in whole]
    )
