"""``create_memory_tools``: tools for LangChain's agents that search and change memories."""

# Without ``from __future__ import annotations``: older versions of langchain-core inject a ToolRuntime only if the
# annotation is the class itself, not its text.

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field, create_model

from langchain_mem0milvus.scope import ScopeFunction, ScopeReader
from mem0milvus import AsyncMemory, CountTokens, Faces, Memory, MemoryTools, ValidationError, estimate_tokens

_QUERY = (str, Field(description="What to look for, as a question or in a few words."))
_TEXT = (str, Field(description="What to remember, as one sentence that can be understood by itself."))
_NEW_TEXT = (str, Field(description="What the memory says from now on."))
_ID = (str, Field(description="The id of the memory, as a search shows it."))

#: The arguments that the model gives to each tool, and the operation.
_TOOLS: Mapping[str, tuple[type[BaseModel], Callable[..., Coroutine[Any, Any, str]]]] = {
    "search": (create_model("SearchMemoryInput", query=_QUERY), MemoryTools.search),
    "save": (create_model("SaveMemoryInput", text=_TEXT), MemoryTools.save),
    "update": (create_model("UpdateMemoryInput", memory_id=_ID, text=_NEW_TEXT), MemoryTools.update),
    "delete": (create_model("DeleteMemoryInput", memory_id=_ID), MemoryTools.delete),
}


def create_memory_tools(
    memory: Memory | AsyncMemory,
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    scope_keys: Mapping[str, str] | None = None,
    scope: ScopeFunction | None = None,
    include: Collection[str] = tuple(_TOOLS),
    top_k: int = 5,
    threshold: float | None = None,
    max_tokens: int = 1_000,
    count_tokens: CountTokens = estimate_tokens,
    infer: bool = False,
    name: str = "memory",
    descriptions: Mapping[str, str] | None = None,
) -> list[BaseTool]:
    """Make tools with which a model searches, saves, updates and deletes memories.

    They are ``search_memory``, ``save_memory``, ``update_memory`` and ``delete_memory``, in this order. The model never
    chooses the scope: it is fixed here, read from the run's context or ``config["configurable"]``, or computed by a
    function. The id of another user's memory is answered as an id that does not exist. A failure is answered in words,
    so that the agent can continue; only a call without the user's id raises.

        >>> agent = create_agent(model, create_memory_tools(memory))
        >>> agent.invoke({"messages": [("user", "I moved to Porto.")]}, context={"user_id": "alice"})

    Args:
        memory: an open ``Memory``, or an ``AsyncMemory`` for agents that are only called async. Its opener closes it.
        user_id: the user of every call.
        agent_id: the agent of every call.
        run_id: the conversation of every call.
        scope_keys: the key of the context or configuration from which each id is read; by default
            ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        scope: a function that takes the ``ToolRuntime`` (or the ``RunnableConfig``, outside an agent) and returns the
            ids, as in ``{"user_id": "alice"}``.
        include: some of ``search``, ``save``, ``update`` and ``delete``.
        top_k: the maximum number of memories that a search shows.
        threshold: the minimum relevance of a memory that a search shows, 0 to 1; None sets no minimum.
        max_tokens: the maximum number of tokens in the result of a search.
        count_tokens: counts the tokens of a text; by default, an estimate that errs on the high side.
        infer: extract memories from a saved text with the memory's language model; False stores the text verbatim.
        name: the noun in the tools' names; ``"team_memory"`` makes ``search_team_memory`` and so on.
        descriptions: descriptions of some of the tools for the model, in place of the usual ones.

    Raises:
        ValidationError: an argument is invalid.
    """
    texts = {**MemoryTools.DESCRIPTIONS, **(descriptions or {})}
    if isinstance(include, str) or not include or not {*include, *texts} <= set(_TOOLS):
        known = ", ".join(_TOOLS)
        raise ValidationError(
            f"include and descriptions must name some of {known}, not {include!r} and {sorted(texts)}."
        )
    ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    reader = ScopeReader.of(ids, scope_keys, where="the run's context or configuration", function=scope)

    settings: dict[str, Any] = {"top_k": top_k, "threshold": threshold, "infer": infer}
    settings |= {"max_tokens": max_tokens, "count_tokens": count_tokens}
    access = Faces(memory)

    def tools_of(runtime: object, config: RunnableConfig) -> MemoryTools:
        return MemoryTools(reader.read_run(_agents_own(runtime), config), **settings)

    return [_tool(kind, f"{kind}_{name}", texts[kind], access, tools_of) for kind in _TOOLS if kind in include]


def _agents_own(runtime: object) -> object:
    # BaseTool passes on an injected parameter that is among the arguments, which come from the model (langchain-core
    # 1.7.2). Only an agent replaces it by its own; elsewhere a made-up ``runtime`` must not choose the user.
    return runtime if isinstance(runtime, ToolRuntime) else None


def _tool(
    kind: str, name: str, description: str, access: Faces, tools_of: Callable[[object, RunnableConfig], MemoryTools]
) -> StructuredTool:
    schema, operation = _TOOLS[kind]

    # A parameter annotated with ``ToolRuntime`` alone is hidden from the model and injected by LangGraph; it
    # is not with ``| None`` (langchain-core 1.7.2). Hence the ill-typed default, for calls outside an agent.
    def run(config: RunnableConfig, runtime: ToolRuntime[Any, Any] = None, **arguments: str) -> str:  # type: ignore[assignment]
        tools = tools_of(runtime, config)
        return access.run(lambda memory: operation(tools, memory, **arguments))

    async def arun(config: RunnableConfig, runtime: ToolRuntime[Any, Any] = None, **arguments: str) -> str:  # type: ignore[assignment]
        tools = tools_of(runtime, config)
        return await access.arun(lambda memory: operation(tools, memory, **arguments))

    return StructuredTool.from_function(run, arun, name=name, description=description, args_schema=schema)
