"""LlamaIndex's chat stores as buffers, and how they are written down and read back with a memory."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore
from llama_index.core.storage.chat_store.simple_chat_store import SimpleChatStore

from llamaindex_mem0milvus.buffer import Buffer, Window
from mem0milvus import ConfigError

T = TypeVar("T")

#: LlamaIndex has two families of chat stores. Those of the second, such as ``SQLAlchemyChatStore``, are only awaited.
ChatStore = BaseChatStore | AsyncDBChatStore


def buffer_in(store: ChatStore, key: str, *, blocks: bool) -> Buffer:
    """The messages under one key of a chat store.

    Args:
        store: the chat store.
        key: whose messages.
        blocks: whether the caller blocks.
    """
    kind = ChatStoreBuffer if isinstance(store, BaseChatStore) else DatabaseBuffer
    return kind(store, key, blocks=blocks)  # type: ignore[arg-type]


class ChatStoreBuffer:
    """The messages under one key of a chat store with blocking and awaiting methods."""

    def __init__(self, store: BaseChatStore, key: str, *, blocks: bool) -> None:
        self._store = store
        self._key = key
        self._blocks = blocks

    async def read_all(self) -> list[ChatMessage]:
        """See ``Buffer``."""
        if self._blocks:
            messages = self._store.get_messages(self._key)
        else:
            messages = await self._store.aget_messages(self._key)
        return [message.model_copy(deep=True) for message in messages]

    async def read_latest(self, enough: Callable[[Sequence[ChatMessage]], bool]) -> Window:  # noqa: ARG002 - it has all
        """See ``Buffer``."""
        return Window(await self.read_all(), is_whole=True)

    async def append(self, messages: Sequence[ChatMessage]) -> None:
        """See ``Buffer``."""
        for message in messages:
            if self._blocks:
                self._store.add_message(self._key, message)
            else:
                await self._store.async_add_message(self._key, message)

    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        """See ``Buffer``."""
        if self._blocks:
            self._store.set_messages(self._key, list(messages))
        else:
            await self._store.aset_messages(self._key, list(messages))

    async def clear(self) -> None:
        """See ``Buffer``."""
        if self._blocks:
            self._store.delete_messages(self._key)
        else:
            await self._store.adelete_messages(self._key)


class DatabaseBuffer:
    """The messages under one key of a chat store that is only awaited.

    A blocking caller runs it as LlamaIndex's own ``Memory`` does: on a loop of its own.
    """

    def __init__(self, store: AsyncDBChatStore, key: str, *, blocks: bool) -> None:
        self._store = store
        self._key = key
        self._blocks = blocks

    async def read_all(self) -> list[ChatMessage]:
        """See ``Buffer``."""
        return await self._on(self._store.get_messages(self._key))

    async def read_latest(self, enough: Callable[[Sequence[ChatMessage]], bool]) -> Window:  # noqa: ARG002 - it has all
        """See ``Buffer``."""
        return Window(await self.read_all(), is_whole=True)

    async def append(self, messages: Sequence[ChatMessage]) -> None:
        """See ``Buffer``."""
        if messages:
            await self._on(self._store.add_messages(self._key, list(messages)))

    async def replace(self, messages: Sequence[ChatMessage]) -> None:
        """See ``Buffer``."""
        await self._on(self._store.set_messages(self._key, list(messages)))

    async def clear(self) -> None:
        """See ``Buffer``."""
        await self._on(self._store.delete_messages(self._key))

    async def _on(self, request: Coroutine[Any, Any, T]) -> T:
        if not self._blocks:
            return await request
        result: T = asyncio_run(request)
        return result


def dump_chat_store(store: ChatStore | None) -> dict[str, Any] | None:
    """A chat store as JSON can hold it: a simple one with its messages, of any other the name alone.

    The simple store is not asked for its own serialised form, because that fails with pydantic 2.14.
    """
    if store is None:
        return None
    written: dict[str, Any] = {"class_name": store.class_name()}
    if type(store) is SimpleChatStore:
        written["store"] = {
            key: [message.model_dump(mode="json", fallback=str) for message in messages]
            for key, messages in store.store.items()
        }
    return written


def load_chat_store(written: Mapping[str, Any] | None) -> ChatStore | None:
    """The chat store that ``dump_chat_store`` wrote down, in another process.

    Raises:
        ConfigError: it is none whose messages were written down.
    """
    if written is None:
        return None
    if "store" not in written:
        raise ConfigError(
            f"The messages are in a {written.get('class_name')}, which is not open in this process. Pass memory= on "
            "this run, or leave chat_store out: then they are kept beside the memory and found again."
        )
    messages = {key: [ChatMessage.model_validate(one) for one in many] for key, many in written["store"].items()}
    return SimpleChatStore(store=messages)
