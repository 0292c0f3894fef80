"""Replacement of a memory's collections by others with the vectors of another embedder.

The new collections are filled under names of their own (``<name>__next``) while the memory stays in use. Then they are
renamed, and the replaced ones become ``<name>__old``. Milvus renames one collection at a time, so the first renaming
commits: once the new memories are named ``<name>__ready``, every opening of the store finishes the switch. A crash
before that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mem0milvus.errors import StoreError
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.pymilvus_client import forget_schema

if TYPE_CHECKING:
    from pymilvus import MilvusClient


class Names:
    """The names of a memory's collections, derived from the name of the one with the current versions."""

    def __init__(self, live: str) -> None:
        self.live = live
        self.history = f"{live}_versions"
        self.records = f"{live}_records"
        #: All three, in the order in which they are switched.
        self.all = (self.records, self.history, self.live)
        #: The new memories once the switch is committed.
        self.ready = f"{live}__ready"

    @property
    def next(self) -> Names:
        """The collections that are being filled."""
        return Names(f"{self.live}__next")

    @property
    def old(self) -> Names:
        """The collections that were replaced."""
        return Names(f"{self.live}__old")


@dataclass(frozen=True, slots=True)
class CollectionSwap:
    """Switches the names of collections. Every method raises ``StoreError`` or one of its subclasses.

    No other request may use the client until it has ended. ``uri`` is for messages.
    """

    client: MilvusClient
    names: Names
    uri: str
    timeout_s: float

    def commit(self) -> None:
        """Commit the switch. Requires: the new collections are complete, and no old ones remain."""
        self._rename(self.names.next.live, self.names.ready)

    def finish(self) -> None:
        """Finish a committed switch by doing its remaining renamings. Without one, do nothing."""
        if not self.exists(self.names.ready):
            return
        for name, new, old in self._steps():
            if self.exists(new):
                if self.exists(name):
                    self._set_aside(name, old)
                self._rename(new, name)

    def _set_aside(self, name: str, old: str) -> None:
        if self.exists(old):  # the name was free between two renamings, and another process created the collection
            raise StoreError(
                f"Another process created {name!r} while the memories were moved. The memories are in "
                f"{self.names.ready!r}, the replaced ones in {old!r}. Stop that process, and rename or drop {name!r}."
            )
        self._rename(name, old)

    def _steps(self) -> Iterator[tuple[str, str, str]]:
        names, new, old = self.names, self.names.next, self.names.old
        yield names.records, new.records, old.records
        yield names.history, new.history, old.history
        yield names.live, names.ready, old.live  # last: as long as ``ready`` exists, the switch is not finished

    def exists(self, name: str) -> bool:
        """Return whether there is such a collection."""
        with translated(f"look for {name!r}", self.uri):
            return bool(self.client.has_collection(name, timeout=self.timeout_s))

    def drop(self, names: Names) -> None:
        """Drop those of the collections that exist."""
        for name in names.all:
            if self.exists(name):
                with translated(f"drop {name!r}", self.uri):
                    self.client.drop_collection(name, timeout=self.timeout_s)

    def _rename(self, name: str, new_name: str) -> None:
        with translated(f"rename {name!r} to {new_name!r}", self.uri):
            self.client.rename_collection(name, new_name, timeout=self.timeout_s)
        forget_schema(self.client, name, new_name)
