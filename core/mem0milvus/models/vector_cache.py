"""Vectors of recently embedded texts."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from cachetools import LRUCache

from mem0milvus.types import Vector

#: Vectors kept: 6 MB of those with 1,536 dimensions.
VECTORS_KEPT = 1_024


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
