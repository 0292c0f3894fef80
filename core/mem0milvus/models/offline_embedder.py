"""The offline embedder: vectors from hashed words and character n-grams, without a model.

It is meant for first experiments, for tests and for machines without a network. Texts that share words, their inflected
forms or parts of compounds are close; texts with the same meaning in other words are not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from mem0milvus.retrieval.text import key, keys_of
from mem0milvus.retrieval.text.stopwords import function_words
from mem0milvus.retrieval.text.words import LONGEST_CACHED, fold, runs_of, word_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    #: The positions of a vector to which a word adds, and the values added.
    _Feature: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]

#: Must change whenever the vectors would change.
MODEL = "mem0milvus-hash-v1"

_FUNCTION_WORD_WEIGHT = 0.2
_CACHED_RUNS = 100_000
_TEXTS_AT_ONCE = 256  # the sums of this many texts fit into the processor's cache
_MIX = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: Fibonacci hashing (Knuth, TAOCP 3, 6.4)


class HashingEmbedder:
    """Embeds texts as unit vectors that are the same in every process, on every platform and version of Python."""

    identity: str = MODEL

    def __init__(self, dims: int = 1536) -> None:
        if dims < 1:
            raise ValueError(f"dims must be at least 1, not {dims}")
        self.dims = dims
        self._features: dict[str, _Feature] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector for each text: shape ``(len(texts), dims)``, float32, without zero or NaN rows."""
        import numpy as np

        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[start : start + _TEXTS_AT_ONCE]
            vectors[start : start + len(some)] = self._embed(some)
        return vectors

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        features, owners = [], []
        for row, text in enumerate(texts):
            for run in runs_of(text):
                features.append(self._features.get(run) or self._add_feature(run))
                owners.append(row)
        sums = self._sum(features, owners, len(texts))
        norms = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        for row in np.flatnonzero(norms < 1e-6).tolist():  # no words, or words whose signs cancel out in a short vector
            sums[row] = self._by_characters(texts[row])
            norms[row] = np.linalg.norm(sums[row])
        sums /= norms[:, None]
        return sums

    def _sum(self, features: list[_Feature], owners: list[int], rows: int) -> NDArray[np.float64]:
        import numpy as np

        if not features:
            return np.zeros((rows, self.dims))
        starts = np.repeat(np.array(owners) * self.dims, [len(places) for places, _ in features])
        places = starts + np.concatenate([places for places, _ in features])
        values = np.concatenate([values for _, values in features])
        sums: NDArray[np.float64] = np.bincount(places, values, rows * self.dims).astype(np.float64, copy=False)
        return sums.reshape(rows, self.dims)

    def _add_feature(self, run: str) -> _Feature:
        import numpy as np

        word = word_of(run)
        weight = _FUNCTION_WORD_WEIGHT if run in _function_words() else 1.0
        keys = keys_of(word)
        places, signs = zip(*(self._place(number) for number, _ in keys), strict=True)
        values = [weight * share**0.5 * sign for (_, share), sign in zip(keys, signs, strict=True)]
        feature = np.array(places, dtype=np.int64), np.array(values)
        if len(run) <= LONGEST_CACHED:
            if len(self._features) >= _CACHED_RUNS:
                self._features.clear()
            self._features[run] = feature
        return feature

    def _place(self, number: int) -> tuple[int, float]:
        # 48 middle bits of the product, where Fibonacci hashing mixes best; the highest of them is the sign.
        mixed = (number * _MIX >> 16) & 0xFFFFFFFFFFFF
        return mixed % self.dims, 1.0 if mixed >> 47 else -1.0

    def _by_characters(self, text: str) -> NDArray[np.float64]:
        """A vector from characters with positive weights, which cannot cancel out; a blank text counts as a space."""
        import numpy as np

        vector = np.zeros(self.dims)
        for char in text if text.strip() else " ":
            vector[self._place(key("c " + fold(char)))[0]] += 1.0
        return vector


@lru_cache(maxsize=1)
def _function_words() -> frozenset[str]:
    return frozenset().union(*function_words().values())
