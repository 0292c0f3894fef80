"""Embeddings from any server that speaks OpenAI's API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from mem0milvus.errors import ConfigError, EmbeddingError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from openai.types import CreateEmbeddingResponse

    from mem0milvus.config import OpenAIEmbedderConfig

#: Lengths of the vectors of OpenAI's own models (platform.openai.com, "Vector embeddings", 2025).
MODEL_DIMS: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}

#: Models whose vectors can be had shorter, with the parameter ``dimensions``.
SHORTENABLE = ("text-embedding-3-",)


class OpenAIEmbedder:
    """An embedding model behind OpenAI's API.

    Args:
        config: model, address, key and limits.
        dims: length of the vectors that the store has; None to take the model's own.

    Raises:
        ConfigError: the length of the model's vectors is neither known nor told, or there is no key.
    """

    def __init__(self, config: OpenAIEmbedderConfig, dims: int | None = None) -> None:
        self._config = config
        wanted = config.embedding_dims or dims or MODEL_DIMS.get(config.model)
        if wanted is None:
            raise ConfigError(
                f"The length of the vectors of {config.model!r} is not known here: set embedder.config.embedding_dims."
            )
        self._dims = wanted
        self._client: OpenAI | None = None
        self._async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()

    @property
    def identity(self) -> str:
        """The model's name."""
        return self._config.model

    @property
    def dims(self) -> int:
        """Length of the vectors."""
        return self._dims

    def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector for each text, in as few requests as ``batch_size`` allows.

        Raises:
            EmbeddingError: the server refused, failed or did not answer.
        """
        vectors: list[Sequence[float]] = []
        with _translated(self._config):
            if self._client is None:
                from openai import OpenAI

                self._client = OpenAI(**self._client_arguments())
            for batch in self._batches(texts):
                vectors.extend(_vectors(self._client.embeddings.create(**self._request(batch))))
        return vectors

    async def aembed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """As ``embed``, with one client per event loop, to which it is bound."""
        vectors: list[Sequence[float]] = []
        with _translated(self._config):
            loop = asyncio.get_running_loop()
            client = self._async_clients.get(loop)
            if client is None:
                from openai import AsyncOpenAI

                client = self._async_clients[loop] = AsyncOpenAI(**self._client_arguments())
            for batch in self._batches(texts):
                vectors.extend(_vectors(await client.embeddings.create(**self._request(batch))))
        return vectors

    def _client_arguments(self) -> dict[str, Any]:
        return {
            "api_key": self._config.api_key.get_secret_value() if self._config.api_key else None,
            "base_url": self._config.base_url,
            "timeout": self._config.timeout_s,
            "max_retries": self._config.max_retries,
        }

    def _batches(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        size = self._config.batch_size
        return (texts[start : start + size] for start in range(0, len(texts), size))

    def _request(self, batch: Sequence[str]) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self._config.model, "input": list(batch)}
        if self._config.model.startswith(SHORTENABLE):
            request["dimensions"] = self._dims
        return request


def _vectors(answer: CreateEmbeddingResponse) -> list[Sequence[float]]:
    return [item.embedding for item in sorted(answer.data or (), key=lambda item: item.index)]


@contextmanager
def _translated(config: OpenAIEmbedderConfig) -> Iterator[None]:
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        where = f"The embedding model {config.model!r} at {config.base_url or 'OpenAI'}"
        if isinstance(error, openai.APITimeoutError):
            reason = f"did not answer within {config.timeout_s:g} s"
        elif isinstance(error, openai.APIConnectionError):
            reason = "cannot be reached"
        elif isinstance(error, openai.AuthenticationError):
            reason = "refused the API key (401): check OPENAI_API_KEY or embedder.config.api_key"
        elif isinstance(error, openai.APIStatusError):
            reason = f"answered {error.status_code}: {_message(error)}"
        else:
            reason = f"cannot be used: {error}"
        raise EmbeddingError(f"{where} {reason}.") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EmbeddingError(
            f"The embedding model {config.model!r} did not answer in OpenAI's format ({type(error).__name__}: {error})."
        ) from error


def _message(error: Any) -> str:
    body = error.body if isinstance(error.body, Mapping) else {}
    return str(cast("Mapping[str, object]", body).get("message") or type(error).__name__).rstrip(".")
