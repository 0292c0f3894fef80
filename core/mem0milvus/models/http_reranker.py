"""Rerankers behind HTTP: ``POST /rerank`` as Cohere, Jina, ZeroEntropy, vLLM and Text Embeddings Inference have it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from typing_extensions import override

from mem0milvus.config import HTTPRerankerConfig, read_reranker_section
from mem0milvus.errors import ConfigError
from mem0milvus.models.model_clients import ModelClients

if TYPE_CHECKING:
    from httpx import AsyncClient, Client


@dataclass(frozen=True, slots=True)
class Service:
    """The defaults of a provider.

    Attributes:
        base_url: address of the API; "" if the configuration must have one.
        key_variable: environment variable of the API key; "" for none.
        model: the default model; "" for that of the server.
        is_tei: whether requests have the form of Text Embeddings Inference rather than that of Cohere.
    """

    base_url: str = ""
    key_variable: str = ""
    model: str = ""
    is_tei: bool = False


#: The providers. Hosted models are those that Mem0 has as defaults (mem0/configs/rerankers), or the service itself.
SERVICES: Mapping[str, Service] = {
    "cohere": Service("https://api.cohere.com/v2", "COHERE_API_KEY", "rerank-v3.5"),
    "jina": Service("https://api.jina.ai/v1", "JINA_API_KEY", "jina-reranker-v2-base-multilingual"),
    "zero_entropy": Service("https://api.zeroentropy.dev/v1/models", "ZERO_ENTROPY_API_KEY", "zerank-1"),
    "http": Service(),
    "tei": Service(is_tei=True),
}


def make_reranker(provider: str, settings: Mapping[str, Any]) -> HTTPReranker:
    """Make the reranker of a provider, without a request.

    Raises:
        ConfigError: a setting is wrong, or the address or the key is missing.
    """
    config, service = read_reranker_section(HTTPRerankerConfig, settings), SERVICES[provider]
    address = config.base_url or service.base_url
    if not address:
        raise ConfigError(f"The reranker provider {provider!r} needs an address: set reranker.config.base_url.")
    if not address.startswith(("http://", "https://")):
        raise ConfigError("Configuration key 'reranker.config.base_url' must begin with http:// or https://.")
    key = config.api_key.get_secret_value() if config.api_key else os.environ.get(service.key_variable, "")
    if not key and not config.base_url:
        raise ConfigError(
            f"The reranker provider {provider!r} needs an API key: set reranker.config.api_key or "
            f"{service.key_variable}. A server of your own has the provider 'http'."
        )
    return HTTPReranker(config, service, address, key)


class HTTPReranker(ModelClients["Client", "AsyncClient"]):
    """A reranker behind HTTP. A failed request is not repeated: the search goes on without it."""

    def __init__(self, config: HTTPRerankerConfig, service: Service, address: str, key: str) -> None:
        super().__init__(config.max_connections)
        self._model = config.model or service.model
        self.identity = self._model or "http"
        self._timeout_s = config.timeout_s
        self._is_tei = service.is_tei
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        # httpx quotes the address in its errors, so a user and a password in it are kept apart.
        parts = urlsplit(address.rstrip("/").removesuffix("/rerank") + "/rerank")
        self._address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._auth = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return the server's score of each text. Exceptions of httpx pass through."""
        answer = self._blocking_client().post(self._address, json=self._request(query, texts))
        return _read_scores(answer.raise_for_status().json(), len(texts))

    async def ascore(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return the scores as ``score`` does, without blocking the event loop."""
        async with self._async_client() as client:
            answer = await client.post(self._address, json=self._request(query, texts))
        return _read_scores(answer.raise_for_status().json(), len(texts))

    def _request(self, query: str, texts: Sequence[str]) -> dict[str, Any]:
        if self._is_tei:
            return {"query": query, "texts": list(texts), "truncate": True}
        named = {"model": self._model} if self._model else {}
        return {**named, "query": query, "documents": list(texts), "top_n": len(texts)}

    @override
    def _make_client(self) -> Client:
        return _httpx().Client(**self._client_arguments())  # type: ignore[no-any-return]

    @override
    def _make_async_client(self) -> AsyncClient:
        return _httpx().AsyncClient(**self._client_arguments())  # type: ignore[no-any-return]

    @override
    async def _close_async_client(self, client: AsyncClient) -> None:
        await client.aclose()

    def _client_arguments(self) -> dict[str, Any]:
        return {"headers": self._headers, "timeout": self._timeout_s, "auth": self._auth}


def _httpx() -> Any:
    """Return the HTTP client that openai brings: httpx2 since openai 3, httpx before. Their interfaces are the same."""
    try:
        import httpx2 as httpx
    except ImportError:
        import httpx  # type: ignore[no-redef]
    return httpx


def _read_scores(answer: Any, count: int) -> list[float]:
    """Read ``{"results": [{"index", "relevance_score"}]}``, or the list of ``{"index", "score"}`` that TEI returns."""
    scores: dict[int, float] = {}
    for result in answer["results"] if isinstance(answer, Mapping) else answer:
        index = result["index"]
        if index not in range(count) or index in scores:
            raise ValueError("the answer has an index that is out of range, or has one twice")
        scores[index] = result["relevance_score"] if "relevance_score" in result else result["score"]
    if len(scores) != count:
        raise ValueError(f"the answer has {len(scores)} scores for {count} texts")
    return [scores[index] for index in range(count)]
