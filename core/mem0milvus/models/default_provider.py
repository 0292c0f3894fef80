"""The embedder where none is configured: the one that filled the collection, else the best one that is at hand.

A collection keeps its embedder. So installing the local model, or setting a key for OpenAI, decides which embedder a
new collection gets, and changes none that exists.
"""

from __future__ import annotations

import os
import sys
import warnings

from mem0milvus.config import ProviderSection
from mem0milvus.errors import EmbedderMismatchError
from mem0milvus.models import local_embedder, offline_embedder
from mem0milvus.models.openai_embedder import MODEL_DIMS as OPENAI_DIMS
from mem0milvus.ports import Origin

#: Default length of the vectors of the offline embedder.
OFFLINE_DIMS = 512

_WORDS_ONLY = (
    "No embedder is configured and OPENAI_API_KEY is not set: using the offline embedder, which finds shared words "
    f"rather than meaning. To find meaning without a key: {local_embedder.INSTALL}. To silence this warning, configure "
    "{'embedder': {'provider': 'offline'}} or a model."
)


def default_section(dims: int | None, filled: Origin | None) -> ProviderSection:
    """Return the section of the configuration that describes the embedder to use.

    Args:
        dims: the configured length of the vectors, if any.
        filled: the embedder that filled the collection; None for a new one.

    Raises:
        EmbedderMismatchError: the embedder that filled the collection cannot be made again, or its vectors are not of
            the configured length.
    """
    if filled is not None:
        return _again(dims, filled)
    if os.environ.get("OPENAI_API_KEY"):
        return ProviderSection(provider="openai")
    if local_embedder.is_installed() and (dims is None or dims >= local_embedder.MODEL_DIMS):
        return ProviderSection(provider="local")
    warnings.warn(_WORDS_ONLY, UserWarning, stacklevel=_frames_of_this_library())
    return ProviderSection(provider="offline")


def _again(dims: int | None, filled: Origin) -> ProviderSection:
    """Describe the embedder that filled a collection."""
    if dims not in (None, filled.dims):
        raise EmbedderMismatchError(
            f"The collection {filled.collection!r} holds vectors of {filled.model!r} with {filled.dims} dimensions, "
            f"and vector_store.config.embedding_model_dims is {dims}. Omit it, or set it to {filled.dims}; or choose "
            "another collection_name."
        )
    if filled.model == offline_embedder.MODEL:
        return ProviderSection(provider="offline", config={"embedding_dims": filled.dims})
    if filled.model == local_embedder.MODEL:
        if not local_embedder.is_installed():
            raise _cannot_be_made(filled, f"its model is not installed. Install it: {local_embedder.INSTALL}")
        return ProviderSection(provider="local", config={"embedding_dims": filled.dims})
    if filled.model not in OPENAI_DIMS:
        raise _cannot_be_made(filled, "no embedder is configured. Configure the embedder that filled it")
    if not os.environ.get("OPENAI_API_KEY"):
        raise _cannot_be_made(
            filled, "OPENAI_API_KEY is not set. Set it, or configure an embedder 'openai' with its own api_key"
        )
    return ProviderSection(provider="openai", config={"model": filled.model, "embedding_dims": filled.dims})


def _cannot_be_made(filled: Origin, reason: str) -> EmbedderMismatchError:
    return EmbedderMismatchError(
        f"The collection {filled.collection!r} holds vectors of {filled.model!r} with {filled.dims} dimensions, and "
        f"{reason}; reembed() can then move it to another embedder. Or choose another collection_name."
    )


def _frames_of_this_library() -> int:
    """Return the ``stacklevel`` that attributes a warning to the first caller outside this library."""
    library = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == library:
        frame, level = frame.f_back, level + 1
    return level
