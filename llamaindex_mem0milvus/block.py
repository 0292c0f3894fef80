"""``Mem0MilvusMemoryBlock``: long-term memories as a block of LlamaIndex's ``Memory``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.memory.memory import BaseMemoryBlock
from llama_index.core.utils import get_tokenizer
from typing_extensions import override

from llamaindex_mem0milvus.messages import asked_before, last_question, text_of, to_dicts
from llamaindex_mem0milvus.scope import Scope, read_scope
from mem0milvus import (
    DEFAULT_INJECTION_THRESHOLD,
    AsyncMemory,
    Faces,
    Keep,
    Mem0MilvusError,
    Memory,
    Recall,
    RecordFaces,
    ValidationError,
    log_failure,
    render_memories,
)

#: The key of ``additional_kwargs`` in which ``BaseMemoryBlock.aput`` marks a message with its session.
_SESSION = "session_id"

#: The beginning of each line of ``render_memories`` that holds a memory.
_MEMORY_LINE = "- "

#: The most digests of a conversation. LlamaIndex's ``Memory`` flushes a conversation before it is longer.
MOST_DIGESTS = 1_000

#: The key of the record of digests, in the conversation's namespace.
_RECORD_KEY = "stored"


class Mem0MilvusMemoryBlock(BaseMemoryBlock[str]):
    """Long-term memories of a user or a session, for ``Memory.from_defaults(memory_blocks=[…])``.

    ``Memory`` shows the conversation to a block whenever it is read, but passes messages to it only when they overflow
    the buffer, by default after 21,000 tokens. ``store="turns"`` stores each message when it is first shown.

    One block may serve many sessions at once, because the session is an argument of each call.

        >>> block = Mem0MilvusMemoryBlock(memory=memory, user_id="alice", store="turns")
        >>> chat_memory = ChatMemory.from_defaults(session_id="monday", memory_blocks=[block])

    Attributes:
        memory: an open ``Memory`` or ``AsyncMemory``. Its opener closes it.
        user_id: the id of the user. With an id, all sessions share the memories.
        agent_id: the id of the agent.
        run_id: the id of the conversation.
        per_session: keep the memories of each session apart, with its ``session_id`` as ``run_id``; by default, only if
            no id is given.
        store: the messages that are stored: those that overflow the buffer (``overflow``) or all (``turns``).
        infer: extract memories from the messages; False stores each message verbatim.
        top_k: the maximum number of memories in a prompt.
        threshold: the minimum relevance of a memory in a prompt, 0 to 1; None sets no minimum.
        max_tokens: the maximum number of tokens that memories take in a prompt.
        tokenizer_fn: splits a text into tokens; by default, LlamaIndex's global tokenizer.

    Raises:
        ValueError: a field or an id is invalid, or ``per_session`` leaves no scope (pydantic's own error).
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    name: str = "long_term_memory"
    description: str | None = "What is remembered from earlier conversations."
    priority: int = 1
    memory: Memory | AsyncMemory = Field(exclude=True, repr=False)
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    per_session: bool | None = None
    store: Literal["overflow", "turns"] = "overflow"
    infer: bool = True
    top_k: int = Field(10, gt=0)
    threshold: float | None = Field(DEFAULT_INJECTION_THRESHOLD, ge=0, le=1)
    max_tokens: int = Field(1_000, ge=0)
    tokenizer_fn: Callable[[str], Sequence[Any]] = Field(default_factory=get_tokenizer, exclude=True, repr=False)
    _access: Faces = PrivateAttr()
    _records: RecordFaces = PrivateAttr()

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        fixed = read_scope(self.user_id, self.agent_id, self.run_id)
        if self.per_session is False and not fixed:
            raise ValidationError(
                "per_session=False needs a scope: give user_id=, agent_id= or run_id=, or leave out per_session=False."
            )
        if self.per_session and self.run_id:
            raise ValidationError("per_session=True uses each session's id as run_id: leave out run_id=.")
        self._access = Faces(self.memory)
        self._records = self._access.records()

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the class in LlamaIndex's serialised form."""
        return "Mem0MilvusMemoryBlock"

    @override
    async def _aget(
        self, messages: list[ChatMessage] | None = None, session_id: str | None = None, **block_kwargs: Any
    ) -> str:
        """Return the memories that are relevant to the last user message as text, empty if there are none."""
        scope = self._scope(session_id)
        history = messages or []
        if self.store == "turns":
            await self._store_new(history, scope, session_id)
        question = last_question(history)
        recall = Recall(self.top_k, self.threshold)
        before, shown = asked_before(history, question), [text_of(message) for message in history]
        found = await self._access.arun(lambda memory: recall.find(memory, question, scope, before=before, shown=shown))
        return render_memories(found, max_tokens=self.max_tokens, count_tokens=self._count)

    @override
    async def aput(
        self, messages: list[ChatMessage], from_short_term_memory: bool = False, session_id: str | None = None
    ) -> None:
        """Store messages.

            >>> await block.aput([ChatMessage(role="user", content="I play the cello.")], session_id="monday")

        Args:
            messages: the messages. They are not changed, unlike with ``BaseMemoryBlock.aput``.
            from_short_term_memory: whether they overflow the buffer of ``Memory``.
            session_id: the id of the session.

        Raises:
            ValidationError: no id is given and ``session_id`` is missing.
        """
        if from_short_term_memory and not self.accept_short_term_memory:
            return
        await self._store(messages, session_id)

    @override
    async def _aput(self, messages: list[ChatMessage]) -> None:
        sessions: dict[str | None, list[ChatMessage]] = {}
        for message in messages:
            sessions.setdefault(message.additional_kwargs.get(_SESSION), []).append(message)
        for session_id, of_session in sessions.items():
            await self._store(of_session, session_id)

    @override
    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Remove the least relevant memories from the text of ``aget``.

        Args:
            content: the text of ``aget``.
            tokens_to_truncate: the minimum number of tokens to remove.

        Returns:
            The shorter text, or None if no memory is left.
        """
        lines = content.splitlines()
        most = self._count(content) - tokens_to_truncate
        for index in reversed([index for index, line in enumerate(lines) if line.startswith(_MEMORY_LINE)]):
            del lines[index]
            shorter = "\n".join(lines)
            if self._count(shorter) <= most:
                return shorter if any(line.startswith(_MEMORY_LINE) for line in lines) else None
        return None

    def _scope(self, session_id: str | None) -> Scope:
        fixed = read_scope(self.user_id, self.agent_id, self.run_id)
        per_session = not fixed if self.per_session is None else self.per_session
        if not per_session:
            return fixed
        if not session_id:
            raise ValidationError(
                "session_id is missing: this block keeps the memories of each session apart. Give "
                "user_id= to the block, or use it in a Memory, which passes its session_id."
            )
        return {**fixed, "run_id": session_id}

    async def _store(self, messages: Sequence[ChatMessage], session_id: str | None) -> None:
        scope = self._scope(session_id)
        if self.store == "overflow":
            await self._keep(messages, scope)
            return
        stored = self._stored_messages(scope, session_id)
        await self._keep_once(await stored.not_stored(messages), scope, stored)

    async def _store_new(self, history: Sequence[ChatMessage], scope: Scope, session_id: str | None) -> None:
        """Store the messages since the last call up to the newest user message; its answer is stored by the next."""
        stored = self._stored_messages(scope, session_id)
        ends = [index for index, message in enumerate(history) if message.role == MessageRole.USER]
        to_last_question = history[: ends[-1] + 1] if ends else []
        try:
            await self._keep_once(await stored.after_stored(to_last_question), scope, stored)
        except Mem0MilvusError as error:
            log_failure("A turn could not be stored", error)

    async def _keep_once(self, messages: Sequence[ChatMessage], scope: Scope, stored: StoredMessages) -> None:
        if messages:
            await self._keep(messages, scope)
            await stored.add(messages)

    async def _keep(self, messages: Sequence[ChatMessage], scope: Scope) -> None:
        keep = Keep(infer=self.infer)
        await self._access.arun(lambda memory: keep.add(memory, to_dicts(messages), scope))

    def _stored_messages(self, scope: Scope, session_id: str | None) -> StoredMessages:
        ids = [f"{name}={value}" for name, value in scope.items()]
        return StoredMessages(self._records, ("llamaindex-block", *ids, session_id or "-"))

    def _count(self, text: str) -> int:
        return len(self.tokenizer_fn(text))


def _digest(message: ChatMessage) -> str:
    """Return 16 hexadecimal digits that identify a message by its role and text."""
    return hashlib.sha256(f"{message.role.value}\0{text_of(message)}".encode()).hexdigest()[:16]


class StoredMessages:
    """The digests of the stored messages of one conversation, in a record beside the memory."""

    def __init__(self, records: RecordFaces, namespace: tuple[str, ...]) -> None:
        self._records = records
        self._namespace = namespace

    async def after_stored(self, history: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages of a conversation after those that are stored. Its beginning may be missing."""
        known = await self._read()
        digests = [_digest(message) for message in history]
        for index in range(len(history) - 1, -1, -1):
            pairs = zip(reversed(digests[: index + 1]), reversed(known), strict=False)
            if known and all(one == other for one, other in pairs):
                return list(history[index + 1 :])
        return list(history)

    async def not_stored(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages that were never stored."""
        known = set(await self._read())
        return [message for message in messages if _digest(message) not in known]

    async def add(self, messages: Sequence[ChatMessage]) -> None:
        """Store the digests of messages."""
        digests = [*await self._read(), *map(_digest, messages)][-MOST_DIGESTS:]
        await self._records.arun(lambda records: records.put(self._namespace, _RECORD_KEY, {"digests": digests}))

    async def _read(self) -> list[str]:
        record = await self._records.arun(lambda records: records.get(self._namespace, _RECORD_KEY))
        return [] if record is None else list(record["value"]["digests"])
