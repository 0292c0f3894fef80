"""``Mem0MilvusMiddleware``: long-term memory for agents made by ``langchain.agents.create_agent``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelCallResult,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain_core.messages import AnyMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels.untracked_value import UntrackedValue
from langgraph.config import get_config
from langgraph.runtime import Runtime
from typing_extensions import NotRequired, override

from langchain_mem0milvus.run_texts import RunTexts
from langchain_mem0milvus.scope import ScopeFunction, ScopeReader
from langchain_mem0milvus.texts import last_exchange, last_question
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
    check_on_error,
    estimate_tokens,
    render_memories,
)

logger = logging.getLogger(__name__)


class MemoryState(AgentState[Any]):
    """What the middleware keeps during a run: for the name of each instance, the key of what it recalled.

    The memories themselves are not part of the state, so that none is left over in checkpoints or streams when it is
    forgotten in the store.
    """

    recalled_memories: NotRequired[Annotated[dict[str, str], UntrackedValue, PrivateStateAttr]]


class Mem0MilvusMiddleware(AgentMiddleware[MemoryState, Any, Any]):
    """Gives an agent long-term memory: it recalls before a run and remembers after it.

    Once a run, what is relevant to the user's message is looked up. It is added to the end of the system message of
    each call of the model, and to nothing that is kept. After the run, what the user said and the final answer are
    stored, in the background; ``memory.flush()`` waits for it, and ``memory.close()`` does so too.

    Whose memories they are is fixed at construction, or read from each run's context (``agent.invoke(…,
    context={"user_id": "alice"})``) or its configuration (``{"configurable": {"user_id": "alice"}}``), or told by a
    function. A run that tells no user is refused, and so is one that tells two.

    A failing model or store costs no answer: it is logged. Several instances may stand in one agent, each with its own
    ``name``. A middleware that replaces the system message, as ``dynamic_prompt`` does, must stand before this one.

    Args:
        memory: an open ``Memory``; an ``AsyncMemory`` serves agents that are only awaited. Whoever opened it closes it.
        user_id: whose memories, for every run.
        agent_id: which agent's.
        run_id: which conversation's. Left out, a user's conversations share their memories.
        scope_keys: for each id that is read from the context or configuration, its name there, as in ``{"user_id":
            "customer", "run_id": "thread_id"}``; left out, ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        scope: a function that is given the ``Runtime`` and gives the ids, as in ``{"user_id": "alice"}``.
        top_k: the most memories in a prompt.
        threshold: the least relevance of a memory, 0 to 1; None to cut nothing.
        filters: conditions on memories, as for ``Memory.search``.
        max_tokens: what memories may take of a prompt.
        count_tokens: the tokens of a text; left out, an estimate that is rather too high.
        heading: what tells the model what the memories are; left out, the usual text.
        infer: keep what is worth remembering (by the memory's language model, or by rules), or each message as it is.
        background: whether extraction happens after the run has ended. Messages kept as they are, are kept at once.
        metadata: kept with each memory.
        on_error: ``"log"`` or ``"raise"``.
        name: tells instances in one agent apart.

    Raises:
        ValidationError: an argument is wrong.
    """

    state_schema = MemoryState

    def __init__(
        self,
        memory: Memory | AsyncMemory,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        scope_keys: Mapping[str, str] | None = None,
        scope: ScopeFunction | None = None,
        top_k: int = 5,
        threshold: float | None = DEFAULT_INJECTION_THRESHOLD,
        filters: Mapping[str, Any] | None = None,
        max_tokens: int = 1_000,
        count_tokens: CountTokens = estimate_tokens,
        heading: str | None = None,
        infer: bool = True,
        background: bool = True,
        metadata: Mapping[str, Any] | None = None,
        on_error: OnError = "log",
        name: str | None = None,
    ) -> None:
        super().__init__()
        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        self._faces = Faces(memory)
        self._scope = ScopeReader.of(ids, scope_keys, where="The run's context or configuration", function=scope)
        self._recall = Recall(top_k, threshold, filters, check_on_error(on_error))
        self._keep = Keep(infer=infer, background=background, metadata=metadata, on_error=on_error)
        rendering: dict[str, Any] = {"max_tokens": max_tokens, "count_tokens": count_tokens}
        if heading is not None:
            rendering["heading"] = heading
        self._render: Callable[[Sequence[SearchItem]], str] = partial(render_memories, **rendering)
        self._name = name or type(self).__name__
        self._recalled = RunTexts()

    @property
    @override
    def name(self) -> str:
        """What tells this instance from others in one agent."""
        return self._name

    @override
    def before_agent(  # type: ignore[override]  # LangGraph fills in parameters by their names
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> dict[str, Any]:
        """Recall what is relevant to what the user said last.

        Raises:
            ValidationError: it is not known whose memories are meant, or an argument of this instance is wrong.
            StoreError: the store failed, with ``on_error="raise"``; or an ``AsyncMemory`` cannot be blocked on.
            EmbeddingError: the embedding model failed, with ``on_error="raise"``.
        """
        scope = self._read_scope(runtime, config)
        return self._update(state, self._faces.run(lambda memory: self._block(memory, state["messages"], scope)))

    @override
    async def abefore_agent(  # type: ignore[override]
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> dict[str, Any]:
        """As ``before_agent``."""
        scope = self._read_scope(runtime, config)
        return self._update(state, await self._faces.arun(lambda memory: self._block(memory, state["messages"], scope)))

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelCallResult[Any]:
        """Add what was recalled to the system message of one call of the model.

        A run that goes on from a checkpoint, perhaps in another process, recalls anew.
        """
        block = self._recalled.get(self._key(request.state))
        if block is None and (scope := self._scope_going_on(request.runtime)):
            block = self._faces.run(lambda memory: self._block(memory, request.messages, scope))
        return handler(_with_memories(request, block or ""))

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelCallResult[Any]:
        """As ``wrap_model_call``."""
        block = self._recalled.get(self._key(request.state))
        if block is None and (scope := self._scope_going_on(request.runtime)):
            block = await self._faces.arun(lambda memory: self._block(memory, request.messages, scope))
        return await handler(_with_memories(request, block or ""))

    @override
    def after_agent(  # type: ignore[override]
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> None:
        """Keep what the user said last and the final answer.

        Raises:
            ValidationError: it is not known whose memories are meant.
            Mem0MilvusError: something failed, with ``on_error="raise"``.
        """
        self._recalled.drop(self._key(state))
        scope = self._read_scope(runtime, config)
        self._faces.run(lambda memory: self._keep.add(memory, last_exchange(state["messages"]), scope))

    @override
    async def aafter_agent(  # type: ignore[override]
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> None:
        """As ``after_agent``."""
        self._recalled.drop(self._key(state))
        scope = self._read_scope(runtime, config)
        await self._faces.arun(lambda memory: self._keep.add(memory, last_exchange(state["messages"]), scope))

    def _read_scope(self, runtime: Runtime[Any], config: RunnableConfig) -> dict[str, str]:
        if self._scope.function is not None:
            return self._scope.read(runtime)
        return self._scope.read(runtime.context, config.get("configurable"))

    def _scope_going_on(self, runtime: Runtime[Any]) -> dict[str, str]:
        """The scope of a run that goes on from a checkpoint; empty where this Python does not let it be known."""
        try:
            config: RunnableConfig | None = get_config()
        except RuntimeError:  # Python 3.10 does not hand it on to what is awaited
            config = None
        try:
            return self._read_scope(runtime, config or {})
        except ValidationError:
            if config is not None:
                raise
            logger.warning("A run goes on without its memories: on Python 3.10, name its user in the run's context.")
            return {}

    async def _block(self, memory: AsyncMemory, messages: list[AnyMessage], scope: Mapping[str, str]) -> str:
        """What is recalled, as text for a prompt."""
        return self._render(await self._recall.find(memory, last_question(messages), scope))

    def _update(self, state: MemoryState, block: str) -> dict[str, Any]:
        return {"recalled_memories": {**state.get("recalled_memories", {}), self.name: self._recalled.put(block)}}

    def _key(self, state: Mapping[str, Any]) -> str:
        return str(state.get("recalled_memories", {}).get(self.name, ""))


def _with_memories(request: ModelRequest[Any], block: str) -> ModelRequest[Any]:
    """The request with the memories after the system message, which stays as it is in all else."""
    system = request.system_message
    if not block or (system is not None and block in str(system.text)):
        return request
    if system is None:
        return request.override(system_message=SystemMessage(block))
    if isinstance(system.content, str):
        content: Any = f"{system.content}\n\n{block}" if system.content else block
    else:
        content = [*system.content, {"type": "text", "text": block}]
    return request.override(system_message=system.model_copy(update={"content": content}))
