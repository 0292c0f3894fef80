"""What the LangChain suites share: a memory on Milvus Lite, models that follow a script, both ways of calling."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from pydantic import Field

from mem0milvus import LLMRequest, Memory

#: Turns of the tests in which two users talk in turns.
TURNS = int(os.environ.get("TURNS", "24"))

#: What a model answers: a text, a message, or one of them for the messages it was given.
Answer = str | AIMessage | Callable[[list[BaseMessage]], str | AIMessage]


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers that importing langchain_tests needs, whichever plugins are installed."""
    for marker in ("benchmark", "vcr"):
        config.addinivalue_line("markers", f"{marker}: of langchain_tests' suite for chat models")


def standard_suite(suite: type) -> type:
    """Marks a suite of langchain_tests, which has blocking and asynchronous tests in one class."""
    ignored = "ignore:.*is marked with '@pytest.mark.asyncio' but it is not an async function:pytest.PytestWarning"
    return pytest.mark.asyncio(pytest.mark.filterwarnings(ignored)(suite))


class ScriptedChatModel(BaseChatModel):
    """A chat model that gives its ``answers`` one after the other, the last one for ever, and keeps what it ``saw``."""

    answers: list[Any] = Field(default_factory=lambda: ["I see."])
    saw: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedChatModel:  # type: ignore[override]
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.saw.append(messages)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer(messages) if callable(answer) else answer
        message = AIMessage(answer) if isinstance(answer, str) else answer.model_copy()
        return ChatResult(generations=[ChatGeneration(message=message)])

    @property
    def last_prompt(self) -> str:
        """All that it was told at the last call, as text."""
        return "\n".join(str(message.text) for message in self.saw[-1])

    @property
    def last_system(self) -> str:
        """The system messages of the last call."""
        return "\n".join(str(message.text) for message in self.saw[-1] if message.type == "system")


class ScriptedLLM:
    """The language model of a memory: it keeps each thing that a user said as one memory, or fails when it is told."""

    identity = "scripted"

    def __init__(self) -> None:
        self.fails = False
        self.asked = 0

    def complete(self, request: LLMRequest) -> dict[str, Any]:
        self.asked += 1
        if self.fails:
            raise ConnectionError("the model is down")
        return {"changes": []}


class ScriptedEmbedder:
    """An embedding model that tells words apart by their letters, or fails when it is told."""

    identity = "scripted-letters"
    dims = 64

    def __init__(self) -> None:
        self.fails = False

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.fails:
            raise ConnectionError("the embedding model is down")
        return [[1.0 + text.lower().count(chr(97 + n % 26)) for n in range(self.dims)] for text in texts]


def lite_config(path: Path, **sections: Any) -> dict[str, Any]:
    """The configuration of a memory in a Milvus Lite file, without any model."""
    section = {"url": str(path), "collection_name": "memories", "embedding_model_dims": 128}
    config: dict[str, Any] = {"vector_store": {"provider": "milvus", "config": section}}
    return {**config, "embedder": {"provider": "offline"}, **sections}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """An empty memory in a Milvus Lite file of the test's own."""
    with Memory.from_config(lite_config(tmp_path / "milvus.db")) as memory:
        yield memory


@pytest.fixture(params=["blocking", "awaiting"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Calls a method of an object, or the awaiting one whose name has an ``a`` before it."""

    def blocking(target: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(target, method)(*args, **kwargs)

    def awaiting(target: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return asyncio.run(getattr(target, f"a{method}")(*args, **kwargs))

    return blocking if request.param == "blocking" else awaiting


def stored(memory: Memory, **scope: Any) -> list[str]:
    """The texts of all memories of a scope, once nothing is under way any more."""
    assert memory.flush()["waiting"] == 0
    return [item["memory"] for item in memory.get_all(**scope)["results"]]


#: The configuration of a call by alice.
ALICE = {"configurable": {"user_id": "alice"}}


def ask(text: str) -> dict[str, Any]:
    """The input of an agent."""
    return {"messages": [{"role": "user", "content": text}]}


def tool_call(name: str, **args: Any) -> AIMessage:
    """What a model answers when it calls a tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"call-{name}"}])


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"In {city} it rains."


@pytest.fixture(params=["invoke", "ainvoke", "stream", "astream"])
def run(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Runs an agent in one of LangGraph's ways and gives its last state."""

    async def astream(agent: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [state async for state in agent.astream(*args, stream_mode="values", **kwargs)]

    def go(agent: Any, *args: Any, **kwargs: Any) -> Any:
        if request.param == "invoke":
            return agent.invoke(*args, **kwargs)
        if request.param == "ainvoke":
            return asyncio.run(agent.ainvoke(*args, **kwargs))
        if request.param == "stream":
            return list(agent.stream(*args, stream_mode="values", **kwargs))[-1]
        return asyncio.run(astream(agent, *args, **kwargs))[-1]

    go.way = request.param  # type: ignore[attr-defined]
    return go
