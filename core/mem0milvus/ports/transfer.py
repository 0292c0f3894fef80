"""Ports of ``dump``, ``load`` and ``reembed``: files of lines, and the replacement of a store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mem0milvus.ports.models import EmbedderPort
from mem0milvus.ports.tables import Table

if TYPE_CHECKING:
    from os import PathLike

    from mem0milvus.data.memory_row import MemoryRow
    from mem0milvus.data.record_row import RecordRow


@dataclass(frozen=True, slots=True)
class Origin:
    """A collection and the embedder that filled it, as the source of a dump or as found in Milvus.

    Attributes:
        collection: name of the collection.
        model: the embedding model's name.
        dims: length of its vectors.
    """

    collection: str
    model: str
    dims: int


class NewFile(Protocol):
    """A file being written. It gets its name when it is finished; an unfinished file is deleted.

    Both methods raise ``StoreError`` if the file cannot be written.
    """

    async def write(self, lines: Sequence[bytes]) -> None:
        """Append lines."""

    async def finish(self, first: bytes) -> None:
        """Overwrite the first line with one of the same length, and give the file its name."""


class OldFile(Protocol):
    """A file being read."""

    async def lines(self) -> list[bytes]:
        """Return the next batch of lines; an empty list at the end of the file. Raises ``StoreError``."""


class Files(Protocol):
    """The file system, for files of lines. Both methods raise ``ValidationError`` if the path cannot be used."""

    def create(self, path: str | PathLike[str], *, overwrite: bool) -> AbstractAsyncContextManager[NewFile]:
        """Create a file. An existing file is an error unless ``overwrite``."""

    def open(self, path: str | PathLike[str]) -> AbstractAsyncContextManager[OldFile]:
        """Open an existing file for reading."""


class ReplacementStore(Protocol):
    """Tables with the vectors of another embedder, which replace those of an open store.

    Every method raises ``StoreError`` or one of its subclasses.

    Attributes:
        live: the new table of current versions.
        history: the new table of closed versions.
        embedder: the other embedder.
        dims: length of its vectors.
    """

    live: Table[MemoryRow]
    history: Table[MemoryRow]
    embedder: EmbedderPort
    dims: int

    async def records(self) -> Table[RecordRow]:
        """Open the new table of the record store beside the memory."""

    async def block_writes(self) -> None:
        """Make all writes of this process to the open store fail, until this replacement is closed."""

    async def swap_in(self, *, drop_old: bool) -> None:
        """Replace the tables of the open store, which must then be opened again.

        The replaced tables are dropped or, without ``drop_old``, kept under another name.
        """
