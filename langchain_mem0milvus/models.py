"""A user's own LangChain models for a memory: ``LangChainLLM`` and ``LangChainEmbedder``.

They are given to ``Memory.from_config(config, llm=…, embedder=…)``, or named in the configuration as the provider
``langchain``: ``{"llm": {"provider": "langchain", "config": {"model": chat_model}}}``.
"""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from mem0milvus import ConfigError, EmbeddingError, LLMRequest

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig

logger = logging.getLogger(__name__)

#: What the answer is called where a model is asked for it as for a call of a tool.
ANSWER_NAME = "changes"
ANSWER_DESCRIPTION = "The changes to make to the memories."

#: The way of asking that needs nothing of a model: the instructions say how to answer.
PLAIN_TEXT = "text"

#: How a call is run inside of a chain or a graph: its tokens are not part of what the user's run streams.
RUN_CONFIG: RunnableConfig = {"run_name": "mem0milvus_extraction", "tags": ["nostream"]}

#: Where LangChain's models keep their name, the most usual first.
_NAMES = ("model", "model_name", "model_id", "azure_deployment", "deployment_name", "repo_id")


class LangChainLLM:
    """A LangChain model as the language model of a memory.

    The answer is asked for by the model's own ``with_structured_output``; a model without it is asked for plain text.

    Args:
        model: a chat model, or an older text model.
        method: passed to ``with_structured_output`` where a model has several, as in ``"function_calling"``; ``"text"``
            to ask for plain text. Left out, the model's own choice.
        strict: passed likewise, for models that can be held to a schema (OpenAI's).
        identity: the model's name for messages; left out, as the model names itself.

    Raises:
        ConfigError: it is no model of LangChain's.
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
        self._identity = identity or _name_of(model)
        self._chain: Runnable[Any, Any] | None = None

    @property
    def identity(self) -> str:
        """The model's name."""
        return self._identity

    def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """The answer: a dict where the model gave structured output, else its text.

        Whatever the model raises passes through; the core makes an ``ExtractionError`` of it.
        """
        return _read(self._asked(request).invoke(_messages(request), RUN_CONFIG))

    async def acomplete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """As ``complete``."""
        return _read(await self._asked(request).ainvoke(_messages(request), RUN_CONFIG))

    def _asked(self, request: LLMRequest) -> Runnable[Any, Any]:
        """The model, bound to the form of the answer. All requests ask for the same one."""
        if self._chain is None:
            self._chain = self._structured(request) if self._method != PLAIN_TEXT else self._model
        return self._chain

    def _structured(self, request: LLMRequest) -> Runnable[Any, Any]:
        schema = {"title": ANSWER_NAME, "description": ANSWER_DESCRIPTION, **request.schema}
        try:
            bound = self._model.with_structured_output(schema, include_raw=True, **self._options)
            return cast("Runnable[Any, Any]", bound)
        except (AttributeError, NotImplementedError, NameError):
            # The last is what models with fallbacks raise: they look for annotations that cannot be resolved.
            if self._options:
                raise
        logger.debug("%s has no structured output and is asked for plain text.", self._identity)
        return self._model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._identity!r})"


class LangChainEmbedder:
    """LangChain embeddings as the embedder of a memory. Questions are embedded by ``embed_query``.

    Args:
        embeddings: the model.
        dims: length of its vectors; left out, one text is embedded to find out, when it is first asked for.
        identity: what tells its vectors from another model's, kept in the store; left out, the name of the model, which
            is also that of the same model of another library, or of the class of ``embeddings``.

    Raises:
        ConfigError: these are no embeddings of LangChain's, or ``dims`` is no length.
    """

    def __init__(self, embeddings: Embeddings, *, dims: int | None = None, identity: str | None = None) -> None:
        if not isinstance(embeddings, Embeddings):
            raise ConfigError(
                f"embeddings must be LangChain Embeddings, not {type(embeddings).__name__} {embeddings!r}."
            )
        if dims is not None and (not isinstance(dims, int) or isinstance(dims, bool) or dims < 1):
            raise ConfigError(f"dims must be a whole number above 0, not {dims!r}.")
        self._embeddings = embeddings
        self._identity = identity or _name_of(embeddings)
        self._dims = dims
        self._measuring = threading.Lock()

    @property
    def identity(self) -> str:
        """What tells its vectors from another model's."""
        return self._identity

    @property
    def dims(self) -> int:
        """Length of the vectors.

        Raises:
            EmbeddingError: it was not told, and the model failed when it was asked.
        """
        with self._measuring:
            if self._dims is None:
                self._dims = self._measured()
        return self._dims

    def _measured(self) -> int:
        try:
            return len(self._embeddings.embed_documents(["How long is a vector?"])[0])
        except Exception as error:
            raise EmbeddingError(
                f"The embedding model {self._identity!r} failed when it was asked how long its vectors are; give "
                f"dims= where that is known: {type(error).__name__}: {error}"
            ) from error

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text. Whatever the model raises becomes an ``EmbeddingError`` of the core."""
        return self._embeddings.embed_documents(list(texts))

    async def aembed(self, texts: Sequence[str]) -> list[list[float]]:
        """As ``embed``."""
        return await self._embeddings.aembed_documents(list(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question, which some models embed otherwise than a text that answers it."""
        return self._embeddings.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """As ``embed_query``."""
        return await self._embeddings.aembed_query(text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._identity!r})"


