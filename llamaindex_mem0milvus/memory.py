"""``Mem0MilvusMemory``: the memory of one conversation, with what is remembered from all earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.memory.types import DEFAULT_CHAT_STORE_KEY
from llama_index.core.utils import get_tokenizer

from llamaindex_mem0milvus.conversation import Conversation, Ports, written_config
from llamaindex_mem0milvus.messages import (
    count_tokens,
    current_turn,
    ends_exchange,
    finished_exchange,
    last_question,
    latest_turns,
    split_system,
    text_of,
    with_system_text,
    without_echo,
    worth_keeping,
)
from llamaindex_mem0milvus.react import drops_system_message
from llamaindex_mem0milvus.scope import Scope, read_scope, require_scope
from llamaindex_mem0milvus.stores import ChatStore
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

#: Tokens of a prompt where no model tells its own limit, as LlamaIndex's ``Memory`` has it.
DEFAULT_TOKEN_LIMIT = 30_000

#: Of a model's context window, what the conversation may take, as LlamaIndex's ``ChatMemoryBuffer`` has it.
WINDOW_SHARE = 0.75


class Mem0MilvusMemory(Conversation):
    """The messages of one conversation, and beside them what is remembered of the user from all conversations.

    Make it by ``from_defaults``, ``from_config`` or ``from_client``. ``get`` gives the newest messages that fit into
    ``token_limit``, with the memories that the last question is about in the one system message. ``put`` stores
    messages; each time an exchange is complete, what is worth remembering is extracted from it, once and in the
    background. A failure of a model is logged and does not reach the conversation.

    It can be used from several threads, and by blocking and awaiting callers alike.

    Attributes:
        user_id: whose memories. At least one of the three ids is needed.
        agent_id: which agent's memories.
        run_id: which run's memories. Left out, those of all conversations.
        session_id: which conversation the messages are of.
        token_limit: what ``get`` gives at most, in tokens.
        max_memory_tokens: what memories may take of it.
        top_k: the most memories at once.
        threshold: the least relevance of a memory that is shown, 0 to 1; None shows ``top_k`` always.
        infer: whether what is worth remembering is extracted, or each message kept as it is.
        metadata: kept with each memory.
        filters: conditions on the memories that are shown, as for ``Memory.search``.
        heading: what stands above the memories; left out, the library's own text.
        config: the configuration of the memory, without its secrets.
        tokenizer_fn: cuts a text into tokens; left out, LlamaIndex's global tokenizer.
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
    def class_name(cls) -> str:
        """The name in LlamaIndex's serialised form."""
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

        Args:
            chat_history: the messages that the conversation begins with; left out or empty, those of its buffer.
            llm: the application's language model. It tells ``token_limit``, and it is what extracts memories, where
                ``config`` names none and no ``client`` is given.
            user_id: whose memories; at least one of the three ids is needed, here or in ``context``.
            agent_id: which agent's memories.
            run_id: which run's memories.
            context: the three ids in one dict.
            session_id: which conversation; left out, ``run_id``, else the user's one conversation.
            client: an open memory, which stays with whoever opened it. A ``Memory`` serves all callers, an
                ``AsyncMemory`` awaiting ones only.
            config: how to open a memory, as for ``Memory.from_config``; one that is open already by the same
                configuration is shared. Left out together with ``client``, as ``Memory()``. Beside ``client``, how to
                open it again in another process.
            embedder: the application's embedding model, for a memory that is opened here.
            chat_store: where the messages are kept; left out, beside the memory, where they survive restarts.
            chat_store_key: the conversation's key in ``chat_store``; left out, one made of the ids.
            token_limit: what ``get`` gives at most; left out, three quarters of ``llm``'s context window.
            tokenizer_fn: cuts a text into tokens; left out, LlamaIndex's global tokenizer.
            settings: other attributes of this class.

        Raises:
            ValidationError: an id is missing or empty, or an argument has no meaning beside another.
            ConfigError: the configuration is wrong.
            StoreError: or one of its kinds: the store cannot be opened.
        """
        scope = read_scope(user_id, agent_id, run_id, context)
        require_scope(scope, cls.__name__)
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
        """Make a memory that opens its store as configured.

        Args:
            config: as for ``mem0milvus.Memory.from_config``.
            options: as for ``from_defaults``.

        Raises:
            Mem0MilvusError: what ``from_defaults`` raises.
        """
        return cls.from_defaults(config=config, **options)

    @classmethod
    def from_client(cls, client: Memory | AsyncMemory, **options: Any) -> Self:
        """Make a memory over one that is open, which stays with whoever opened it.

        Args:
            client: the open memory.
            options: as for ``from_defaults``.

        Raises:
            Mem0MilvusError: what ``from_defaults`` raises.
        """
        return cls.from_defaults(client=client, **options)

    def get(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        """The newest messages, with the memories that the question is about in the one system message.

        Args:
            input: the question; left out, the last user message.
            kwargs: ``initial_token_count``, the tokens that the prompt has beside; others are not looked at.

        Raises:
            StoreError: the buffer cannot be read. Memories that cannot be read are left out, and that is logged.
        """
        return self._run(partial(self._get, input, kwargs.get("initial_token_count") or 0))

    async def aget(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        """See ``get``."""
        messages = await self._arun(partial(self._get, input, kwargs.get("initial_token_count") or 0))
        return [messages[0], *messages] if await drops_system_message(messages) else messages

    def get_all(self) -> list[ChatMessage]:
        """All messages of the conversation, without memories."""
        return self._run(lambda ports: ports.buffer.read_all())

    async def aget_all(self) -> list[ChatMessage]:
        """See ``get_all``."""
        return await self._arun(lambda ports: ports.buffer.read_all())

    def put(self, message: ChatMessage) -> None:
        """Add a message. When it completes an exchange, memories are made of that in the background.

        Raises:
            StoreError: the message cannot be stored. A failure to remember is logged.
        """
        self.put_messages([message])

    async def aput(self, message: ChatMessage) -> None:
        """See ``put``."""
        await self.aput_messages([message])

    def put_messages(self, messages: Sequence[ChatMessage]) -> None:
        """Add messages. What they complete to exchanges is looked at once, together."""
        self._run(partial(self._put, messages))

    async def aput_messages(self, messages: Sequence[ChatMessage]) -> None:
        """See ``put_messages``."""
        await self._arun(partial(self._put, messages))

    def set(self, messages: Sequence[ChatMessage]) -> None:
        """Let these be the messages of the conversation. No memories are made of them: that is what ``put`` does."""
        self._run(lambda ports: ports.buffer.replace(messages))

    async def aset(self, messages: Sequence[ChatMessage]) -> None:
        """See ``set``."""
        await self._arun(lambda ports: ports.buffer.replace(messages))

    def reset(self, long_term: bool = False) -> None:
        """Forget the conversation's messages.

        Args:
            long_term: also delete the memories of the scope: of the user, in all conversations.
        """
        self._run(partial(self._reset, long_term))

    async def areset(self, long_term: bool = False) -> None:
        """See ``reset``."""
        await self._arun(partial(self._reset, long_term))

    async def _get(self, asked: str | ChatMessage | None, initial_tokens: int, ports: Ports) -> list[ChatMessage]:
        limit = self.token_limit - initial_tokens
        window = await ports.buffer.read_latest(lambda messages: count_tokens(messages, self.tokenizer_fn) > limit)
        given = text_of(asked) if isinstance(asked, ChatMessage) else asked
        question = given if given and given.strip() else last_question(window.messages)
        recall = Recall(self.top_k, self.threshold, self.filters)
        found = await recall.find(ports.memory, question, self._scope)
        return self._fit(window.messages, without_echo(found, question, window.messages), limit)

    def _fit(self, messages: list[ChatMessage], memories: Sequence[Mapping[str, Any]], limit: int) -> list[ChatMessage]:
        """What comes first when there is not room for all: the current turn, then memories, then older turns."""
        system, conversation = split_system(messages)
        left = limit - count_tokens(system, self.tokenizer_fn)
        room = left - count_tokens(current_turn(conversation), self.tokenizer_fn)
        options: dict[str, Any] = {} if self.heading is None else {"heading": self.heading}
        block = render_memories(
            memories,
            max_tokens=max(0, min(self.max_memory_tokens, room)),
            count_tokens=self._count,
            **options,
        )
        turns = latest_turns(conversation, left - self._count(block), self.tokenizer_fn)
        kept = {id(message) for message in (*system, *turns)}
        return with_system_text([message for message in messages if id(message) in kept], block)

    async def _put(self, messages: Sequence[ChatMessage], ports: Ports) -> None:
        before: list[ChatMessage] = []
        if any(map(ends_exchange, messages)):
            before = (await ports.buffer.read_latest(lambda there: any(map(ends_exchange, there)))).messages
        exchange = finished_exchange(before, messages)
        await ports.buffer.append(messages)
        keep = Keep(infer=self.infer, metadata=self.metadata)
        await keep.add(ports.memory, worth_keeping(exchange), self._scope)

    async def _reset(self, long_term: bool, ports: Ports) -> None:
        await ports.buffer.clear()
        if long_term:
            await ports.memory.flush()  # what is on its way would come back otherwise
            ids: dict[str, Any] = dict(self._scope)
            await ports.memory.delete_all(**ids)

    def _count(self, text: str) -> int:
        return len(self.tokenizer_fn(text))


def _default_session(scope: Scope, chat_store: ChatStore | None) -> str:
    """Two users who share a chat store must not share a conversation."""
    if chat_store is not None:
        return ",".join(f"{name}={value}" for name, value in scope.items())
    return scope.get("run_id", DEFAULT_CHAT_STORE_KEY)


def _limit_of(llm: LLM | mem0milvus.LLM | None) -> int:
    window = getattr(getattr(llm, "metadata", None), "context_window", None)
    return int(window * WINDOW_SHARE) if window else DEFAULT_TOKEN_LIMIT
