"""Texts that belong to runs of an agent that are under way, under keys that may go where the texts may not."""

from __future__ import annotations

import threading
from collections import OrderedDict
from uuid import uuid4

#: Texts held at once. Runs that fail do not give theirs back; the oldest make room.
MOST_TEXTS = 10_000


class RunTexts:
    """Texts by key, for the length of a run. It can be used from several threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._texts: OrderedDict[str, str] = OrderedDict()

    def put(self, text: str) -> str:
        """Hold a text. Returns its key."""
        key = uuid4().hex
        with self._mutex:
            self._texts[key] = text
            if len(self._texts) > MOST_TEXTS:
                self._texts.popitem(last=False)
        return key

    def get(self, key: str) -> str | None:
        """The text; None where it is not held, or no more."""
        with self._mutex:
            return self._texts.get(key)

    def drop(self, key: str) -> None:
        """Let go of a text."""
        with self._mutex:
            self._texts.pop(key, None)
