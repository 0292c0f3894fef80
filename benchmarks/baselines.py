"""Bare rankings of texts without this library: BM25, and the cosine of embeddings.

BM25 is that of Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
inverse document frequency of Lucene, which is never negative.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mem0milvus.types import Vector

K1 = 1.2
B = 0.75

#: Han, Kana and Thai, which are written without spaces.
_UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\u0e01-\u0e4e"
)
_RUNS = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|[^\\W{_UNSPACED}]+")


def tokens(text: str) -> Iterator[str]:
    r"""Yield the casefolded ``\w+`` of a text; of text written without spaces, every two adjacent characters."""
    for match in _RUNS.finditer(text.casefold()):
        run = match.group()
        if match["unspaced"] and len(run) > 1:
            yield from map("".join, pairwise(run))
        else:
            yield run


class BM25:
    """An index of texts. Its statistics are those of these texts alone."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._names = list(texts)
        counts = {name: Counter(tokens(text)) for name, text in texts.items()}
        lengths = {name: sum(count.values()) for name, count in counts.items()}
        mean = sum(lengths.values()) / len(lengths) if lengths else 0.0
        self._weights: dict[str, dict[str, float]] = defaultdict(dict)
        for name, count in counts.items():
            for token, times in count.items():
                length = 1 - B + B * lengths[name] / mean
                self._weights[token][name] = times * (K1 + 1) / (times + K1 * length)

    def rank(self, question: str) -> list[tuple[str, float]]:
        """Return the names of all texts, best first, with their scores; equally good ones in the order given."""
        scores = dict.fromkeys(self._names, 0.0)
        for token in tokens(question):
            weights = self._weights.get(token, {})
            rarity = math.log(1 + (len(self._names) - len(weights) + 0.5) / (len(weights) + 0.5))
            for name, weight in weights.items():
                scores[name] += rarity * weight
        return sorted(scores.items(), key=lambda item: -item[1])


def by_cosine(question: Vector, vectors: Mapping[str, Vector]) -> list[tuple[str, float]]:
    """Return the names of all unit vectors, closest to that of a question first, with their cosines."""
    import numpy as np

    names: Sequence[str] = list(vectors)
    if not names:
        return []
    cosines = np.asarray(list(vectors.values()), dtype=np.float32) @ np.asarray(question, dtype=np.float32)
    return [(names[at], float(cosines[at])) for at in np.argsort(-cosines, kind="stable")]
