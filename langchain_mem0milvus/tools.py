"""``create_memory_tools``: what a model can be allowed to do with memories, as LangChain's tools."""

# No annotation is put off here: older versions of langchain-core see ``ToolRuntime`` only where it is no text.

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from langchain_mem0milvus.scope import ScopeFunction, ScopeReader
from mem0milvus import AsyncMemory, CountTokens, Faces, Memory, MemoryTools, ValidationError, estimate_tokens


class SearchMemoryInput(BaseModel):
    """What a model gives to search."""

    query: str = Field(description="What to look for, as a question or in a few words.")


class SaveMemoryInput(BaseModel):
    """What a model gives to save."""

    text: str = Field(description="What to remember, as one sentence that can be understood by itself.")


class UpdateMemoryInput(BaseModel):
    """What a model gives to update."""

    memory_id: str = Field(description="The id of the memory, as a search shows it.")
    text: str = Field(description="What the memory says from now on.")


class DeleteMemoryInput(BaseModel):
    """What a model gives to delete."""

    memory_id: str = Field(description="The id of the memory, as a search shows it.")


Act = Callable[..., Coroutine[Any, Any, str]]

#: For each tool, what the model gives and what is done with it.
_TOOLS: Mapping[str, tuple[type[BaseModel], Act]] = {
    "search": (SearchMemoryInput, MemoryTools.search),
    "save": (SaveMemoryInput, MemoryTools.save),
    "update": (UpdateMemoryInput, MemoryTools.update),
    "delete": (DeleteMemoryInput, MemoryTools.delete),
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
    """Tools with which a model searches, saves, updates and deletes memories.

    They are ``search_memory``, ``save_memory``, ``update_memory`` and ``delete_memory``, in this order. Whose memories
    they are is never the model's choice: it is fixed here, or read from the run's context or
    ``config["configurable"]``, or told by a function. A memory of somebody else is answered as one that does not exist.
    What fails is told to the model in words, so that an agent can go on; only a call that does not tell whose memories
    are meant is an error.

    Args:
        memory: an open ``Memory``; an ``AsyncMemory`` serves agents that are only awaited. Whoever opened it closes it.
        user_id: whose memories, for every call.
        agent_id: which agent's.
        run_id: which conversation's.
        scope_keys: for each id that is read from the context or configuration, its name there; left out,
            ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        scope: a function that is given the ``ToolRuntime`` (or the ``RunnableConfig``, outside an agent) and gives the
            ids, as in ``{"user_id": "alice"}``.
        include: which of ``search``, ``save``, ``update`` and ``delete``.
        top_k: the most memories that a search shows.
        threshold: the least relevance of what a search shows, 0 to 1; left out, nothing is cut.
        max_tokens: what the memories that a search shows may take of a prompt.
        count_tokens: the tokens of a text; left out, an estimate that is rather too high.
        infer: whether a text to save is taken apart by the memory's language model, or kept as it is.
        name: what the tools are named for; ``"team_memory"`` gives ``search_team_memory`` and so on.
        descriptions: what the model is told about some of the tools, in the place of the usual texts.

    Raises:
        ValidationError: an argument is wrong.
    """
    told = {**MemoryTools.DESCRIPTIONS, **(descriptions or {})}
    if isinstance(include, str) or not include or not {*include, *told} <= set(_TOOLS):
        known = ", ".join(_TOOLS)
        raise ValidationError(f"include and descriptions name some of {known}, not {include!r} and {sorted(told)}.")
    ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    reader = ScopeReader.of(ids, scope_keys, where="The run's context or configuration", function=scope)

    settings: dict[str, Any] = {"top_k": top_k, "threshold": threshold, "infer": infer}
    settings |= {"max_tokens": max_tokens, "count_tokens": count_tokens}

    def tools_of(runtime: object, config: RunnableConfig) -> MemoryTools:
        return MemoryTools(_read_scope(reader, runtime, config), **settings)

    faces = Faces(memory)
    chosen = (kind for kind in _TOOLS if kind in include)
    return [_tool(kind, f"{kind}_{name}", told[kind], faces, tools_of) for kind in chosen]


def _read_scope(reader: ScopeReader, runtime: object, config: RunnableConfig) -> dict[str, str]:
    # Where no agent fills it in, ``runtime`` could be an argument that the model made up: only the real one counts.
    inside = runtime if isinstance(runtime, ToolRuntime) else None
    if reader.function is not None:
        return reader.read(config if inside is None else inside)
    return reader.read(None if inside is None else inside.context, config.get("configurable"))


def _tool(
    kind: str, name: str, description: str, faces: Faces, tools_of: Callable[[object, RunnableConfig], MemoryTools]
) -> StructuredTool:
    schema, act = _TOOLS[kind]

    # ToolRuntime is hidden from the model and filled in by LangGraph where its annotation stands bare. Outside an agent
    # there is none.
    def run(config: RunnableConfig, runtime: ToolRuntime[Any, Any] = None, **arguments: str) -> str:  # type: ignore[assignment]
        tools = tools_of(runtime, config)
        return faces.run(lambda memory: act(tools, memory, **arguments))

    async def arun(config: RunnableConfig, runtime: ToolRuntime[Any, Any] = None, **arguments: str) -> str:  # type: ignore[assignment]
        tools = tools_of(runtime, config)
        return await faces.arun(lambda memory: act(tools, memory, **arguments))

    return StructuredTool.from_function(run, arun, name=name, description=description, args_schema=schema)
