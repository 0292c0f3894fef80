"""Providers by name: built-in ones, and those that other packages register as entry points."""

from __future__ import annotations

import difflib
import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from mem0milvus.config import (
    LocalEmbedderConfig,
    MemoryConfig,
    OfflineEmbedderConfig,
    OfflineExtractorConfig,
    OpenAIEmbedderConfig,
    OpenAILLMConfig,
    ProviderSection,
    RerankerSection,
    read_section,
)
from mem0milvus.config.secrets import Secrets
from mem0milvus.errors import ConfigError
from mem0milvus.models.default_provider import OFFLINE_DIMS, default_section
from mem0milvus.ports import Origin
from mem0milvus.types import LLM, Embedder, Reranker

#: Entry points of embedders: callables ``(config: dict, dims: int | None) -> Embedder``.
EMBEDDERS_GROUP = "mem0milvus.embedders"

#: Entry points of language models: callables ``(config: dict) -> LLM``.
LLMS_GROUP = "mem0milvus.llms"

#: Entry points of rerankers: callables ``(config: dict) -> Reranker``.
RERANKERS_GROUP = "mem0milvus.rerankers"

#: Providers of the adapters, and how to install them.
FRAMEWORKS: Mapping[str, str] = {
    "langchain": "It comes with mem0milvus[langchain].",
    "llamaindex": "It comes with mem0milvus[llamaindex].",
}

#: Alternatives to a provider of Mem0 that is not built in.
NO_LLM_RERANKER = "A language model can be used through an object with `score(query, texts)`."


def choose_embedder(config: MemoryConfig, given: Embedder | None, filled: Origin | None = None) -> Embedder:
    """Choose the embedder: a ready object, the configured one, the one that filled the collection, or the default.

    Warns, as ``UserWarning``, if the default is the offline embedder, which finds words, not meaning.

    Raises:
        ConfigError: there is no such provider, its settings are wrong, or its vectors do not have the length
            ``vector_store.config.embedding_model_dims``.
        EmbedderMismatchError: none is configured, and the one that filled the collection cannot be made again.
    """
    dims = config.vector_store.config.embedding_model_dims
    if given is not None:
        embedder = _checked(given)
    else:
        embedder = _configured_embedder(config.embedder or default_section(dims, filled), dims)
    if dims is not None and embedder.dims != dims:
        raise ConfigError(
            f"vector_store.config.embedding_model_dims is {dims} and the vectors of the embedder "
            f"{embedder.identity!r} have {embedder.dims} dimensions: make these equal, or omit embedding_model_dims."
        )
    return embedder


def choose_llm(config: MemoryConfig, given: LLM | None) -> LLM | None:
    """Choose the language model: a ready object, the configured one, or OpenAI's; None to extract by rules.

    Warns, as ``UserWarning``, if instructions are configured without a language model.

    Raises:
        ConfigError: there is no such provider, or its settings are wrong.
    """
    llm = _checked_llm(given) if given is not None else _configured_llm(config)
    instructions = [name for name in ("custom_instructions", "includes", "excludes") if getattr(config, name)]
    if llm is None and instructions:
        warnings.warn(
            f"The configuration's {' and '.join(instructions)} can be followed by a language model only, and none is "
            "configured: memories are extracted by rules.",
            UserWarning,
            stacklevel=5,
        )
    return llm


def _configured_llm(config: MemoryConfig) -> LLM | None:
    section = config.llm
    if section is None:
        chosen_offline = config.embedder is not None and config.embedder.provider == "offline"
        if chosen_offline or not os.environ.get("OPENAI_API_KEY"):
            return None
        section = ProviderSection(provider="openai")
    if section.provider == "offline":
        read_section(OfflineExtractorConfig, section.config, "llm.config")
        return None
    if section.provider == "openai":
        from mem0milvus.models.openai_llm import OpenAIChat

        return OpenAIChat(read_section(OpenAILLMConfig, section.config, "llm.config"))
    factory: Callable[[dict[str, Any]], object] = _registered("llm", LLMS_GROUP, section.provider)
    with Secrets(section.config).kept_out():
        return _checked_llm(factory(section.config))


