"""``Mem0MilvusMemory``: the messages of one conversation, with memories from all earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.memory.types import DEFAULT_CHAT_STORE_KEY
from llama_index.core.utils import get_tokenizer
from typing_extensions import override

from llamaindex_mem0milvus.chat_stores import ChatStore
from llamaindex_mem0milvus.conversation import Conversation, written_config
from llamaindex_mem0milvus.message_buffer import Buffer
from llamaindex_mem0milvus.messages import (
    asked_before,
    completed_turn,
    count_tokens,
    current_turn,
    ends_turn,
    last_question,
    latest_turns,
    split_system,
    text_of,
    to_dicts,
    with_system_text,
)
from llamaindex_mem0milvus.react_agent import drops_system_message
from llamaindex_mem0milvus.scope import Scope, read_scope
from mem0milvus import (
    DEFAULT_INJECTION_THRESHOLD,
    AsyncMemory,
    ConfigError,
    Keep,
    Memory,
    Recall,
    ValidationError,
    render_memories,
)

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms.llm import LLM
    from typing_extensions import Self

    import mem0milvus

#: The token limit if no model gives one: the default of LlamaIndex's ``Memory`` (0.14.25).
DEFAULT_TOKEN_LIMIT = 30_000

#: The conversation's share of a model's context window: that of LlamaIndex's ``ChatMemoryBuffer`` (0.14.25).
WINDOW_SHARE = 0.75


class Mem0MilvusMemory(Conversation):
    """The messages of one conversation, with the user's memories from all conversations.

    Make it with ``from_defaults``, ``from_config`` or ``from_client``. ``get`` returns the newest messages that fit
    into ``token_limit``, with the memories that are relevant to the last question in the one system message. ``put``
    stores messages; when they complete a turn, memories are extracted from it, once and in the background. A failure of
    a model is logged and does not reach the conversation.

    Several threads may use it, and both blocking and async callers.

        >>> memory = Mem0MilvusMemory.from_defaults(user_id="alice")
        >>> engine = SimpleChatEngine.from_defaults(llm=llm, memory=memory)

    Attributes:
        user_id: the id of the user. At least one of the three ids is needed.
        agent_id: the id of the agent.
        run_id: the id of the run to which the memories are limited; None for those of all conversations.
        session_id: the id of the conversation to which the messages belong.
        token_limit: the maximum number of tokens that ``get`` returns.
        max_memory_tokens: the maximum number of tokens, within that limit, that memories take.
        top_k: the maximum number of memories in a prompt.
        threshold: the minimum relevance of a memory that is shown, 0 to 1; None sets no minimum.
        infer: extract memories from a turn; False stores each message verbatim.
        metadata: stored with each memory.
        filters: conditions on the memories that are shown, as for ``Memory.search``.
        heading: the line above the memories; by default, the library's own.
        config: the configuration of the memory, without its secrets.
        handle: the key of the parts that cannot be serialised, in this process.
        tokenizer_fn: splits a text into tokens; by default, LlamaIndex's global tokenizer.
        chat_store: the store of the messages; None for records beside the memories.

    Raises:
        ValueError: a field or an id is invalid, or no id is given (pydantic's own error).
    """

    token_limit: int = Field(DEFAULT_TOKEN_LIMIT, gt=0)
    max_memory_tokens: int = Field(1_000, ge=0)
    top_k: int = Field(10, gt=0)
    threshold: float | None = Field(DEFAULT_INJECTION_THRESHOLD, ge=0, le=1)
    infer: bool = True
    metadata: dict[str, Any] | None = None
    filters: dict[str, Any] | None = None
    heading: str | None = None

    @classmethod
    @override
    def class_name(cls) -> str:
        return "Mem0MilvusMemory"

    @classmethod
    def from_defaults(
        cls,
        chat_history: Sequence[ChatMessage] | None = None,
        llm: LLM | mem0milvus.LLM | None = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        context: Mapping[str, str | None] | None = None,
        session_id: str | None = None,
        client: Memory | AsyncMemory | None = None,
        config: Mapping[str, Any] | None = None,
        embedder: BaseEmbedding | mem0milvus.Embedder | None = None,
        chat_store: ChatStore | None = None,
        chat_store_key: str | None = None,
        token_limit: int | None = None,
        tokenizer_fn: Callable[[str], Sequence[Any]] | None = None,
        **settings: Any,
    ) -> Self:
        """Make a memory for one user's conversation.

            >>> memory = Mem0MilvusMemory.from_defaults(user_id="alice", session_id="monday", llm=llm, config=config)

        Args:
            chat_history: the first messages of the conversation; by default or if empty, the stored ones.
            llm: the application's language model. It determines ``token_limit``, and extracts memories unless
                ``config`` names a language model or ``client`` is given.
            user_id: the id of the user; at least one of the three ids is needed, here or in ``context``.
            agent_id: the id of the agent.
            run_id: the id of the run to which the memories are limited.
            context: the three ids in one dict.
            session_id: the id of the conversation; by default ``run_id``, else the one conversation of the user.
            client: an open ``Memory``, or an ``AsyncMemory`` for async callers only. Its opener closes it.
            config: the configuration with which a memory is opened, as for ``Memory.from_config``, or shared if one is
                open with the same; by default, if there is no ``client``, that of ``Memory()``. Beside ``client``, the
                configuration with which another process opens it.
            embedder: the application's embedding model, for a memory that is opened here.
            chat_store: the store of the messages; by default, records beside the memories, which survive restarts.
            chat_store_key: the conversation's key in ``chat_store``; by default, made of the ids.
            token_limit: the maximum number of tokens that ``get`` returns; by default, three quarters of the context
                window of ``llm``.
            tokenizer_fn: splits a text into tokens; by default, LlamaIndex's global tokenizer.
            settings: other attributes of this class.

        Raises:
            ValidationError: an id is missing or invalid, or two arguments exclude each other.
            ConfigError: the configuration is invalid.
            StoreError: or one of its subclasses: the store cannot be opened.
        """
        scope = read_scope(user_id, agent_id, run_id, context, required_by=cls.__name__)
        if config is not None and not isinstance(config, Mapping):
            raise ConfigError(f"config must be a dict, not {type(config).__name__}.")
        if client is not None and embedder is not None:
            raise ValidationError("client= has its embedder already: leave out embedder=, or give config= instead.")
        memory = cls(
            **scope,
            session_id=chat_store_key or session_id or _default_session(scope, chat_store),
            token_limit=token_limit or _limit_of(llm),
            tokenizer_fn=tokenizer_fn or get_tokenizer(),
            chat_store=chat_store,
            config=None if client is not None and config is None else written_config(config, llm, embedder),
            **settings,
        )
        memory._attach(client, config, llm, embedder)
        if chat_history:
            memory.set(list(chat_history))
        return memory

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **options: Any) -> Self:
        """Make a memory that opens its store as configured. Options and errors are those of ``from_defaults``.

        >>> config = {"vector_store": {"config": {"url": "./milvus.db"}}}
        >>> memory = Mem0MilvusMemory.from_config(config, user_id="alice")
        """
        return cls.from_defaults(config=config, **options)

    @classmethod
    def from_client(cls, client: Memory | AsyncMemory, **options: Any) -> Self:
        """Make a memory over an open one, which its opener closes. Options and errors are those of ``from_defaults``.

        >>> with Memory.from_config(config) as client:
        ...     memory = Mem0MilvusMemory.from_client(client, user_id="alice")
        """
        return cls.from_defaults(client=client, **options)

    @override
    def get(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:
        """Return the newest messages, with the memories that are relevant to the question in the one system message.

            >>> messages = memory.get("Do I play the cello?")

        Args:
            input: the question; by default, the last user message.
            kwargs: ``initial_token_count``, the tokens of the rest of the prompt; others are ignored.

        Raises:
            StoreError: the buffer cannot be read. Memories that cannot be read are left out, and the failure is logged.
        """
        return self._run(partial(self._get, input, kwargs.get("initial_token_count") or 0))

    @override
    async def aget(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:
        messages = await self._arun(partial(self._get, input, kwargs.get("initial_token_count") or 0))
        return [messages[0], *messages] if await drops_system_message(messages) else messages

    @override
    def get_all(self) -> list[ChatMessage]:
        """Return all messages of the conversation, without memories."""
        return self._run(lambda _, buffer: buffer.read_all())

    @override
    async def aget_all(self) -> list[ChatMessage]:
        return await self._arun(lambda _, buffer: buffer.read_all())

    @override
    def put(self, message: ChatMessage) -> None:
        """Append a message. If it completes a turn, memories are extracted from the turn in the background.

            >>> memory.put(ChatMessage(role="user", content="I play the cello."))

        Raises:
            StoreError: the message cannot be stored. A failure of the extraction is logged.
        """
        self.put_messages([message])

    @override
    async def aput(self, message: ChatMessage) -> None:
        await self.aput_messages([message])

    @override
    def put_messages(self, messages: Sequence[ChatMessage]) -> None:
        """Append messages. All turns that they complete are extracted together."""
        self._run(partial(self._put, messages))

    @override
    async def aput_messages(self, messages: Sequence[ChatMessage]) -> None:
        await self._arun(partial(self._put, messages))

    @override
    def set(self, messages: Sequence[ChatMessage]) -> None:
        """Replace the messages of the conversation. Memories are extracted by ``put`` only."""
        self._run(lambda _, buffer: buffer.replace(messages))

    @override
    async def aset(self, messages: Sequence[ChatMessage]) -> None:
        await self._arun(lambda _, buffer: buffer.replace(messages))

    @override
    def reset(self, long_term: bool = False) -> None:
        """Delete the conversation's messages.

            >>> memory.reset(long_term=True)

        Args:
            long_term: delete the memories of the scope, too: the user's, from all conversations.
        """
        self._run(partial(self._reset, long_term))

    @override
    async def areset(self, long_term: bool = False) -> None:
        await self._arun(partial(self._reset, long_term))

    async def _get(
        self, asked: str | ChatMessage | None, initial_tokens: int, memory: AsyncMemory, buffer: Buffer
    ) -> list[ChatMessage]:
        limit = self.token_limit - initial_tokens
        messages = await buffer.read_latest(lambda latest: count_tokens(latest, self.tokenizer_fn) > limit)
        given = text_of(asked) if isinstance(asked, ChatMessage) else asked
        question = given if given and given.strip() else last_question(messages)
        recall = Recall(self.top_k, self.threshold, self.filters)
        before, shown = asked_before(messages, question), self._surely_shown(messages, limit)
        found = await recall.find(memory, question, self._scope, before=before, shown=shown)
        return self._fit(messages, found, limit)

    def _surely_shown(self, messages: list[ChatMessage], limit: int) -> list[str]:
        """Return the texts of the messages that fit into a limit however many memories there are."""
        system, conversation = split_system(messages)
        left = limit - count_tokens(system, self.tokenizer_fn) - self.max_memory_tokens
        return [text_of(message) for message in latest_turns(conversation, left, self.tokenizer_fn)]

    def _fit(self, messages: list[ChatMessage], memories: Sequence[Mapping[str, Any]], limit: int) -> list[ChatMessage]:
        """Select the messages that fit into a limit: first the current turn, then memories, then older turns."""
        system, conversation = split_system(messages)
        left = limit - count_tokens(system, self.tokenizer_fn)
        room = left - count_tokens(current_turn(conversation), self.tokenizer_fn)
        budget = max(0, min(self.max_memory_tokens, room))
        block = render_memories(memories, max_tokens=budget, count_tokens=self._count, heading=self.heading)
        turns = latest_turns(conversation, left - self._count(block), self.tokenizer_fn)
        kept = {id(message) for message in (*system, *turns)}
        return with_system_text([message for message in messages if id(message) in kept], block)

    async def _put(self, messages: Sequence[ChatMessage], memory: AsyncMemory, buffer: Buffer) -> None:
        before: list[ChatMessage] = []
        if any(map(ends_turn, messages)):
            before = await buffer.read_latest(lambda latest: any(map(ends_turn, latest)))
        turn = completed_turn(before, messages)
        await buffer.append(messages)
        keep = Keep(infer=self.infer, metadata=self.metadata)
        await keep.add(memory, to_dicts(turn), self._scope)

    async def _reset(self, long_term: bool, memory: AsyncMemory, buffer: Buffer) -> None:
        await buffer.clear()
        if long_term:
            await memory.flush()  # an extraction in progress would add its memories after the deletion
            ids: dict[str, Any] = dict(self._scope)
            await memory.delete_all(**ids)

    def _count(self, text: str) -> int:
        return len(self.tokenizer_fn(text))


def _default_session(scope: Scope, chat_store: ChatStore | None) -> str:
    if chat_store is not None:  # its keys have no scope beside them: without the ids, users would share a conversation
        return ",".join(f"{name}={value}" for name, value in scope.items())
    return scope.get("run_id", DEFAULT_CHAT_STORE_KEY)


def _limit_of(llm: LLM | mem0milvus.LLM | None) -> int:
    window = getattr(getattr(llm, "metadata", None), "context_window", None)
    return int(window * WINDOW_SHARE) if window else DEFAULT_TOKEN_LIMIT
