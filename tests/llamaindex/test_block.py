"""``Mem0MilvusMemoryBlock`` in LlamaIndex's ``Memory``: overflow or every turn, sessions, and cutting to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import Memory as LlamaMemory
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from llamaindex_mem0milvus.block import Mem0MilvusMemoryBlock
from mem0milvus import Memory, ValidationError
from tests.llamaindex.scripted import Script, assistant, system_texts, user


@pytest.fixture
def session() -> str:
    return f"session-{uuid4().hex}"


@pytest.fixture
def block(client: Memory) -> Callable[..., Mem0MilvusMemoryBlock]:
    return lambda **options: Mem0MilvusMemoryBlock(memory=client, **{"threshold": 0.4, **options})


@pytest.fixture
def memory_of(tmp_path: Path) -> Callable[..., LlamaMemory]:
    """Makes LlamaIndex's own memories, whose database leaves no connection open."""

    def make(block: Mem0MilvusMemoryBlock, session_id: str, **limits: Any) -> LlamaMemory:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/chat.sqlite", poolclass=NullPool)
        return LlamaMemory.from_defaults(session_id=session_id, memory_blocks=[block], async_engine=engine, **limits)

    return make


def shown(memory: LlamaMemory, question: str) -> str:
    return "\n".join(system_texts(memory.get(question)))


def texts(client: Memory, **scope: Any) -> list[str]:
    client.flush()
    return [item["memory"] for item in client.get_all(**scope)["results"]]


Block = Callable[..., Mem0MilvusMemoryBlock]


def test_memories_stand_in_the_system_message_of_an_engine(
    block: Block, client: Memory, alice: str, session: str, memory_of: Callable[..., LlamaMemory]
) -> None:
    client.add("I play the cello.", user_id=alice, infer=False)
    script = Script(["The cello."])
    engine = SimpleChatEngine.from_defaults(llm=script.llm(), memory=memory_of(block(user_id=alice), session))
    engine.chat("Which instrument do I play, the cello?")
    assert script.last.count("I play the cello.") == 1
    assert "<long_term_memory>" in script.last


def test_a_blocking_read_inside_a_running_loop(
    block: Block, client: Memory, alice: str, session: str, memory_of: Callable[..., LlamaMemory]
) -> None:
    client.add("I play the cello.", user_id=alice, infer=False)
    memory = memory_of(block(user_id=alice, store="turns"), session)

    async def read() -> str:
        return shown(memory, "Do I play the cello?")

    assert "I play the cello." in asyncio.run(read())


def test_nothing_is_shown_where_nothing_fits(
    block: Block, client: Memory, alice: str, session: str, memory_of: Callable[..., LlamaMemory]
) -> None:
    client.add("I play the cello.", user_id=alice, infer=False)
    memory = memory_of(block(user_id=alice, threshold=0.5), session)
    assert memory.get() == []
    assert shown(memory, "What is the boiling point of nitrogen?") == ""


def test_what_overflows_is_stored_and_nothing_before(
    block: Block, client: Memory, alice: str, session: str, memory_of: Callable[..., LlamaMemory]
) -> None:
    one = block(user_id=alice)
    memory = memory_of(one, session, token_limit=60, token_flush_size=10)
    memory.put(user("I keep bees in the garden."))
    memory.put(assistant("Lovely."))
    assert texts(client, user_id=alice) == []
    for number in range(4):
        memory.put(user(f"Tell me something long and boring about the number {number}, please."))
        memory.put(assistant("It is a number, and there is not much more to be said of it than that."))
    assert texts(client, user_id=alice) == ["I keep bees in the garden."]
    assert "I keep bees in the garden." in asyncio.run(one.aget([user("Which animals do I keep? Bees?")]))


