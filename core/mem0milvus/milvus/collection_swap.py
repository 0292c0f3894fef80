"""One set of collections taking the place of another, when their vectors are made anew.

The successor is filled under names of its own (``<name>__next``) while the memory goes on as it is. Then the names are
switched: what was there becomes ``<name>__old``. That takes several renamings, and the first of them decides: as soon
as the new memories are called ``<name>__ready``, whoever opens the store next carries the switch through. A crash
before changes nothing, a crash after is mended at the next opening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mem0milvus.errors import StoreError
from mem0milvus.milvus.error_translation import translated

if TYPE_CHECKING:
    from pymilvus import MilvusClient


@dataclass(frozen=True, slots=True)
class Names:
    """The collections of one memory.

    Attributes:
        live: its memories.
    """

    live: str

    @property
    def history(self) -> str:
        """What the memories used to say."""
        return f"{self.live}_versions"

    @property
    def records(self) -> str:
        """The record store beside it."""
        return f"{self.live}_records"

    @property
    def all(self) -> tuple[str, str, str]:
        """All three, in the order in which they are switched."""
        return self.records, self.history, self.live

    @property
    def next(self) -> Names:
        """Those that are being filled."""
        return Names(f"{self.live}__next")

    @property
    def old(self) -> Names:
        """Those whose place was taken."""
        return Names(f"{self.live}__old")

    @property
    def ready(self) -> str:
        """What the new memories are called from the moment on at which the switch is decided."""
        return f"{self.live}__ready"


@dataclass(frozen=True, slots=True)
class Succession:
    """Switches names.

    Attributes:
        client: pymilvus's client. Whoever uses it here has its turn.
        names: the collections' names.
        uri: where they are, for messages.
        timeout_s: seconds that one request may take.
    """

    client: MilvusClient
    names: Names
    uri: str
    timeout_s: float

    def decide(self) -> None:
        """Decide the switch. The successor is full, and there is none of before any more.

        Raises:
            StoreError: or one of its kinds. Then nothing is decided.
        """
        self._rename(self.names.next.live, self.names.ready)

    def carry_through(self) -> None:
        """Do what is left to do of a switch that was decided; nothing where none was.

        Raises:
            StoreError: or one of its kinds.
        """
        if not self.has(self.names.ready):
            return
        for name, following, old in self._steps():
            if self.has(following):
                if self.has(name):
                    self._make_way(name, old)
                self._rename(following, name)

    def _make_way(self, name: str, old: str) -> None:
        if self.has(old):  # then the name was free, for a moment in which nobody should have opened the store
            raise StoreError(
                f"Another process made {name!r} anew while the memories were moved. The memories are in "
                f"{self.names.ready!r}, and the former ones in {old!r}. Stop that process, and rename or drop {name!r}."
            )
        self._rename(name, old)

    def _steps(self) -> Iterator[tuple[str, str, str]]:
        names, following, old = self.names, self.names.next, self.names.old
        yield names.records, following.records, old.records
        yield names.history, following.history, old.history
        yield names.live, names.ready, old.live  # the last: until then, the switch is known to be under way

    def has(self, name: str) -> bool:
        """Whether there is such a collection.

        Raises:
            StoreError: or one of its kinds.
        """
        with translated(f"look for {name!r}", self.uri):
            return bool(self.client.has_collection(name, timeout=self.timeout_s))

    def drop(self, names: Names) -> bool:
        """Drop collections. Returns whether there were any.

        Raises:
            StoreError: or one of its kinds.
        """
        there = [name for name in names.all if self.has(name)]
        for name in there:
            with translated(f"drop {name!r}", self.uri):
                self.client.drop_collection(name, timeout=self.timeout_s)
        return bool(there)

    def _rename(self, name: str, new_name: str) -> None:
        with translated(f"rename {name!r} to {new_name!r}", self.uri):
            self.client.rename_collection(name, new_name, timeout=self.timeout_s)
        forget: Callable[[str], None] | None = getattr(self.client._get_connection(), "_invalidate_schema", None)
        if forget is not None:  # pymilvus 3 keeps columns by a collection's name, and does not hear of renamings
            forget(name)
            forget(new_name)
