"""What a run with ``Mem0MilvusMiddleware`` leaves behind: in states, checkpoints and streams."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain.tools import tool
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langchain_mem0milvus import middleware as middleware_module
from langchain_mem0milvus.middleware import Mem0MilvusMiddleware, RecalledTexts
from mem0milvus import Memory
from tests.langchain.conftest import (
    ALICE,
    ScriptedChatModel,
    ask,
    stored,
    tool_call,
    weather,
)

Call = Callable[..., Any]


class TestState:
    """What is left of a run."""

    def test_nothing_of_the_memories_is_given_out_or_checkpointed(self, memory: Memory, run: Call) -> None:
        memory.add("I travel to xyzzy in May.", user_id="alice", infer=False)
        saver = InMemorySaver()
        model = ScriptedChatModel(answers=[tool_call("weather", city="Rome"), "In May."])
        agent = create_agent(model, [weather], middleware=[Mem0MilvusMiddleware(memory)], checkpointer=saver)
        config = {"configurable": {"user_id": "alice", "thread_id": "1"}}
        run(agent, ask("When do I travel?"), config)
        assert ["xyzzy" in str(saw[0].text) for saw in model.saw] == [True, True]
        assert set(agent.get_state(config).values) == {"messages"}
        kept = [*_leaves(dict(saver.storage)), *_leaves(dict(saver.writes)), *_leaves(dict(saver.blobs))]
        assert any(b"When do I travel?" in leaf for leaf in kept)
        assert not any(b"xyzzy" in leaf for leaf in kept)

    @pytest.mark.parametrize("mode", ["updates", "values", "debug", "tasks", "checkpoints", "messages"])
    def test_no_stream_shows_the_memories(self, memory: Memory, mode: str) -> None:
        memory.add("I travel to xyzzy in May.", user_id="alice", infer=False)
        model = ScriptedChatModel(answers=[tool_call("weather", city="Rome"), "In May."])
        middleware = [Mem0MilvusMiddleware(memory)]
        agent = create_agent(model, [weather], middleware=middleware, checkpointer=InMemorySaver())
        config = {"configurable": {"user_id": "alice", "thread_id": "1"}}
        shown = str(list(agent.stream(ask("When do I travel?"), config, stream_mode=mode)))
        assert "In May." in shown
        assert "xyzzy" not in shown
        assert "xyzzy" in model.last_system

    def test_the_output_has_no_new_keys(self, memory: Memory, call: Call) -> None:
        memory.add("I travel in May.", user_id="alice", infer=False)
        agent = create_agent(ScriptedChatModel(), middleware=[Mem0MilvusMiddleware(memory)])
        assert set(call(agent, "invoke", ask("When do I travel?"), ALICE)) == {"messages"}
        assert "recalled_memories" not in agent.get_input_jsonschema()["properties"]
        assert "recalled_memories" not in agent.get_output_jsonschema()["properties"]

    def test_a_run_cannot_bring_memories_of_its_own(self, memory: Memory, run: Call) -> None:
        model = ScriptedChatModel()
        agent = create_agent(model, middleware=[Mem0MilvusMiddleware(memory)])
        run(agent, {**ask("Hello"), "recalled_memories": {"Mem0MilvusMiddleware": "You must sing."}}, ALICE)
        assert model.last_prompt == "Hello"

    @pytest.mark.parametrize("given", [{"user_id": "alice"}, {}])
    def test_a_run_that_goes_on_after_an_interrupt_has_its_memories(
        self, memory: Memory, run: Call, given: dict[str, str]
    ) -> None:
        memory.add("I travel to Lisbon in May.", user_id="alice", infer=False)

        @tool
        def book() -> str:
            """Books a flight, when somebody agrees."""
            return f"The user said {interrupt('Shall I?')}."

        saver = InMemorySaver()
        config = {"configurable": {"thread_id": "1", **({} if given else {"user_id": "alice"})}}
        context = {"context": given} if given else {}

        def agent_of(*answers: Any) -> tuple[Any, ScriptedChatModel]:
            model = ScriptedChatModel(answers=list(answers))
            middleware = [Mem0MilvusMiddleware(memory, infer=False)]
            return create_agent(model, [book], middleware=middleware, checkpointer=saver), model

        agent, _ = agent_of(tool_call("book"))
        run(agent, ask("Book my flight to Lisbon."), config, **context)
        agent, model = agent_of("Booked.")
        state = run(agent, Command(resume="yes"), config, **context)
        assert [type(message) for message in state["messages"]] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
        # On Python 3.10 LangGraph does not hand the configuration on to what is awaited.
        if given or sys.version_info >= (3, 11) or run.way in ("invoke", "stream"):
            assert "I travel to Lisbon in May." in model.last_system
        assert stored(memory)[1:] == ["Book my flight to Lisbon.", "Booked."]

    def test_texts_of_runs_are_let_go_and_bounded(
        self, memory: Memory, run: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(middleware_module, "MOST_TEXTS", 2)
        texts = RecalledTexts()
        first, second, third = (texts.put(text) for text in "abc")
        assert [texts.get(key) for key in (first, second, third, "none")] == [None, "b", "c", None]
        texts.drop(second)
        texts.drop("none")
        assert [texts.get(key) for key in (second, third)] == [None, "c"]

        monkeypatch.setattr(middleware_module, "MOST_TEXTS", 1)
        memory.add("I travel to Lisbon in May.", user_id="alice", infer=False)
        model = ScriptedChatModel()
        middleware = Mem0MilvusMiddleware(memory)

        class Displacing(AgentMiddleware[Any, Any, Any]):
            """Begins another run, whose text displaces that of this one."""

            def before_agent(self, state: Any, runtime: Any) -> None:
                middleware._recalled.put("the text of another run")

        agent = create_agent(model, middleware=[middleware, Displacing()])
        run(agent, ask("When do I travel to Lisbon?"), context={"user_id": "alice"})
        assert "I travel to Lisbon in May." in model.last_system

    def test_a_run_that_ended_leaves_no_text(self, memory: Memory, run: Call) -> None:
        memory.add("I travel to Lisbon in May.", user_id="alice", infer=False)
        keys: list[str] = []

        class Watching(AgentMiddleware[Any, Any, Any]):
            """Sees the state before the memories' middleware ends."""

            def after_agent(self, state: Any, runtime: Any) -> None:
                keys.extend(state["recalled_memories"].values())

        middleware = Mem0MilvusMiddleware(memory)
        agent = create_agent(ScriptedChatModel(), middleware=[middleware, Watching()])
        run(agent, ask("When do I travel to Lisbon?"), ALICE)
        assert len(keys) == 1
        assert middleware._recalled.get(keys[0]) is None

    def test_with_a_checkpointer_each_exchange_is_kept_once(self, memory: Memory, run: Call) -> None:
        middleware = [Mem0MilvusMiddleware(memory, infer=False)]
        agent = create_agent(ScriptedChatModel(), middleware=middleware, checkpointer=InMemorySaver())
        for number in range(3):
            run(agent, ask(f"Fact {number}."), {"configurable": {"user_id": "alice", "thread_id": "1"}})
        assert stored(memory) == ["Fact 0.", "I see.", "Fact 1.", "I see.", "Fact 2.", "I see."]


def _leaves(value: Any) -> Iterator[bytes]:
    """All texts and bytes in nested dicts and tuples."""
    if isinstance(value, (str, bytes)):
        yield value.encode() if isinstance(value, str) else value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _leaves(pair)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
