"""A user's own LangChain models in a memory: asked as each of them can be asked, blocking and awaited."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.base import ensure_embeddings
from pydantic import Field

from langchain_mem0milvus.models import LangChainEmbedder, LangChainLLM, make_embedder, make_llm
from mem0milvus import (
    LLM,
    AsyncMemory,
    ConfigError,
    Embedder,
    EmbedderMismatchError,
    EmbeddingError,
    ExtractionError,
    LLMRequest,
    Memory,
)
from mem0milvus.retrieval.ranking.calibration import sample_memories, sample_questions
from tests.langchain.conftest import lite_config

SAID = "I moved to Lisbon in May."
CHANGE = {
    "evidence": SAID,
    "about": "user",
    "action": "ADD",
    "id": None,
    "memory": "User moved to Lisbon.",
    "happened_at": None,
}
ANSWER = {"changes": [CHANGE]}
REQUEST = LLMRequest(system="Answer.", user="Hello", schema={"type": "object", "properties": {"changes": {}}})


class PlainModel(BaseChatModel):
    """A chat model that has no structured output."""

    reply: Any = None
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    awaited: int = 0

    @property
    def _llm_type(self) -> str:
        return "plain"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(messages)
        if isinstance(self.reply, Exception):
            raise self.reply
        message = self.reply if isinstance(self.reply, AIMessage) else AIMessage(self.reply)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.awaited += 1
        return self._generate(messages)


class ToolModel(PlainModel):
    """A chat model that can call tools, and so has LangChain's own structured output."""

    bound: list[dict[str, Any]] = Field(default_factory=list)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        self.bound.append({"tools": tools, **kwargs})
        return self


class SchemaModel(ToolModel):
    """A chat model with a structured output of its own, of several methods."""

    methods: list[Any] = Field(default_factory=list)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, method: str = "own", strict: bool | None = None, **_: Any
    ) -> Any:
        self.methods.append((method, strict, schema["title"]))
        return super().with_structured_output(schema, include_raw=include_raw)


def calling(answer: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "changes", "args": answer, "id": "1"}])


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return lite_config(tmp_path / "milvus.db", background={"default": False})


def remember(config: dict[str, Any], llm: Any, *, awaits: bool) -> list[str]:
    """What a memory with this model keeps of one thing said."""

    async def awaited() -> Any:
        async with AsyncMemory.from_config(config, llm=llm) as memory:
            await memory.add(SAID, user_id="alice")
            return await memory.get_all(user_id="alice")

    def blocking() -> Any:
        with Memory.from_config(config, llm=llm) as memory:
            memory.add(SAID, user_id="alice")
            return memory.get_all(user_id="alice")

    kept = asyncio.run(awaited()) if awaits else blocking()
    return [item["memory"] for item in kept["results"]]


MODELS: dict[str, Callable[[], Any]] = {
    "calls the tool": lambda: ToolModel(reply=calling(ANSWER)),
    "answers with text instead of the call": lambda: ToolModel(reply=json.dumps(ANSWER)),
    "own structured output": lambda: SchemaModel(reply=calling(ANSWER)),
    "no structured output": lambda: PlainModel(reply=f"Here you are:\n```json\n{json.dumps(ANSWER)}\n```"),
    "answers in content blocks": lambda: PlainModel(
        reply=AIMessage([{"type": "reasoning", "reasoning": "{}"}, {"type": "text", "text": json.dumps(ANSWER)}])
    ),
    "a text model": lambda: FakeListLLM(responses=[json.dumps(ANSWER)]),
}


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
@pytest.mark.parametrize("name", MODELS)
def test_a_memory_extracts_with_each_kind_of_model(config: dict[str, Any], name: str, awaits: bool) -> None:
    model = MODELS[name]()
    assert remember(config, LangChainLLM(model), awaits=awaits) == ["User moved to Lisbon."]
    if isinstance(model, PlainModel):
        assert model.awaited == int(awaits)
        ((system, user),) = model.asked
        assert (system.type, user.type) == ("system", "human")
        assert SAID in user.text


def test_the_model_is_given_the_schema_of_the_answer_and_must_call() -> None:
    model = ToolModel(reply=calling(ANSWER))
    llm = LangChainLLM(model)
    assert llm.complete(REQUEST) == asyncio.run(llm.acomplete(REQUEST)) == ANSWER
    (bound,) = model.bound
    (schema,) = bound["tools"]
    assert schema["title"] == "changes"
    assert schema["properties"] == REQUEST.schema["properties"]
    assert bound["tool_choice"] == "any"


