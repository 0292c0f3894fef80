"""The ports of the models: checked and cached vectors of any embedding model, answers of any language model, scores."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import nullcontext
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from cachetools import LRUCache
from typing_extensions import override

from mem0milvus.config.secrets import Secrets
from mem0milvus.errors import EmbeddingError, ExtractionError, Mem0MilvusError
from mem0milvus.models.calibration_cache import CalibrationCache
from mem0milvus.ports import Driver, EmbedderPort, LLMPort, Locks, RerankerPort
from mem0milvus.types import LLM, Embedder, LLMRequest, Reranker, Vector

if TYPE_CHECKING:
    from mem0milvus.retrieval.ranking.calibration import Calibration

logger = logging.getLogger(__name__)

#: Vectors kept: 6 MB of those with 1,536 dimensions.
VECTORS_KEPT = 1_024

#: Cosine from which two vectors are of one text, embedded in one way: servers round, and results of batches differ.
_SAME_TEXT = 0.999

#: The texts of questions are cached under this prefix if the model embeds them differently from memories.
_AS_QUESTION = "\0question\0"

#: The key under which a measurement is locked. No id has a control character.
_CALIBRATION = "\x1fcalibration"


class CheckedEmbedder(EmbedderPort):
    """An embedding model, provided by the user or by this library, with checked and cached vectors.

    Vectors are scaled to unit length before they are stored or searched with. Then all three metrics order memories
    alike, and similarity has the same meaning for every model.
    """

    def __init__(
        self,
        embedder: Embedder,
        driver: Driver,
        cache: VectorCache,
        calibrations: CalibrationCache | None = None,
        locks: Locks | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.identity = embedder.identity
        self.dims = embedder.dims
        self._cache = cache
        self._driver = driver
        self._calibrations = calibrations or CalibrationCache()
        self._locks = locks
        named = f"The embedding model {embedder.identity!r}"
        self._embed = _ModelMethod(embedder, "embed", driver, EmbeddingError, named, secrets)
        self._embed_query = _ModelMethod(embedder, "embed_query", driver, EmbeddingError, named, secrets)
        self._embed_queries = _ModelMethod(embedder, "embed_queries", driver, EmbeddingError, named, secrets)
        #: Whether the model embeds a question as it does a memory; None while unknown.
        self._embeds_alike: bool | None = None

    @override
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self._cache.known(texts)
        if missing := [text for text in dict.fromkeys(texts) if text not in vectors]:
            new = dict(zip(missing, self._checked(await self._embed.call(missing), len(missing)), strict=True))
            self._cache.keep(new)
            vectors.update(new)
        return [vectors[text] for text in texts]

    @override
    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        if not self._embed_query.exists or (len(texts) > 1 and self._embeds_alike):
            return await self._embed_cached(self._embed.call, texts, "")
        if len(texts) > 1 and self._embed_queries.exists:
            return await self._embed_cached(self._embed_queries.call, texts, _AS_QUESTION)
        cached = await self._embed_cached(self._embed_one_query, texts[:1], _AS_QUESTION)
        if len(texts) == 1 or self._embeds_alike is False:
            return cached
        others = await self._embed_cached(self._embed.call, texts, "")
        self._embeds_alike = _are_alike(cached[0], others[0])
        return others if self._embeds_alike else cached

    async def _embed_one_query(self, texts: Sequence[str]) -> list[Any]:
        return [await self._embed_query.call(texts[0])]

    async def _embed_cached(
        self, embed: Callable[[list[str]], Awaitable[Any]], texts: Sequence[str], prefix: str
    ) -> list[Vector]:
        """Return the vectors of texts, of which the first one is not zero, in one request for those not cached.

        Args:
            embed: embeds several texts.
            texts: the texts.
            prefix: what texts are cached under: a model may embed the same text differently as a question.
        """
        known = self._cache.known([prefix + text for text in texts])
        vectors = {text: known[prefix + text] for text in texts if prefix + text in known}
        if missing := [text for text in dict.fromkeys(texts) if text not in vectors]:
            raw = await embed(missing)
            new = dict(zip(missing, self._checked(raw, len(missing), may_be_zero=True), strict=True))
            if texts[0] in new:
                self._checked([new[texts[0]]], 1)
            self._cache.keep({prefix + text: vector for text, vector in new.items() if any(vector)})
            vectors.update(new)
        return [vectors[text] for text in texts]

    @override
    async def calibration(self) -> Calibration:
        known = self._calibrations.known
        if known is not None:
            return known
        # Many searches may be the first one at the same time: one measures, and the others wait.
        async with self._locks.hold([_CALIBRATION]) if self._locks else nullcontext():
            return await self._calibrations.get(self._driver, self._calibrate, self.identity, self.dims)

    async def _calibrate(self) -> Calibration:
        from mem0milvus.retrieval.ranking.calibration import calibrate, sample_memories, sample_questions

        memories, questions = sample_memories(), sample_questions()
        # A model may give zeros for a script that it does not know: such languages are left out.
        vectors = self._checked(await self._embed.call(memories), len(memories), may_be_zero=True)
        return calibrate(vectors, await self._questions(questions))

    async def _questions(self, texts: Sequence[str]) -> list[Vector]:
        if self._embed_queries.exists:
            return self._checked(await self._embed_queries.call(texts), len(texts), may_be_zero=True)
        vectors = self._checked(await self._embed.call(texts), len(texts), may_be_zero=True)
        if self._embed_query.exists:
            first = self._checked([await self._embed_query.call(texts[0])], 1)[0]
            # Most models embed a question as they do a memory, and one request for each question would take minutes.
            self._embeds_alike = _are_alike(first, vectors[0])
            if not self._embeds_alike:
                rest = [await self._embed_query.call(text) for text in texts[1:]]
                return [first, *self._checked(rest, len(rest), may_be_zero=True)]
        return vectors

    def _checked(self, raw: Any, count: int, *, may_be_zero: bool = False) -> list[Vector]:
        """Check that the model returned ``count`` vectors of the right length, and scale them to unit length."""
        import numpy as np

        name = f"The embedding model {self.identity!r}"
        if not hasattr(raw, "__len__"):
            raise EmbeddingError(f"{name} gave {type(raw).__name__} rather than a list of vectors.")
        if len(raw) != count:
            raise EmbeddingError(f"{name} gave {len(raw)} vectors for {count} texts.")
        for vector in raw:
            if isinstance(vector, str) or not hasattr(vector, "__len__"):
                raise EmbeddingError(f"{name} gave {type(vector).__name__} rather than a vector.")
            if len(vector) != self.dims:
                raise EmbeddingError(
                    f"{name} gave a vector of {len(vector)} dimensions where {self.dims} are configured "
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
        if not all(0 <= norm < math.inf for norm in norms.tolist()) or not (may_be_zero or norms.all()):
            raise EmbeddingError(f"{name} gave a vector that is zero or not finite.")
        return list(vectors / np.where(norms, norms, 1.0)[:, None])


def _are_alike(one: Vector, other: Vector) -> bool:
    return bool(sum(a * b for a, b in zip(one, other, strict=True)) >= _SAME_TEXT)  # of NumPy, it is no bool


class CheckedLLM(LLMPort):
    """A language model, provided by the user or by this library, whose failures become ``ExtractionError``."""

    def __init__(self, llm: LLM, driver: Driver, secrets: Secrets | None = None) -> None:
        named = f"The language model {llm.identity!r}"
        self._complete = _ModelMethod(llm, "complete", driver, ExtractionError, named, secrets)

    @override
    async def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        return cast("str | Mapping[str, Any]", await self._complete.call(request))


class CheckedReranker(RerankerPort):
    """A reranker, provided by the user or by this library, with checked scores, whose failures are logged."""

    def __init__(self, reranker: Reranker, driver: Driver, top_n: int, secrets: Secrets | None = None) -> None:
        self.top_n = top_n
        self._named = f"The reranker {getattr(reranker, 'identity', type(reranker).__name__)!r}"
        self._score = _ModelMethod(reranker, "score", driver, Mem0MilvusError, self._named, secrets)

    @override
    async def score(self, query: str, texts: Sequence[str]) -> list[float] | None:
        try:
            return _read_scores(await self._score.call(query, list(texts)), len(texts))
        except Exception as error:  # the model is foreign code: it may raise anything, and return anything
            # The class alone: a message of a server or a model may quote the texts.
            failure = type(error.__cause__ or error).__name__
            logger.warning("%s failed (%s), so a search kept its own order.", self._named, failure)
            logger.debug("The failure was this", exc_info=error)
            return None


def _read_scores(raw: Any, count: int) -> list[float]:
    """Return the numbers of a list, an array or a tensor, or raise if these are not ``count`` finite numbers."""
    if isinstance(raw, (Mapping, Set)):
        raise TypeError(f"the scores are a {type(raw).__name__}, which has no order")
    scores = []
    for score in raw:
        if isinstance(score, (str, bytes, bool)) or getattr(score, "shape", ()) != ():
            raise TypeError(f"a score is a {type(score).__name__}, not a number")
        scores.append(float(score))
    if len(scores) != count:
        raise ValueError(f"there are {len(scores)} scores for {count} texts")
    if not all(map(math.isfinite, scores)):
        raise ValueError("a score is not finite")
    return scores


class VectorCache:
    """Vectors of the texts that one model embedded last, by the hash of each text. Shared by all threads."""

    def __init__(self) -> None:
        self._vectors: LRUCache[bytes, Vector] = LRUCache(VECTORS_KEPT)
        self._mutex = threading.Lock()  # cachetools leaves locking to its users, and a look-up changes the order too

    def known(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the cached vectors, by text."""
        keys = {text: _digest(text) for text in texts}
        with self._mutex:
            return {text: self._vectors[key] for text, key in keys.items() if key in self._vectors}

    def keep(self, vectors: Mapping[str, Vector]) -> None:
        """Add vectors, and drop the least recently used ones."""
        with self._mutex:
            self._vectors.update((_digest(text), vector) for text, vector in vectors.items())


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class _ModelMethod:
    """A method of a model, blocking or async.

    An async driver awaits the async form, which has an ``a`` before its name, if the model has one. Any exception of
    the model becomes ``error``, without the secrets of the configuration that it may repeat.
    """

    def __init__(
        self,
        model: Embedder | LLM | Reranker,
        name: str,
        driver: Driver,
        error: type[Mem0MilvusError],
        named: str,
        secrets: Secrets | None,
    ) -> None:
        self._named = named
        self._secrets = secrets or Secrets()
        self._driver = driver
        self._error = error
        self._blocking: Callable[..., Any] | None = getattr(model, name, None)
        self._async: Callable[..., Awaitable[Any]] | None = (
            getattr(model, f"a{name}", None) if driver.is_async else None
        )

    @property
    def exists(self) -> bool:
        return self._blocking is not None or self._async is not None

    async def call(self, *arguments: object) -> Any:
        """Call the method, and raise ``error`` for any exception of the model."""
        with self._secrets.kept_out():
            try:
                if self._async is not None:
                    return await self._async(*arguments)
                return await self._driver.call(cast("Callable[..., Any]", self._blocking), *arguments)
            except Mem0MilvusError:
                raise
            except Exception as error:  # the model is foreign code and may raise anything
                raise self._error(f"{self._named} failed: {type(error).__name__}: {error}") from error
