"""Files of rows, and the store that takes the place of another."""

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
    """What filled the store that a dump was made of.

    Attributes:
        collection: name of the memories' collection.
        model: the embedding model's name.
        dims: length of its vectors.
    """

    collection: str
    model: str
    dims: int


class NewFile(Protocol):
    """A file that is being written. It gets its name when it is finished, and is gone when it is not."""

    async def write(self, lines: Sequence[bytes]) -> None:
        """Append lines.

        Raises:
            StoreError: they cannot be written.
        """

    async def finish(self, first: bytes) -> None:
        """Write over the first line, with one as long, and give the file its name.

        Raises:
            StoreError: that cannot be done.
        """


class OldFile(Protocol):
    """A file that is being read."""

    async def lines(self) -> list[bytes]:
        """The next lines, some at a time; none at its end.

        Raises:
            StoreError: they cannot be read.
        """


class Files(Protocol):
    """Files of lines."""

    def create(self, path: str | PathLike[str], *, overwrite: bool) -> AbstractAsyncContextManager[NewFile]:
        """Begin a file.

        Raises:
            ValidationError: it is there already, or cannot be made there.
        """

    def open(self, path: str | PathLike[str]) -> AbstractAsyncContextManager[OldFile]:
        """Read a file.

        Raises:
            ValidationError: it is not there, or cannot be read.
        """


class Successor(Protocol):
    """Tables that are filled with the vectors of another embedder, to take the place of those of an open store.

    Raises, from every method: ``StoreError`` or one of its kinds.
    """

    @property
    def live(self) -> Table[MemoryRow]:
        """To be the live rows."""

    @property
    def history(self) -> Table[MemoryRow]:
        """To be the past rows."""

    @property
    def embedder(self) -> EmbedderPort:
        """The other embedder."""

    @property
    def dims(self) -> int:
        """Length of its vectors."""

    async def records(self) -> Table[RecordRow]:
        """To be the rows of the record store beside the memory."""

    async def freeze(self) -> None:
        """Let nobody in this process write to the store any more, until this is given up."""

    async def take_place(self, *, drop_old: bool) -> None:
        """Take the place. The store cannot be used any more and has to be opened anew.

        Args:
            drop_old: drop what was there; otherwise it is kept under another name.
        """
