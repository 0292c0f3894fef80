"""A conversation over an open store: opening, sharing, blocking and async calls, serialisation and closing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.llms.llm import LLM
from llama_index.core.memory.types import DEFAULT_CHAT_STORE_KEY, BaseMemory
from llama_index.core.utils import get_tokenizer
from typing_extensions import override

from llamaindex_mem0milvus.chat_stores import ChatStore, ChatStoreBuffer, dump_chat_store, load_chat_store
from llamaindex_mem0milvus.message_buffer import Buffer, RecordBuffer
from llamaindex_mem0milvus.models import LlamaIndexEmbedder, LlamaIndexLLM
from llamaindex_mem0milvus.open_clients import (
    Client,
    Owner,
    Parts,
    find_parts,
    keep_parts,
    open_client,
    require_config,
    without_secrets,
)
from llamaindex_mem0milvus.scope import Scope, read_scope
from mem0milvus import AsyncMemory, AsyncRecordStore, CloseOnExit, Memory

if TYPE_CHECKING:
    from typing_extensions import Self

    import mem0milvus

T = TypeVar("T")

#: The operation of one call, on a memory and a buffer that both block or are both async.
Operation = Callable[[AsyncMemory, Buffer], Coroutine[Any, Any, T]]


class Conversation(CloseOnExit, BaseMemory):
    """Base of ``Mem0MilvusMemory``, which documents the fields: its scope, its open store, its serialised form."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    session_id: str = Field(DEFAULT_CHAT_STORE_KEY, min_length=1)
    config: dict[str, Any] | None = Field(None, repr=False)
    handle: str = Field(default_factory=lambda: uuid4().hex, repr=False)
    tokenizer_fn: Callable[[str], Sequence[Any]] = Field(default_factory=get_tokenizer, exclude=True, repr=False)
    chat_store: ChatStore | None = Field(None, exclude=True, repr=False)
    _client: Client | None = PrivateAttr(None)
    _owner: Owner | None = PrivateAttr(None)

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        read_scope(self.user_id, self.agent_id, self.run_id, required_by=type(self).__name__)
        self.config = without_secrets(self.config)

    def _attach(
        self,
        client: Memory | AsyncMemory | None,
        config: Mapping[str, Any] | None,
        llm: LLM | mem0milvus.LLM | None,
        embedder: BaseEmbedding | mem0milvus.Embedder | None,
    ) -> None:
        if client is not None:
            self._client = Client(client)
            return
        own_llm = None if config and config.get("llm") else llm
        self._client = open_client(
            config,
            LlamaIndexLLM(own_llm) if isinstance(own_llm, LLM) else own_llm,
            LlamaIndexEmbedder(embedder) if isinstance(embedder, BaseEmbedding) else embedder,
        )
        self._owner = Owner()
        self._client.owners.add(self._owner)

    @property
    def client(self) -> Memory | AsyncMemory:
        """The open memory, to search, correct or delete memories.

        Raises:
            StoreError: this object was deserialised, and its store cannot be opened again.
        """
        return self._open().access.memory

    @property
    def _scope(self) -> Scope:
        return read_scope(self.user_id, self.agent_id, self.run_id)

    def _run(self, operation: Operation[T]) -> T:
        client = self._open()

        async def with_records(records: AsyncRecordStore) -> T:
            buffer = self._buffer(records, blocks=True)
            return client.access.run(lambda memory: operation(memory, buffer))

        return client.records.run(with_records)

    async def _arun(self, operation: Operation[T]) -> T:
        if self._find_client() is None:
            await asyncio.to_thread(self._open)
        client = self._open()

        async def with_records(records: AsyncRecordStore) -> T:
            buffer = self._buffer(records, blocks=False)
            return await client.access.arun(lambda memory: operation(memory, buffer))

        return await client.records.arun(with_records)

    def _open(self) -> Client:
        self._client = self._find_client() or open_client(require_config(self.config))
        return self._client

    def _find_client(self) -> Client | None:
        if self._client is None and (parts := find_parts(self.handle)):
            return parts.client
        return self._client

    def _buffer(self, records: AsyncRecordStore, *, blocks: bool) -> Buffer:
        if self.chat_store is not None:
            return ChatStoreBuffer(self.chat_store, self.session_id, blocks=blocks)
        ids = [f"{name}={value}" for name, value in self._scope.items()]
        return RecordBuffer(records, ("llamaindex", *ids, self.session_id))

    @override
    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """Return the fields as JSON, without secrets: another process takes those from its environment.

        In this process, ``from_dict`` makes an object with the same open memory, chat store and tokenizer.

            >>> again = Mem0MilvusMemory.from_dict(memory.to_dict())
        """
        if self._client is not None:
            keep_parts(self.handle, Parts(self._client, self.tokenizer_fn, self.chat_store))
        return {**super().to_dict(**kwargs), "chat_store": dump_chat_store(self.chat_store)}

    @classmethod
    @override
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Self:
        """Make a memory from the result of ``to_dict``. Its store is opened when it is first used.

        Raises:
            ConfigError: its messages are in a chat store that is not open in this process.
        """
        values = {**data, **kwargs}
        values.pop("class_name", None)
        written_store = values.pop("chat_store", None)
        parts = find_parts(str(values.get("handle")))
        if parts is not None:
            values = {"tokenizer_fn": parts.tokenizer_fn, **values, "chat_store": parts.chat_store}
        else:
            values["chat_store"] = load_chat_store(written_store)
        memory = cls(**values)
        memory._client = parts.client if parts else None
        return memory

    @override
    def close(self) -> None:
        """Close the memory, after its background work, if this object opened it and no other owner shares it."""
        owner, self._owner = self._owner, None
        if self._client is not None:
            self._client.close(owner)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return another object on the same open store, because a connection cannot be copied."""
        return self.from_dict(self.to_dict())

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Self], tuple[dict[str, Any]]]:
        return self.from_dict, (self.to_dict(),)


def written_config(
    config: Mapping[str, Any] | None,
    llm: LLM | mem0milvus.LLM | None,
    embedder: BaseEmbedding | mem0milvus.Embedder | None,
) -> dict[str, Any]:
    """Return the configuration to serialise: given LlamaIndex models are replaced by those of ``Settings``."""
    written = dict(config or {})
    if isinstance(llm, LLM) and not written.get("llm"):
        written["llm"] = {"provider": "llamaindex"}
    if isinstance(embedder, BaseEmbedding):
        written["embedder"] = {"provider": "llamaindex"}
    return written
