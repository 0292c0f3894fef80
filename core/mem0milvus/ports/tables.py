"""The port of the store: tables of rows, one per collection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from mem0milvus.types import Consistency, Vector

if TYPE_CHECKING:
    from mem0milvus.retrieval.filters import Filter


class Row(Protocol):
    """A row of a table: a dataclass whose fields are the columns."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """The row's key."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The value of the JSON column."""

    @property
    def vector(self) -> Vector:
        """Unit-length embedding; empty if it was not read."""

    @property
    def words(self) -> Mapping[int, float]:
        """Lexical weights by key; empty if they were not read."""


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Probe:
    """One search of a table: by an embedding (``vector``) or by lexical weights (``words``)."""

    field: Literal["vector", "words"]
    value: Vector | Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Hit(Generic[R]):
    """A row found by a probe, with the metric's own value."""

    row: R
    distance: float


class Table(Protocol[R]):
    """The rows of one collection, each under a text key.

    Every method raises ``StoreError`` or one of its subclasses: ``PartialWriteError`` if ``put`` or ``remove`` failed
    after some of the rows. Writes are durable when the method returns. Reads see at least the earlier writes of this
    process, unless ``consistency`` requires less or more.
    """

    @property
    def searches_words(self) -> bool:
        """True if ``search`` accepts probes of ``words``. If not, rows have no words either."""

    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
    ) -> dict[str, R]:
        """Return the rows with these keys, by key. Keys without a row are left out."""

    async def put(self, rows: Sequence[R], /) -> None:
        """Write rows, replacing those with the same ``id``."""

    async def remove(self, keys: Collection[str]) -> None:
        """Delete the rows with these keys. Keys without a row are ignored."""

    def pages(
        self,
        where: Filter | None,
        *,
        vectors: bool = False,
        only: Sequence[str] | None = None,
        consistency: Consistency | None = None,
    ) -> AsyncGenerator[list[R], None]:
        """Yield all rows that match the filter, in the order of their keys, in pages.

        With ``only``, only these columns are read, and the other fields of each row are blank.
        """

    async def search(
        self,
        probes: Sequence[Probe],
        where: Filter | None,
        *,
        limit: int,
        consistency: Consistency | None = None,
    ) -> list[list[Hit[R]]]:
        """Return the nearest rows for each probe, best first, at most ``limit``, with vectors and words."""
