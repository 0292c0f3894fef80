"""Whose memories a run with ``Mem0MilvusMiddleware`` is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver

from langchain_mem0milvus.middleware import Mem0MilvusMiddleware
from mem0milvus import Memory, ValidationError
from tests.langchain.conftest import (
    ALICE,
    TURNS,
    ScriptedChatModel,
    ask,
    stored,
)

Call = Callable[..., Any]


@dataclass
class Context:
    """A run's context, as an application defines it."""

    user_id: str | None = None
    customer: str = "c1"


class TestScope:
    """Whose memories a run is about."""

    @pytest.mark.parametrize(
        ("settings", "given", "scope"),
        [
            ({}, {"context": {"user_id": "alice"}}, {"user_id": "alice"}),
            ({}, {"context": Context("alice")}, {"user_id": "alice"}),
            ({}, {"config": ALICE}, {"user_id": "alice"}),
            ({}, {"context": Context(), "config": ALICE}, {"user_id": "alice"}),
            ({}, {"context": Context("alice"), "config": ALICE}, {"user_id": "alice"}),
            ({"agent_id": "cook"}, {"config": ALICE}, {"user_id": "alice", "agent_id": "cook"}),
            ({"user_id": "alice"}, {}, {"user_id": "alice"}),
            ({"user_id": "alice"}, {"config": ALICE}, {"user_id": "alice"}),
            ({"user_id": "team", "scope_keys": {}}, {"config": ALICE}, {"user_id": "team"}),
            ({"agent_id": "cook", "scope_keys": {}}, {}, {"agent_id": "cook"}),
            (
                {"scope_keys": {"user_id": "customer", "run_id": "thread_id"}},
                {"context": Context("alice"), "config": {"configurable": {"thread_id": "t1"}}},
                {"user_id": "c1", "run_id": "t1"},
            ),
            (
                {"scope": lambda runtime: {"user_id": runtime.context.customer, "agent_id": "f"}},
                {"context": Context("alice")},
                {"user_id": "c1", "agent_id": "f"},
            ),
        ],
    )
    def test_where_it_comes_from(
        self, memory: Memory, call: Call, settings: dict[str, Any], given: dict[str, Any], scope: dict[str, str]
    ) -> None:
        agent = create_agent(
            ScriptedChatModel(),
            middleware=[Mem0MilvusMiddleware(memory, infer=False, **settings)],
            context_schema=Context,
        )
        call(agent, "invoke", ask("I like tea."), **given)
        for item in memory.get_all()["results"]:
            assert {name: item[name] for name in ("user_id", "agent_id", "run_id") if name in item} == scope
        assert len(stored(memory)) == 2

    @pytest.mark.parametrize(
        ("settings", "given", "message"),
        [
            ({}, {}, "has no 'user_id'"),
            ({"agent_id": "cook"}, {}, "has no 'user_id'"),
            ({}, {"context": {"user_id": ""}}, "must not be"),
            ({}, {"context": {"user_id": 7}}, "must be a text"),
            ({}, {"context": {"user_id": "bob"}, "config": ALICE}, "twice"),
            ({"user_id": "bob"}, {"config": ALICE}, "user_id is fixed"),
            ({"scope": lambda runtime: {}}, {"config": ALICE}, "scope"),
            ({"scope": lambda runtime: {"user_id": None}}, {"config": ALICE}, "must not be"),
            ({"scope": lambda runtime: {"user": "alice"}}, {"config": ALICE}, "scope"),
        ],
    )
    def test_a_run_that_names_nobody_or_two_is_refused_before_the_model_is_asked(
        self, memory: Memory, call: Call, settings: dict[str, Any], given: dict[str, Any], message: str
    ) -> None:
        model = ScriptedChatModel()
        agent = create_agent(model, middleware=[Mem0MilvusMiddleware(memory, **settings)])
        with pytest.raises(ValidationError, match=message):
            call(agent, "invoke", ask("I like tea."), **given)
        assert model.saw == []

    @pytest.mark.parametrize(
        "settings",
        [
            {"user_id": "a", "scope": lambda runtime: {"user_id": "a"}},
            {"scope_keys": {}},
            {"scope_keys": {"user": "user_id"}},
            {"user_id": ""},
            {"on_error": "ignore"},
        ],
    )
    def test_wrong_settings_are_refused(self, memory: Memory, settings: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            Mem0MilvusMiddleware(memory, **settings)

    def test_two_users_talk_in_turns_through_one_agent(self, memory: Memory, run: Call) -> None:
        model = ScriptedChatModel(answers=[lambda messages: f"Noted: {messages[-1].text}"])
        agent = create_agent(model, middleware=[Mem0MilvusMiddleware(memory)], checkpointer=InMemorySaver())
        words = {"alice": "ocelot", "bob": "pangolin"}
        for turn in range(TURNS // 4):
            for user, other in (("alice", "bob"), ("bob", "alice")):
                config = {"configurable": {"user_id": user, "thread_id": f"{user}-{turn // 5}"}}
                said = f"The {words[user]} number {turn} is mine." if turn % 2 else f"Which {words[user]} is mine?"
                state = run(agent, ask(said), config)
                assert words[other] not in model.last_prompt + str(state)
                if turn > 1:  # a new thread, every five turns, does not show what was said in the one before
                    assert words[user] in (model.last_system if turn % 5 == 0 else model.last_prompt)
        for user, other in (("alice", "bob"), ("bob", "alice")):
            texts = stored(memory, user_id=user)
            assert len(texts) >= TURNS // 8
            assert all(words[user] in text and words[other] not in text for text in texts)

    def test_many_users_at_once(self, memory: Memory, call: Call) -> None:
        words = ("ocelot", "pangolin", "quokka", "walrus", "yak", "zebra")
        agent = create_agent(
            ScriptedChatModel(answers=[lambda messages: " ".join(str(message.text) for message in messages)]),
            middleware=[Mem0MilvusMiddleware(memory, infer=False)],
        )
        contexts = [{"configurable": {"user_id": f"user of the {word}"}} for word in words]
        call(agent, "batch", [ask(f"The {word} is mine.") for word in words], contexts)
        states = call(agent, "batch", [ask("Which animal is mine?")] * len(words), contexts)
        for word, state in zip(words, states, strict=True):
            answer = str(state["messages"][-1].text)
            assert [other for other in words if other in answer] == [word]
