"""LangChain's models as the models of a memory: ``LangChainLLM`` and ``LangChainEmbedder``.

Give them to ``Memory.from_config(config, llm=…, embedder=…)``, or name the provider ``langchain`` in the configuration:
``{"llm": {"provider": "langchain", "config": {"model": chat_model}}}``.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from typing_extensions import override

from mem0milvus import ConfigError, FrameworkEmbedder, LLMRequest

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig

logger = logging.getLogger(__name__)

#: The name of the answer, if the model returns it as a tool call.
ANSWER_NAME = "changes"
ANSWER_DESCRIPTION = "The changes to make to the memories."

#: The method that needs no feature of the model: the instructions say how to answer.
PLAIN_TEXT = "text"

#: The configuration of a call inside a chain or graph. LangGraph (1.2) leaves tokens of a run with the tag ``nostream``
#: out of ``stream_mode="messages"``: the extraction is not part of the answer that the application streams.
RUN_CONFIG: RunnableConfig = {"run_name": "mem0milvus_extraction", "tags": ["nostream"]}

#: The attributes in which LangChain's models keep their name, the most common first.
_NAMES = ("model", "model_name", "model_id", "azure_deployment", "deployment_name", "repo_id")


class LangChainLLM:
    """A LangChain model as the language model of a memory.

    The answer is requested with the model's own ``with_structured_output``; a model without it is asked for plain text.

        >>> llm = LangChainLLM(init_chat_model("openai:gpt-4.1-mini"))
        >>> memory = Memory.from_config(config, llm=llm)

    Args:
        model: a chat model, or an older text model.
        method: the ``method`` of ``with_structured_output``, as in ``"function_calling"``; ``"text"`` asks for plain
            text; by default, the model's own choice.
        strict: the ``strict`` of ``with_structured_output``, for models that can follow a schema exactly (OpenAI's).
        identity: the model's name for messages; by default, the name that the model has itself.

    Raises:
        ConfigError: ``model`` is not a model of LangChain.
    """

    def __init__(
        self,
        model: BaseLanguageModel[Any],
        *,
        method: str | None = None,
        strict: bool | None = None,
        identity: str | None = None,
    ) -> None:
        if not hasattr(model, "invoke") or not hasattr(model, "ainvoke"):
            raise ConfigError(f"model must be a chat model of LangChain, not {type(model).__name__} {model!r}.")
        self._model = model
        self._method = method
        self._options = {k: v for k, v in (("method", method), ("strict", strict)) if v is not None}
        self.identity = identity or _name_of(model)
        self._chain: Runnable[Any, Any] | None = None

    def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """Return the answer: a dict if the model gave structured output, else its text.

        Exceptions of the model pass through; the core turns them into an ``ExtractionError``.
        """
        return _read_answer(self._bound_model(request).invoke(_messages(request), RUN_CONFIG))

    async def acomplete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """Return the answer, as ``complete`` does."""
        return _read_answer(await self._bound_model(request).ainvoke(_messages(request), RUN_CONFIG))

    def _bound_model(self, request: LLMRequest) -> Runnable[Any, Any]:
        """Return the model with the answer's schema. It is bound once, because all requests have the same schema."""
        if self._chain is None:
            self._chain = self._bind_schema(request) if self._method != PLAIN_TEXT else self._model
        return self._chain

    def _bind_schema(self, request: LLMRequest) -> Runnable[Any, Any]:
        schema = {"title": ANSWER_NAME, "description": ANSWER_DESCRIPTION, **request.schema}
        try:
            bound = self._model.with_structured_output(schema, include_raw=True, **self._options)
            return cast("Runnable[Any, Any]", bound)
        except (AttributeError, NotImplementedError, NameError):
            # ``model.with_fallbacks(…)`` raises the NameError: its ``__getattr__`` resolves the annotations of the
            # method (langchain-core 1.7.2), and the base model imports some of those types only for type checkers.
            if self._options:
                raise
        logger.debug("%s has no structured output and is asked for plain text.", self.identity)
        return self._model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"


class LangChainEmbedder(FrameworkEmbedder):
    """LangChain embeddings as the embedder of a memory. Questions are embedded by ``embed_query``.

        >>> embedder = LangChainEmbedder(init_embeddings("openai:text-embedding-3-small"), dims=1536)
        >>> memory = Memory.from_config(config, embedder=embedder)

    Args:
        embeddings: the embedding model.
        dims: length of its vectors; None to measure it, by embedding one text, when it is first needed.
        identity: the name by which the store recognises the model's vectors; by default, the name of the model, under
            which other libraries know it too, or else of the class of ``embeddings``.

    Raises:
        ConfigError: ``embeddings`` are not LangChain's, or ``dims`` is not a whole number from 1.
    """

    def __init__(self, embeddings: Embeddings, *, dims: int | None = None, identity: str | None = None) -> None:
        if not isinstance(embeddings, Embeddings):
            raise ConfigError(
                f"embeddings must be LangChain Embeddings, not {type(embeddings).__name__} {embeddings!r}."
            )
        super().__init__(identity or _name_of(embeddings), dims)
        self._embeddings = embeddings

    @override
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._embeddings.embed_documents(list(texts))

    async def aembed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each text."""
        return await self._embeddings.aembed_documents(list(texts))

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question, which some models embed differently from a text that answers it."""
        return self._embeddings.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return await self._embeddings.aembed_query(text)


def make_llm(config: Mapping[str, Any]) -> LangChainLLM:
    """Make the language model of ``{"llm": {"provider": "langchain", "config": {…}}}``.

        >>> make_llm({"model": "openai:gpt-4.1-mini", "method": "function_calling"})

    Args:
        config: ``model``, a chat model, or its name as ``init_chat_model`` takes it (``"openai:gpt-4.1-mini"``);
            ``method``, ``strict`` and ``identity`` as for ``LangChainLLM``.

    Raises:
        ConfigError: the model is missing, cannot be made, or there is an unknown key.
    """
    model, settings = _read_config(config, "llm.config", ("method", "strict", "identity"))
    if isinstance(model, str):
        from langchain.chat_models import init_chat_model

        model = _make_by_name(init_chat_model, model, "llm.config.model")
    return LangChainLLM(model, **settings)


def make_embedder(config: Mapping[str, Any], dims: int | None) -> LangChainEmbedder:
    """Make the embedder of ``{"embedder": {"provider": "langchain", "config": {…}}}``.

        >>> make_embedder({"model": "openai:text-embedding-3-small"}, dims=1536)

    Args:
        config: ``model``, embeddings, or their name as ``init_embeddings`` takes it
            (``"openai:text-embedding-3-small"``); ``embedding_dims``; ``identity`` as for ``LangChainEmbedder``.
        dims: length of the vectors for which the store is configured, if it is.

    Raises:
        ConfigError: the model is missing, cannot be made, or there is an unknown key.
    """
    model, settings = _read_config(config, "embedder.config", ("embedding_dims", "identity"))
    if isinstance(model, str):
        from langchain.embeddings import init_embeddings

        model = _make_by_name(init_embeddings, model, "embedder.config.model")
    return LangChainEmbedder(model, dims=settings.pop("embedding_dims", None) or dims, **settings)


def _read_config(config: Mapping[str, Any], section: str, known: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    settings = dict(config)
    model = settings.pop("model", None)
    if model is None:
        raise ConfigError(f"{section}.model is missing: give a model of LangChain, or its name.")
    for key in settings:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigError(
                f"Unknown configuration key '{section}.{key}'.{meant} Known here: model, {', '.join(known)}. Settings "
                "of the model itself are given to the model."
            )
    return model, settings


def _make_by_name(make: Callable[[str], Any], name: str, key: str) -> Any:
    try:
        return make(name)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"Configuration key {key!r}: LangChain cannot make {name!r}: {error}") from error


def _name_of(model: object) -> str:
    """Return the name that the model has, else that of the function it wraps, else that of its class."""
    for attribute in _NAMES:
        name = getattr(model, attribute, None)
        if isinstance(name, str) and name:
            return name
    function = getattr(model, "func", None) or getattr(model, "afunc", None)
    return getattr(function, "__name__", "") or type(model).__name__


def _messages(request: LLMRequest) -> list[BaseMessage]:
    return [SystemMessage(request.system), HumanMessage(request.user)]


def _read_answer(answer: Any) -> str | Mapping[str, Any]:
    """Read the output of ``with_structured_output(include_raw=True)``, or of the model itself.

    If the model answered with text instead of the requested call, return its text: the core looks for JSON in it.
    """
    if isinstance(answer, Mapping) and "raw" in answer:
        parsed = answer.get("parsed")
        if isinstance(parsed, Mapping):
            return parsed
        answer = answer["raw"]
    return str(answer.text) if isinstance(answer, BaseMessage) else str(answer)
