"""The embedder as operations see it: unit vectors, checked, whichever model they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from mem0milvus.errors import EmbeddingError, Mem0MilvusError
from mem0milvus.models.vector_cache import VectorCache
from mem0milvus.ports import Driver
from mem0milvus.types import Embedder, Vector

if TYPE_CHECKING:
    from collections.abc import Awaitable


class CheckedEmbedder:
    """A user's or the library's embedder behind ``ports.EmbedderPort``.

    Vectors are scaled to unit length before they are stored or searched with. Then all three metrics put memories in
    the same order, and similarity means the same whatever the model.

    Args:
        embedder: the model.
        driver: how its blocking ``embed`` is run.
        cache: the vectors of texts that it was given lately.
        awaits: whether to await its ``aembed`` instead, where it has one.
    """

    def __init__(self, embedder: Embedder, driver: Driver, cache: VectorCache, *, awaits: bool) -> None:
        self._embedder = embedder
        self._driver = driver
        self._cache = cache
        self._texts = _Method(embedder, "embed", driver, awaits=awaits)
        self._query = _Method(embedder, "embed_query", driver, awaits=awaits)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See ``ports.EmbedderPort``."""
        vectors = self._cache.known(texts)
        if missing := [text for text in dict.fromkeys(texts) if text not in vectors]:
            new = dict(zip(missing, await self._ask(missing), strict=True))
            self._cache.keep(new)
            vectors.update(new)
        return [vectors[text] for text in texts]

    async def embed_query(self, text: str) -> Vector:
        """See ``ports.EmbedderPort``."""
        if not self._query.exists:
            return (await self.embed([text]))[0]
        kept_as = f"\0question\0{text}"
        known = self._cache.known([kept_as])
        if kept_as not in known:
            known = {kept_as: self._checked([await self._call(self._query, text)], 1)[0]}
            self._cache.keep(known)
        return known[kept_as]

    async def _ask(self, texts: Sequence[str]) -> list[Vector]:
        return self._checked(await self._call(self._texts, texts), len(texts))

    async def _call(self, method: _Method, given: object) -> Any:
        try:
            return await method.call(given)
        except Mem0MilvusError:
            raise
        except Exception as error:  # a model may be anybody's code and raise anything
            model = self._embedder.identity
            raise EmbeddingError(f"The embedding model {model!r} failed: {type(error).__name__}: {error}") from error

    def _checked(self, raw: Any, count: int) -> list[Vector]:
        return unit_vectors(raw, count, self._embedder.dims, self._embedder.identity)


class _Method:
    """A method of a model: its blocking form, run by the driver, or the awaiting one, where it is there and wanted."""

    def __init__(self, model: object, name: str, driver: Driver, *, awaits: bool) -> None:
        self._driver = driver
        self._blocking: Callable[[object], Any] | None = getattr(model, name, None)
        self._awaiting: Callable[[object], Awaitable[Any]] | None = getattr(model, f"a{name}", None) if awaits else None

    @property
    def exists(self) -> bool:
        """Whether the model has it."""
        return self._blocking is not None or self._awaiting is not None

    async def call(self, given: object) -> Any:
        """What the model answers."""
        if self._awaiting is not None:
            return await self._awaiting(given)
        return await self._driver.call(cast("Callable[[object], Any]", self._blocking), given)


def unit_vectors(raw: Any, count: int, dims: int, model: str) -> list[Vector]:
    """Check what an embedding model answered, and scale it to unit length.

    Args:
        raw: one sequence of numbers for each text, or an array of shape ``(count, dims)``.
        count: how many vectors are due.
        dims: how long each must be.
        model: the model's name, for messages.

    Raises:
        EmbeddingError: the number or the length of vectors is wrong, or one is zero or not finite.
    """
    import numpy as np

    if not hasattr(raw, "__len__"):
        raise EmbeddingError(f"The embedding model {model!r} gave {type(raw).__name__} rather than a list of vectors.")
    if len(raw) != count:
        raise EmbeddingError(f"The embedding model {model!r} gave {len(raw)} vectors for {count} texts.")
    for vector in raw:
        if isinstance(vector, str) or not hasattr(vector, "__len__"):
            raise EmbeddingError(f"The embedding model {model!r} gave {type(vector).__name__} rather than a vector.")
        if len(vector) != dims:
            raise EmbeddingError(
                f"The embedding model {model!r} gave a vector of {len(vector)} dimensions where {dims} are configured "
                "(embedding_dims of the embedder, embedding_model_dims of the vector store)."
            )
    try:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused below
            vectors = np.asarray(raw, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EmbeddingError(f"The embedding model {model!r} gave a vector that is not made of numbers.") from error
    if vectors.ndim != 2:
        raise EmbeddingError(f"The embedding model {model!r} gave a vector that is not made of numbers.")
    norms = np.linalg.norm(vectors, axis=1)
    if not all(0 < norm < math.inf for norm in norms.tolist()):
        raise EmbeddingError(f"The embedding model {model!r} gave a vector that is zero or not finite.")
    return list(vectors / norms[:, None])
