"""How fresh a read from a server must be to see every write of this process, deletions too.

A server shows a write some tenths of a second after it has acknowledged it, unless a read says up to which moment, in
the server's time, it must see. pymilvus keeps that moment for its level ``Session``, but takes it from the answers to
writes, and a server's answer to a deletion has none (Milvus 2.3), nor is there one when a write times out. So the
moment is asked for here: once, at the first read after a write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from mem0milvus.types import Consistency


class WriteClock:
    """The moment, in the server's time, of the last write of this process to one collection.

    Opening the collection counts as a write, so that the first read sees what other processes wrote before.
    """

    def __init__(self) -> None:
        self._writes = 0
        self._covered = -1
        self._moment = 0
        self._mutex = threading.Lock()

    def wrote(self) -> None:
        """Note that a write has ended, well or badly, or that the collection was opened."""
        with self._mutex:
            self._writes += 1

    def moment(self, ask: Callable[[], int | None]) -> int | None:
        """A moment that is not before any write noted so far; None when the server does not tell.

        Args:
            ask: gets the server's time; called only when something was written since it was last called.
        """
        with self._mutex:
            writes = self._writes
            if self._covered >= writes:
                return self._moment
        now = ask()
        if now is None:
            return None
        with self._mutex:
            self._covered = max(self._covered, writes)
            self._moment = max(self._moment, now)
            return self._moment


_clocks: dict[tuple[str, str, str], WriteClock] = {}
_mutex = threading.Lock()


def clock_of(uri: str, db_name: str, collection: str) -> WriteClock:
    """The clock of a collection, the same for everything in this process that uses it."""
    with _mutex:
        return _clocks.setdefault((uri, db_name, collection), WriteClock())


def read_arguments(level: Consistency, clock: WriteClock, ask: Callable[[], int | None]) -> Mapping[str, Any]:
    """What a read of this level says to pymilvus.

    Args:
        level: the level that is wanted.
        clock: the collection's clock.
        ask: gets the server's time; where it gives None, ``Strong`` takes the place of ``Session``.
    """
    if level != "Session":
        return {"consistency_level": level}
    moment = clock.moment(ask)
    if moment is None:
        return {"consistency_level": "Strong"}
    # "Customized" is Session with a moment of one's own: pymilvus and the server take it as it is.
    return {"consistency_level": "Customized", "guarantee_timestamp": moment}
