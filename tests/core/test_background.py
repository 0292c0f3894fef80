"""Adds in the background: at once for the caller, in order for each scope, and nothing lost at the end."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mem0milvus import AsyncMemory, ExtractionError, Memory, StoreError, ValidationError
from tests.conftest import Config, texts
from tests.openai_server import OpenAIServer, change

OpenMemory = Callable[..., Any]


def test_an_add_returns_a_ticket_and_is_written_by_the_time_of_flush(memory: Any) -> None:
    accepted = [memory.add(f"I own {n} cats.", user_id="u", background=True) for n in range(20)]
    assert all(one["results"] == [] and one["relations"] == [] for one in accepted)
    assert len({one["ticket"] for one in accepted}) == 20
    assert memory.flush() == {"written": 20, "failed": [], "waiting": 0}
    assert texts(memory.get_all("u")) == [f"I own {n} cats." for n in range(20)]
    assert memory.flush() == {"written": 0, "failed": [], "waiting": 0}


def test_what_is_asked_for_wrongly_is_refused_at_once(memory: Any) -> None:
    with pytest.raises(ValidationError, match="messages is empty"):
        memory.add("", user_id="u", background=True)
    with pytest.raises(ValidationError, match="requires a scope"):
        memory.add("I like rain.", background=True)
    for wrong in (-1, "soon", True):
        with pytest.raises(ValidationError, match="timeout must be a number of seconds"):
            memory.flush(wrong)
    assert memory.flush()["written"] == 0


def test_the_configuration_says_what_is_done_when_the_call_does_not(open_memory: OpenMemory, config: Config) -> None:
    for given in (True, {"default": True}):
        memory = open_memory({**config, "background": given})
        assert "ticket" in memory.add("I like rain.", user_id="u")
        assert "ticket" not in memory.add("I like snow.", user_id="u", background=False)
        memory.flush()
    assert texts(memory.get_all("u")) == ["I like rain.", "I like snow."] or len(texts(memory.get_all("u"))) == 2


def test_closing_writes_what_is_left(open_memory: OpenMemory, config: Config) -> None:
    memory = open_memory(config)
    for n in range(30):
        memory.add(f"I own {n} cats.", user_id="u", background=True)
    memory.close()
    assert len(texts(open_memory(config).get_all("u"))) == 30
    with pytest.raises(StoreError, match="closed"):
        memory.add("I like rain.", user_id="u", background=True)


def test_failures_are_told_by_flush_and_to_the_callback(
    open_memory: OpenMemory, llm_config: Config, server: OpenAIServer
) -> None:
    told: list[tuple[str, Exception]] = []
    llm_config["background"] = {"on_error": lambda ticket, error: told.append((ticket, error))}
    memory = open_memory(llm_config)
    server.chat_fault = lambda r: (500, {"error": {"message": "boom"}}) if "snow" in str(r) else None
    server.otherwise = {"changes": [change("ADD", "User likes rain.", "I like rain")]}
    good = memory.add("I like rain", user_id="u", background=True)["ticket"]
    bad = memory.add("I like snow", user_id="u", background=True)["ticket"]
    outcome = memory.flush()
    assert good != bad
    assert (outcome["written"], outcome["waiting"]) == (1, 0)
    (failure,) = outcome["failed"]
    assert failure["ticket"] == bad
    assert isinstance(failure["error"], ExtractionError)
    assert told == [(bad, failure["error"])]
    assert texts(memory.get_all("u")) == ["User likes rain."]


def test_a_failure_is_logged_without_what_was_said(
    llm_config: Config, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.chat_fault = lambda r: (500, {"error": {"message": "boom"}})
    with Memory.from_config(llm_config) as memory:
        memory.add("My secret is xyzzy", user_id="u", background=True)
    assert "An add in the background failed" in caplog.text
    assert "ExtractionError" in caplog.text
    assert "xyzzy" not in caplog.text


class Gate:
    """A language model that answers when it is let, and notes what it was asked."""

    identity = "gate"

    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked: list[str] = []

    def complete(self, request: Any) -> Any:
        assert self.open.wait(20)
        text = json.loads(request.user.splitlines()[-1].removeprefix("user: "))
        self.asked.append(text)
        return {"changes": [change("ADD", text, text)]}


def test_flush_waits_only_as_long_as_it_may(open_memory: OpenMemory, config: Config) -> None:
    gate = Gate()
    memory = open_memory(config, llm=gate)
    for n in range(3):
        memory.add(f"I own {n} cats.", user_id="u", background=True)
    assert memory.flush(0.05) == {"written": 0, "failed": [], "waiting": 3}
    gate.open.set()
    assert memory.flush(20) == {"written": 3, "failed": [], "waiting": 0}


def test_flush_may_be_asked_not_to_wait_at_all(memory: Any) -> None:
    assert memory.flush(0) == {"written": 0, "failed": [], "waiting": 0}


def test_a_scope_is_written_in_the_order_of_the_calls(open_memory: OpenMemory, config: Config) -> None:
    gate = Gate()
    gate.open.set()
    memory = open_memory(config, llm=gate)
    for n in range(10):
        for user in ("u", "v"):
            memory.add(f"{user} owns {n} cats.", user_id=user, background=True)
    memory.flush()
    for user in ("u", "v"):
        assert [text for text in gate.asked if text.startswith(user)] == [f"{user} owns {n} cats." for n in range(10)]
        assert texts(memory.get_all(user)) == [f"{user} owns {n} cats." for n in range(10)]


def test_whoever_brings_too_much_waits_for_a_place(config: Config) -> None:
    gate = Gate()
    config["background"] = {"queue_size": 2}
    with Memory.from_config(config, llm=gate) as memory:
        for n in range(2):
            memory.add(f"I own {n} cats.", user_id="u", background=True)
        third = threading.Thread(
            target=memory.add, args=("I own 3 cats.",), kwargs={"user_id": "u", "background": True}
        )
        third.start()
        third.join(0.1)
        assert third.is_alive()
        gate.open.set()
        third.join(20)
        assert not third.is_alive()

    async def work() -> None:
        gate.open.clear()
        async with AsyncMemory.from_config(config, llm=gate) as memory:
            for n in range(2):
                await memory.add(f"I own {n} dogs.", user_id="u", background=True)
            third = asyncio.ensure_future(memory.add("I own 3 dogs.", user_id="u", background=True))
            done, _ = await asyncio.wait([third], timeout=0.1)
            assert not done
            gate.open.set()
            await third

    asyncio.run(work())


def test_scopes_do_not_wait_for_each_other_in_an_event_loop(config: Config) -> None:
    class Slow(Gate):
        async def acomplete(self, request: Any) -> Any:
            if "I own 0" in request.user:
                await asyncio.sleep(30)
            self.open.set()
            return self.complete(request)

    async def work() -> None:
        memory = AsyncMemory.from_config(config, llm=Slow())
        await memory.add("I own 0 cats.", user_id="u", background=True)
        await memory.add("I own 1 cats.", user_id="v", background=True)
        while not texts(await memory.get_all("v")):  # noqa: ASYNC110 - it is the store that is waited for
            await asyncio.sleep(0.01)
        assert (await memory.flush(0.01))["waiting"] == 1

    with pytest.warns(ResourceWarning, match="1 adds in the background are not written"):
        asyncio.run(work())


# --- what survives


@pytest.mark.parametrize(("configured", "told"), [({"durable": True}, True), (False, "durable"), (True, "durable")])
def test_what_is_durable_is_pending_until_it_is_written(
    open_memory: OpenMemory, config: Config, configured: Any, told: Any
) -> None:
    gate = Gate()
    memory = open_memory({**config, "background": configured}, llm=gate)
    memory.add("I own 1 cat.", user_id="u", background=told)
    (item,) = memory.get_all("u")["results"]
    assert (item["memory"], item["pending"]) == ("I own 1 cat.", True)
    gate.open.set()
    memory.flush()
    (item,) = memory.get_all("u")["results"]
    assert (item["memory"], item.get("pending")) == ("I own 1 cat.", None)


CHILD = """
import json, os, sys
from mem0milvus import Memory
memory = Memory.from_config(json.loads(sys.argv[1]))
for n in range(20):
    memory.add(f"I own {n} cats.", user_id="u", background=True, infer=sys.argv[2] == "infer")
