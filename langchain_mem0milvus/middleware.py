"""``Mem0MilvusMiddleware``: long-term memory for agents made by ``langchain.agents.create_agent``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from cachetools import FIFOCache
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

from langchain_mem0milvus.message_text import asked_before, last_question, last_turn, text_of
from langchain_mem0milvus.scope import ScopeFunction, ScopeReader
from mem0milvus import (
    DEFAULT_INJECTION_THRESHOLD,
    AsyncMemory,
    CountTokens,
    Faces,
    Keep,
    Memory,
    OnError,
    Recall,
    ValidationError,
    check_on_error,
    estimate_tokens,
    render_memories,
)

logger = logging.getLogger(__name__)

#: The most texts held at once. ``after_agent`` is not called for a run whose model raised, so such a run never drops
#: its text; the oldest texts are discarded.
MOST_TEXTS = 10_000


class MemoryState(AgentState[Any]):
    """State of a run: the key of the text that each instance recalled, by the instance's name.

    The memories themselves are not part of the state: a checkpoint or stream would keep a memory after its deletion.
    """

    # UntrackedValue keeps the channel out of checkpoints, PrivateStateAttr out of the agent's input and output.
    recalled_memories: NotRequired[Annotated[dict[str, str], UntrackedValue, PrivateStateAttr]]


class Mem0MilvusMiddleware(AgentMiddleware[MemoryState, Any, Any]):
    """Long-term memory of an agent: recall before a run, storage after it.

    The memories that are relevant to the user's message are searched once for each run. They are added to the end of
    the system message of each call of the model, and to nothing that is stored. After the run, the user's message and
    the final answer are stored in the background; ``memory.flush()`` and ``memory.close()`` wait for it.

    The scope is fixed at construction, read from each run's context (``agent.invoke(…, context={"user_id": "alice"})``)
    or configuration (``{"configurable": {"user_id": "alice"}}``), or computed by a function. A run without a user's id
    is refused, and so is one with two different ids.

    If a model or the store fails, the failure is logged and the agent still answers. One agent can have several
    instances, each with its own ``name``. A middleware that replaces the system message, as ``dynamic_prompt`` does,
    must come before this one.

        >>> agent = create_agent(model, middleware=[Mem0MilvusMiddleware(memory)])
        >>> agent.invoke({"messages": [("user", "I live in Porto.")]}, context={"user_id": "alice"})

    Args:
        memory: an open ``Memory``, or an ``AsyncMemory`` for agents that are only called async. Its opener closes it.
        user_id: the user of every run.
        agent_id: the agent of every run.
        run_id: the conversation of every run. By default, a user's conversations share their memories.
        scope_keys: the key of the context or configuration from which each id is read, as in ``{"user_id": "customer",
            "run_id": "thread_id"}``; by default ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        scope: a function that takes the ``Runtime`` and returns the ids, as in ``{"user_id": "alice"}``.
        top_k: the maximum number of memories in a prompt.
        threshold: the minimum relevance of a memory in a prompt, 0 to 1; None sets no minimum.
        filters: conditions on memories, as for ``Memory.search``.
        max_tokens: the maximum number of tokens that memories take in a prompt.
        count_tokens: counts the tokens of a text; by default, an estimate that errs on the high side.
        heading: the line above the memories that tells the model what they are; by default, the library's own.
        infer: extract memories from a turn (with the memory's language model, or by rules); False stores each message
            verbatim.
        background: extract after the run has ended. Verbatim messages are always stored before it ends.
        metadata: stored with each memory.
        on_error: ``"log"`` or ``"raise"``.
        name: distinguishes instances in one agent.

    Raises:
        ValidationError: an argument is invalid.
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
        self._access = Faces(memory)
        self._scope = ScopeReader.of(ids, scope_keys, where="the run's context or configuration", function=scope)
        self._recall = Recall(top_k, threshold, filters, check_on_error(on_error))
        self._keep = Keep(infer=infer, background=background, metadata=metadata, on_error=on_error)
        self._render = partial(render_memories, max_tokens=max_tokens, count_tokens=count_tokens, heading=heading)
        self._name = name or type(self).__name__
        self._recalled = RecalledTexts()

    @property
    @override
    def name(self) -> str:
        """The name that distinguishes instances in one agent."""
        return self._name

    @override
    def before_agent(  # type: ignore[override]  # LangGraph passes ``runtime`` and ``config`` by these names
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> dict[str, Any]:
        """Recall the memories that are relevant to the user's last message.

        Raises:
            ValidationError: the user's id is missing, or an argument of this instance is invalid.
            StoreError: the store failed, with ``on_error="raise"``; or the memory is an ``AsyncMemory``.
            EmbeddingError: the embedding model failed, with ``on_error="raise"``.
        """
        return self._access.run(partial(self._begin, state, runtime, config))

    @override
    async def abefore_agent(  # type: ignore[override]
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> dict[str, Any]:
        return await self._access.arun(partial(self._begin, state, runtime, config))

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelCallResult[Any]:
        """Add the recalled memories to the system message of one call of the model.

        A run that resumes from a checkpoint, perhaps in another process, searches again.
        """
        return handler(self._access.run(partial(self._with_memories, request)))

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelCallResult[Any]:
        return await handler(await self._access.arun(partial(self._with_memories, request)))

    @override
    def after_agent(  # type: ignore[override]
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> None:
        """Store the user's last message and the final answer.

        Raises:
            ValidationError: the user's id is missing.
            Mem0MilvusError: any failure, with ``on_error="raise"``.
        """
        self._access.run(partial(self._end, state, runtime, config))

    @override
    async def aafter_agent(  # type: ignore[override]
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig
    ) -> None:
        await self._access.arun(partial(self._end, state, runtime, config))

    async def _begin(
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig, memory: AsyncMemory
    ) -> dict[str, Any]:
        block = await self._block(memory, state["messages"], self._scope.read_run(runtime, config))
        return {"recalled_memories": {**state.get("recalled_memories", {}), self.name: self._recalled.put(block)}}

    async def _with_memories(self, request: ModelRequest[Any], memory: AsyncMemory) -> ModelRequest[Any]:
        block = self._recalled.get(self._key(request.state))
        if block is None and (scope := self._scope_of_resumed_run(request.runtime)):
            block = await self._block(memory, request.messages, scope)
        return _with_block(request, block or "")

    async def _end(
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig, memory: AsyncMemory
    ) -> None:
        self._recalled.drop(self._key(state))
        await self._keep.add(memory, last_turn(state["messages"]), self._scope.read_run(runtime, config))

    def _scope_of_resumed_run(self, runtime: Runtime[Any]) -> dict[str, str]:
        """Return the scope of a run that resumes from a checkpoint; empty if it cannot be read."""
        # ``wrap_model_call`` has no ``config`` parameter, so the configuration comes from a context variable. In async
        # code on Python 3.10 it is unset: asyncio.create_task takes a context only from 3.11, and get_config raises.
        try:
            config: RunnableConfig | None = get_config()
        except RuntimeError:
            config = None
        try:
            return self._scope.read_run(runtime, config or {})
        except ValidationError:
            if config is not None:
                raise
            logger.warning("A run resumes without its memories: on Python 3.10, give the user's id in its context.")
            return {}

    async def _block(self, memory: AsyncMemory, messages: list[AnyMessage], scope: Mapping[str, str]) -> str:
        """Return the recalled memories as text for a prompt."""
        shown = [text_of(message) for message in messages]
        found = await self._recall.find(
            memory, last_question(messages), scope, before=asked_before(messages), shown=shown
        )
        return self._render(found)

    def _key(self, state: Mapping[str, Any]) -> str:
        return str(state.get("recalled_memories", {}).get(self.name, ""))


def _with_block(request: ModelRequest[Any], block: str) -> ModelRequest[Any]:
    """Return the request with a text at the end of its system message, the rest of which is unchanged."""
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


class RecalledTexts:
    """Texts by key, each for the length of one run. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # the caches of cachetools are not thread-safe
        self._texts: FIFOCache[str, str] = FIFOCache(MOST_TEXTS)

    def put(self, text: str) -> str:
        """Hold a text and return its key."""
        key = uuid4().hex
        with self._lock:
            self._texts[key] = text
        return key

    def get(self, key: str) -> str | None:
        """Return the text, or None if it is not held."""
        with self._lock:
            return self._texts.get(key)

    def drop(self, key: str) -> None:
        """Discard a text."""
        with self._lock:
            self._texts.pop(key, None)
