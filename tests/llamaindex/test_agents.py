"""Real agents over a memory: function-calling, ReAct and several of them; one context for two runs, also from JSON."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.workflow import Context

from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from llamaindex_mem0milvus.tools import Mem0MilvusToolSpec
from mem0milvus import Memory
from tests.conftest import Config
from tests.llamaindex.scripted import Script, calls, contents, system_texts

Make = Callable[..., Mem0MilvusMemory]

#: LlamaIndex looks at every attribute of an agent, and some are deprecated by pydantic, and one by itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince211"),
]

REACT_ANSWER = "Thought: I can answer without using any more tools.\nAnswer: Of course."


def clock(city: str) -> str:
    """Tells the time in a city."""
    return f"It is noon in {city}."


def function_agent(script: Script, **options: Any) -> FunctionAgent:
    return FunctionAgent(llm=script.llm(), tools=[clock], **options)


def react_agent(script: Script, **options: Any) -> ReActAgent:
    script.answers = [REACT_ANSWER if answer == "Fine." else answer for answer in script.answers]
    return ReActAgent(llm=script.llm(), tools=[clock], **options)


def workflow(script: Script, **options: Any) -> AgentWorkflow:
    return AgentWorkflow(agents=[function_agent(script, name="solo", description="answers", **options)])


def react_workflow(script: Script, **options: Any) -> AgentWorkflow:
    return AgentWorkflow(agents=[react_agent(script, name="solo", description="answers", **options)])


AGENTS = pytest.mark.parametrize("agent_of", [function_agent, react_agent, workflow, react_workflow])
PROMPTS = pytest.mark.parametrize("options", [{}, {"system_prompt": "You are kind."}], ids=["bare", "prompted"])


@AGENTS
@PROMPTS
def test_an_agent_gets_the_memories_once_and_keeps_what_it_hears(
    agent_of: Callable[..., Any], options: dict[str, str], client: Memory, make: Make, alice: str
) -> None:
    client.add("I am allergic to peanuts.", user_id=alice, infer=False)
    script = Script()
    memory = make(alice)

    async def run() -> None:
        await agent_of(script, **options).run("Which food am I allergic to? I also dislike celery.", memory=memory)

    asyncio.run(run())
    assert script.last.count("I am allergic to peanuts.") == 1
    assert script.last.count("<memories>") == 1
    assert ("You are kind." in script.last) == bool(options)
    assert len(memory.get_all()) == 2
    client.flush()
    assert "I also dislike celery." in [item["memory"] for item in client.get_all(alice)["results"]]


@pytest.mark.parametrize("passes_memory", [True, False], ids=["memory=", "ctx only"])
@AGENTS
def test_two_runs_on_one_context_are_one_conversation(
    agent_of: Callable[..., Any], passes_memory: bool, make: Make, alice: str, client: Memory
) -> None:
    """llama-index-memory-mem0 2.1.0 crashes in the second run: its client is lost in the context's JSON."""
    script = Script()
    memory = make(alice)

    async def run() -> None:
        agent = agent_of(script)
        context = Context(agent)
        await agent.run("My sister is called Ida.", ctx=context, memory=memory)
        client.flush()
        await agent.run("Hello again!", ctx=context, **({"memory": memory} if passes_memory else {}))

    asyncio.run(run())
    assert "My sister is called Ida." in script.last
    assert contents(memory.get_all())[::2] == ["My sister is called Ida.", "Hello again!"]


def test_tool_rounds_are_one_exchange_and_one_extraction(alice: str, client: Memory) -> None:
    """llama-index-memory-mem0 2.1.0 pays one call of its model for each message."""
    script = Script([calls("clock", city="Rome"), calls("clock", city="Oslo"), "Noon in both."])
    memory = Mem0MilvusMemory.from_client(client, user_id=alice)

    async def run() -> None:
        client.flush()
        await function_agent(script).run("I travel to Rome and Oslo on Monday.", memory=memory)

    asyncio.run(run())
    roles = [message.role.value for message in memory.get_all()]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert client.flush()["written"] == 1
    (kept,) = client.get_all(alice)["results"]
    assert kept["memory"] == "I travel to Rome and Oslo on Monday."


