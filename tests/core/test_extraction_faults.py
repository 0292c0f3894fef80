"""A language model that fails: each way ends in a right result, or in a typed error that names the cause."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mem0milvus import AsyncMemory, EmbeddingError, ExtractionError, LLMRequest, Memory
from tests.conftest import Config, texts
from tests.openai_server import Drop, OpenAIServer, change, completion, shown

OpenMemory = Callable[..., Any]

GOOD = {"changes": [change("ADD", "User likes rain.", "I like rain")]}
WHOLE = json.dumps(GOOD)
HALF = WHOLE[: len(WHOLE) // 2]


def failing(status: int, message: str) -> Any:
    return lambda _: (status, {"error": {"message": message, "type": "t", "code": None}})


def saying(*arguments: Any) -> Any:
    return lambda _: (200, completion(*arguments))


FAULTS: dict[str, tuple[Any, str]] = {
    "401": (failing(401, "bad key"), r"refused the API key \(401\): check OPENAI_API_KEY or llm.config.api_key"),
    "403": (failing(403, "not for you"), "answered 403: not for you"),
    "404 model": (failing(404, "no model"), "'gpt-4.1-mini' at http.*answered 404: no model; check llm.config.model"),
    "429": (failing(429, "slow down"), "answered 429, too many requests or no quota left: slow down"),
    "500": (failing(500, "boom"), "answered 500: boom"),
    "503": (failing(503, "busy"), "answered 503: busy"),
    "400 for all forms": (failing(400, "context too long"), "answered 400: context too long"),
    "dropped connection": (lambda _: Drop, "cannot be reached, or closed the connection"),
    "no JSON on the wire": (lambda _: (200, b"{oops"), "did not answer in OpenAI's format"),
    "no choices": (lambda _: (200, {"id": "1", "choices": []}), "did not answer in OpenAI's format"),
    "another protocol": (lambda _: (200, {"hello": 1}), "did not answer in OpenAI's format"),
    "invalid JSON": (saying(WHOLE[:-1] + ",,"), "not valid JSON, or was cut off"),
    "cut off at the limit": (saying(HALF, "length"), "was cut off at its limit of tokens: raise llm.config.max_tokens"),
    "cut off without a word": (saying(HALF), "not valid JSON, or was cut off"),
    "refusal": (saying(None, "stop", "I can't help with that."), "refused to answer: I can't help"),
    "content filter": (saying("", "content_filter"), "content filter"),
    "empty": (saying(""), "gave an empty answer"),
    "blank": (saying(" \n"), "gave an empty answer"),
    "null": (saying(None), "gave an empty answer"),
    "violated schema": (saying('{"facts": ["x"]}'), 'no list under "changes"'),
    "violated items": (saying('{"changes": [{"action": "MERGE"}]}'), "the action is 'MERGE'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_failure_is_a_typed_error_and_writes_nothing(
    open_memory: OpenMemory, llm_config: Config, server: OpenAIServer, name: str
) -> None:
    fault, message = FAULTS[name]
    memory = open_memory(llm_config)
    server.chat_fault = fault
    with pytest.raises(ExtractionError, match=message) as caught:
        memory.add("I like rain", user_id="u")
    assert "sk-test" not in str(caught.value)
    server.chat_fault = None
    assert texts(memory.get_all("u")) == []
    server.otherwise = GOOD
    assert texts(memory.add("I like rain", user_id="u")) == ["User likes rain."]


@pytest.mark.parametrize("fence", [f"```json\n{WHOLE}\n```", f"Of course!\n{WHOLE}", f"\ufeff{WHOLE}"])
def test_an_answer_in_a_fence_is_an_answer(memory_with_llm: Any, server: OpenAIServer, fence: str) -> None:
    server.otherwise = fence
    assert texts(memory_with_llm.add("I like rain", user_id="u")) == ["User likes rain."]


@pytest.fixture
def memory_with_llm(open_memory: OpenMemory, llm_config: Config) -> Any:
    return open_memory(llm_config)


@pytest.mark.parametrize(
    "fault", [failing(429, "slow down"), failing(500, "boom"), failing(503, "busy"), lambda _: Drop]
)
def test_what_passes_is_waited_for(open_memory: OpenMemory, llm_config: Config, server: Any, fault: Any) -> None:
    llm_config["llm"]["config"]["max_retries"] = 2
    server.retry_after = "0.01"
    server.otherwise = GOOD
    left = [fault, fault]
    server.chat_fault = lambda request: left.pop()(request) if left else None
    assert texts(open_memory(llm_config).add("I like rain", user_id="u")) == ["User likes rain."]
    assert len(server.chats) == 3


def test_no_answer_in_time(open_memory: OpenMemory, llm_config: Config, server: OpenAIServer) -> None:
    hang = threading.Event()
    llm_config["llm"]["config"]["timeout"] = 0.2
    server.chat_fault = lambda _: (200 if hang.wait(10) else 504, {})
    memory = open_memory(llm_config)
    with pytest.raises(ExtractionError, match=r"did not answer within 0.2 s"):
        memory.add("I like rain", user_id="u")
    hang.set()
    assert texts(memory.get_all("u")) == []


def test_no_server_and_no_key(open_memory: OpenMemory, llm_config: Config) -> None:
    settings = llm_config["llm"]["config"]
    settings["openai_base_url"] = "http://127.0.0.1:9/v1"
    with pytest.raises(ExtractionError, match="cannot be reached"):
        open_memory(llm_config).add("I like rain", user_id="u")
    del settings["api_key"]
    with pytest.raises(ExtractionError, match="OPENAI_API_KEY"):
        open_memory(llm_config).add("I like rain", user_id="u")


def test_the_limit_that_cut_an_answer_off_is_named(open_memory: OpenMemory, llm_config: Config, server: Any) -> None:
    llm_config["llm"]["config"]["max_tokens"] = 12
    server.chat_fault = saying(HALF, "length")
    with pytest.raises(ExtractionError, match="cut off at max_tokens=12"):
        open_memory(llm_config).add("I like rain", user_id="u")


class Failing:
    """A ready language model that raises something of its own."""

    identity = "theirs"

    def complete(self, request: LLMRequest) -> str:
        raise OSError("the cable is out")


def test_a_ready_model_that_raises_is_named(open_memory: OpenMemory, config: Config) -> None:
    with pytest.raises(ExtractionError, match="language model 'theirs' failed: OSError: the cable is out") as caught:
        open_memory(config, llm=Failing()).add("I like rain", user_id="u")
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("call", [1, 2])
def test_an_embedder_that_fails_before_or_after_the_model(
    open_memory: OpenMemory, llm_config: Config, server: OpenAIServer, call: int
) -> None:
    llm_config["vector_store"]["config"]["embedding_model_dims"] = 26
    settings = {**llm_config["llm"]["config"], "model": "letters"}
    memory = open_memory({**llm_config, "embedder": {"provider": "openai", "config": settings}})
    server.otherwise = GOOD
    healthy = server.fault
    calls: list[Any] = []

    def fail(request: Any) -> Any:
        calls.append(request)
        server.fault = healthy if len(calls) == call else fail
        return (500, {"error": {"message": "boom"}}) if len(calls) == call else healthy_answer(request)

    def healthy_answer(request: Any) -> Any:
        data = [{"index": n, "embedding": [1.0] * 26} for n, _ in enumerate(request["input"])]
        return 200, {"object": "list", "data": data, "model": "letters"}

    server.fault = fail
    with pytest.raises(EmbeddingError, match="boom"):
        memory.add("I like rain", user_id="u")
    assert texts(memory.get_all("u")) == []
    assert texts(memory.add("I like rain", user_id="u")) == ["User likes rain."]


def test_an_add_that_is_cancelled_while_the_model_thinks_writes_nothing(
    llm_config: Config, server: OpenAIServer
) -> None:
    asked, go = threading.Event(), threading.Event()

    def think(_: Any) -> Any:
        asked.set()
        go.wait(10)
        return GOOD

    async def work() -> None:
        async with AsyncMemory.from_config(llm_config) as memory:
            server.otherwise = think
            task = asyncio.ensure_future(memory.add("I like rain", user_id="u"))
            await asyncio.to_thread(asked.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            assert texts(await memory.get_all("u")) == []

    asyncio.run(work())


# --- messages kept until the model works again


@pytest.fixture
def keeping(open_memory: OpenMemory, llm_config: Config) -> Any:
    return open_memory({**llm_config, "on_extraction_error": "store_raw"})


SAID = [
    {"role": "user", "name": "Ann", "content": "I like rain in May."},
    {"role": "assistant", "content": "I see."},
    {"role": "user", "name": "Ann", "content": "My dog is called Rex."},
]
FOUND = {
    "changes": [
        change("ADD", "Ann likes rain.", "I like rain", about="Ann"),
        change("ADD", "Ann's dog is called Rex.", "My dog is called Rex", about="Ann"),
    ]
}


def test_what_was_said_is_kept_when_the_model_is_down_and_extracted_later(keeping: Any, server: OpenAIServer) -> None:
    server.chat_fault = failing(500, "boom")
    told: dict[str, Any] = {"metadata": {"k": 1}, "prompt": "Note the dogs.", "timestamp": "2024-05-06"}
    kept = keeping.add(SAID, user_id="u", run_id="r", **told)
    assert [c["memory"] for c in kept["results"]] == [m["content"] for m in SAID]
    assert all(c["pending"] and c["event"] == "ADD" for c in kept["results"])
    assert "answered 500: boom" in kept["extraction_error"]
    items = keeping.get_all("u")["results"]
    assert [item["memory"] for item in items] == [m["content"] for m in SAID]
    assert all(item["pending"] for item in items)
    found = keeping.search("What is the dog called?", user_id="u")["results"]
    assert (found[0]["memory"], found[0]["pending"]) == ("My dog is called Rex.", True)

    with pytest.raises(ExtractionError, match="boom"):
        keeping.process_pending()
    assert len(keeping.get_all("u")["results"]) == 3

    server.chat_fault = None
    server.otherwise = FOUND
    done = keeping.process_pending(user_id="u")
    assert [(c["event"], c["memory"]) for c in done["results"]] == [
        ("ADD", "Ann likes rain."),
        ("ADD", "Ann's dog is called Rex."),
    ]
    assert (done["processed"], done["failed"]) == (1, [])
    items = keeping.get_all("u")["results"]
    assert [item["memory"] for item in items] == ["Ann likes rain.", "Ann's dog is called Rex."]
    for item in items:
        assert "pending" not in item
        assert (item["metadata"], item["run_id"], item["actor_id"]) == ({"k": 1}, "r", "Ann")
        assert item["observed_at"].startswith("2024-05-06")
    assert "Note the dogs." in server.chats[-1]["messages"][0]["content"]
    assert server.chats[-1]["messages"][1] == server.chats[0]["messages"][1], "the same question again"
    assert keeping.process_pending() == {"results": [], "rejected": [], "processed": 0, "failed": []}


def test_pending_messages_are_not_shown_as_memories_and_do_not_hide_facts(keeping: Any, server: OpenAIServer) -> None:
    server.chat_fault = failing(500, "boom")
    keeping.add("User likes rain.", user_id="u")
    server.chat_fault = None
    server.otherwise = {"changes": [change("ADD", "User likes rain.", "User likes rain")]}
    assert texts(keeping.add("User likes rain.", user_id="u")) == ["User likes rain."]
    assert shown(server.chats[-1]) == {}
    keeping.process_pending()
    assert texts(keeping.get_all("u")) == ["User likes rain."]


def test_pending_messages_can_be_updated_and_deleted(keeping: Any, server: OpenAIServer) -> None:
    server.chat_fault = failing(500, "boom")
    first, second = keeping.add([SAID[0], SAID[2]], user_id="u")["results"]
    keeping.delete(first["id"])
    keeping.update(second["id"], "My dog is called Max.")
    server.chat_fault = None
    server.otherwise = {"changes": [change("ADD", "Ann's dog is called Max.", "My dog is called Max")]}
    keeping.process_pending()
    assert texts(keeping.get_all("u")) == ["Ann's dog is called Max."]
    assert "rain" not in json.dumps(server.chats[-1]["messages"][1])


def test_turns_are_extracted_in_order_and_one_that_fails_waits_alone(keeping: Any, server: OpenAIServer) -> None:
    server.chat_fault = failing(500, "boom")
    for n in range(4):
        keeping.add(f"I own {n} cats", user_id="u")
    keeping.add("I own a dog", user_id="v")
    server.chat_fault = lambda r: (500, {"error": {"message": "poison"}}) if "own 1 cats" in str(r) else None
    server.chats.clear()
    done = keeping.process_pending(user_id="u")
    assert (done["processed"], len(done["failed"])) == (3, 1)
    assert "poison" in done["failed"][0]
    order = [n for request in server.chats for n in range(4) if f"I own {n} cats" in request["messages"][1]["content"]]
    assert order == [0, 1, 2, 3]
    assert texts(keeping.get_all("u")) == ["I own 1 cats"]
    assert texts(keeping.get_all("v")) == ["I own a dog"]


def test_a_model_that_is_down_is_not_asked_for_every_turn(keeping: Any, server: OpenAIServer) -> None:
    server.chat_fault = failing(500, "boom")
    for n in range(6):
        keeping.add(f"I own {n} cats", user_id="u")
    server.chats.clear()
    with pytest.raises(ExtractionError):
        keeping.process_pending()
    assert len(server.chats) == 3


def test_messages_are_kept_also_when_the_embedder_is_down(
    open_memory: OpenMemory, llm_config: Config, server: OpenAIServer
) -> None:
    llm_config["vector_store"]["config"]["embedding_model_dims"] = 26
    settings = {**llm_config["llm"]["config"], "model": "letters"}
    embedder = {"provider": "openai", "config": settings}
    memory = open_memory({**llm_config, "embedder": embedder, "on_extraction_error": "store_raw"})
    server.fault = failing(500, "boom")
    kept = memory.add("My dog is called Rex.", user_id="u")
    assert "embedding model" in kept["extraction_error"]
    assert texts(memory.search("What is the dog called?", user_id="u", mode="lexical")) == ["My dog is called Rex."]
    server.fault = None
    server.otherwise = {"changes": [change("ADD", "User's dog is called Rex.", "My dog is called Rex")]}
    memory.process_pending()
    assert texts(memory.search("What is the dog called?", user_id="u")) == ["User's dog is called Rex."]


def test_a_retry_by_ids_is_kept_once(keeping: Any, server: OpenAIServer) -> None:
    server.chat_fault = failing(500, "boom")
    first = keeping.add("I like rain", user_id="u", ids=["a"])
    assert keeping.add("I like rain", user_id="u", ids=["a"])["results"] == first["results"]
    server.chat_fault = None
    server.otherwise = GOOD
    keeping.process_pending()
    assert [item["id"] for item in keeping.get_all("u")["results"]] == ["a"]


def test_rules_extract_what_a_model_left_behind(
    open_memory: OpenMemory, config: Config, llm_config: Config, server: OpenAIServer
) -> None:
    memory = open_memory({**llm_config, "on_extraction_error": "store_raw"})
    server.chat_fault = failing(500, "boom")
    memory.add("Hello! I like rain. Do you?", user_id="u")
    offline = open_memory(config)
    assert offline.process_pending()["processed"] == 1
    assert texts(offline.get_all("u")) == ["I like rain."]


def test_pending_turns_survive_the_process_and_are_extracted_once_by_two_threads(
    llm_config: Config, server: OpenAIServer
) -> None:
    llm_config["on_extraction_error"] = "store_raw"
    server.chat_fault = failing(500, "boom")
    with Memory.from_config(llm_config) as memory:
        for n in range(5):
            memory.add(f"I own {n} cats", user_id="u")
    server.chat_fault = None
    server.otherwise = lambda r: {"changes": [change("ADD", f"New {len(server.chats)}", "cats")]}
    with Memory.from_config(llm_config) as memory:
        threads = [threading.Thread(target=memory.process_pending) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        items = memory.get_all("u")["results"]
        assert len(items) == 5
        assert all("pending" not in item for item in items)