def test_the_method_can_be_chosen() -> None:
    model = SchemaModel(reply=calling(ANSWER))
    for options in ({}, {"method": "json_mode"}, {"strict": True}):
        assert LangChainLLM(model, **options).complete(REQUEST) == ANSWER
    assert model.methods == [("own", None, "changes"), ("json_mode", None, "changes"), ("own", True, "changes")]
    model.reply = "plain words"
    assert LangChainLLM(model, method="text").complete(REQUEST) == "plain words"
    assert len(model.methods) == 3
    with pytest.raises(NotImplementedError):
        LangChainLLM(PlainModel(reply=""), method="json_mode").complete(REQUEST)


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
@pytest.mark.parametrize(
    "reply", [ConnectionError("no line"), "", "no JSON at all", calling({"changes": "none"})], ids=str
)
def test_a_model_that_fails_or_answers_nonsense_is_an_extraction_error(
    config: dict[str, Any], reply: Any, awaits: bool
) -> None:
    with pytest.raises(ExtractionError):
        remember(config, LangChainLLM(ToolModel(reply=reply)), awaits=awaits)
    with Memory.from_config(config) as memory:
        assert memory.get_all()["results"] == []


def test_a_chain_of_models_works_as_one(config: dict[str, Any]) -> None:
    failing = PlainModel(reply=ConnectionError("no line"))
    both = failing.with_fallbacks([PlainModel(reply=json.dumps(ANSWER))])
    assert remember(config, LangChainLLM(both), awaits=False) == ["User moved to Lisbon."]  # type: ignore[arg-type]


def test_what_is_no_model_is_an_error() -> None:
    with pytest.raises(ConfigError, match="chat model"):
        LangChainLLM("gpt-4.1-mini")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Embeddings"):
        LangChainEmbedder(lambda texts: [[1.0]])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="dims"):
        LangChainEmbedder(Letters(), dims=0)


