"""The store: rows under text keys, in one collection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from mem0milvus.types import Consistency, Vector

if TYPE_CHECKING:
    from mem0milvus.retrieval.filters import Filter


class Row(Protocol):
    """What a table holds: a dataclass with the columns as its fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """The row's key."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What goes into the JSON column."""

    @property
    def vector(self) -> Vector:
        """Unit-length embedding; empty where it was not read."""

    @property
    def words(self) -> Mapping[int, float]:
        """Lexical weights by token; empty where they were not read."""


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Probe:
    """One search of a table: by embedding (``vector``) or by lexical weights (``words``)."""

    field: Literal["vector", "words"]
    value: Vector | Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Hit(Generic[R]):
    """A row that a probe found, with the metric's own value for it."""

    row: R
    distance: float


class Table(Protocol[R]):
    """Rows under text keys, in one collection.

    Raises, from every method: ``StoreError`` or one of its kinds. Writes are stored when the method returns, and
    rows are read as this process last wrote them, at the least, unless ``consistency`` asks for less or more.
    """

    @property
    def searches_words(self) -> bool:
        """Whether ``search`` takes probes of ``words``. Where it does not, rows have no words either."""

    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
    ) -> dict[str, R]:
        """The rows with these keys, by key; keys that no row has are left out."""

    async def put(self, records: Sequence[R]) -> None:
        """Write rows, each under its ``id``, in the place of those that have it.

        Raises:
            PartialWriteError: some of the rows are written and some are not.
        """

    async def remove(self, keys: Collection[str]) -> None:
        """Delete the rows with these keys; keys that no row has are passed over.

        Raises:
            PartialWriteError: some of the rows are gone and some are not.
        """

    def pages(
        self,
        where: Filter | None,
        *,
        vectors: bool = False,
        only: Sequence[str] | None = None,
        consistency: Consistency | None = None,
    ) -> AsyncGenerator[list[R], None]:
        """All rows that the filter lets through, in the order of their keys, a page at a time.

        With ``only``, just these columns are read and the rest of each row is blank.
        """

    async def search(
        self,
        probes: Sequence[Probe],
        where: Filter | None,
        *,
        limit: int,
        consistency: Consistency | None = None,
    ) -> list[list[Hit[R]]]:
        """The nearest rows for each probe, best first, at most ``limit`` each; with vectors and words."""
