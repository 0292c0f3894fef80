"""LlamaIndex's language and embedding models, for ``mem0milvus``.

``Memory.from_config(config, llm=LlamaIndexLLM(llm), embedder=LlamaIndexEmbedder(model))``, or by name:
``{"embedder": {"provider": "llamaindex", "config": {"model": model}}}``. Without ``model``, that of LlamaIndex's
``Settings``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import BaseModel, ConfigDict
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import ChatPromptTemplate
from llama_index.core.settings import Settings

import mem0milvus
from mem0milvus import ConfigError, LLMRequest

#: The two texts of a request are variables, so that braces in them stay as they are.
_PROMPT = ChatPromptTemplate(
    message_templates=[
        ChatMessage(role=MessageRole.SYSTEM, content="{system}"),
        ChatMessage(role=MessageRole.USER, content="{user}"),
    ]
)

#: What LlamaIndex says of a model that does not tell its name.
_NAMELESS = ("", "unknown")


class LlamaIndexLLM:
    """A LlamaIndex language model that extracts memories, by ``structured_predict``.

    Args:
        llm: any LlamaIndex LLM. One that calls functions is asked by its schema, another one in words.
    """

    def __init__(self, llm: LLM) -> None:
        if not isinstance(llm, LLM):
            raise ConfigError(f"llm must be a language model of LlamaIndex, not {type(llm).__name__}.")
        self.llm = llm

    @property
    def identity(self) -> str:
        """The model's name, or its class's."""
        name = self.llm.metadata.model_name
        return self.llm.class_name() if name in _NAMELESS else name

    def complete(self, request: LLMRequest) -> Mapping[str, Any]:
        """The answer as a dict.

        Raises:
            Exception: whatever the model raises, or LlamaIndex where its answer is not what was asked for.
        """
        answer = self.llm.structured_predict(_answer_class(request), _PROMPT, **_texts(request))
        return _as_dict(answer)

    async def acomplete(self, request: LLMRequest) -> Mapping[str, Any]:
        """See ``complete``."""
        answer = await self.llm.astructured_predict(_answer_class(request), _PROMPT, **_texts(request))
        return _as_dict(answer)


class _Answer(BaseModel):
    """The changes to make to what is remembered."""

    model_config = ConfigDict(extra="allow")


def _answer_class(request: LLMRequest) -> type[_Answer]:
    """A class that tells the request's own schema. What an answer holds is checked by whoever asked."""
    schema = {"title": "MemoryChanges", "description": _Answer.__doc__, **request.schema}

    class MemoryChanges(_Answer):
        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG003
            return dict(schema)

    MemoryChanges.__doc__ = _Answer.__doc__
    return MemoryChanges


def _texts(request: LLMRequest) -> dict[str, str]:
    return {"system": request.system, "user": request.user}


def _as_dict(answer: BaseModel) -> Mapping[str, Any]:
    return answer.model_dump()


class LlamaIndexEmbedder:
    """A LlamaIndex embedding model.

    Args:
        model: any LlamaIndex embedding model.
        dims: length of its vectors; left out, the model is asked to embed a word when it is first needed.
    """

    def __init__(self, model: BaseEmbedding, dims: int | None = None) -> None:
        if not isinstance(model, BaseEmbedding):
            raise ConfigError(f"model must be an embedding model of LlamaIndex, not {type(model).__name__}.")
        self.model = model
        self._dims = dims

    @property
    def identity(self) -> str:
        """The model's name, or its class's."""
        name = self.model.model_name
        return self.model.class_name() if name in _NAMELESS else name

    @property
    def dims(self) -> int:
        """Length of the vectors."""
        if self._dims is None:
            self._dims = len(self.model.get_text_embedding("dimensions"))
        return self._dims

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text."""
        return self.model.get_text_embedding_batch(list(texts))

    async def aembed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See ``embed``."""
        return await self.model.aget_text_embedding_batch(list(texts))

    def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question, which some models embed otherwise than a text that answers it."""
        return self.model.get_query_embedding(text)

    async def aembed_query(self, text: str) -> Sequence[float]:
        """See ``embed_query``."""
        return await self.model.aget_query_embedding(text)


def make_llm(config: Mapping[str, Any]) -> LlamaIndexLLM:
    """The language model of ``{"llm": {"provider": "llamaindex", "config": config}}``.

    Args:
        config: ``model``, a LlamaIndex LLM; left out, that of ``Settings``.

    Raises:
        ConfigError: another key, or no such model.
    """
    return LlamaIndexLLM(_model(config, "llm", ("model",)))


def make_embedder(config: Mapping[str, Any], dims: int | None) -> LlamaIndexEmbedder:
    """The embedding model of ``{"embedder": {"provider": "llamaindex", "config": config}}``.

    Args:
        config: ``model``, a LlamaIndex embedding model; left out, that of ``Settings``. ``embedding_dims``, the length
            of its vectors.
        dims: what the vector store is configured for.

    Raises:
        ConfigError: another key, or no such model.
    """
    return LlamaIndexEmbedder(
        _model(config, "embedder", ("model", "embedding_dims")), config.get("embedding_dims", dims)
    )


def _model(config: Mapping[str, Any], section: str, known: Sequence[str]) -> Any:
    if unknown := set(config) - set(known):
        raise ConfigError(f"Unknown keys {sorted(unknown)} in {section}.config; known here: {', '.join(known)}.")
    if "model" in config:
        return config["model"]
    try:
        return Settings.llm if section == "llm" else Settings.embed_model
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{section}.config has no model, and LlamaIndex's Settings have none: {error}") from error


def as_llm(llm: LLM | mem0milvus.LLM | None) -> mem0milvus.LLM | None:
    """A language model of either kind as ``mem0milvus`` takes it."""
    return LlamaIndexLLM(llm) if isinstance(llm, LLM) else llm


def as_embedder(embedder: BaseEmbedding | mem0milvus.Embedder | None) -> mem0milvus.Embedder | None:
    """An embedding model of either kind as ``mem0milvus`` takes it."""
    return LlamaIndexEmbedder(embedder) if isinstance(embedder, BaseEmbedding) else embedder
