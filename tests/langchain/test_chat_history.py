"""``Mem0MilvusChatMessageHistory``: what is read is what was added, for each conversation alone, in order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables import ConfigurableFieldSpec
from langchain_core.runnables.history import RunnableWithMessageHistory

from langchain_mem0milvus.chat_history import PIECE_CHARACTERS, ROOT, Mem0MilvusChatMessageHistory
from mem0milvus import AsyncMemory, AsyncRecordStore, Memory, RecordStore, StoreError, ValidationError
from tests.langchain.conftest import TURNS, ScriptedChatModel, lite_config

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """One memory for all tests, which each keep to conversations of their own."""
    with Memory.from_config(lite_config(tmp_path_factory.mktemp("shared") / "milvus.db")) as opened:
        yield opened


@pytest.fixture
def session(request: pytest.FixtureRequest) -> str:
    """A conversation that no other test uses."""
    return str(request.node.name)


MESSAGES: list[BaseMessage] = [
    HumanMessage("Hello", id="human-1", name="Ann", additional_kwargs={"mood": ["good", None, 1.5]}),
    AIMessage(
        [
            {"type": "reasoning", "reasoning": "They greet me."},
            {"type": "text", "text": "Hi", "annotations": [{"type": "citation", "url": "https://example.org"}]},
        ],
        id="ai-1",
        tool_calls=[{"name": "look_up", "args": {"q": 'say "hi" \\ ok', "n": [1, {"x": None}]}, "id": "call-1"}],
        invalid_tool_calls=[{"name": "look_up", "args": "{", "id": "call-2", "error": "cut off"}],
        usage_metadata={
            "input_tokens": 7,
            "output_tokens": 3,
            "total_tokens": 10,
            "input_token_details": {"cache_read": 2},
        },
        response_metadata={"model_name": "scripted", "logprob": float("-inf"), "big": 2**70},
    ),
    ToolMessage("42", tool_call_id="call-1", name="look_up", status="error", artifact={"rows": [[1, 2], [3, 4]]}),
    HumanMessage([{"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": "data:,AAAA"}}]),
    SystemMessage("Be brief."),
    ChatMessage(role="critic", content="Too long."),
    FunctionMessage(name="old", content="{}"),
    AIMessageChunk(
        content="par",
        tool_call_chunks=[{"name": "f", "args": '{"a":', "id": "c", "index": 0, "type": "tool_call_chunk"}],
    ),
    RemoveMessage(id="human-1"),
    HumanMessage(""),
    HumanMessage("日本語、עברית, 🌷 and a tab\tnew\nline, a NUL \x00, a half of a pair \ud800, <b>&amp;</b>, \\u0041"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message.type}")
def test_a_message_is_read_as_it_was_added(memory: Memory, session: str, call: Call, message: BaseMessage) -> None:
    history = Mem0MilvusChatMessageHistory(memory, f"{session}-{MESSAGES.index(message)}")
    call(history, "add_messages", [message])
    (read,) = read_all(history, call)
    assert type(read) is type(message)
    assert read == message
    assert read.model_dump() == message.model_dump()


def read_all(history: BaseChatMessageHistory, call: Call) -> list[BaseMessage]:
    get: list[BaseMessage] = call(_Reader(history), "get_messages")
    return get


class _Reader:
    """``messages`` as a method, so that ``call`` can find its awaiting one."""

    def __init__(self, history: BaseChatMessageHistory) -> None:
        self.get_messages = lambda: history.messages
        self.aget_messages = history.aget_messages


def test_messages_stand_in_the_order_in_which_they_were_added(memory: Memory, session: str, call: Call) -> None:
    history = Mem0MilvusChatMessageHistory(memory, session)
    twice = [HumanMessage("again", id="same"), HumanMessage("again", id="same")]
    call(history, "add_messages", MESSAGES)
    history.add_user_message("one more")
    history.add_ai_message(AIMessage("and one more"))
    call(history, "add_messages", [])
    call(history, "add_messages", twice)
    expected = [*MESSAGES, HumanMessage("one more"), AIMessage("and one more"), *twice]
    assert read_all(history, call) == expected
    assert Mem0MilvusChatMessageHistory(memory, session).messages == expected


def test_a_conversation_is_cleared_alone(memory: Memory, session: str, call: Call) -> None:
    names = ["1", "10", "1/0", "*", "a b", "été"]
    histories = {name: Mem0MilvusChatMessageHistory(memory, f"{session} {name}") for name in names}
    for name, history in histories.items():
        call(history, "add_messages", [HumanMessage(name)])
    call(histories["1"], "clear")
    for name, history in histories.items():
        assert [message.content for message in read_all(history, call)] == ([] if name == "1" else [name])
    call(histories["1"], "clear")


def test_conversations_of_two_users_are_two(memory: Memory, session: str) -> None:
    def of(user: str | None, session_id: str) -> Mem0MilvusChatMessageHistory:
        return Mem0MilvusChatMessageHistory(memory, session_id, user_id=user)

    every = [of("alice", "1"), of("bob", "1"), of(None, "1"), of(None, "alice"), of("1", "alice")]
    for number, history in enumerate(every):
        history.add_messages([HumanMessage(f"{session} {number}")])
    for number, history in enumerate(every):
        assert [message.content for message in history.messages] == [f"{session} {number}"]
    every[3].clear()
    assert [len(history.messages) for history in every] == [1, 1, 1, 0, 1]


def test_a_message_of_any_length_is_kept_whole(memory: Memory, session: str, call: Call) -> None:
    history = Mem0MilvusChatMessageHistory(memory, session)
    image = "data:image/png;base64," + "QUJD" * 75_000
    added = [
        HumanMessage([{"type": "image_url", "image_url": {"url": image}}]),
        AIMessage("短い" * 40_000),
        ToolMessage('"\\' * PIECE_CHARACTERS, tool_call_id="1"),
        HumanMessage("\ud800" * PIECE_CHARACTERS),
        HumanMessage("And this?"),
    ]
    call(history, "add_messages", added)
    assert read_all(history, call) == added


def test_a_message_that_was_stored_in_part_only_is_left_out_and_said(
    memory: Memory, session: str, caplog: pytest.LogCaptureFixture
) -> None:
    history = Mem0MilvusChatMessageHistory(memory, session)
    history.add_messages([HumanMessage("before"), AIMessage("x" * 3 * PIECE_CHARACTERS), HumanMessage("after")])
    with RecordStore.beside(memory) as records:
        piece = records.list((ROOT, session))[2]
        assert records.delete(piece["namespace"], piece["key"])
    assert [message.content for message in history.messages] == ["before", "after"]
    assert "1 messages were only partly stored" in caplog.text


def test_what_json_cannot_hold_is_an_error_and_nothing_is_stored(memory: Memory, session: str, call: Call) -> None:
    history = Mem0MilvusChatMessageHistory(memory, session)
    with pytest.raises(ValidationError, match="'tool'.*artifact"):
        call(history, "add_messages", [HumanMessage("hi"), ToolMessage("x", tool_call_id="1", artifact=object())])
    assert history.messages == []


@pytest.mark.parametrize(
    "arguments",
    [{"session_id": ""}, {"session_id": None}, {"session_id": 1}, {"session_id": "1", "user_id": ""}],
    ids=str,
)
def test_an_id_that_is_no_text_is_an_error(memory: Memory, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be a text"):
        Mem0MilvusChatMessageHistory(memory, **arguments)


def test_messages_are_found_by_no_search_of_the_memory(memory: Memory, session: str) -> None:
    Mem0MilvusChatMessageHistory(memory, session).add_messages([HumanMessage("zebra")])
    assert memory.get_all()["results"] == []


def test_it_can_be_opened_over_each_kind_of_store(tmp_path: Path) -> None:
    config = lite_config(tmp_path / "milvus.db")
    with RecordStore.from_config(config) as records:
        Mem0MilvusChatMessageHistory(records, "1").add_messages([HumanMessage("one")])

    async def awaiting() -> None:
        async with AsyncMemory.from_config(config) as memory:
            history = Mem0MilvusChatMessageHistory(memory, "1")
            await history.aadd_messages([AIMessage("two")])
            with pytest.raises(StoreError, match="serves async callers only"):
                _ = history.messages
        async with AsyncRecordStore.from_config(config) as records:
            texts = [message.text for message in await Mem0MilvusChatMessageHistory(records, "1").aget_messages()]
            assert texts == ["one", "two"]

    asyncio.run(awaiting())
    with Memory.from_config(config) as memory:
        history = Mem0MilvusChatMessageHistory(memory, "1")
        other = Mem0MilvusChatMessageHistory(memory, "1", collection_name="other")
        assert (len(history.messages), other.messages) == (2, [])
    with pytest.raises(StoreError, match="closed"):
        _ = history.messages


def test_threads_that_add_at_once_lose_nothing_and_keep_their_own_order(memory: Memory, session: str) -> None:
    def add(who: int) -> None:
        history = Mem0MilvusChatMessageHistory(memory, session)
        for number in range(5):
            history.add_messages(
                [HumanMessage(f"{who} {number} {'x' * PIECE_CHARACTERS}"), AIMessage(f"{who} {number}")]
            )

    threads = [threading.Thread(target=add, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [
        str(message.content).rstrip("x").split() for message in Mem0MilvusChatMessageHistory(memory, session).messages
    ]
    assert len(texts) == 40
    for who in range(4):
        assert [int(number) for one, number in texts if one == str(who)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


# With RunnableWithMessageHistory, which is on its way out and still widely used.


def chain(memory: Memory, model: ScriptedChatModel) -> RunnableWithMessageHistory:
    def history(user_id: str, session_id: str) -> BaseChatMessageHistory:
        return Mem0MilvusChatMessageHistory(memory, session_id, user_id=user_id)

    fields = [ConfigurableFieldSpec(id=name, annotation=str) for name in ("user_id", "session_id")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return RunnableWithMessageHistory(model, history, history_factory_config=fields)


def contents(messages: list[BaseMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def test_two_users_in_turns_through_one_chain_never_see_a_word_of_the_other(memory: Memory, session: str) -> None:
    """``TURNS=1000`` takes all of them; half are awaited, two at once."""
    model = ScriptedChatModel(answers=[lambda messages: f"You said {messages[-1].content}"])
    asked = chain(memory, model)
    users = {"alice": "zebra", "bob": "quail"}
    # Sessions of twenty turns, so that a long run does not read ever longer histories.
    turns = [(list(users)[number % 2], f"{session} {number // 40}", number) for number in range(TURNS)]

    def ask(user: str, where: str, number: int) -> tuple[Any, Any]:
        return [HumanMessage(f"{users[user]} {number}")], {"configurable": {"user_id": user, "session_id": where}}

    async def awaited(some: list[tuple[str, str, int]]) -> None:
        for at in range(0, len(some), 2):
            await asyncio.gather(*(asked.ainvoke(*ask(*turn)) for turn in some[at : at + 2]))

    half = len(turns) // 4 * 2
    for turn in turns[:half]:
        asked.invoke(*ask(*turn))
    asyncio.run(awaited(turns[half:]))
    assert len(model.saw) == len(turns)
    for prompt in model.saw:
        (animal,) = {word for word in users.values() for text in contents(prompt) if word in text}
        assert all(animal in text for text in contents(prompt))
    for user, animal in users.items():
        said = [n for who, where, n in turns if who == user and where == f"{session} 0"]
        expected = [text for n in said for text in (f"{animal} {n}", f"You said {animal} {n}")]
        history = Mem0MilvusChatMessageHistory(memory, f"{session} 0", user_id=user)
        assert contents(history.messages) == expected


TURN = """
import os, signal, sys
from langchain_core.messages import AIMessage, HumanMessage
from langchain_mem0milvus.chat_history import Mem0MilvusChatMessageHistory
from mem0milvus import Memory

memory = Memory.from_config({"vector_store": {"config": {"url": sys.argv[1], "collection_name": "memories",
                             "embedding_model_dims": 128}}, "embedder": {"provider": "offline"}})
history = Mem0MilvusChatMessageHistory(memory, "1")
history.add_messages([HumanMessage("first question"), AIMessage("first answer")])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_is_followed_by_one_that_goes_on(tmp_path: Path) -> None:
    path = str(tmp_path / "milvus.db")
    run = subprocess.run([sys.executable, "-c", TURN, path], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    with Memory.from_config(lite_config(Path(path))) as memory:
        history = Mem0MilvusChatMessageHistory(memory, "1")
        history.add_messages([HumanMessage("second question")])
        assert contents(history.messages) == ["first question", "first answer", "second question"]
