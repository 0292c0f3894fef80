"""``Mem0MilvusToolSpec``: tools with which an agent searches and changes the memories of one scope."""

from __future__ import annotations

from llama_index.core.bridge.pydantic import BaseModel, Field, create_model
from llama_index.core.tools.function_tool import FunctionTool
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.tools.types import ToolMetadata
from typing_extensions import override

from llamaindex_mem0milvus.scope import read_scope
from mem0milvus import AsyncMemory, Faces, Memory, MemoryTools

#: The name of each tool, and its name in ``MemoryTools``.
TOOLS = {"search_memories": "search", "save_memory": "save", "update_memory": "update", "delete_memory": "delete"}

_QUERY = (str, Field(description="What to look for, in the user's words."))
_TEXT = (str, Field(description="One fact, complete in itself."))
_MEMORY_ID = (str, Field(description="The memory's id, as a search shows it."))

#: The arguments that a model gives to each tool. None of them names a user.
_ARGUMENTS: dict[str, type[BaseModel]] = {
    "search_memories": create_model("search_memories", query=_QUERY),
    "save_memory": create_model("save_memory", text=_TEXT),
    "update_memory": create_model("update_memory", memory_id=_MEMORY_ID, text=_TEXT),
    "delete_memory": create_model("delete_memory", memory_id=_MEMORY_ID),
}


class Mem0MilvusToolSpec(BaseToolSpec):
    """Tools that search, save, update and delete the memories of one scope, each blocking and async.

    The application gives the scope. A model cannot name another user, and the id of another user's memory is answered
    as an id that does not exist. Failures are answered in words; the tools raise nothing.

        >>> tools = Mem0MilvusToolSpec(memory, user_id="alice").to_tool_list()
        >>> agent = FunctionAgent(llm=llm, tools=tools)

    Args:
        memory: an open ``Memory``, or an ``AsyncMemory`` for agents that await their tools. Its opener closes it.
        user_id: the id of the user; at least one of the three ids is needed.
        agent_id: the id of the agent.
        run_id: the id of the conversation.
        top_k: the maximum number of memories that a search shows.
        threshold: the minimum relevance of a memory that a search shows, 0 to 1; None sets no minimum.
        infer: extract memories from a saved text with the memory's language model; False stores the text verbatim.

    Raises:
        ValidationError: no id is given, or an id is invalid.
    """

    spec_functions: list[SPEC_FUNCTION_TYPE] = [(name, f"a{name}") for name in TOOLS]  # noqa: RUF012 - as its base has it

    def __init__(
        self,
        memory: Memory | AsyncMemory,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        top_k: int = 5,
        threshold: float | None = None,
        infer: bool = False,
    ) -> None:
        scope = read_scope(user_id, agent_id, run_id, required_by=type(self).__name__)
        self._access = Faces(memory)
        self._tools = MemoryTools(scope, top_k=top_k, threshold=threshold, infer=infer)

    @override
    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """Return the tools, described for a model.

            >>> spec.to_tool_list(["search_memories"])

        Args:
            spec_functions: names, or pairs of names, of some of the tools; by default, all.
            func_to_metadata_mapping: descriptions that replace the usual ones, by name.
        """
        metadata = {
            name: ToolMetadata(name=name, description=MemoryTools.DESCRIPTIONS[tool], fn_schema=_ARGUMENTS[name])
            for name, tool in TOOLS.items()
        }
        metadata.update({f"a{name}": described for name, described in metadata.items()})
        return super().to_tool_list(spec_functions, {**metadata, **(func_to_metadata_mapping or {})})

    def search_memories(self, query: str) -> str:
        """Return the relevant memories as text for a model, with their ids."""
        return self._access.run(lambda memory: self._tools.search(memory, query))

    async def asearch_memories(self, query: str) -> str:
        """Return the relevant memories, as ``search_memories`` does."""
        return await self._access.arun(lambda memory: self._tools.search(memory, query))

    def save_memory(self, text: str) -> str:
        """Store a text."""
        return self._access.run(lambda memory: self._tools.save(memory, text))

    async def asave_memory(self, text: str) -> str:
        """Store a text."""
        return await self._access.arun(lambda memory: self._tools.save(memory, text))

    def update_memory(self, memory_id: str, text: str) -> str:
        """Replace the text of a memory."""
        return self._access.run(lambda memory: self._tools.update(memory, memory_id, text))

    async def aupdate_memory(self, memory_id: str, text: str) -> str:
        """Replace the text of a memory."""
        return await self._access.arun(lambda memory: self._tools.update(memory, memory_id, text))

    def delete_memory(self, memory_id: str) -> str:
        """Delete a memory."""
        return self._access.run(lambda memory: self._tools.delete(memory, memory_id))

    async def adelete_memory(self, memory_id: str) -> str:
        """Delete a memory."""
        return await self._access.arun(lambda memory: self._tools.delete(memory, memory_id))
