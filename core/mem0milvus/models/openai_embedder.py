"""Embeddings from any server with OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import ConfigError, EmbeddingError
from mem0milvus.models.openai_client import OpenAIModel

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

    from mem0milvus.config import OpenAIEmbedderConfig

#: Lengths of the vectors of OpenAI's own models (platform.openai.com, "Vector embeddings", 2025).
MODEL_DIMS: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}

#: Prefixes of models that return shorter vectors if the request has the parameter ``dimensions``.
SHORTENABLE = ("text-embedding-3-",)


class OpenAIEmbedder(OpenAIModel):
    """An embedding model behind OpenAI's API. ``dims`` is the length of the vectors in the store, if configured."""

    _config: OpenAIEmbedderConfig
    _kind = "embedding model"
    _section = "embedder.config"
    _error = EmbeddingError

    def __init__(self, config: OpenAIEmbedderConfig, dims: int | None = None) -> None:
        super().__init__(config)
        wanted = config.embedding_dims or dims or MODEL_DIMS.get(config.model)
        if wanted is None:
            raise ConfigError(
                f"The length of the vectors of {config.model!r} is not known here: set embedder.config.embedding_dims."
            )
        self.dims = wanted

    def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """Embed texts, one vector for each, in requests of up to ``batch_size`` texts."""
        vectors: list[Sequence[float]] = []
        with self._translated():
            client = self._blocking_client()
            for batch in self._batches(texts):
                vectors.extend(_vectors(client.embeddings.create(**self._request(batch))))
        return vectors

    async def aembed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """Embed texts as ``embed`` does, without blocking the event loop."""
        await self.prepare()
        vectors: list[Sequence[float]] = []
        with self._translated():
            for batch in self._batches(texts):
                async with self._async_client() as client:
                    vectors.extend(_vectors(await client.embeddings.create(**self._request(batch))))
        return vectors

    def _batches(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        size = self._config.batch_size
        return (texts[start : start + size] for start in range(0, len(texts), size))

    def _request(self, batch: Sequence[str]) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self._config.model, "input": list(batch)}
        if self._config.model.startswith(SHORTENABLE):
            request["dimensions"] = self.dims
        return request


def _vectors(answer: CreateEmbeddingResponse) -> list[Sequence[float]]:
    return [item.embedding for item in sorted(answer.data or (), key=lambda item: item.index)]
