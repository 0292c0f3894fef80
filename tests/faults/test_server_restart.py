"""A server that goes away: operations fail in bounded time, and work again when it is back, with the same memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest

from mem0milvus import AsyncMemory, Memory, StoreUnavailableError
from tests.conftest import Awaited, Config
from tests.servers.process import ServerProcess

pytestmark = pytest.mark.server

TIMEOUT_S = 2.0

#: A request is given up after its timeout, the pause before the last repetition (at most 3 s), and that repetition.
BOUND_S = 2 * TIMEOUT_S + 3.0

#: What an operation may take on a machine with other work to do; it makes one request that fails.
SLACK_S = 10.0

RECOVERY_S = 90.0

OPERATIONS: dict[str, Callable[[Any, str], object]] = {
    "add": lambda memory, one: memory.add("I like rain.", user_id="u", infer=False),
    "get": lambda memory, one: memory.get(one),
    "get_all": lambda memory, one: memory.get_all("u"),
    "iterate": lambda memory, one: list(memory.iterate("u")),
    "search": lambda memory, one: memory.search("rain", user_id="u"),
    "update": lambda memory, one: memory.update(one, "I like snow."),
    "history": lambda memory, one: memory.history(one),
    "restore": lambda memory, one: memory.restore(one, 1),
    "delete": lambda memory, one: memory.delete(one),
    "delete_all": lambda memory, one: memory.delete_all(user_id="u"),
}


def fails_in_time(operation: Callable[[Any, str], object], memory: Any, one: str) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        operation(memory, one)
    assert time.monotonic() - started < BOUND_S + SLACK_S


def recovered(memory: Any, one: str) -> dict[str, Any]:
    """The memory, as soon as the server has loaded both its collections again, one after the other.

    Until then only ``StoreUnavailableError`` is raised.
    """
    end = time.monotonic() + RECOVERY_S
    while time.monotonic() < end:
        with suppress(StoreUnavailableError):
            memory.history(one)
            return memory.get(one)  # type: ignore[no-any-return]
        time.sleep(0.2)
    memory.history(one)
    return memory.get(one)  # type: ignore[no-any-return]


def test_a_server_is_stopped_and_started_in_the_middle_of_a_run(own_server: ServerProcess, config: Config) -> None:
    config["vector_store"]["config"].update(url=own_server.uri, timeout_s=TIMEOUT_S)
    with closing(asyncio.new_event_loop()) as loop, Memory.from_config(config) as memory, ExitStack() as last:
        awaiting = Awaited(AsyncMemory.from_config(config), loop)
        last.callback(awaiting.close)
        one = memory.add("I like rain.", user_id="u", infer=False)["results"][0]["id"]
        assert awaiting.get(one)["memory"] == "I like rain."

        own_server.kill()
        with ThreadPoolExecutor(len(OPERATIONS)) as threads:  # all at once, and none waits for the others
            list(threads.map(lambda operation: fails_in_time(operation, memory, one), OPERATIONS.values()))
        for name in ("add", "search"):
            fails_in_time(OPERATIONS[name], awaiting, one)

        own_server.start()
        assert recovered(memory, one)["memory"] == "I like rain.", "what was acknowledged is there"
        assert recovered(awaiting, one)["memory"] == "I like rain."
        _works(memory, one)
        _works(awaiting, one)

        own_server.pause()  # it keeps its connections and says nothing
        fails_in_time(OPERATIONS["get"], memory, one)
        fails_in_time(OPERATIONS["add"], awaiting, one)
        own_server.resume()
        recovered(memory, one)
        _works(memory, one)
        _works(awaiting, one)


def _works(memory: Any, one: str) -> None:
    added = memory.add("I like wind.", user_id="v", infer=False)["results"][0]["id"]
    memory.update(added, "I like storms.")
    assert memory.search("storms", user_id="v")["results"][0]["memory"] == "I like storms."
    assert len(memory.history(added)) == 2
    memory.delete_all(user_id="v")
    assert memory.get_all("v")["results"] == []
    assert memory.get(one)["version"] == 1


def test_opening_where_nobody_answers_fails_in_time(config: Config) -> None:
    config["vector_store"]["config"].update(url="http://127.0.0.1:9", timeout_s=TIMEOUT_S)
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=r"http://127\.0\.0\.1:9"):
        Memory.from_config(config)
    assert time.monotonic() - started < BOUND_S + SLACK_S
