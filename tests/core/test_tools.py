"""What a model may do with memories: in one scope, answered in words, nothing raised at an agent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mem0milvus import Faces, Memory, MemoryTools, ValidationError


@pytest.fixture
def memory(config: dict[str, Any]) -> Iterator[Memory]:
    with Memory.from_config(config) as opened:
        yield opened


def say(memory: Memory, tools: MemoryTools, tool: str, *arguments: str) -> str:
    return Faces(memory).run(lambda face: getattr(tools, tool)(face, *arguments))


def test_saving_searching_updating_and_deleting(memory: Memory) -> None:
    tools = MemoryTools({"user_id": "alice"})
    saved = say(memory, tools, "save", "I like to play tennis on weekends.")
    event, memory_id = saved.split()
    assert event == "ADD"
    assert f"(id: {memory_id})" in say(memory, tools, "search", "What about tennis?")
    assert "updated" in say(memory, tools, "update", memory_id, "I like to play chess.")
    assert "chess" in say(memory, tools, "search", "What do I like to play?")
    assert "deleted" in say(memory, tools, "delete", memory_id)
    assert say(memory, tools, "search", "chess") == "Nothing is remembered about that."
    assert [entry["event"] for entry in memory.history(memory_id)] == ["ADD", "UPDATE", "DELETE"]


@pytest.mark.parametrize("tool", ["update", "delete"])
def test_a_memory_of_another_scope_is_as_one_that_is_not_there(memory: Memory, tool: str) -> None:
    theirs = memory.add("My code is 1234.", user_id="bob", run_id="r", infer=False)["results"][0]["id"]
    text = ["I have no code."] if tool == "update" else []
    for scope in ({"user_id": "alice"}, {"user_id": "bob", "agent_id": "a"}, {"user_id": "bob", "run_id": "other"}):
        tools = MemoryTools(scope)
        refused = say(memory, tools, tool, theirs, *text)
        assert refused.replace(theirs, "x") == say(memory, tools, tool, "nothing", *text).replace("nothing", "x")
        assert "1234" not in say(memory, tools, "search", "What is the code?")
    assert memory.get(theirs)["memory"] == "My code is 1234."
    assert "successfully" in say(memory, MemoryTools({"user_id": "bob"}), tool, theirs, *text)


def test_wrong_arguments_of_a_model_are_answered_in_words(memory: Memory) -> None:
    tools = MemoryTools({"user_id": "alice"})
    assert say(memory, tools, "search", "  ").startswith("This cannot be done: ")
    assert say(memory, tools, "save", "").startswith("This cannot be done: ")
    assert say(memory, tools, "update", "nothing", "text").startswith("This cannot be done: ")
    assert say(memory, tools, "delete", "").startswith("This cannot be done: ")


def test_a_store_that_fails_is_told_in_words_and_logged_without_text(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    tools = MemoryTools({"user_id": "alice"})
    memory.close()
    with caplog.at_level(logging.WARNING):
        assert "Continue without it" in say(memory, tools, "save", "My secret is blue.")
    assert "StoreError" in caplog.text
    assert "blue" not in caplog.text


def test_saving_can_take_a_text_apart_and_say_that_nothing_was_new(memory: Memory) -> None:
    tools = MemoryTools({"user_id": "alice"}, infer=True)
    assert say(memory, tools, "save", "I live in Paris.").startswith("ADD ")
    assert say(memory, tools, "save", "I live in Paris.").startswith("Nothing new was remembered")


def test_a_threshold_keeps_out_what_is_not_meant(memory: Memory) -> None:
    memory.add("I like to play tennis on weekends.", user_id="alice", infer=False)
    strict = MemoryTools({"user_id": "alice"}, threshold=0.33)
    assert say(memory, strict, "search", "quarterly revenue of the company") == "Nothing is remembered about that."
    assert "tennis" in say(memory, MemoryTools({"user_id": "alice"}), "search", "quarterly revenue of the company")


@pytest.mark.parametrize("scope", [{}, {"user": "alice"}, {"user_id": ""}, {"user_id": None}, {"user_id": 3}])
def test_a_wrong_scope_is_refused_at_once(scope: Any) -> None:
    with pytest.raises(ValidationError):
        MemoryTools(scope)
