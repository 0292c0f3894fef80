"""LlamaIndex's models as the models of a memory: ``LlamaIndexLLM`` and ``LlamaIndexEmbedder``.

Give them to ``Memory.from_config(config, llm=LlamaIndexLLM(llm), embedder=LlamaIndexEmbedder(model))``, or name the
provider in the configuration: ``{"embedder": {"provider": "llamaindex", "config": {"model": model}}}``. Without
``model``, that of LlamaIndex's ``Settings`` is used.
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
from typing_extensions import override

from mem0milvus import ConfigError, FrameworkEmbedder, LLMRequest

#: The two texts of a request are variables of the template, so that braces in them are not read as variables.
_PROMPT = ChatPromptTemplate(
    message_templates=[
        ChatMessage(role=MessageRole.SYSTEM, content="{system}"),
        ChatMessage(role=MessageRole.USER, content="{user}"),
    ]
)

#: LlamaIndex's names of a model without a name.
_NAMELESS = ("", "unknown")


class LlamaIndexLLM:
    """A LlamaIndex language model that extracts memories, by ``structured_predict``.

        >>> memory = Memory.from_config(config, llm=LlamaIndexLLM(OpenAI(model="gpt-4.1-mini")))

    Args:
        llm: any LlamaIndex LLM. A model that calls functions is given the schema, another one instructions.
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
        """Return the answer as a dict.

        Raises:
            Exception: any exception of the model, or of LlamaIndex if the answer does not have the requested form.
        """
        answer = self.llm.structured_predict(_answer_class(request), _PROMPT, system=request.system, user=request.user)
        return dict(answer.model_dump())

    async def acomplete(self, request: LLMRequest) -> Mapping[str, Any]:
        """Return the answer, as ``complete`` does."""
        answer = await self.llm.astructured_predict(
            _answer_class(request), _PROMPT, system=request.system, user=request.user
        )
        return dict(answer.model_dump())


class _Answer(BaseModel):
    """The changes to make to what is remembered."""

    model_config = ConfigDict(extra="allow")


def _answer_class(request: LLMRequest) -> type[_Answer]:
    """Return a class with the schema of the request. It accepts any fields, because the core checks the answer."""
    schema = {"title": "MemoryChanges", "description": _Answer.__doc__, **request.schema}

    # LlamaIndex names the function after the class and takes its description and parameters from these two.
    class MemoryChanges(_Answer):
        __doc__ = _Answer.__doc__

        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG003
            return dict(schema)

    return MemoryChanges


class LlamaIndexEmbedder(FrameworkEmbedder):
    """A LlamaIndex embedding model as the embedder of a memory.

        >>> memory = Memory.from_config(config, embedder=LlamaIndexEmbedder(OpenAIEmbedding(), dims=1536))

    Args:
        model: any LlamaIndex embedding model.
        dims: length of its vectors; None to measure it, by embedding one text, when it is first needed.

    Raises:
        ConfigError: ``model`` is not an embedding model of LlamaIndex, or ``dims`` is not a whole number from 1.
    """

    def __init__(self, model: BaseEmbedding, dims: int | None = None) -> None:
        if not isinstance(model, BaseEmbedding):
            raise ConfigError(f"model must be an embedding model of LlamaIndex, not {type(model).__name__}.")
        super().__init__(model.class_name() if model.model_name in _NAMELESS else model.model_name, dims)
        self.model = model

    @override
    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return self.model.get_text_embedding_batch(list(texts))

    async def aembed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector for each text."""
        return await self.model.aget_text_embedding_batch(list(texts))

    def embed_query(self, text: str) -> Sequence[float]:
        """Return the vector of a question, which some models embed differently from a text that answers it."""
        return self.model.get_query_embedding(text)

    async def aembed_query(self, text: str) -> Sequence[float]:
        """Return the vector of a question."""
        return await self.model.aget_query_embedding(text)


def make_llm(config: Mapping[str, Any]) -> LlamaIndexLLM:
    """Make the language model of ``{"llm": {"provider": "llamaindex", "config": config}}``.

    Args:
        config: ``model``, a LlamaIndex LLM; by default, that of ``Settings``.

    Raises:
        ConfigError: there is an unknown key, or no such model.
    """
    return LlamaIndexLLM(_model(config, "llm", ("model",)))


def make_embedder(config: Mapping[str, Any], dims: int | None) -> LlamaIndexEmbedder:
    """Make the embedder of ``{"embedder": {"provider": "llamaindex", "config": config}}``.

    Args:
        config: ``model``, a LlamaIndex embedding model; by default, that of ``Settings``. ``embedding_dims``: the
            length of its vectors.
        dims: length of the vectors for which the store is configured, if it is.

    Raises:
        ConfigError: there is an unknown key, or no such model.
    """
    model = _model(config, "embedder", ("model", "embedding_dims"))
    return LlamaIndexEmbedder(model, config.get("embedding_dims", dims))


def _model(config: Mapping[str, Any], section: str, known: Sequence[str]) -> Any:
    if unknown := set(config) - set(known):
        raise ConfigError(f"Unknown keys {sorted(unknown)} in {section}.config; known here: {', '.join(known)}.")
    if "model" in config:
        return config["model"]
    try:
        return Settings.llm if section == "llm" else Settings.embed_model
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{section}.config has no model, and neither have LlamaIndex's Settings: {error}") from error
