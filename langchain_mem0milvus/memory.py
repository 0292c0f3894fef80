"""``Mem0MilvusMemory``: the memory of LangChain's chains, ``LLMChain``, ``ConversationChain`` and ``AgentExecutor``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import SystemMessage, get_buffer_string
from langchain_core.prompts import PromptTemplate, StringPromptTemplate
from pydantic import ConfigDict, Field, field_validator
from typing_extensions import override

from langchain_mem0milvus.message_text import text_of
from langchain_mem0milvus.recent_turns import RecentTurns, Turn
from langchain_mem0milvus.scope import ScopedModel
from mem0milvus import (
    DEFAULT_INJECTION_THRESHOLD,
    AsyncMemory,
    CountTokens,
    Keep,
    OnError,
    Recall,
    RecordFaces,
    SearchItem,
    ValidationError,
    estimate_tokens,
    render_memories,
)

logger = logging.getLogger(__name__)

#: The number of last turns with ``include_buffer=True``.
DEFAULT_BUFFER_TURNS = 5


class Mem0MilvusMemory(ScopedModel, BaseMemory):
    """Long-term memory of a chain: relevant memories before each call, storage of the turn after it.

    The scope is fixed at construction (``user_id``, ``agent_id``, ``run_id``) or, if ``user_id`` is not, read from each
    call's inputs, ``chain.invoke({"input": …, "user_id": "alice"})``, so that one object serves many users. A call
    without the user's id is refused.

    If a model or the store fails, the failure is logged and the chain still answers. A turn whose extraction failed is
    stored pending and extracted later (``Memory.process_pending``). With ``on_error="raise"`` failures are raised.

        >>> chain = ConversationChain(llm=llm, memory=Mem0MilvusMemory(memory=memory, include_buffer=3))
        >>> chain.invoke({"input": "My bicycle is red.", "user_id": "alice"})

    Attributes:
        memory: an open ``Memory``, or an ``AsyncMemory`` for chains that are only called async. Its opener closes it.
        user_id: the user of every call.
        agent_id: the agent of every call.
        run_id: the conversation of every call.
        scope_keys: the name of the input from which each id is read, as in ``{"user_id": "customer"}``; by default
            ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        memory_key: the variable of the chain's prompt.
        input_key: the input with the user's text; by default, the only one that is neither the memory's nor an id.
        output_key: the output with the answer; by default, the only one, or ``output``.
        return_messages: fill the variable with messages, for a ``MessagesPlaceholder``, rather than with text.
        human_prefix: the user's name in the text of the last turns.
        ai_prefix: the model's name in the text of the last turns.
        top_k: the maximum number of memories in a prompt.
        threshold: the minimum relevance of a memory in a prompt, 0 to 1; None sets no minimum.
        filters: conditions on memories, as for ``Memory.search``.
        max_tokens: the maximum number of tokens that memories take in a prompt.
        count_tokens: counts the tokens of a text; by default, an estimate that errs on the high side.
        memory_prompt: a template with the variable ``{memories}``, or its text. It is used only if there are memories.
        include_buffer: the number of last turns after the memories; True for five, 0 or False for none. They are
            stored for each scope, so they survive a restart.
        infer: extract memories from a turn (with the memory's language model, or by rules); False stores each message
            verbatim.
        background: extract after the chain has answered; ``memory.flush()`` waits for it.
        metadata: stored with each memory.
        on_error: ``"log"`` or ``"raise"``.

    Raises:
        ValidationError: in each call whose inputs lack the user's id or the user's text.
    """

    model_config = ConfigDict(extra="forbid")  # LangChain's base class would ignore a misspelled argument
    _where = "the chain's input"

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

    @property
    @override
    def memory_variables(self) -> list[str]:
        """The prompt variable that is filled: ``memory_key``."""
        return [self.memory_key]

    @override
    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the memories that are relevant to the user's text, and the last turns, for the prompt.

            >>> remembers.load_memory_variables({"input": "Which colour is my bicycle?", "user_id": "alice"})
            {'history': '<memories>…</memories>'}

        Returns:
            Under ``memory_key`` a text, or with ``return_messages`` a list of messages: empty if no memory is relevant
            and there are no last turns.

        Raises:
            ValidationError: the inputs lack the user's id or the user's text.
            StoreError: the store failed, with ``on_error="raise"``.
            EmbeddingError: the embedding model failed, with ``on_error="raise"``.
        """
        question, scope = self._read_inputs(inputs)
        turns = self._records.run(self._recent(scope).read) if self.include_buffer else []
        found = self._access.run(self._search(question, scope, turns))
        return self._variables(found, turns)

    @override
    async def aload_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        question, scope = self._read_inputs(inputs)
        turns = await self._records.arun(self._recent(scope).read) if self.include_buffer else []
        found = await self._access.arun(self._search(question, scope, turns))
        return self._variables(found, turns)

    @override
    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store the user's text and the chain's answer, and nothing else of the inputs and outputs.

            >>> remembers.save_context({"input": "My bicycle is red.", "user_id": "alice"}, {"output": "Nice."})

        Raises:
            ValidationError: the inputs lack the user's id or the user's text.
            Mem0MilvusError: any failure, with ``on_error="raise"``.
        """
        turn, scope = self._read_turn(inputs, outputs)
        if self.include_buffer:
            self._records.run(lambda records: self._recent(scope).append(records, turn))
        self._access.run(lambda memory: self._keep.add(memory, turn.to_dicts(), scope))

    @override
    async def asave_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        turn, scope = self._read_turn(inputs, outputs)
        if self.include_buffer:
            await self._records.arun(lambda records: self._recent(scope).append(records, turn))
        await self._access.arun(lambda memory: self._keep.add(memory, turn.to_dicts(), scope))

    @override
    def clear(self) -> None:
        """Delete all memories and last turns of the fixed scope. Histories stay, as with ``Memory.delete_all``.

            >>> Mem0MilvusMemory(memory=memory, user_id="alice").clear()

        Raises:
            ValidationError: the scope is read from each call, so ``clear`` does not know the user.
            StoreError: Milvus failed.
        """
        scope = self._fixed_scope()
        if self.include_buffer:
            self._records.run(self._recent(scope).clear)
        self._access.run(lambda memory: memory.delete_all(**scope))

    @override
    async def aclear(self) -> None:
        scope = self._fixed_scope()
        if self.include_buffer:
            await self._records.arun(self._recent(scope).clear)
        await self._access.arun(lambda memory: memory.delete_all(**scope))

    @property
    def _records(self) -> RecordFaces:
        return self._access.records()

    @property
    def _recall(self) -> Recall:
        return Recall(self.top_k, self.threshold, self.filters, self.on_error)

    @property
    def _keep(self) -> Keep:
        return Keep(infer=self.infer, background=self.background, metadata=self.metadata, on_error=self.on_error)

    def _recent(self, scope: Mapping[str, str]) -> RecentTurns:
        return RecentTurns(scope, self.include_buffer, self.on_error)

    def _fixed_scope(self) -> dict[str, Any]:
        if self._scope.keys:
            raise ValidationError(
                "clear() does not know whose memories to delete: each call's inputs name the user. Use "
                "memory.delete_all(user_id=…) of the Memory itself."
            )
        return self._scope.read()

    def _read_inputs(self, inputs: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """Return the user's text and the scope."""
        key = self.input_key or self._only_input(inputs)
        if key not in inputs:
            raise ValidationError(f"input_key is {key!r}, and the inputs are {sorted(inputs)}.")
        return text_of(inputs[key]), self._scope.read(inputs)

    def _only_input(self, inputs: Mapping[str, Any]) -> str:
        # ``inputs`` of save_context already hold the memory's variable (langchain-classic 1.0.8 merges it in before the
        # call). Like LangChain's own memories, skip "stop", the list of words at which the model ends its answer.
        ids = {*self._scope.keys.values(), *self._scope.watched.values()}
        given = sorted(set(inputs) - {self.memory_key, "stop", *ids})
        if len(given) != 1:
            raise ValidationError(f"input_key= is needed: the inputs {given} do not show which one is the user's text.")
        return given[0]

    def _read_turn(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[Turn, dict[str, str]]:
        asked, scope = self._read_inputs(inputs)
        return Turn(asked, self._answer(outputs)), scope

    def _answer(self, outputs: Mapping[str, Any]) -> str:
        key = self.output_key or (next(iter(outputs)) if len(outputs) == 1 else "output")
        if key in outputs:
            return text_of(outputs[key])
        # The model has answered already. An exception here would fail the call and lose the answer: Chain.invoke saves
        # the context before it returns (langchain-classic 1.0.8).
        message = f"output_key= is needed: the outputs {sorted(outputs)} do not show which one is the answer."
        if self.on_error == "raise":
            raise ValidationError(message)
        logger.warning("The answer of a turn is not stored. %s", message)
        return ""

    def _search(
        self, question: str, scope: Mapping[str, str], turns: Sequence[Turn]
    ) -> Callable[[AsyncMemory], Coroutine[Any, Any, Sequence[SearchItem]]]:
        before = [turn.asked for turn in turns]
        shown = [text for turn in turns for text in (turn.asked, turn.answered)]
        return lambda memory: self._recall.find(memory, question, scope, before=before, shown=shown)

    def _variables(self, found: Sequence[SearchItem], turns: Sequence[Turn]) -> dict[str, Any]:
        block = render_memories(found, max_tokens=self.max_tokens, count_tokens=self.count_tokens)
        recalled = self.memory_prompt.format(memories=block) if block else ""
        messages = [message for turn in turns for message in turn.to_messages()]
        if self.return_messages:
            return {self.memory_key: [*([SystemMessage(recalled)] if recalled else []), *messages]}
        buffer = get_buffer_string(messages, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)
        return {self.memory_key: "\n\n".join(filter(None, (recalled, buffer)))}
