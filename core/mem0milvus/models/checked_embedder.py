"""The embedder port: checked vectors of unit length, from any embedding model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from mem0milvus.errors import EmbeddingError
from mem0milvus.models.model_method import ModelMethod
from mem0milvus.models.vector_cache import VectorCache
from mem0milvus.ports import Driver, EmbedderPort
from mem0milvus.types import Embedder, Vector


class CheckedEmbedder(EmbedderPort):
    """An embedding model, provided by the user or by this library, with checked and cached vectors.

    Vectors are scaled to unit length before they are stored or searched with. Then all three metrics order memories
    alike, and similarity has the same meaning for every model.

    Args:
        embedder: the model.
        driver: runs its blocking methods.
        cache: vectors of recently embedded texts.
        use_async: whether to await its async methods instead, if it has any.
    """

    def __init__(self, embedder: Embedder, driver: Driver, cache: VectorCache, *, use_async: bool) -> None:
        self.identity = embedder.identity
        self.dims = embedder.dims
        self._cache = cache
        self._embed = ModelMethod(embedder, "embed", driver, use_async=use_async, error=EmbeddingError)
        self._embed_query = ModelMethod(embedder, "embed_query", driver, use_async=use_async, error=EmbeddingError)

    @override
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self._cache.known(texts)
        if missing := [text for text in dict.fromkeys(texts) if text not in vectors]:
            new = dict(zip(missing, self._checked(await self._embed.call(missing), len(missing)), strict=True))
            self._cache.keep(new)
            vectors.update(new)
        return [vectors[text] for text in texts]

    @override
    async def embed_query(self, text: str) -> Vector:
        if not self._embed_query.exists:
            return (await self.embed([text]))[0]
        cached_as = f"\0question\0{text}"  # apart from the vector of the same text, which such a model embeds otherwise
        known = self._cache.known([cached_as])
        if cached_as not in known:
            known = {cached_as: self._checked([await self._embed_query.call(text)], 1)[0]}
            self._cache.keep(known)
        return known[cached_as]

    def _checked(self, raw: Any, count: int) -> list[Vector]:
        return unit_vectors(raw, count, self.dims, self.identity)


def unit_vectors(raw: Any, count: int, dims: int, model: str) -> list[Vector]:
    """Check the answer of an embedding model, and scale its vectors to unit length.

    Args:
        raw: one sequence of numbers for each text, or an array of shape ``(count, dims)``.
        count: the number of texts.
        dims: the length required of each vector.
        model: the model's name, for messages.

    Raises:
        EmbeddingError: the number or the length of vectors is wrong, or one is zero or not finite.
    """
    import numpy as np

    name = f"The embedding model {model!r}"
    if not hasattr(raw, "__len__"):
        raise EmbeddingError(f"{name} gave {type(raw).__name__} rather than a list of vectors.")
    if len(raw) != count:
        raise EmbeddingError(f"{name} gave {len(raw)} vectors for {count} texts.")
    for vector in raw:
        if isinstance(vector, str) or not hasattr(vector, "__len__"):
            raise EmbeddingError(f"{name} gave {type(vector).__name__} rather than a vector.")
        if len(vector) != dims:
            raise EmbeddingError(
                f"{name} gave a vector of {len(vector)} dimensions where {dims} are configured "
                "(embedding_dims of the embedder, embedding_model_dims of the vector store)."
            )
    try:
        with np.errstate(over="ignore"):  # a number too large for 32 bits becomes infinite, which is refused below
            vectors = np.asarray(raw, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EmbeddingError(f"{name} gave a vector that is not made of numbers.") from error
    if vectors.ndim != 2:
        raise EmbeddingError(f"{name} gave a vector that is not made of numbers.")
    norms = np.linalg.norm(vectors, axis=1)
    if not all(0 < norm < math.inf for norm in norms.tolist()):
        raise EmbeddingError(f"{name} gave a vector that is zero or not finite.")
    return list(vectors / norms[:, None])
