"""Secrets of the configuration: no error, repr, log or traceback holds one, even if a model repeats it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mem0milvus import ConfigError, EmbeddingError, ExtractionError, Mem0MilvusError, Memory, StoreError
from mem0milvus.config import OpenAIEmbedderConfig
from mem0milvus.config.secrets import Secrets
from mem0milvus.milvus.error_translation import translated
from tests.conftest import Config
from tests.openai_server import OpenAIServer

KEY = "company-key-0123456789"
PASSWORD = "p@ss/word-77"
IN_ADDRESS = "p%40ss%2Fword-77"
PARAMETER = "parameter-123456"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def told(error: BaseException) -> str:
    """Everything that is printed of an error."""
    return "".join([str(error), repr(error), *traceback.format_exception(error)])


def hides(text: str) -> bool:
    return not any(secret in text for secret in (KEY, PASSWORD, IN_ADDRESS, PARAMETER))


def echo(status: int) -> Callable[[Any], tuple[int, Any]]:
    message = f"Incorrect API key provided: {KEY}. Your login is user:{PASSWORD}, of ?api_key={PARAMETER}"
    return lambda request: (status, {"error": {"message": message}})


def with_model(config: Config, server: OpenAIServer, section: str, address: str = "") -> Config:
    login = server.url.replace("://", f"://user:{IN_ADDRESS}@")
    settings: dict[str, Any] = {"api_key": KEY, "base_url": address or login, "model": "m", "max_retries": 0}
    settings |= {"embedding_dims": 128} if section == "embedder" else {}
    config[section] = {"provider": "openai", "config": settings}
    return config


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("section", ["embedder", "llm"])
def test_a_key_that_a_provider_repeats_is_masked(
    open_memory: Callable[..., Any], config: Config, server: OpenAIServer, section: str, status: int
) -> None:
    memory = open_memory(with_model(config, server, section))
    server.fault = server.chat_fault = echo(status)
    with pytest.raises(EmbeddingError if section == "embedder" else ExtractionError) as caught:
        memory.add("I like rain.", user_id="u")
    assert hides(told(caught.value))
    assert "://***@127.0.0.1" in str(caught.value)


def test_a_login_and_a_parameter_of_an_address_are_masked(config: Config, server: OpenAIServer) -> None:
    address = f"http://user:{IN_ADDRESS}@127.0.0.1:1/v1?api_key={PARAMETER}&version=2"
    with Memory.from_config(with_model(config, server, "embedder", address)) as memory:
        masked = r"http://\*\*\*@127\.0\.0\.1:1/v1\?api_key=\*\*\*&version=2"
        with pytest.raises(EmbeddingError, match=masked) as caught:
            memory.add("I like rain.", user_id="u", infer=False)
        assert hides(told(caught.value) + repr(memory))


class Leaky:
    """A model of somebody else that repeats the key in whatever it raises."""

    identity = "leaky"
    dims = 128

    def __init__(self, error: Exception) -> None:
        self.error = error

    def embed(self, texts: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("kind", [RuntimeError, EmbeddingError])
def test_the_errors_of_ready_models_hide_the_secrets_of_the_configuration(
    open_memory: Callable[..., Any], config: Config, kind: type[Exception]
) -> None:
    config["vector_store"]["config"]["token"] = f"root:{PASSWORD}"
    error = kind(f"refused root:{PASSWORD} and {PASSWORD!r}")
    memory = open_memory(config, embedder=Leaky(error))
    with pytest.raises(EmbeddingError, match=r"refused \*\*\*") as caught:
        memory.add("I like rain.", user_id="u", infer=False)
    assert hides(told(caught.value))


def test_a_cause_without_a_secret_stays(config: Config) -> None:
    error = RuntimeError("out of order")
    with Memory.from_config(config, embedder=Leaky(error)) as memory:
        with pytest.raises(EmbeddingError, match="RuntimeError: out of order") as caught:
            memory.add("I like rain.", user_id="u", infer=False)
        assert caught.value.__cause__ is error


def test_a_cause_behind_a_cause_is_read_too() -> None:
    inner = ValueError(f"key {KEY}")
    outer = RuntimeError("failed")
    outer.__cause__ = inner
    assert Secrets({"api_key": KEY}).cause(outer) is None
    assert Secrets({"api_key": "another-secret"}).cause(outer) is outer


def test_the_log_of_a_failed_reranker_hides_its_key(
    config: Config, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"http://user:{IN_ADDRESS}@127.0.0.1:{server.server_port}/nothing?api_key={PARAMETER}"
    config["reranker"] = {"provider": "http", "config": {"base_url": address, "api_key": KEY, "model": "m"}}
    with caplog.at_level(logging.DEBUG, "mem0milvus"), Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u", infer=False)
        memory.add("I like snow.", user_id="u", infer=False)
        memory.search("What do I like?", user_id="u")
    assert "failed" in caplog.text
    assert hides(caplog.text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("embedder", {"provider": "openai", "config": {"base_url": f"http://u:{PASSWORD}@h/v1", "modle": "m"}}),
        ("embedder", [{"api_key": KEY}]),
        ("embedder", {"provider": "openai", "config": [{"api_key": KEY}]}),
        ("embedder", {"provider": {"api_key": KEY}}),
    ],
)
def test_errors_of_the_configuration_hide_secrets(config: Config, path: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Memory.from_config({**config, path: value})
    assert hides(told(caught.value))


def test_an_address_of_a_store_that_cannot_be_opened_is_masked(config: Config) -> None:
    config["vector_store"]["config"]["url"] = f"user:{PASSWORD}@milvus:19530"
    with pytest.raises(Mem0MilvusError) as caught:
        Memory.from_config(config)
    assert hides(told(caught.value))


def test_the_repr_of_a_model_configuration_hides_its_address() -> None:
    assert hides(repr(OpenAIEmbedderConfig(base_url=f"http://u:{PASSWORD}@h/v1", api_key=KEY)))  # type: ignore[arg-type]


def test_errors_of_milvus_hide_the_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from pymilvus.exceptions import MilvusException

    monkeypatch.setenv("MILVUS_TOKEN", KEY)
    with pytest.raises(StoreError, match=r"bad token \*\*\*") as caught, translated("look", "http://milvus"):
        raise MilvusException(1, f"bad token {KEY}")
    assert hides(told(caught.value))


def test_only_secrets_are_masked() -> None:
    secrets = Secrets({"api_key": "none", "model": "gpt", "base_url": "http://host/v1", "max_tokens": "100"})
    plain = "The model 'gpt' at http://host/v1?page=2 answered nonetheless: sk-ab***yz, 100 tokens"
    assert secrets.mask(plain) == plain
    assert secrets.mask("the key none") == "the key ***"
    assert secrets.mask("Bearer abcdefgh12345 and sk-0123456789abcdefgh") == "Bearer *** and ***"
