"""Providers by name: the library's own, and those that other packages register as entry points."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from mem0milvus.config import (
    MemoryConfig,
    OfflineEmbedderConfig,
    OfflineExtractorConfig,
    OpenAIEmbedderConfig,
    ProviderSection,
    read_section,
)
from mem0milvus.errors import ConfigError
from mem0milvus.types import Embedder

#: Length of the vectors of the offline embedder where the configuration names none.
OFFLINE_DIMS = 512

#: Packages that bring embedders register here a callable ``(config: dict, dims: int | None) -> Embedder``.
EMBEDDERS_GROUP = "mem0milvus.embedders"

#: What makes an embedder from its part of the configuration and the length of vectors that the store is to have.
EmbedderFactory = Callable[[Mapping[str, Any], "int | None"], Embedder]


def choose_embedder(config: MemoryConfig, given: Embedder | None) -> Embedder:
    """The embedder to use: a ready object, the one that the configuration names, or the default.

    Warns, as ``UserWarning``, when the default is the offline one: it finds words, not meaning.

    Raises:
        ConfigError: there is no such provider, its settings are wrong, or its vectors have another length than
            ``vector_store.config.embedding_model_dims``.
    """
    dims = config.vector_store.config.embedding_model_dims
    if given is not None:
        embedder = _checked(given)
    else:
        section = config.embedder or _default_section()
        embedder = _embedder_factory(section.provider)(section.config, dims)
    if dims is not None and embedder.dims != dims:
        raise ConfigError(
            f"vector_store.config.embedding_model_dims is {dims} and the vectors of the embedder "
            f"{embedder.identity!r} have {embedder.dims} dimensions: make them equal, or leave the former out."
        )
    return embedder


def check_extraction(section: ProviderSection | None) -> None:
    """Check the part of the configuration that names a language model.

    Raises:
        ConfigError: there is no such provider.
    """
    if section is None:
        return
    if section.provider != "offline":
        raise _unknown("llm", section.provider, ["offline"])
    read_section(OfflineExtractorConfig, section.config, "llm.config")


def _default_section() -> ProviderSection:
    if os.environ.get("OPENAI_API_KEY"):
        return ProviderSection(provider="openai")
    warnings.warn(
        "No embedder is configured and OPENAI_API_KEY is not set: using the offline embedder, which finds shared "
        "words rather than meaning. Configure {'embedder': {'provider': 'offline'}} to choose it, or a model.",
        UserWarning,
        stacklevel=6,
    )
    return ProviderSection(provider="offline")


def _embedder_factory(name: str) -> EmbedderFactory:
    own: dict[str, EmbedderFactory] = {"openai": _openai, "offline": _offline}
    if name in own:
        return own[name]
    registered = {point.name: point for point in entry_points(group=EMBEDDERS_GROUP)}
    if name not in registered:
        raise _unknown("embedder", name, [*own, *registered])
    try:
        factory: EmbedderFactory = registered[name].load()
    except ImportError as error:
        raise ConfigError(f"The embedder provider {name!r} cannot be loaded: {error}.") from error
    return lambda config, dims: _checked(factory(config, dims))


def _openai(config: Mapping[str, Any], dims: int | None) -> Embedder:
    from mem0milvus.embedders.openai import OpenAIEmbedder

    return OpenAIEmbedder(read_section(OpenAIEmbedderConfig, config, "embedder.config"), dims)


def _offline(config: Mapping[str, Any], dims: int | None) -> Embedder:
    from mem0milvus.embedders.offline import HashingEmbedder

    settings = read_section(OfflineEmbedderConfig, config, "embedder.config")
    return HashingEmbedder(settings.embedding_dims or dims or OFFLINE_DIMS)


def _checked(embedder: object) -> Embedder:
    if not isinstance(embedder, Embedder):
        raise ConfigError(
            f"{type(embedder).__name__} is no embedder: it needs `identity` (a text), `dims` (a number) and "
            "`embed(texts)`, as mem0milvus.types.Embedder describes."
        )
    return embedder


def _unknown(kind: str, name: str, known: list[str]) -> ConfigError:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return ConfigError(f"There is no {kind} provider {name!r}.{meant} Known: {', '.join(sorted(known))}.")