@pytest.mark.parametrize("infer", [True, False])
def test_every_turn_is_stored_once_when_told(
    block: Block, client: Memory, alice: str, session: str, infer: bool, memory_of: Callable[..., LlamaMemory]
) -> None:
    """LlamaIndex's own vector block stores nothing until 21,000 tokens have passed."""
    script = Script(["Lovely."])
    one = block(user_id=alice, store="turns", infer=infer)
    engine = SimpleChatEngine.from_defaults(llm=script.llm(), memory=memory_of(one, session))
    engine.chat("I keep bees in the garden.")
    assert "I keep bees" not in "".join(system_texts(script.prompts[-1]))
    assert "I keep bees in the garden." in texts(client, user_id=alice)
    another = block(user_id=alice, store="turns", infer=infer)
    engine = SimpleChatEngine.from_defaults(
        llm=script.llm(), memory=memory_of(another, session), chat_history=contents_of(engine)
    )
    engine.chat("I keep hens as well.", chat_history=contents_of(engine) or None)
    expected = ["I keep bees in the garden.", *([] if infer else ["Lovely."]), "I keep hens as well."]
    assert texts(client, user_id=alice) == expected


def contents_of(engine: Any) -> list[ChatMessage]:
    return list(engine.chat_history)


def test_turns_are_told_apart_by_their_place_and_not_by_their_words(
    block: Block, client: Memory, alice: str, session: str
) -> None:
    one = block(user_id=alice, store="turns", infer=False)
    history: list[ChatMessage] = []
    for text in ("Yes.", "No.", "Yes."):
        history += [user(text)]
        asyncio.run(one.aget(history, session_id=session))
        asyncio.run(one.aget(history, session_id=session))
        history += [assistant("Sure?")]
    assert texts(client, user_id=alice) == ["Yes.", "Sure?", "No.", "Sure?", "Yes."]
    trimmed = [*history[2:], user("Maybe.")]
    asyncio.run(one.aget(trimmed, session_id=session))
    asyncio.run(one.aput(history[:2], from_short_term_memory=True, session_id=session))
    assert texts(client, user_id=alice)[5:] == ["Sure?", "Maybe."]


def test_turns_that_overflow_before_they_are_seen_are_stored(
    block: Block, client: Memory, alice: str, session: str
) -> None:
    one = block(user_id=alice, store="turns")
    asyncio.run(one.aput([user("I keep bees."), assistant("Lovely.")], from_short_term_memory=True, session_id=session))
    assert texts(client, user_id=alice) == ["I keep bees."]


