"""A conversation over an open store: opened, shared, run by both kinds of callers, written down and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.llms.llm import LLM
from llama_index.core.memory.types import DEFAULT_CHAT_STORE_KEY, BaseMemory
from llama_index.core.utils import get_tokenizer

from llamaindex_mem0milvus.buffer import Buffer, RecordBuffer
from llamaindex_mem0milvus.clients import (
    Client,
    Owner,
    Parts,
    aopen_client,
    find_parts,
    keep_parts,
    open_client,
    reopened,
    without_secrets,
)
from llamaindex_mem0milvus.models import as_embedder, as_llm
from llamaindex_mem0milvus.scope import Scope, read_scope, require_scope
from llamaindex_mem0milvus.stores import ChatStore, buffer_in, dump_chat_store, load_chat_store
from mem0milvus import AsyncMemory, Memory

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    import mem0milvus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ports:
    """What one call works with, all blocking or all awaiting."""

    memory: AsyncMemory
    buffer: Buffer


class Conversation(BaseMemory):
    """What a ``Mem0MilvusMemory`` is apart from what it does: whose it is, where it is kept, and how it is opened.

    Attributes:
        user_id: whose memories. At least one of the three ids is needed.
        agent_id: which agent's memories.
        run_id: which run's memories. Left out, those of all conversations.
        session_id: which conversation the messages are of.
        config: the configuration of the memory, without its secrets.
        handle: under which this process finds again what cannot be written down.
        tokenizer_fn: cuts a text into tokens; left out, LlamaIndex's global tokenizer.
        chat_store: where the messages are kept; left out, beside the memory.
    """

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

    def model_post_init(self, context: Any, /) -> None:
        """Check the scope, and keep no secret in what can be written down.

        Raises:
            ValidationError: there is no id, or one is empty.
        """
        super().model_post_init(context)
        require_scope(self._scope, type(self).__name__)
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
        names_llm = bool(config and config.get("llm"))
        self._client = open_client(config, None if names_llm else as_llm(llm), as_embedder(embedder))
        self._owner = Owner()
        self._client.owners.add(self._owner)

    @property
    def client(self) -> Memory | AsyncMemory:
        """The open memory, to search, correct or delete what is remembered.

        Raises:
            StoreError: this was read back from its serialised form, and its store cannot be opened again.
        """
        return self._open().faces.memory

    @property
    def _scope(self) -> Scope:
        return read_scope(self.user_id, self.agent_id, self.run_id)

    def _run(self, body: Callable[[Ports], Coroutine[Any, Any, T]]) -> T:
        client = self._open()
        buffer = self._buffer(client, blocks=True)
        return client.faces.run(lambda memory: body(Ports(memory, buffer)))

    async def _arun(self, body: Callable[[Ports], Coroutine[Any, Any, T]]) -> T:
        client = self._find_client() or await aopen_client(reopened(self.config))
        self._client = client
        buffer = self._buffer(client, blocks=False)
        return await client.faces.arun(lambda memory: body(Ports(memory, buffer)))

    def _open(self) -> Client:
        self._client = self._find_client() or open_client(reopened(self.config))
        return self._client

    def _find_client(self) -> Client | None:
        if self._client is None and (parts := find_parts(self.handle)):
            return parts.client
        return self._client

    def _buffer(self, client: Client, *, blocks: bool) -> Buffer:
        if self.chat_store is not None:
            return buffer_in(self.chat_store, self.session_id, blocks=blocks)
        ids = [f"{name}={value}" for name, value in self._scope.items()]
        return RecordBuffer(client.records, ("llamaindex", *ids, self.session_id), blocks=blocks)

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """The settings and how to open the store again, without secrets: those come from the environment then.

        In this process, what is made of it by ``from_dict`` works on the same open memory, chat store and tokenizer.
        """
        if self._client is not None:
            keep_parts(self.handle, Parts(self._client, self.tokenizer_fn, self.chat_store))
        return {**super().to_dict(**kwargs), "chat_store": dump_chat_store(self.chat_store)}

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Self:
        """The memory that ``to_dict`` wrote down. Its store is opened when it is first used.

        Raises:
            ConfigError: its messages are in a chat store that cannot be found again in this process.
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

    def close(self) -> None:
        """Close the store if this object opened it and nobody else who shares it has it open; else do nothing.

        What is on its way in the background is written before.
        """
        owner, self._owner = self._owner, None
        if self._client is not None:
            self._client.close(owner)

    async def aclose(self) -> None:
        """See ``close``."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Another object on the same open store: a connection cannot be copied."""
        return self.from_dict(self.to_dict())

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Self], tuple[dict[str, Any]]]:
        return self.from_dict, (self.to_dict(),)


def written_config(
    config: Mapping[str, Any] | None,
    llm: LLM | mem0milvus.LLM | None,
    embedder: BaseEmbedding | mem0milvus.Embedder | None,
) -> dict[str, Any]:
    """The configuration to write down: LlamaIndex's models that were given are looked for in ``Settings`` later."""
    written = dict(config or {})
    if isinstance(llm, LLM) and not written.get("llm"):
        written["llm"] = {"provider": "llamaindex"}
    if isinstance(embedder, BaseEmbedding):
        written["embedder"] = {"provider": "llamaindex"}
    return written
