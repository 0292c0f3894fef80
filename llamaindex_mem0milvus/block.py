"""``Mem0MilvusMemoryBlock``: long-term memories as a block of LlamaIndex's ``Memory``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.memory.memory import BaseMemoryBlock
from llama_index.core.utils import get_tokenizer

from llamaindex_mem0milvus.messages import last_question, without_echo, worth_keeping
from llamaindex_mem0milvus.scope import Scope, read_scope
from llamaindex_mem0milvus.turns import StoredTurns
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

#: Where ``BaseMemoryBlock.aput`` puts the session into a message.
_SESSION = "session_id"

#: How a line of ``render_memories`` begins that holds a memory.
_MEMORY_LINE = "- "


class Mem0MilvusMemoryBlock(BaseMemoryBlock[str]):
    """Memories of a user or of a session, for ``Memory.from_defaults(memory_blocks=[…])``.

    ``Memory`` shows a block the conversation each time it is read and hands over messages when they overflow its
    buffer, which by its defaults is after 21,000 tokens. ``store="turns"`` stores each turn when it is first seen.

    A block may serve many sessions at once: the session is that of each call, and none is kept from one to the next.

    Attributes:
        memory: an open memory, which stays with whoever opened it.
        user_id: whose memories. With an id given, they are the same in each session.
        agent_id: which agent's.
        run_id: which run's.
        per_session: whether each session has memories of its own, under its ``session_id`` as ``run_id``; left out,
            only where no id is given.
        store: which messages are stored: those that overflow the buffer (``overflow``) or all (``turns``).
        infer: whether what is worth remembering is extracted, or each message kept as it is.
        top_k: the most memories at once.
        threshold: the least relevance of a memory that is shown, 0 to 1; None shows ``top_k`` always.
        max_tokens: what the memories may take of a prompt.
        tokenizer_fn: cuts a text into tokens; left out, LlamaIndex's global tokenizer.

    Raises:
        ValueError: a field is wrong, an id is empty, or ``per_session`` leaves no scope (pydantic's own error).
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
    _faces: Faces = PrivateAttr()
    _records: RecordFaces = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check the scope.

        Raises:
            ValidationError: it can never be known, or a session would change a ``run_id`` that is given.
        """
        super().model_post_init(context)
        fixed = read_scope(self.user_id, self.agent_id, self.run_id)
        if self.per_session is False and not fixed:
            raise ValidationError(
                "Whose memories? Give user_id=, agent_id= or run_id=, or leave out per_session=False."
            )
        if self.per_session and self.run_id:
            raise ValidationError("per_session=True takes each session's id as run_id: leave out run_id=.")
        self._faces = Faces(self.memory)
        self._records = self._faces.records()

    @classmethod
    def class_name(cls) -> str:
        """The name in LlamaIndex's serialised form."""
        return "Mem0MilvusMemoryBlock"

    async def _aget(
        self,
        messages: list[ChatMessage] | None = None,
        session_id: str | None = None,
        **block_kwargs: Any,  # noqa: ARG002 - LlamaIndex gives more than a block needs
    ) -> str:
        """The memories that the last user message is about, as text; an empty text where there are none."""
        scope = self._scope(session_id)
        history = messages or []
        if self.store == "turns":
            await self._store_new(history, scope, session_id)
        question = last_question(history)
        recall = Recall(self.top_k, self.threshold)
        found = await self._faces.arun(lambda memory: recall.find(memory, question, scope))
        told = without_echo(found, question, history)
        return render_memories(told, max_tokens=self.max_tokens, count_tokens=self._count)

    async def aput(
        self, messages: list[ChatMessage], from_short_term_memory: bool = False, session_id: str | None = None
    ) -> None:
        """Store messages. The caller's messages stay as they are.

        Args:
            messages: the messages.
            from_short_term_memory: whether they overflow the buffer of ``Memory``.
            session_id: of which session.

        Raises:
            ValidationError: it is not known whose memories they are.
        """
        if from_short_term_memory and not self.accept_short_term_memory:
            return
        await self._store(messages, session_id)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        """Store messages that tell their session themselves, as ``BaseMemoryBlock.aput`` marks them."""
        sessions: dict[str | None, list[ChatMessage]] = {}
        for message in messages:
            sessions.setdefault(message.additional_kwargs.get(_SESSION), []).append(message)
        for session_id, of_session in sessions.items():
            await self._store(of_session, session_id)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """The memories without the least relevant ones.

        Args:
            content: what ``aget`` gave.
            tokens_to_truncate: how many tokens shorter it must be.

        Returns:
            The shorter text, or None where no memory is left.
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
                "Whose memories? This block has those of each session, and the call tells no session_id. Give user_id= "
                "to the block, or use it in a Memory, which tells its session."
            )
        return {**fixed, "run_id": session_id}

    async def _store(self, messages: Sequence[ChatMessage], session_id: str | None) -> None:
        scope = self._scope(session_id)
        if self.store == "overflow":
            await self._keep(messages, scope)
            return
        turns = self._turns(scope, session_id)
        new = await self._records.arun(lambda records: turns.unknown(records, messages))
        await self._keep_once(new, scope, turns)

    async def _store_new(self, history: Sequence[ChatMessage], scope: Scope, session_id: str | None) -> None:
        """Store what came since the last time, up to the newest user message. An answer to it comes with the next."""
        turns = self._turns(scope, session_id)
        ends = [index for index, message in enumerate(history) if message.role == MessageRole.USER]
        said = history[: ends[-1] + 1] if ends else []
        try:
            new = await self._records.arun(lambda records: turns.new(records, said))
            await self._keep_once(new, scope, turns)
        except Mem0MilvusError as error:
            log_failure("A turn could not be stored", error)

    async def _keep_once(self, messages: Sequence[ChatMessage], scope: Scope, turns: StoredTurns) -> None:
        if messages:
            await self._keep(messages, scope)
            await self._records.arun(lambda records: turns.note(records, messages))

    async def _keep(self, messages: Sequence[ChatMessage], scope: Scope) -> None:
        keep, said = Keep(infer=self.infer), worth_keeping(messages)
        await self._faces.arun(lambda memory: keep.add(memory, said, scope))

    def _turns(self, scope: Scope, session_id: str | None) -> StoredTurns:
        ids = [f"{name}={value}" for name, value in scope.items()]
        return StoredTurns(("llamaindex-block", *ids, session_id or "-"))

    def _count(self, text: str) -> int:
        return len(self.tokenizer_fn(text))