class TestSessions:
    def test_one_block_serves_many_sessions_and_sticks_to_none(
        self, block: Block, client: Memory, memory_of: Callable[..., LlamaMemory]
    ) -> None:
        """LlamaIndex's own vector block keeps the first session's filter (run-llama/llama_index#22701)."""
        one = block(store="turns")
        sessions = {f"{pet}-{uuid4().hex}": pet for pet in ("iguana", "walrus")}
        memories = {session_id: memory_of(one, session_id) for session_id in sessions}
        for session_id, pet in sessions.items():
            memories[session_id].put(user(f"My secret pet is an {pet}."))
            memories[session_id].get()
        client.flush()
        for _ in range(2):
            for session_id, pet in sessions.items():
                # Without the conversation, which shows what was said anyway.
                found = asyncio.run(one.aget([user("What is my secret pet?")], session_id=session_id))
                assert pet in found
                assert not any(other in found for other in sessions.values() if other != pet)
        assert [texts(client, run_id=session_id) for session_id in sessions] == [
            [f"My secret pet is an {pet}."] for pet in sessions.values()
        ]

    def test_sessions_at_once(self, block: Block, client: Memory) -> None:
        one = block()
        pets = {f"{number}-{uuid4().hex}": f"pet number {number}" for number in range(6)}
        for session_id, pet in pets.items():
            client.add(f"My animal is {pet}.", run_id=session_id, infer=False)

        async def ask() -> list[str]:
            question = [user("What is my animal?")]
            return await asyncio.gather(*(one.aget(question, session_id=session_id) for session_id in pets))

        for found, pet in zip(asyncio.run(ask()), pets.values(), strict=True):
            assert found.count("pet number") == 1
            assert pet in found

    def test_a_users_sessions_share_memories_unless_told_otherwise(
        self, block: Block, client: Memory, alice: str, session: str
    ) -> None:
        client.add("I play the cello.", user_id=alice, run_id="earlier", infer=False)
        question = [user("Do I play the cello?")]
        assert "cello" in asyncio.run(block(user_id=alice).aget(question, session_id=session))
        alone = block(user_id=alice, per_session=True)
        assert asyncio.run(alone.aget(question, session_id=session)) == ""
        asyncio.run(alone.aput([user("I play the drums.")], session_id=session))
        assert texts(client, user_id=alice, run_id=session) == ["I play the drums."]

    def test_messages_that_tell_their_session_themselves(self, block: Block, client: Memory) -> None:
        first, second = uuid4().hex, uuid4().hex
        messages = [
            ChatMessage(role="user", content=f"I live in {city}.", additional_kwargs={"session_id": name})
            for name, city in ((first, "Rome"), (second, "Oslo"))
        ]
        asyncio.run(block()._aput(messages))
        assert texts(client, run_id=first) == ["I live in Rome."]
        assert texts(client, run_id=second) == ["I live in Oslo."]

    def test_the_callers_messages_stay_as_they_are(self, block: Block, alice: str, session: str) -> None:
        """LlamaIndex's own blocks write the session into them."""
        message = user("I keep bees.")
        asyncio.run(block(user_id=alice).aput([message], session_id=session))
        assert message == user("I keep bees.")

    def test_without_a_scope_nothing_is_read_or_stored(self, block: Block) -> None:
        for call in (block().aget([user("Hi.")]), block().aput([user("Hi.")])):
            with pytest.raises(ValidationError, match="session_id"):
                asyncio.run(call)
        for wrong in ({"per_session": False}, {"run_id": "r", "per_session": True}, {"user_id": ""}):
            with pytest.raises(ValueError, match="_id"):
                block(**wrong)

    def test_a_block_that_takes_no_overflow_stores_none(
        self, block: Block, client: Memory, alice: str, session: str
    ) -> None:
        one = block(user_id=alice, accept_short_term_memory=False)
        asyncio.run(one.aput([user("I keep bees.")], from_short_term_memory=True, session_id=session))
        assert texts(client, user_id=alice) == []


class TestTruncation:
    @pytest.fixture
    def content(self, block: Block, client: Memory, alice: str) -> str:
        for text in ("I play the cello.", "I play chess on Sundays with my aunt.", "I keep bees."):
            client.add(text, user_id=alice, infer=False)
        return asyncio.run(block(user_id=alice, threshold=None).aget([user("Do I play the cello?")]))

    def test_the_least_relevant_memories_go_first(self, block: Block, content: str, alice: str) -> None:
        one = block(user_id=alice)
        lines = [line for line in content.splitlines() if line.startswith("- ")]
        assert len(lines) == 3
        assert "cello" in lines[0]
        shorter = asyncio.run(one.atruncate(content, 1))
        assert shorter is not None
        assert [line for line in shorter.splitlines() if line.startswith("- ")] == lines[:2]
        assert shorter.endswith("</memories>")
        assert len(one.tokenizer_fn(shorter)) < len(one.tokenizer_fn(content))

    def test_nothing_is_left_where_there_is_no_room(self, block: Block, content: str, alice: str) -> None:
        assert asyncio.run(block(user_id=alice).atruncate(content, 10_000)) is None

    def test_memory_asks_for_it_under_pressure(
        self,
        block: Block,
        content: str,
        client: Memory,
        alice: str,
        session: str,
        memory_of: Callable[..., LlamaMemory],
    ) -> None:
        one = block(user_id=alice, threshold=None)
        limit = len(one.tokenizer_fn(content)) - 5
        memory = memory_of(one, session, token_limit=limit, chat_history_token_ratio=0.9)
        found = shown(memory, "Do I play the cello?")
        assert "cello" in found
        assert found.count("\n- ") < 3
        never = memory_of(block(user_id=alice, threshold=None, priority=0), session, token_limit=limit)
        assert shown(never, "Do I play the cello?").count("\n- ") == 3
