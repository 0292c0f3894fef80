"""Fixtures for all suites. A test that takes ``memory`` runs twice: with ``Memory`` and with ``AsyncMemory``."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from mem0milvus import AsyncMemory, Memory
from mem0milvus.runtime.open_store import SystemClock
from tests.openai_server import OpenAIServer

if TYPE_CHECKING:
    from tests.fix_server import Store

pytest_plugins = ["tests.fix_server"]

# Whoever is started in the background of a shell ignores interruptions, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Config = dict[str, Any]

# No example has a deadline: on a busy machine a right test would fail.
settings.register_profile("no deadline", deadline=None)
settings.register_profile("reference", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("no deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=("lite", "reference"),
        default="lite",
        help="keep memories in Milvus Lite, or in tables in memory",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--store") == "reference":
        from tests.reference_store import install

        install()
        settings.load_profile("reference")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that need their order first: pytest-xdist moves the last tests of a worker to another one."""
    items.sort(key=lambda item: item.get_closest_marker("in_order") is None)


class Awaited:
    """``AsyncMemory`` with each call run to its end on one event loop, so that one test body serves both faces."""

    def __init__(self, memory: AsyncMemory, loop: asyncio.AbstractEventLoop) -> None:
        self._memory = memory
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._memory, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if hasattr(result, "__aiter__"):
                return iter(self._loop.run_until_complete(self._collect(result)))
            return self._loop.run_until_complete(result)

        return call

    async def _collect(self, items: Any) -> list[Any]:
        return [item async for item in items]

    def close(self) -> None:
        self._loop.run_until_complete(self._memory.aclose())


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, address or default path of the machine reaches a test."""
    for name in (
        *("OPENAI_API_KEY", "OPENAI_BASE_URL", "MILVUS_URI", "MILVUS_TOKEN"),
        *("MEM0MILVUS_CONFIG", "MEM0MILVUS_USER"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def move_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock of all stores forward by so many seconds."""

    def move(seconds: float) -> None:
        ahead_us = round(seconds * 1_000_000)
        monkeypatch.setattr(SystemClock, "now_us", lambda self: time.time_ns() // 1_000 + ahead_us)

    return move


def config_of(store: Store) -> Config:
    """A store with the offline embedder."""
    section = {**store.section(), "collection_name": "memories", "embedding_model_dims": 128}
    return {"vector_store": {"provider": "milvus", "config": section}, "embedder": {"provider": "offline"}}


@pytest.fixture
def config(store: Store) -> Config:
    """An empty store of the test's own, with the offline embedder. It is Milvus Lite unless marked ``every_store``."""
    return config_of(store)


@contextmanager
def opener(client: str, store: Store) -> Iterator[Callable[..., Any]]:
    """Opens blocking or async memories, and closes them at the end."""
    opened: list[Any] = []
    loop = asyncio.new_event_loop()

    def open_one(config: Config, **arguments: Any) -> Any:
        config = store.adapt(config)
        if client == "blocking":
            memory: Any = Memory.from_config(config, **arguments)
        else:
            memory = Awaited(AsyncMemory.from_config(config, **arguments), loop)
        opened.append(memory)
        return memory

    yield open_one
    for memory in opened:
        memory.close()
    loop.close()


@pytest.fixture(params=["blocking", "awaiting"])
def open_memory(request: pytest.FixtureRequest, store: Store) -> Iterator[Callable[..., Any]]:
    """Opens memories, blocking ones or async ones, and closes them after the test."""
    with opener(request.param, store) as open_one:
        yield open_one


@pytest.fixture
def memory(open_memory: Callable[..., Any], config: Config) -> Any:
    """An empty memory, once blocking and once async."""
    return open_memory(config)


@pytest.fixture(scope="module", params=["blocking", "awaiting"])
def shared_memory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A memory in Milvus Lite that all tests of a module share, once blocking and once async."""
    from tests.fix_server import Store

    store = Store("lite", str(tmp_path_factory.mktemp("shared") / "memory.db"))
    with opener(request.param, store) as open_one:
        yield open_one(config_of(store))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that speaks OpenAI's protocol."""
    with OpenAIServer() as running:
        yield running


def texts(result: Any) -> list[str]:
    """The texts of a result, in its order."""
    return [item["memory"] for item in result["results"]]


def only_id(result: Any) -> str:
    """The id of the one memory that was added."""
    (change,) = result["results"]
    return str(change["id"])


@pytest.fixture
def llm_config(config: Config, server: OpenAIServer) -> Config:
    """The store of ``config``, with a language model behind ``server`` and the offline embedder."""
    settings = {"api_key": "sk-test", "openai_base_url": server.url, "max_retries": 0, "timeout": 20.0}
    return {**config, "llm": {"provider": "openai", "config": settings}}
