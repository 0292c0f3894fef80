"""Real chat engines over a memory, with each of their four ways to chat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine, SimpleChatEngine
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from llamaindex_mem0milvus.retriever import Mem0MilvusRetriever
from mem0milvus import Memory
from tests.llamaindex.scripted import Script, contents, system_texts

Make = Callable[..., Mem0MilvusMemory]


class Handbook(BaseRetriever):
    """A retriever that always finds the same page."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=TextNode(text="The club opens at nine."), score=1.0)]


def simple(script: Script, memory: Mem0MilvusMemory) -> BaseChatEngine:
    return SimpleChatEngine.from_defaults(llm=script.llm(), memory=memory, system_prompt="You are kind.")


def context(script: Script, memory: Mem0MilvusMemory) -> BaseChatEngine:
    return ContextChatEngine.from_defaults(Handbook(), llm=script.llm(), memory=memory, system_prompt="You are kind.")


def condense(script: Script, memory: Mem0MilvusMemory) -> BaseChatEngine:
    return CondensePlusContextChatEngine.from_defaults(
        Handbook(), llm=script.llm(), memory=memory, system_prompt="You are kind."
    )


def chat(engine: BaseChatEngine, text: str) -> str:
    return str(engine.chat(text))


def achat(engine: BaseChatEngine, text: str) -> str:
    return str(asyncio.run(engine.achat(text)))


def stream_chat(engine: BaseChatEngine, text: str) -> str:
    return "".join(engine.stream_chat(text).response_gen)


def astream_chat(engine: BaseChatEngine, text: str) -> str:
    async def read() -> str:
        answer = await engine.astream_chat(text)
        return "".join([token async for token in answer.async_response_gen()])

    return asyncio.run(read())


ENGINES = pytest.mark.parametrize("engine_of", [simple, context, condense])
WAYS = pytest.mark.parametrize("say", [chat, achat, stream_chat, astream_chat])


@ENGINES
@WAYS
def test_an_engine_remembers_within_a_conversation_and_beyond_it(
    engine_of: Callable[[Script, Mem0MilvusMemory], BaseChatEngine],
    say: Callable[[BaseChatEngine, str], str],
    make: Make,
    client: Memory,
    alice: str,
) -> None:
    script = Script(["How nice!"])
    first = make(alice)
    assert say(engine_of(script, first), "I play tennis on Sundays.") == "How nice!"
    assert contents(first.get_all()) == ["I play tennis on Sundays.", "How nice!"]
    client.flush()

    script = Script(["On Sundays."])
    later = make(alice, session_id="later")
    assert say(engine_of(script, later), "When do I play tennis?") == "On Sundays."
    assert "I play tennis on Sundays." in script.last
    assert script.last.count("You are kind.") == 1
    assert script.last.count("<memories>") == 1
    assert script.prompts[-1][-1].content is not None
    assert "When do I play tennis?" in script.prompts[-1][-1].content


@ENGINES
@WAYS
def test_two_users_in_turns_never_see_a_word_of_each_other(
    engine_of: Callable[[Script, Mem0MilvusMemory], BaseChatEngine],
    say: Callable[[BaseChatEngine, str], str],
    make: Make,
    client: Memory,
    alice: str,
    bob: str,
) -> None:
    script = Script(["Noted."])
    engines = {name: engine_of(script, make(name)) for name in (alice, bob)}
    secrets = {alice: "My secret pet is an iguana.", bob: "My secret pet is a walrus."}
    for name, engine in engines.items():
        say(engine, secrets[name])
    client.flush()
    for name, engine in engines.items():
        say(engine, "What is my secret pet?")
        assert secrets[name].split()[-1] in script.last
        assert secrets[bob if name == alice else alice].split()[-1] not in script.last


def test_resetting_an_engine_forgets_the_conversation_and_not_the_user(make: Make, client: Memory, alice: str) -> None:
    script = Script(["Noted."])
    memory = make(alice)
    engine = simple(script, memory)
    engine.chat("I was born in Lisbon.")
    client.flush()
    engine.reset()
    assert memory.get_all() == []
    engine.chat("Where was I born?")
    assert "I was born in Lisbon." in script.last


def test_a_failing_model_leaves_the_question_in_the_conversation(make: Make, alice: str) -> None:
    memory = make(alice)
    engine = simple(Script([RuntimeError("down"), "Here I am."]), memory)
    with pytest.raises(RuntimeError, match="down"):
        engine.chat("I moved to Porto.")
    assert contents(memory.get_all()) == ["I moved to Porto."]
    engine.chat("Are you there?")
    memory.client.flush()
    kept = memory.client.get_all(alice)["results"]
    assert [item["memory"] for item in kept] == ["I moved to Porto."]


def test_a_chat_history_that_is_given_takes_the_place_of_the_conversation(make: Make, alice: str) -> None:
    script = Script(["Yes."])
    memory = make(alice)
    engine = simple(script, memory)
    engine.chat("This is forgotten.")
    engine.chat("Still there?", chat_history=[])
    assert contents(memory.get_all()) == ["Still there?", "Yes."]


def test_the_memorys_retriever_serves_a_context_engine(client: Memory, make: Make, alice: str) -> None:
    client.add("I am allergic to peanuts.", user_id=alice, infer=False)
    script = Script(["No."])
    retriever = Mem0MilvusRetriever(client, user_id=alice, top_k=3)
    engine = ContextChatEngine.from_defaults(retriever, llm=script.llm(), memory=make(alice, top_k=1))
    answer = engine.chat("Am I allergic to peanuts?")
    assert answer.source_nodes[0].get_content() == "I am allergic to peanuts."
    assert "I am allergic to peanuts." in "".join(system_texts(script.prompts[-1]))


def test_braces_in_memories_do_not_break_an_engines_template(client: Memory, make: Make, alice: str) -> None:
    client.add('My config is {"a": {b}} and {unknown}.', user_id=alice, infer=False)
    script = Script(["Yes."])
    chat(context(script, make(alice)), "What is my config?")
    assert 'My config is {"a": {b}} and {unknown}.' in script.last


def test_a_streamed_answer_is_stored_by_another_thread(make: Make, client: Memory, alice: str) -> None:
    async def inside_a_running_loop() -> list[Any]:
        memory = make(alice)
        stream = simple(Script(["Good choice."]), memory).stream_chat("I bought a red bicycle.")
        assert "".join(stream.response_gen) == "Good choice."
        return contents(memory.get_all())

    assert asyncio.run(inside_a_running_loop()) == ["I bought a red bicycle.", "Good choice."]
    client.flush()
    assert [item["memory"] for item in client.get_all(alice)["results"]] == ["I bought a red bicycle."]