def test_what_is_said_now_is_never_shown_as_a_memory(make: Make, alice: str, client: Memory) -> None:
    """llama-index-memory-mem0 2.1.0 stores before it searches, and so echoes the question."""
    script = Script([calls("clock", city="Rome"), "Noon."])
    memory = make(alice, threshold=None)

    async def run() -> None:
        agent = function_agent(script)
        await agent.run("My cat is called Minka.", memory=memory)
        client.flush()
        await memory.aget()

    asyncio.run(run())
    assert all(not system_texts(prompt) for prompt in script.prompts)
    assert not system_texts(memory.get())
    assert not system_texts(memory.get("My cat is called Minka."))


def test_two_users_of_one_agent_in_turns(make: Make, alice: str, bob: str, client: Memory) -> None:
    script = Script()

    async def run() -> None:
        agent = function_agent(script)
        memories = {alice: make(alice), bob: make(bob)}
        await agent.run("My password hint is iguana.", memory=memories[alice])
        await agent.run("My password hint is walrus.", memory=memories[bob])
        client.flush()
        for name, mine, other in ((alice, "iguana", "walrus"), (bob, "walrus", "iguana")):
            await agent.run("What is my password hint?", memory=memories[name])
            assert mine in script.last
            assert other not in script.last

    asyncio.run(run())


def test_the_agents_own_state_does_not_change_what_is_stored(make: Make, alice: str) -> None:
    """LlamaIndex writes its state into the last message that a memory gives."""
    memory = make(alice)

    async def run() -> None:
        agent = function_agent(Script(), initial_state={"mood": "curious"})
        await agent.run("Hello there.", memory=memory)

    asyncio.run(run())
    assert contents(memory.get_all())[0] == "Hello there."


def test_an_agent_uses_the_memory_tools_of_its_user_alone(make: Make, alice: str, bob: str, client: Memory) -> None:
    client.add("I own a walrus.", user_id=bob, infer=False)
    script = Script([calls("search_memories", query="walrus"), calls("save_memory", text="Owns an iguana."), "Done."])

    async def run() -> None:
        tools = Mem0MilvusToolSpec(client, user_id=alice).to_tool_list()
        await FunctionAgent(llm=script.llm(), tools=tools).run("Remember my iguana!", memory=make(alice))

    asyncio.run(run())
    assert "I own a walrus." not in script.last
    assert "Owns an iguana." in [item["memory"] for item in client.get_all(alice)["results"]]


def test_handing_over_to_another_agent_keeps_one_conversation(make: Make, alice: str, client: Memory) -> None:
    script = Script([calls("handoff", to_agent="second", reason="it knows"), "The second one answers."])
    memory = make(alice)
    client.flush()

    async def run() -> None:
        agents = [
            function_agent(script, name="first", description="asks", can_handoff_to=["second"]),
            function_agent(script, name="second", description="answers"),
        ]
        await AgentWorkflow(agents=agents, root_agent="first").run("I collect stamps.", memory=memory)

    asyncio.run(run())
    assert contents(memory.get_all())[-1] == "The second one answers."
    assert client.flush()["written"] == 1


CHILD = """
import asyncio, json, sys
from llama_index.core.workflow import Context
from tests.llamaindex.scripted import Script
from tests.llamaindex.test_agents import function_agent

async def main():
    state = json.load(open(sys.argv[1]))
    script = Script()
    agent = function_agent(script)
    context = Context.from_dict(agent, state)
    await agent.run("What is my sister called?", ctx=context)
    print(json.dumps(script.last))
    memory = await context.store.get("memory")
    memory.close()

asyncio.run(main())
"""


def test_a_context_restored_from_json_in_a_new_process_goes_on(config: Config, alice: str, tmp_path: Path) -> None:
    memory = Mem0MilvusMemory.from_config(config, user_id=alice)

    async def run() -> dict[str, Any]:
        agent = function_agent(Script())
        context = Context(agent)
        await agent.run("My sister is called Ida.", ctx=context, memory=memory)
        return context.to_dict()

    state = tmp_path / "context.json"
    state.write_text(json.dumps(asyncio.run(run())))
    memory.close()
    with Memory.from_config(config) as elsewhere:
        elsewhere.add("My sister is a vet.", user_id=alice, infer=False)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(state)], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    prompt = json.loads(done.stdout)
    assert "user: My sister is called Ida." in prompt  # the buffer
    assert prompt.count("- [") == 1  # the memory that the buffer does not show anyway
    assert "My sister is a vet." in prompt
    with Memory.from_config(config) as after:
        assert [item["memory"] for item in after.get_all(alice)["results"]] == [
            "My sister is called Ida.",
            "My sister is a vet.",
        ]
