"""Embeddings over OpenAI's wire protocol, from a small real HTTP server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mem0milvus import ConfigError, EmbeddingError, Memory
from mem0milvus.config import OpenAIEmbedderConfig
from mem0milvus.models.openai_embedder import OpenAIEmbedder
from mem0milvus.retrieval.ranking.calibration import sample_memories, sample_questions
from tests.conftest import Config, texts
from tests.openai_server import OpenAIServer


@pytest.fixture
def openai_config(config: Config, server: OpenAIServer) -> Config:
    config["vector_store"]["config"]["embedding_model_dims"] = 26
    settings = {"model": "letters", "api_key": "sk-test", "openai_base_url": server.url, "max_retries": 0}
    return {**config, "embedder": {"provider": "openai", "config": settings}}


@pytest.mark.parametrize("floats", [False, True])
def test_memories_are_embedded_over_the_wire(
    open_memory: Callable[..., Any], openai_config: Config, server: OpenAIServer, floats: bool
) -> None:
    server.floats = floats
    memory = open_memory(openai_config)
    said = [{"role": "user", "content": text} for text in ("zzzz qqqq", "aaaa bbbb", "cccc dddd")]
    memory.add(said, user_id="u", infer=False)
    assert len(server.requests) == 1, "one request for one batch"
    assert texts(memory.search("bbbbaaaa", user_id="u", mode="dense"))[0] == "aaaa bbbb"
    assert server.headers[0]["Authorization"] == "Bearer sk-test"
    assert "dimensions" not in server.requests[0], "only models that take it are told"


def test_texts_go_out_in_batches_and_come_back_in_order(server: OpenAIServer) -> None:
    settings = OpenAIEmbedderConfig(model="letters", api_key="k", base_url=server.url, embedding_dims=26, batch_size=2)  # type: ignore[arg-type]
    vectors = OpenAIEmbedder(settings).embed(["a", "b", "c", "d", "e"])
    assert [len(request["input"]) for request in server.requests] == [2, 2, 1]
    assert [list(vector).index(max(vector)) for vector in vectors] == [0, 1, 2, 3, 4]


def test_models_that_can_are_asked_for_the_length_configured(openai_config: Config, server: OpenAIServer) -> None:
    openai_config["embedder"]["config"]["model"] = "text-embedding-3-small"
    openai_config["vector_store"]["config"]["embedding_model_dims"] = 64
    with Memory.from_config(openai_config) as memory:
        memory.add("I like rain.", user_id="u")
    assert server.requests[0]["dimensions"] == 64


def test_a_key_in_the_environment_chooses_openai(
    config: Config, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    del config["embedder"], config["vector_store"]["config"]["embedding_model_dims"]
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u", infer=False)
        assert texts(memory.get_all("u")) == ["I like rain."]
    assert server.headers[0]["Authorization"] == "Bearer sk-environment"
    assert server.requests[0]["model"] == "text-embedding-3-small"
    assert server.requests[0]["dimensions"] == 1536


FAULTS: list[tuple[str, Callable[[dict[str, Any]], tuple[int, Any]], str]] = [
    ("401", lambda _: (401, {"error": {"message": "bad key"}}), r"refused the API key \(401\): check OPENAI_API_KEY"),
    ("404", lambda _: (404, {"error": {"message": "no model 'letters'"}}), "answered 404: no model 'letters'"),
    ("500", lambda _: (500, {"error": {"message": "boom"}}), "answered 500: boom"),
    ("no JSON", lambda _: (200, b"{oops"), "did not answer in OpenAI's format"),
    ("no data", lambda _: (200, {"object": "list", "data": None}), "cannot be used|OpenAI's format|gave 0 vectors"),
    ("nothing", lambda _: (200, {"object": "list", "data": []}), "No embedding data|gave 0 vectors"),
    (
        "too short",
        lambda _: (200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}),
        "a vector of 2 dimensions where 26",
    ),
]


@pytest.mark.parametrize(("fault", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_each_failure_is_a_typed_error_and_writes_nothing(
    open_memory: Callable[..., Any], openai_config: Config, server: OpenAIServer, fault: Any, message: str
) -> None:
    memory = open_memory(openai_config)
    server.fault = fault
    with pytest.raises(EmbeddingError, match=message) as caught:
        memory.add("I like rain.", user_id="u")
    assert "sk-test" not in str(caught.value)
    server.fault = None
    assert texts(memory.get_all("u")) == []
    memory.add("I like rain.", user_id="u")
    assert texts(memory.get_all("u")) == ["I like rain."]


def test_no_server_and_no_answer_in_time(openai_config: Config, server: OpenAIServer) -> None:
    hang = threading.Event()
    settings = openai_config["embedder"]["config"]
    settings["timeout"] = 0.2
    server.fault = lambda _: (200 if hang.wait(5) else 504, {})
    with Memory.from_config(openai_config) as memory:
        with pytest.raises(EmbeddingError, match="did not answer within 0.2 s"):
            memory.add("I like rain.", user_id="u")
        hang.set()
    settings["openai_base_url"] = "http://127.0.0.1:9/v1"
    with Memory.from_config(openai_config) as memory, pytest.raises(EmbeddingError, match="cannot be reached"):
        memory.add("I like rain.", user_id="u")


def test_a_missing_key_is_named(openai_config: Config) -> None:
    del openai_config["embedder"]["config"]["api_key"]
    with Memory.from_config(openai_config) as memory, pytest.raises(EmbeddingError, match="OPENAI_API_KEY"):
        memory.add("I like rain.", user_id="u")


def test_an_unknown_model_needs_its_dims_told(openai_config: Config) -> None:
    del openai_config["vector_store"]["config"]["embedding_model_dims"]
    with pytest.raises(ConfigError, match="vectors of 'letters' is not known here: set embedder.config.embedding_dims"):
        Memory.from_config(openai_config)


class OneSided:
    """A model that embeds questions and texts each in its own way, as those for search do."""

    identity = "one-sided"
    dims = 4

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def embed(self, given: Sequence[str]) -> list[list[float]]:
        self.asked.append(("embed", list(given)))
        return [[1.0, 0.0, 0.0, 0.0] if "tea" in text else [0.0, 1.0, 0.0, 0.0] for text in given]

    def embed_query(self, text: str) -> list[float]:
        self.asked.append(("embed_query", text))
        return [0.0, 1.0, 0.0, 0.0] if "tea" in text else [0.0, 0.0, 1.0, 0.0]


class OneSidedAwaited(OneSided):
    async def aembed_query(self, text: str) -> list[float]:
        self.asked.append(("aembed_query", text))
        return [0.0, 1.0, 0.0, 0.0] if "tea" in text else [0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("model", [OneSided, OneSidedAwaited])
def test_questions_are_embedded_in_their_own_way_where_a_model_has_one(
    open_memory: Callable[..., Any], config: Config, model: type[OneSided], request: pytest.FixtureRequest
) -> None:
    config["vector_store"]["config"]["embedding_model_dims"] = 4
    del config["embedder"]
    embedder = model()
    memory = open_memory(config, embedder=embedder)
    memory.add([{"role": "user", "content": text} for text in ("tea", "rain")], user_id="u", infer=False)
    for _ in range(2):
        assert texts(memory.search("tea", user_id="u", mode="dense"))[0] == "rain"
    awaited = model is OneSidedAwaited and "awaiting" in request.node.name
    asked = "aembed_query" if awaited else "embed_query"
    calibration = [("embed", sample_memories()), ("embed", sample_questions())]
    calibration += [(asked, question) for question in sample_questions()]
    assert embedder.asked == [("embed", ["tea", "rain"]), (asked, "tea"), *calibration], "calibrated once"


def test_a_question_whose_vector_is_wrong_is_an_error(open_memory: Callable[..., Any], config: Config) -> None:
    class Wrong(OneSided):
        def embed_query(self, text: str) -> list[float]:
            return [1.0]

    config["vector_store"]["config"]["embedding_model_dims"] = 4
    del config["embedder"]
    memory = open_memory(config, embedder=Wrong())
    with pytest.raises(EmbeddingError, match="1 dimensions where 4"):
        memory.search("tea", user_id="u")