def make_llm(config: Mapping[str, Any]) -> LangChainLLM:
    """The language model of ``{"provider": "langchain", "config": {…}}``.

    Args:
        config: ``model``, a chat model, or its name as ``init_chat_model`` takes it (``"openai:gpt-4.1-mini"``);
            ``method``, ``strict`` and ``identity`` as for ``LangChainLLM``.

    Raises:
        ConfigError: the model is missing, cannot be made, or another key is given.
    """
    model, settings = _read_config(config, "llm.config", ("method", "strict", "identity"))
    if isinstance(model, str):
        from langchain.chat_models import init_chat_model

        model = _made(init_chat_model, model, "llm.config.model")
    return LangChainLLM(model, **settings)


def make_embedder(config: Mapping[str, Any], dims: int | None) -> LangChainEmbedder:
    """The embedder of ``{"provider": "langchain", "config": {…}}``.

    Args:
        config: ``model``, embeddings, or their name as ``init_embeddings`` takes it
            (``"openai:text-embedding-3-small"``); ``embedding_dims``; ``identity`` as for ``LangChainEmbedder``.
        dims: length of the vectors that the store is to have, where the configuration says.

    Raises:
        ConfigError: the model is missing, cannot be made, or another key is given.
    """
    model, settings = _read_config(config, "embedder.config", ("embedding_dims", "identity"))
    if isinstance(model, str):
        from langchain.embeddings import init_embeddings

        model = _made(init_embeddings, model, "embedder.config.model")
    return LangChainEmbedder(model, dims=settings.pop("embedding_dims", None) or dims, **settings)


def _read_config(config: Mapping[str, Any], where: str, known: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    settings = dict(config)
    model = settings.pop("model", None)
    if model is None:
        raise ConfigError(f"{where}.model is missing: give a model of LangChain's, or its name.")
    for key in settings:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigError(
                f"Unknown configuration key '{where}.{key}'.{meant} Known here: model, {', '.join(known)}. Settings of "
                "the model itself are given to the model."
            )
    return model, settings


def _made(make: Callable[[str], Any], name: str, where: str) -> Any:
    try:
        return make(name)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"Configuration key {where!r}: LangChain cannot make {name!r}: {error}") from error


def _name_of(model: object) -> str:
    """As the model names itself; else its class, or the function that it is made of."""
    for attribute in _NAMES:
        name = getattr(model, attribute, None)
        if isinstance(name, str) and name:
            return name
    function = getattr(model, "func", None) or getattr(model, "afunc", None)
    return getattr(function, "__name__", "") or type(model).__name__


def _messages(request: LLMRequest) -> list[BaseMessage]:
    return [SystemMessage(request.system), HumanMessage(request.user)]


def _read(answer: Any) -> str | Mapping[str, Any]:
    """What ``with_structured_output`` with ``include_raw`` gave, or a model's own answer.

    Where a model answered with text instead of the call that it was asked for, the core looks for the answer in it.
    """
    if isinstance(answer, Mapping) and "raw" in answer:
        parsed = answer.get("parsed")
        return parsed if isinstance(parsed, Mapping) else _text(answer["raw"])
    return _text(answer)


def _text(answer: Any) -> str:
    return str(answer.text) if isinstance(answer, BaseMessage) else str(answer)
