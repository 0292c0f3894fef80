"""Timestamps that make a read from a server see every write of this process, deletions included.

A server shows a write some tenths of a second after acknowledging it, unless a read names a timestamp, in the server's
time, up to which it must see. pymilvus keeps one for its level ``Session``, but takes it from the responses to writes:
Milvus 2.3 sends none with a deletion, and a write that timed out has no response. So this module asks the server for
its time, once, at the first read after a write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from mem0milvus.types import Consistency


class WriteTimestamp:
    """A timestamp of the server, later than the last write of this process to one collection.

    Opening the collection counts as a write, so that the first read sees the earlier writes of other processes.
    """

    def __init__(self) -> None:
        self._writes = 0
        self._writes_covered = -1
        self._timestamp = 0
        self._mutex = threading.Lock()

    def note_write(self) -> None:
        """Count a write that has succeeded or failed, or the opening of the collection."""
        with self._mutex:
            self._writes += 1

    def get(self, ask: Callable[[], int | None]) -> int | None:
        """Return the timestamp; None if the server gives none.

        Args:
            ask: gets the server's time; called only if there was a write since the last call.
        """
        with self._mutex:
            writes = self._writes
            if self._writes_covered >= writes:
                return self._timestamp
        now = ask()  # without the lock: a write during this request is counted, and not covered by its response
        if now is None:
            return None
        with self._mutex:
            self._writes_covered = max(self._writes_covered, writes)
            self._timestamp = max(self._timestamp, now)
            return self._timestamp


_timestamps: dict[tuple[str, str, str], WriteTimestamp] = {}
_mutex = threading.Lock()


def write_timestamp(uri: str, db_name: str, collection: str) -> WriteTimestamp:
    """Return the timestamp of a collection, which all its connections in this process share."""
    with _mutex:
        return _timestamps.setdefault((uri, db_name, collection), WriteTimestamp())


def read_arguments(level: Consistency, timestamp: WriteTimestamp, ask: Callable[[], int | None]) -> Mapping[str, Any]:
    """Return pymilvus's arguments for a read at this level.

    If the server does not return its time, ``Session`` becomes ``Strong``.
    """
    if level != "Session":
        return {"consistency_level": level}
    guarantee = timestamp.get(ask)
    if guarantee is None:
        return {"consistency_level": "Strong"}
    # pymilvus 3.0 overwrites the timestamp of a read at the level Session; "Customized" passes it on unchanged.
    return {"consistency_level": "Customized", "guarantee_timestamp": guarantee}
