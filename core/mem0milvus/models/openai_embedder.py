"""Embeddings from any server that speaks OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import ConfigError, EmbeddingError
from mem0milvus.models.openai_client import Clients, translated

if TYPE_CHECKING:
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
        self._clients = Clients(config)

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
        with translated("embedding model", "embedder.config", self._config, EmbeddingError):
            client = self._clients.blocking()
            for batch in self._batches(texts):
                vectors.extend(_vectors(client.embeddings.create(**self._request(batch))))
        return vectors

    async def aembed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """As ``embed``, with one client per event loop, to which it is bound."""
        await self._clients.prepare()
        vectors: list[Sequence[float]] = []
        with translated("embedding model", "embedder.config", self._config, EmbeddingError):
            for batch in self._batches(texts):
                async with self._clients.awaiting() as client:
                    vectors.extend(_vectors(await client.embeddings.create(**self._request(batch))))
        return vectors

    async def prepare(self) -> None:
        """Make the client of the running event loop. What fails then fails again when it is used."""
        await self._clients.prepare()

    def close(self) -> None:
        """Close the blocking client's connections."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.aclose()

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
