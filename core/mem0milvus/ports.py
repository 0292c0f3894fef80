"""What the operations need from outside, as protocols. Operations await these and touch nothing else.

Every port is written twice: once so that its methods really await, once so that they block and return without ever
suspending. An operation cannot tell, which is how one body serves ``Memory`` and ``AsyncMemory``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from mem0milvus.types import Consistency

if TYPE_CHECKING:
    from mem0milvus.filters import Filter
    from mem0milvus.messages import Message
    from mem0milvus.positions import RunPositions
    from mem0milvus.records import Record

T = TypeVar("T")

Vector: TypeAlias = "Sequence[float]"


@dataclass(frozen=True, slots=True)
class Probe:
    """One search of a table: by embedding (``vector``) or by lexical weights (``words``)."""

    field: Literal["vector", "words"]
    value: Vector | Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that a probe found, with the metric's own value for it."""

    record: Record
    distance: float


class Table(Protocol):
    """Rows under text keys, in one collection.

    Raises, from every method: ``StoreError`` or one of its kinds. Writes are stored when the method returns, and
    rows are read as they were last written, unless ``consistency`` asks for less.
    """

    @property
    def searches_words(self) -> bool:
        """Whether ``search`` takes probes of ``words``. Where it does not, rows have no words either."""

    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
    ) -> dict[str, Record]:
        """The rows with these keys, by key; keys that no row has are left out."""

    async def put(self, records: Sequence[Record]) -> None:
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
    ) -> AsyncGenerator[list[Record], None]:
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
    ) -> list[list[Hit]]:
        """The nearest rows for each probe, best first, at most ``limit`` each; with vectors and words."""


class EmbedderPort(Protocol):
    """The embedding model."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector of unit length for each text.

        Raises:
            EmbeddingError: the model failed, or did not answer with one vector of the right length for each text.
        """


class Locks(Protocol):
    """Locks on memories, shared by everything in this process that has the same store open."""

    def hold(self, memory_ids: Collection[str]) -> AbstractAsyncContextManager[None]:
        """Hold these memories: nobody else in the process changes them meanwhile."""


class Extractor(Protocol):
    """What finds, in a conversation, the things worth remembering."""

    async def extract(self, messages: Sequence[Message]) -> list[Message]:
        """The memories to store, each as a message with the role and name of who said it.

        Raises:
            ExtractionError: it failed.
        """


class Clock(Protocol):
    """What tells the time."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""


class Shield(Protocol):
    """What carries a step through to its end, even when the operation is cancelled meanwhile."""

    def __call__(self, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """The step's result."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that operations use.

    Attributes:
        live: the current version of every memory, under the memory's id.
        past: closed versions under ``records.past_key``, and a tombstone under the id of each deleted memory.
        empty: drops both tables and makes them anew.
        metric: how ``live`` measures distance: ``L2``, ``COSINE`` or ``IP``.
    """

    live: Table
    past: Table
    embedder: EmbedderPort
    extractor: Extractor
    locks: Locks
    positions: RunPositions
    clock: Clock
    shield: Shield
    empty: Callable[[], Coroutine[Any, Any, None]]
    metric: str