def _configured_embedder(section: ProviderSection, dims: int | None) -> Embedder:
    if section.provider == "openai":
        from mem0milvus.models.openai_embedder import OpenAIEmbedder

        return OpenAIEmbedder(read_section(OpenAIEmbedderConfig, section.config, "embedder.config"), dims)
    if section.provider == "local":
        from mem0milvus.models.local_embedder import MODEL_DIMS as LOCAL_DIMS
        from mem0milvus.models.local_embedder import LocalEmbedder

        local = read_section(LocalEmbedderConfig, section.config, "embedder.config")
        return LocalEmbedder(local.embedding_dims or dims or LOCAL_DIMS)
    if section.provider == "offline":
        from mem0milvus.models.offline_embedder import HashingEmbedder

        settings = read_section(OfflineEmbedderConfig, section.config, "embedder.config")
        return HashingEmbedder(settings.embedding_dims or dims or OFFLINE_DIMS)
    factory: Callable[[dict[str, Any], int | None], object] = _registered(
        "embedder", EMBEDDERS_GROUP, section.provider, ("openai", "offline", "local")
    )
    with Secrets(section.config).kept_out():
        return _checked(factory(section.config, dims))


def choose_reranker(config: MemoryConfig, given: Reranker | None) -> Reranker | None:
    """Choose the reranker: a ready object, or the configured one; None for none.

    Warns, as ``UserWarning``, about settings of Mem0 that have no effect here.

    Raises:
        ConfigError: there is no such provider, its settings are wrong, or its package is not installed.
    """
    section = config.reranker
    if given is not None:
        return _checked_reranker(given)
    if section is None:
        return None
    if section.provider is None:
        raise ConfigError(
            "Configuration key 'reranker.provider' is missing: name a provider, or give an object with "
            "`score(query, texts)` as Memory.from_config(config, reranker=…)."
        )
    return _configured_reranker(section, section.provider)


def _configured_reranker(section: RerankerSection, provider: str) -> Reranker:
    from mem0milvus.models import cross_encoder, http_reranker

    if provider in http_reranker.SERVICES:
        return http_reranker.make_reranker(provider, section.config)
    if provider in cross_encoder.DEFAULT_MODELS:
        return cross_encoder.make_reranker(provider, section.config)
    built_in = (*http_reranker.SERVICES, *cross_encoder.DEFAULT_MODELS)
    factory: Callable[[dict[str, Any]], object] = _registered(
        "reranker", RERANKERS_GROUP, provider, built_in, {"llm_reranker": NO_LLM_RERANKER}
    )
    with Secrets(section.config).kept_out():
        return _checked_reranker(factory(section.config))


def _registered(
    kind: str,
    group: str,
    name: str,
    built_in: Sequence[str] = ("openai", "offline"),
    hints: Mapping[str, str] = FRAMEWORKS,
) -> Any:
    """Load the provider that another package registered under this name."""
    registered = {point.name: point for point in entry_points(group=group)}
    hint = hints.get(name, "")
    if name not in registered:
        known = sorted([*built_in, *registered])
        close = difflib.get_close_matches(name, known, n=1)
        meant = f" {hint}" if hint else f" Did you mean {close[0]!r}?" if close else ""
        raise ConfigError(f"There is no {kind} provider {name!r}.{meant} Known: {', '.join(known)}.")
    try:
        return registered[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The {kind} provider {name!r} cannot be loaded: {error}. {hint}".strip()) from error


def _checked(embedder: object) -> Embedder:
    if not isinstance(embedder, Embedder):
        raise ConfigError(
            f"{type(embedder).__name__} is not an embedder: it needs `identity` (a text), `dims` (a number) and "
            "`embed(texts)`, as mem0milvus.types.Embedder describes."
        )
    return embedder


def _checked_reranker(reranker: object) -> Reranker:
    if not isinstance(reranker, Reranker) or inspect.iscoroutinefunction(reranker.score):
        raise ConfigError(
            f"{type(reranker).__name__} is not a reranker: it needs `score(query, texts)`, not async, as "
            "mem0milvus.types.Reranker describes. An async method beside it is named `ascore`."
        )
    return reranker


def _checked_llm(llm: object) -> LLM:
    if not isinstance(llm, LLM):
        raise ConfigError(
            f"{type(llm).__name__} is not a language model: it needs `identity` (a text) and `complete(request)`, as "
            "mem0milvus.types.LLM describes."
        )
    return llm
