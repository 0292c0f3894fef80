"""``Mem0MilvusMemory``: the memory of LangChain's chains, ``LLMChain``, ``ConversationChain`` and ``AgentExecutor``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import SystemMessage, get_buffer_string
from langchain_core.prompts import PromptTemplate, StringPromptTemplate
from pydantic import ConfigDict, Field, PrivateAttr, field_validator
from typing_extensions import override

from langchain_mem0milvus.buffer import Buffer, Turn
from langchain_mem0milvus.scope import ScopeReader
from langchain_mem0milvus.texts import text_of
from mem0milvus import (
    DEFAULT_INJECTION_THRESHOLD,
    AsyncMemory,
    CountTokens,
    Faces,
    Keep,
    Memory,
    OnError,
    Recall,
    SearchItem,
    ValidationError,
    estimate_tokens,
    render_memories,
)

logger = logging.getLogger(__name__)

#: The last turns that ``include_buffer=True`` shows.
DEFAULT_BUFFER_TURNS = 5


class Mem0MilvusMemory(BaseMemory):
    """What a chain remembers: before each call it finds what is relevant, after each call it keeps what was said.

    Whose memories they are is fixed at construction (``user_id``, ``agent_id``, ``run_id``) or, where ``user_id`` is
    not, read from each call's inputs, ``chain.invoke({"input": …, "user_id": "alice"})``: one object serves many users.
    A call without the input is refused.

    A failing model or store costs no answer: it is logged, and a turn that could not be extracted is kept as it is and
    extracted later (``Memory.process_pending``). ``on_error="raise"`` is for those who want to know at once.

    Attributes:
        memory: an open ``Memory``; an ``AsyncMemory`` serves chains that are only awaited. Whoever opened it closes it.
        user_id: whose memories, for every call.
        agent_id: which agent's.
        run_id: which conversation's.
        scope_keys: for each id that is read from the inputs, the name of its input, as in
            ``{"user_id": "customer"}``; left out, ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        memory_key: the variable of the chain's prompt.
        input_key: the input that holds what the user said; left out, the only one that is neither the memory's nor an
            id.
        output_key: the output that holds the answer; left out, the only one, or ``output``.
        return_messages: give messages, for a ``MessagesPlaceholder``, and not a text.
        human_prefix: the user's name in the text of the last turns.
        ai_prefix: the model's.
        top_k: the most memories in a prompt.
        threshold: the least relevance of a memory, 0 to 1; None to cut nothing.
        filters: conditions on memories, as for ``Memory.search``.
        max_tokens: what memories may take of a prompt.
        count_tokens: the tokens of a text; left out, an estimate that is rather too high.
        memory_prompt: a template with the variable ``{memories}``, or its text. It is used only where there are any.
        include_buffer: how many of the last turns stand after the memories; True for five, 0 or False for none. They
            are stored, so they are there after a restart, and each scope has its own.
        infer: keep what is worth remembering (by the memory's language model, or by rules), or each message as it is.
        background: whether that happens after the chain has answered; ``memory.flush()`` waits for it.
        metadata: kept with each memory.
        on_error: ``"log"`` or ``"raise"``.

    Raises:
        ValidationError: from each call whose inputs do not tell whose memories are meant, or what the user said.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Memory | AsyncMemory = Field(exclude=True, repr=False)
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    scope_keys: dict[str, str] | None = None
    memory_key: str = "history"
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    top_k: int = 5
    threshold: float | None = DEFAULT_INJECTION_THRESHOLD
    filters: dict[str, Any] | None = None
    max_tokens: int = 1_000
    count_tokens: CountTokens = Field(default=estimate_tokens, exclude=True, repr=False)
    memory_prompt: StringPromptTemplate = PromptTemplate.from_template("{memories}")
    include_buffer: int = Field(default=0, ge=0)
    infer: bool = True
    background: bool = False
    metadata: dict[str, Any] | None = None
    on_error: OnError = "log"

    _opened: Faces = PrivateAttr()

    @field_validator("memory_prompt", mode="before")
    @classmethod
    def _read_prompt(cls, given: object) -> object:
        prompt = PromptTemplate.from_template(given) if isinstance(given, str) else given
        if isinstance(prompt, StringPromptTemplate) and prompt.input_variables != ["memories"]:
            raise ValueError(f"memory_prompt has the variables {prompt.input_variables}; it takes {{memories}} alone.")
        return prompt

    @field_validator("include_buffer", mode="before")
    @classmethod
    def _read_turns(cls, given: object) -> object:
        return DEFAULT_BUFFER_TURNS * given if isinstance(given, bool) else given

    @override
    def model_post_init(self, context: Any, /) -> None:
        self._opened = Faces(self.memory)
        _ = self._scope  # what is wrong with it is told now

    @property
    @override
    def memory_variables(self) -> list[str]:
        """The one variable that is filled: ``memory_key``."""
        return [self.memory_key]

    @override
    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What is remembered about what the user says, for the prompt.

        Returns:
            Under ``memory_key`` a text, or with ``return_messages`` a list of messages: empty where nothing relevant is
            known and there are no last turns.

        Raises:
            ValidationError: the inputs do not tell whose memories, or what the user said.
            StoreError: the store failed, with ``on_error="raise"``.
            EmbeddingError: the embedding model failed, with ``on_error="raise"``.
        """
        question, scope = self._read_inputs(inputs)
        turns = buffer.last(scope, self.on_error) if (buffer := self._buffer) else []
        found = self._faces.run(lambda memory: self._recall.find(memory, question, scope))
        return self._variables(found, turns)

    @override
    async def aload_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """As ``load_memory_variables``."""
        question, scope = self._read_inputs(inputs)
        turns = await buffer.alast(scope, self.on_error) if (buffer := self._buffer) else []
        found = await self._faces.arun(lambda memory: self._recall.find(memory, question, scope))
        return self._variables(found, turns)

    @override
    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Keep what the user said and what the chain answered, and nothing else of the inputs and outputs.

        Raises:
            ValidationError: the inputs do not tell whose memories, or what the user said.
            Mem0MilvusError: something failed, with ``on_error="raise"``.
        """
        turn, scope = self._read_turn(inputs, outputs)
        if buffer := self._buffer:
            buffer.append(scope, turn, self.on_error)
        self._faces.run(lambda memory: self._keep.add(memory, turn.said(), scope))

    @override
    async def asave_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """As ``save_context``."""
        turn, scope = self._read_turn(inputs, outputs)
        if buffer := self._buffer:
            await buffer.aappend(scope, turn, self.on_error)
        await self._faces.arun(lambda memory: self._keep.add(memory, turn.said(), scope))

    @override
    def clear(self) -> None:
        """Delete all memories and last turns of the fixed scope. Their history stays, as with ``Memory.delete_all``.

        Raises:
            ValidationError: the scope is read from each call, so it is not known whose memories are meant.
            StoreError: Milvus failed.
        """
        scope = self._fixed_scope()
        if buffer := self._buffer:
            buffer.clear(scope)
        self._faces.run(lambda memory: memory.delete_all(**scope))

    @override
    async def aclear(self) -> None:
        """As ``clear``."""
        scope = self._fixed_scope()
        if buffer := self._buffer:
            await buffer.aclear(scope)
        await self._faces.arun(lambda memory: memory.delete_all(**scope))

    # Fields may be set later, and a copy may have others, so what is made of them is not kept.

    @property
    def _faces(self) -> Faces:
        if self._opened.memory is not self.memory:
            self._opened = Faces(self.memory)
        return self._opened

    @property
    def _scope(self) -> ScopeReader:
        ids = {"user_id": self.user_id, "agent_id": self.agent_id, "run_id": self.run_id}
        return ScopeReader.of(ids, self.scope_keys, where="The chain's input")

    @property
    def _buffer(self) -> Buffer | None:
        return Buffer(self._faces.records(), self.include_buffer) if self.include_buffer else None

    @property
    def _recall(self) -> Recall:
        return Recall(self.top_k, self.threshold, self.filters, self.on_error)

    @property
    def _keep(self) -> Keep:
        return Keep(infer=self.infer, background=self.background, metadata=self.metadata, on_error=self.on_error)

    def _fixed_scope(self) -> dict[str, Any]:
        if not self._scope.is_fixed:
            raise ValidationError(
                "Whose memories are to be cleared? They are many users', told by each call's inputs: use "
                "memory.delete_all(user_id=…) of the Memory itself."
            )
        return self._scope.read()

    def _read_inputs(self, inputs: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """What the user said, and whose memories are meant."""
        key = self.input_key or self._only_input(inputs)
        if key not in inputs:
            raise ValidationError(f"input_key is {key!r}, and the inputs are {sorted(inputs)}.")
        return text_of(inputs[key]), self._scope.read(inputs)

    def _only_input(self, inputs: Mapping[str, Any]) -> str:
        # LangChain's own memories pass over "stop" as well: it tells the model where to end.
        given = sorted(set(inputs) - {self.memory_key, "stop", *self._scope.named})
        if len(given) != 1:
            raise ValidationError(f"Which input did the user say? There are {given}: name it with input_key=.")
        return given[0]

    def _read_turn(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[Turn, dict[str, str]]:
        asked, scope = self._read_inputs(inputs)
        return Turn(asked, self._answer(outputs)), scope

    def _answer(self, outputs: Mapping[str, Any]) -> str:
        key = self.output_key or (next(iter(outputs)) if len(outputs) == 1 else "output")
        if key in outputs:
            return text_of(outputs[key])
        # The answer exists and must reach the user, so this is not raised where failures are not.
        message = f"Which output is the answer? There are {sorted(outputs)}: name it with output_key=."
        if self.on_error == "raise":
            raise ValidationError(message)
        logger.warning("The answer of a turn is not kept. %s", message)
        return ""

    def _variables(self, found: Sequence[SearchItem], turns: Sequence[Turn]) -> dict[str, Any]:
        shown = {text for turn in turns for text in (turn.asked, turn.answered)}
        fresh = [memory for memory in found if memory["memory"] not in shown]
        block = render_memories(fresh, max_tokens=self.max_tokens, count_tokens=self.count_tokens)
        recalled = self.memory_prompt.format(memories=block) if block else ""
        spoken = [message for turn in turns for message in turn.messages()]
        if self.return_messages:
            return {self.memory_key: [*([SystemMessage(recalled)] if recalled else []), *spoken]}
        buffer = get_buffer_string(spoken, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)
        return {self.memory_key: "\n\n".join(filter(None, (recalled, buffer)))}
