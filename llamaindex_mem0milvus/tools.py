"""``Mem0MilvusToolSpec``: tools by which an agent looks up and changes what is remembered of one user."""

from __future__ import annotations

from typing import Any

from llama_index.core.bridge.pydantic import BaseModel, Field, create_model
from llama_index.core.tools.function_tool import FunctionTool
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.tools.types import ToolMetadata

from llamaindex_mem0milvus.scope import read_scope, require_scope
from mem0milvus import AsyncMemory, Faces, Memory, MemoryTools

#: Each tool's name, and what it is in ``MemoryTools``.
TOOLS = {
    "search_memories": "search",
    "save_memory": "save",
    "update_memory": "update",
    "delete_memory": "delete",
}


_QUERY = (str, Field(description="What to look for, in the user's words."))
_TEXT = (str, Field(description="One fact, complete in itself."))
_MEMORY_ID = (str, Field(description="The memory's id, as a search shows it."))

#: What a model may say to each tool. There is no user among it.
_ARGUMENTS: dict[str, type[BaseModel]] = {
    "search_memories": create_model("search_memories", query=_QUERY),
    "save_memory": create_model("save_memory", text=_TEXT),
    "update_memory": create_model("update_memory", memory_id=_MEMORY_ID, text=_TEXT),
    "delete_memory": create_model("delete_memory", memory_id=_MEMORY_ID),
}


class Mem0MilvusToolSpec(BaseToolSpec):
    """Searching, saving, updating and deleting the memories of one scope, each blocking and awaiting.

    Whose memories they are is said here, by the application. A model cannot name another user, and the id of another
    user's memory is answered as one that does not exist. What fails is answered in words; nothing is raised.

    Args:
        memory: an open memory, which stays with whoever opened it. A ``Memory`` serves all agents, an ``AsyncMemory``
            those that await their tools.
        user_id: whose memories; at least one of the three ids is needed.
        agent_id: which agent's.
        run_id: which conversation's.
        top_k: how many memories a search shows at most.
        threshold: the least relevance of what it shows, 0 to 1; left out, nothing is cut.
        infer: whether a text to save is taken apart by the memory's language model, or kept as it is.

    Raises:
        ValidationError: no id is given, or one cannot be used.
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
        scope = read_scope(user_id, agent_id, run_id)
        require_scope(scope, type(self).__name__)
        self._faces = Faces(memory)
        self._tools = MemoryTools(scope, top_k=top_k, threshold=threshold, infer=infer)

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The tools, described for a model.

        Args:
            spec_functions: some of them, as names or pairs of names; left out, all.
            func_to_metadata_mapping: other descriptions, by name.
        """
        described = {
            name: ToolMetadata(name=name, description=MemoryTools.DESCRIPTIONS[tool], fn_schema=_ARGUMENTS[name])
            for name, tool in TOOLS.items()
        }
        described.update({f"a{name}": metadata for name, metadata in described.items()})
        return super().to_tool_list(spec_functions, {**described, **(func_to_metadata_mapping or {})})

    def search_memories(self, query: str) -> str:
        """Search what is remembered. The answer is text for a model, with the memories' ids."""
        return self._run("search", query)

    async def asearch_memories(self, query: str) -> str:
        """See ``search_memories``."""
        return await self._arun("search", query)

    def save_memory(self, text: str) -> str:
        """Remember a text."""
        return self._run("save", text)

    async def asave_memory(self, text: str) -> str:
        """See ``save_memory``."""
        return await self._arun("save", text)

    def update_memory(self, memory_id: str, text: str) -> str:
        """Replace what a memory says."""
        return self._run("update", memory_id, text)

    async def aupdate_memory(self, memory_id: str, text: str) -> str:
        """See ``update_memory``."""
        return await self._arun("update", memory_id, text)

    def delete_memory(self, memory_id: str) -> str:
        """Delete a memory."""
        return self._run("delete", memory_id)

    async def adelete_memory(self, memory_id: str) -> str:
        """See ``delete_memory``."""
        return await self._arun("delete", memory_id)

    def _run(self, tool: str, *arguments: Any) -> str:
        return self._faces.run(lambda memory: self._call(memory, tool, arguments))

    async def _arun(self, tool: str, *arguments: Any) -> str:
        return await self._faces.arun(lambda memory: self._call(memory, tool, arguments))

    async def _call(self, memory: AsyncMemory, tool: str, arguments: tuple[Any, ...]) -> str:
        answer: str = await getattr(self._tools, tool)(memory, *arguments)
        return answer