def test_the_extraction_is_no_part_of_what_a_graph_streams(config: dict[str, Any]) -> None:
    chat, extractor = PlainModel(reply="Noted."), ToolModel(reply=calling(ANSWER))
    runs: list[str] = []

    class Tracer(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            runs.append(str(kwargs.get("name")))

    with Memory.from_config(config, llm=LangChainLLM(extractor)) as memory:

        def node(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
            memory.add(str(state["messages"][-1].content), user_id="alice")
            return {"messages": [chat.invoke(state["messages"], config)]}

        async def anode(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
            async with memory.to_async() as face:
                await face.add(str(state["messages"][-1].content), user_id="bob")
            return {"messages": [await chat.ainvoke(state["messages"], config)]}

        builder = StateGraph(MessagesState).add_node("node", RunnableLambda(node, anode))
        graph: Any = builder.add_edge(START, "node").compile()
        given = {"messages": [("user", SAID)]}

        def blocking() -> list[Any]:
            return list(graph.stream(given, {"callbacks": [Tracer()]}, stream_mode="messages"))

        async def awaited() -> list[Any]:
            return [part async for part in graph.astream(given, stream_mode="messages")]

        for parts in (blocking(), asyncio.run(awaited())):
            assert [message.content for message, _ in parts] == ["Noted."]
        assert len(extractor.asked) == 2
        assert "mem0milvus_extraction" in runs or len(runs) == 2  # traced, and not streamed


def test_models_are_named_as_they_name_themselves() -> None:
    class Named(PlainModel):
        model_name: str = "plain-1"

    assert LangChainLLM(Named()).identity == "plain-1"
    assert LangChainLLM(PlainModel()).identity == "PlainModel"
    assert LangChainLLM(PlainModel(), identity="mine").identity == "mine"
    assert LangChainEmbedder(Letters(), dims=3).identity == "letters-v1"
    assert LangChainEmbedder(DeterministicFakeEmbedding(size=3)).identity == "DeterministicFakeEmbedding"
    assert LangChainEmbedder(ensure_embeddings(count_letters)).identity == "count_letters"
    assert repr(LangChainEmbedder(Letters(), dims=3)) == "LangChainEmbedder('letters-v1')"
    assert repr(LangChainLLM(Named())) == "LangChainLLM('plain-1')"


def test_importing_the_models_and_the_history_loads_no_more_of_langchain_than_its_core() -> None:
    code = (
        "import sys, langchain_mem0milvus.models, langchain_mem0milvus.chat_history; "
        "print([n for n in ('langchain', 'langchain_classic', 'langgraph', 'pymilvus', 'openai') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"


def test_both_are_what_the_core_asks_for() -> None:
    assert isinstance(LangChainLLM(PlainModel()), LLM)
    assert isinstance(LangChainEmbedder(Letters(), dims=26), Embedder)


# Embeddings.


def count_letters(texts: Sequence[str]) -> list[list[float]]:
    return [[0.1 + text.lower().count(chr(97 + n)) for n in range(26)] for text in texts]


class Letters(Embeddings):
    """Counts letters."""

    model = "letters-v1"

    def __init__(self, fails: bool = False) -> None:
        self.embedded: list[list[str]] = []
        self.awaited = 0
        self.fails = fails

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded.append(texts)
        if self.fails:
            raise ConnectionError("no line")
        return count_letters(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([f"question: {text}"])[0]

    async def aembed_query(self, text: str) -> list[float]:
        self.awaited += 1
        return self.embed_query(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        self.awaited += 1
        return self.embed_documents(texts)


def own_config(tmp_path: Path) -> dict[str, Any]:
    return {"vector_store": {"config": {"url": str(tmp_path / "milvus.db")}}}


def test_a_memory_finds_with_the_users_embeddings_through_both_faces(tmp_path: Path) -> None:
    letters = Letters()
    with Memory.from_config(own_config(tmp_path), embedder=LangChainEmbedder(letters)) as memory:
        memory.add("zzz", user_id="alice", infer=False)
        memory.add("qqq", user_id="alice", infer=False)
        assert memory.search("zz", user_id="alice", mode="dense")["results"][0]["memory"] == "zzz"
    questions = sample_questions()
    calibration = [sample_memories(), questions, *([f"question: {question}"] for question in questions)]
    assert letters.embedded == [["How long is a vector?"], ["zzz"], ["qqq"], ["question: zz"], *calibration]
    assert letters.awaited == 0

    async def awaiting() -> None:
        config, embedder = own_config(tmp_path), LangChainEmbedder(letters, dims=26)
        async with AsyncMemory.from_config(config, embedder=embedder) as memory:
            found = await memory.search("qq", user_id="alice", mode="dense")
            assert found["results"][0]["memory"] == "qqq"

    asyncio.run(awaiting())
    assert (letters.awaited, letters.embedded[-1]) == (1, ["question: qq"])


def test_the_length_of_vectors_is_asked_once_and_only_where_it_is_not_told() -> None:
    letters = Letters()
    embedder = LangChainEmbedder(letters)
    assert letters.embedded == []
    assert [embedder.dims, embedder.dims] == [26, 26]
    assert len(letters.embedded) == 1
    told = Letters()
    assert LangChainEmbedder(told, dims=7).dims == 7
    assert told.embedded == []


def test_other_embeddings_cannot_open_the_store(tmp_path: Path) -> None:
    Memory.from_config(own_config(tmp_path), embedder=LangChainEmbedder(Letters())).close()
    with pytest.raises(EmbedderMismatchError):
        Memory.from_config(own_config(tmp_path), embedder=LangChainEmbedder(Letters(), identity="letters-v2"))


def test_embeddings_that_fail_are_an_embedding_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="dims="):
        Memory.from_config(own_config(tmp_path), embedder=LangChainEmbedder(Letters(fails=True)))
    with Memory.from_config(own_config(tmp_path), embedder=LangChainEmbedder(Letters(fails=True), dims=26)) as memory:
        with pytest.raises(EmbeddingError, match="no line"):
            memory.add("zzz", user_id="alice", infer=False)
        assert memory.get_all()["results"] == []
    told_wrong = LangChainEmbedder(Letters(), dims=27, identity="other")
    config = own_config(tmp_path)
    config["vector_store"]["config"]["collection_name"] = "other"
    with (
        Memory.from_config(config, embedder=told_wrong) as memory,
        pytest.raises(EmbeddingError, match="26 dimensions"),
    ):
        memory.add("zzz", user_id="alice", infer=False)


# By name, in the configuration.


def test_the_configuration_can_name_both(tmp_path: Path) -> None:
    model, letters = ToolModel(reply=calling(ANSWER)), Letters()
    config = {
        "vector_store": {"config": {"url": str(tmp_path / "milvus.db"), "embedding_model_dims": "26"}},
        "llm": {"provider": "langchain", "config": {"model": model}},
        "embedder": {"provider": "langchain", "config": {"model": letters}},
    }
    with Memory.from_config(config) as memory:
        memory.add(SAID, user_id="alice")
        assert memory.search("Lisbon", user_id="alice")["results"][0]["memory"] == "User moved to Lisbon."
    assert "How long is a vector?" not in str(letters.embedded)
    assert len(model.asked) == 1


def test_settings_are_read_strictly() -> None:
    assert make_llm({"model": PlainModel(), "identity": "mine", "method": "text"}).identity == "mine"
    embedder = make_embedder({"model": Letters(), "embedding_dims": 26, "identity": "mine"}, None)
    assert (embedder.identity, embedder.dims) == ("mine", 26)
    assert make_embedder({"model": Letters()}, 5).dims == 5
    with pytest.raises(ConfigError, match=r"llm\.config\.model is missing"):
        make_llm({})
    with pytest.raises(ConfigError, match=r"embedder\.config\.model is missing"):
        make_embedder({}, None)
    with pytest.raises(ConfigError, match="Did you mean 'method'"):
        make_llm({"model": PlainModel(), "metod": "text"})
    with pytest.raises(ConfigError, match="Settings of the model"):
        make_embedder({"model": Letters(), "api_key": "sk-secret"}, None)
    for make in (lambda name: make_llm({"model": name}), lambda name: make_embedder({"model": name}, None)):
        with pytest.raises(ConfigError, match="LangChain cannot make 'nobody:nothing'"):
            make("nobody:nothing")
