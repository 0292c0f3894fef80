"""Vectors of texts that were embedded lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from mem0milvus.types import Vector

#: How many vectors are kept: 6 MB of those with 1,536 dimensions.
VECTORS_KEPT = 1_024


class VectorCache:
    """The vectors of the texts that one embedding model was given last, without the texts. Shared by all threads."""

    def __init__(self, size: int = VECTORS_KEPT) -> None:
        self._size = size
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._mutex = threading.Lock()

    def known(self, texts: Sequence[str]) -> dict[str, Vector]:
        """The vectors that are kept, by text."""
        found: dict[str, Vector] = {}
        with self._mutex:
            for text in texts:
                if (vector := self._vectors.get(key := _digest(text))) is not None:
                    self._vectors.move_to_end(key)
                    found[text] = vector
        return found

    def keep(self, vectors: Mapping[str, Vector]) -> None:
        """Keep these vectors, and forget those that were used longest ago."""
        with self._mutex:
            for text, vector in vectors.items():
                self._vectors[_digest(text)] = vector
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