print("done", flush=True)
if sys.argv[2] == "kill":
    os.kill(os.getpid(), 9)
if sys.argv[2] == "forget":
    del memory
if sys.argv[2] == "raise":
    raise SystemExit(3)
"""


@pytest.mark.parametrize("how", ["end", "infer", "forget", "raise"])
def test_a_program_that_ends_right_after_its_adds_has_written_them(config: Config, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(config), how], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (3 if how == "raise" else 0, "done\n", "")
    with Memory.from_config(config) as memory:
        assert sorted(texts(memory.get_all("u"))) == sorted(f"I own {n} cats." for n in range(20))


DURABLE = """
import json, os, sys, threading
from mem0milvus import Memory
class Stuck:
    identity = "stuck"
    def complete(self, request): threading.Event().wait()
memory = Memory.from_config(json.loads(sys.argv[1]), llm=Stuck())
for n in range(20):
    memory.add(f"I own {n} cats.", user_id="u")
os.kill(os.getpid(), 9)
"""


def test_a_program_that_is_killed_has_kept_what_is_durable(config: Config) -> None:
    config["background"] = {"default": True, "durable": True}
    done = subprocess.run([sys.executable, "-c", DURABLE, json.dumps(config)], capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr
    gate = Gate()
    gate.open.set()
    with Memory.from_config(config, llm=gate) as memory:
        assert memory.process_pending()["processed"] == 20
        items = memory.get_all("u")["results"]
    assert sorted(item["memory"] for item in items) == sorted(f"I own {n} cats." for n in range(20))
    assert not any("pending" in item for item in items)


@pytest.mark.parametrize("wrong", ["later", 2, [], "True"])
def test_a_wrong_background_is_refused_before_anything_is_written(
    open_memory: OpenMemory, config: Config, wrong: Any
) -> None:
    memory = open_memory(config)
    with pytest.raises(ValidationError, match="True, False or 'durable'"):
        memory.add("I own 1 cat.", user_id="u", background=wrong)
    assert memory.get_all("u")["results"] == []


@pytest.mark.parametrize("wrong", [{"queue_size": 0}, {"on_error": 5}, {"durable": "maybe"}, {"queue": 5}, "often"])
def test_settings_that_cannot_be_used(config: Config, wrong: Any) -> None:
    from mem0milvus import ConfigError

    with pytest.raises(ConfigError, match="background"):
        Memory.from_config({**config, "background": wrong})
