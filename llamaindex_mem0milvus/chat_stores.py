"""LlamaIndex's chat stores as buffers, and their serialised form beside a memory's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore
from llama_index.core.storage.chat_store.simple_chat_store import SimpleChatStore
from typing_extensions import override

from llamaindex_mem0milvus.message_buffer import Buffer
from mem0milvus import ConfigError

#: LlamaIndex has two families of chat stores. Those of the second, such as ``SQLAlchemyChatStore``, are async only.
ChatStore = BaseChatStore | AsyncDBChatStore

#: The async form of each method of a ``BaseChatStore``.
_ASYNC_NAMES = {
    "get_messages": "aget_messages",
    "add_message": "async_add_message",
    "set_messages": "aset_messages",
    "delete_messages": "adelete_messages",
}


class ChatStoreBuffer(Buffer):
    """The messages under one key of a chat store, for a blocking or an async caller."""

    def __init__(self, store: ChatStore, key: str, *, blocks: bool) -> None:
        self._store = store
        self._key = key
        self._blocks = blocks

    @override
    async def read_all(self) -> list[ChatMessage]:
        # SimpleChatStore returns the very objects that it holds, and callers change the messages of a memory.
        return [message.model_copy(deep=True) for message in await self._call("get_messages")]

    @override
    async def append(self, messages: Sequence[ChatMessage]) -> None:
        if isinstance(self._store, AsyncDBChatStore) and messages:
            await self._call("add_messages", list(messages))
            return
        for message in messages:
            await self._call("add_message", message)

    @override
    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        await self._call("set_messages", list(messages))

    @override
    async def clear(self) -> None:
        await self._call("delete_messages")

    async def _call(self, method: str, *arguments: Any) -> Any:
        if isinstance(self._store, AsyncDBChatStore):
            request = getattr(self._store, method)(self._key, *arguments)
            # As LlamaIndex's own ``Memory`` does for blocking callers: inside a running loop, on a loop in a thread.
            return asyncio_run(request) if self._blocks else await request
        if self._blocks:
            return getattr(self._store, method)(self._key, *arguments)
        return await getattr(self._store, _ASYNC_NAMES[method])(self._key, *arguments)


def dump_chat_store(store: ChatStore | None) -> dict[str, Any] | None:
    """Return a chat store as JSON: a ``SimpleChatStore`` with its messages, any other by its name alone."""
    if store is None:
        return None
    written: dict[str, Any] = {"class_name": store.class_name()}
    if type(store) is SimpleChatStore:
        # Not ``store.model_dump()``: it fails with pydantic 2.14 (llama-index-core 0.14.25).
        written["store"] = {
            key: [message.model_dump(mode="json", fallback=str) for message in messages]
            for key, messages in store.store.items()
        }
    return written


def load_chat_store(written: Mapping[str, Any] | None) -> ChatStore | None:
    """Make the chat store that ``dump_chat_store`` wrote, or raise a ConfigError if it wrote only the store's name."""
    if written is None:
        return None
    if "store" not in written:
        raise ConfigError(
            f"The messages are in a {written.get('class_name')}, which is not open in this process. Pass memory= on "
            "this run, or leave chat_store out: then they are stored beside the memory and found again."
        )
    messages = {key: [ChatMessage.model_validate(one) for one in many] for key, many in written["store"].items()}
    return SimpleChatStore(store=messages)
