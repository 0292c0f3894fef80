"""The recalled memories of agent runs in progress, by a key that may be checkpointed although the texts may not."""

from __future__ import annotations

import threading
from uuid import uuid4

from cachetools import FIFOCache

#: The most texts held at once. ``after_agent`` is not called for a run whose model raised, so such a run never drops
#: its text; the oldest texts are discarded.
MOST_TEXTS = 10_000


class RecalledTexts:
    """Texts by key, each for the length of one run. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # the caches of cachetools are not thread-safe
        self._texts: FIFOCache[str, str] = FIFOCache(MOST_TEXTS)

    def put(self, text: str) -> str:
        """Hold a text and return its key."""
        key = uuid4().hex
        with self._lock:
            self._texts[key] = text
        return key

    def get(self, key: str) -> str | None:
        """Return the text, or None if it is not held."""
        with self._lock:
            return self._texts.get(key)

    def drop(self, key: str) -> None:
        """Discard a text."""
        with self._lock:
            self._texts.pop(key, None)
