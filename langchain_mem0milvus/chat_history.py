"""``Mem0MilvusChatMessageHistory``: the messages of one conversation, kept in Milvus."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict

from langchain_mem0milvus.records import record_faces
from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    Memory,
    PutRecord,
    RecordItem,
    RecordStore,
    ValidationError,
)

logger = logging.getLogger(__name__)

#: The label under which all conversations lie, so that nothing else in the collection is among them.
ROOT = "langchain_chat_history"

#: A record holds 65,536 bytes of JSON, and no character takes more than four.
PIECE_CHARACTERS = 16_000


class Mem0MilvusChatMessageHistory(BaseChatMessageHistory):
    """The messages of one conversation, in order, as they were: with calls of tools, content blocks, ids and usage.

    For ``RunnableWithMessageHistory`` and whatever else keeps a history. It serves blocking and awaiting callers; it
    holds nothing itself, so several objects of one conversation, and processes one after the other, see the same.
    Messages lie in ``<collection_name>_records`` and are found by no search of a memory.

    Args:
        memory: an open ``Memory`` or ``RecordStore``; their asynchronous forms serve awaiting callers only. It stays
            the caller's to close.
        session_id: which conversation.
        user_id: whose. Conversations of two users are two, also when their session has the same id.
        collection_name: the collection, where a memory is given; left out, ``<the memory's collection>_records``.

    Raises:
        ValidationError: ``memory`` is none of these, or an id is no text.
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
                raise ValidationError(f"{name} must be a text that is not empty, not {given!r}.")
        self.session_id = session_id
        self.user_id = user_id
        self._faces = record_faces(memory, collection_name)
        self._namespace = (ROOT, session_id) if user_id is None else (ROOT, user_id, session_id)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # the base declares an attribute
        """All messages, oldest first.

        Raises:
            StoreError: Milvus failed.
        """
        return self._faces.run(self._read)

    async def aget_messages(self) -> list[BaseMessage]:
        """As ``messages``."""
        return await self._faces.arun(self._read)

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Put messages at the end, in one trip.

        Raises:
            ValidationError: a message holds what JSON cannot. None was stored.
            StoreError: Milvus failed.
        """
        pieces = self._pieces(messages)
        self._faces.run(lambda records: records.put_many(pieces))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """As ``add_messages``."""
        pieces = self._pieces(messages)
        await self._faces.arun(lambda records: records.put_many(pieces))

    def clear(self) -> None:
        """Delete all messages of this conversation.

        Raises:
            StoreError: Milvus failed; calling again goes on.
        """
        self._faces.run(lambda records: records.delete_namespace(self._namespace))

    async def aclear(self) -> None:
        """As ``clear``."""
        await self._faces.arun(lambda records: records.delete_namespace(self._namespace))

    async def _read(self, records: AsyncRecordStore) -> list[BaseMessage]:
        return _put_together(await records.list(self._namespace))

    def _pieces(self, messages: Sequence[BaseMessage]) -> list[PutRecord]:
        """The records of messages: one each, and more where one is long."""
        pieces: list[PutRecord] = []
        for message in messages:
            text = _to_json(message)
            name = uuid.uuid4().hex
            starts = range(0, len(text), PIECE_CHARACTERS)
            pieces += [
                PutRecord(
                    namespace=self._namespace,
                    key=f"{name}-{number}",
                    value={
                        "type": message.type,
                        "pieces": len(starts),
                        "json": text[start : start + PIECE_CHARACTERS],
                    },
                )
                for number, start in enumerate(starts)
            ]
        return pieces

    def __repr__(self) -> str:
        user = "" if self.user_id is None else f", user_id={self.user_id!r}"
        return f"{type(self).__name__}({self.session_id!r}{user})"


def _to_json(message: BaseMessage) -> str:
    """A message as text. What is no valid Unicode is written in ASCII, which can say it."""
    try:
        given = message_to_dict(message)
        text = json.dumps(given, ensure_ascii=False)
        return text if _is_unicode(text) else json.dumps(given)
    except (TypeError, ValueError) as error:
        raise ValidationError(
            f"A message of the type {message.type!r} holds what JSON cannot, and was not stored: {error}. Leave it out "
            "of additional_kwargs, response_metadata or a tool's artifact."
        ) from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _put_together(items: Sequence[RecordItem]) -> list[BaseMessage]:
    """The messages that pieces make up, each where its first piece stands."""
    texts: dict[str, dict[int, str]] = {}
    due: dict[str, int] = {}
    for item in items:
        name, _, number = item["key"].rpartition("-")
        texts.setdefault(name, {})[int(number)] = item["value"]["json"]
        due[name] = item["value"]["pieces"]
    whole = [name for name, pieces in texts.items() if len(pieces) == due[name]]
    if len(whole) < len(texts):
        logger.warning("%d messages were stored in part only, and are left out.", len(texts) - len(whole))
    given = [json.loads("".join(texts[name][number] for number in range(due[name]))) for name in whole]
    return messages_from_dict(given)
