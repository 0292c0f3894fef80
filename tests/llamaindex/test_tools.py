"""``Mem0MilvusToolSpec``: what a model may do, and to whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from llama_index.core.tools import FunctionTool

from llamaindex_mem0milvus.tools import TOOLS, Mem0MilvusToolSpec
from mem0milvus import Memory, MemoryTools, ValidationError

Call = Callable[..., str]


@pytest.fixture(params=["call", "acall"])
def call(request: pytest.FixtureRequest) -> Call:
    def run(tools: list[FunctionTool], name: str, **arguments: str) -> str:
        (tool,) = (tool for tool in tools if tool.metadata.name == name)
        if request.param == "call":
            return str(tool.call(**arguments).content)
        return str(asyncio.run(tool.acall(**arguments)).content)

    return run


def test_a_model_can_save_find_change_and_forget(client: Memory, alice: str, call: Call) -> None:
    tools = Mem0MilvusToolSpec(client, user_id=alice).to_tool_list()
    call(tools, "save_memory", text="Keeps bees.")
    found = call(tools, "search_memories", query="Which animals? Bees?")
    assert "Keeps bees." in found
    (memory_id,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", found)
    call(tools, "update_memory", memory_id=memory_id, text="Keeps hens.")
    assert client.get(memory_id)["memory"] == "Keeps hens."
    call(tools, "delete_memory", memory_id=memory_id)
    assert client.get_all(alice)["results"] == []


def test_another_users_memory_is_answered_as_none(client: Memory, alice: str, bob: str, call: Call) -> None:
    memory_id = client.add("Keeps bees.", user_id=bob, infer=False)["results"][0]["id"]
    tools = Mem0MilvusToolSpec(client, user_id=alice).to_tool_list()
    unknown = call(tools, "delete_memory", memory_id="none")
    assert call(tools, "delete_memory", memory_id=memory_id) == unknown.replace("none", memory_id)
    assert "bees" not in call(tools, "update_memory", memory_id=memory_id, text="Mine!")
    assert "bees" not in call(tools, "search_memories", query="bees")
    assert client.get(memory_id)["memory"] == "Keeps bees."


def test_a_model_is_told_what_the_core_tells_and_cannot_name_a_user(client: Memory, alice: str) -> None:
    tools = Mem0MilvusToolSpec(client, user_id=alice).to_tool_list()
    assert [tool.metadata.name for tool in tools] == list(TOOLS)
    for tool in tools:
        assert tool.metadata.description == MemoryTools.DESCRIPTIONS[TOOLS[str(tool.metadata.name)]]
        parameters = tool.metadata.get_parameters_dict()["properties"]
        assert set(parameters) <= {"query", "text", "memory_id"}
        assert parameters
        assert all(described["description"] for described in parameters.values())


def test_some_tools_can_be_chosen(client: Memory, alice: str, call: Call) -> None:
    spec = Mem0MilvusToolSpec(client, user_id=alice)
    (tool,) = spec.to_tool_list(["search_memories"])
    assert tool.metadata.name == "search_memories"
    (tool,) = spec.to_tool_list([("search_memories", "asearch_memories")])
    assert call([tool], "search_memories", query="anything")


def test_a_scope_is_needed(client: Memory) -> None:
    with pytest.raises(ValidationError, match="needs a scope"):
        Mem0MilvusToolSpec(client)
