"""What the operations need from outside, as protocols. Operations await these and touch nothing else.

Every port is written twice: once so that its methods really await, once so that they block and return without ever
suspending. An operation cannot tell, which is how one body serves ``Memory`` and ``AsyncMemory``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeAlias, TypeVar

from mem0milvus.types import AssistantPolicy, Consistency, Embedder, FlushOutcome, LLMRequest

if TYPE_CHECKING:
    from os import PathLike

    from mem0milvus.data.memory_row import Record
    from mem0milvus.data.messages import Message
    from mem0milvus.data.record_row import RecordRow
    from mem0milvus.operations.transfer.dump_format import Origin
    from mem0milvus.retrieval.filters import Filter
    from mem0milvus.runtime.positions import RunPositions

T = TypeVar("T")

Vector: TypeAlias = "Sequence[float]"


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

    record: R
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


class EmbedderPort(Protocol):
    """The embedding model."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector of unit length for each text.

        Raises:
            EmbeddingError: the model failed, or did not answer with one vector of the right length for each text.
        """

    async def embed_query(self, text: str) -> Vector:
        """A vector of unit length for a question, by a model that embeds questions otherwise; else as ``embed``.

        Raises:
            EmbeddingError: as for ``embed``.
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


class LLMPort(Protocol):
    """The language model."""

    async def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """Its answer, as it came.

        Raises:
            ExtractionError: the model failed.
        """


@dataclass(frozen=True, slots=True)
class Extraction:
    """How memories are found in what was said.

    Attributes:
        llm: the language model; None to have the rules do it.
        custom: the application's instructions to it, which ``prompt`` of one call replaces.
        includes: what alone is kept; nothing for everything.
        excludes: what is never kept.
        assistant: whether what an assistant said is remembered.
        related: how many known memories it is shown.
        keeps_raw: whether messages are kept as pending memories when it fails.
    """

    llm: LLMPort | None = None
    custom: str = ""
    includes: Sequence[str] = ()
    excludes: Sequence[str] = ()
    assistant: AssistantPolicy = "about_user"
    related: int = 10
    keeps_raw: bool = False


#: Something to be done later, as a coroutine over the same ports.
Job: TypeAlias = "Callable[[], Coroutine[Any, Any, object]]"


class Background(Protocol):
    """What does things later, those of one scope in the order in which they came."""

    @property
    def default(self) -> bool:
        """Whether ``add`` works in the background where it is not told."""

    @property
    def durable(self) -> bool:
        """Whether what is to be extracted is stored before."""

    async def submit(self, scope: Hashable, job: Job) -> str:
        """Take a job, when there is a place for it. Returns the ticket under which a failure is told."""

    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        """Wait until all that was taken before is done or has failed, or the time is over."""

    async def close(self) -> None:
        """Wait until nothing is left to do, and take no more."""


class Clock(Protocol):
    """What tells the time."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""


class Shield(Protocol):
    """What carries a step through to its end, even when the operation is cancelled meanwhile."""

    def __call__(self, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """The step's result."""


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
    def live(self) -> Table[Record]:
        """To be the live rows."""

    @property
    def past(self) -> Table[Record]:
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


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is needed to take memories out and in, and to move them to another embedder.

    Attributes:
        files: where dumps are.
        origin: what fills the store.
        records: the record store beside the memory; None where there is none and none is to be made.
        succeed: begins a successor of the store, or goes on with one; given up when it has not taken the place.
        old: the name of the memories that an earlier successor has replaced and that are kept; None for none.
        drop_old: drops these.
    """

    files: Files
    origin: Origin
    records: Callable[[bool], Coroutine[Any, Any, RecordPorts | None]]
    succeed: Callable[[Embedder | Mapping[str, Any]], AbstractAsyncContextManager[Successor]]
    old: Callable[[], Coroutine[Any, Any, str | None]]
    drop_old: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that operations use.

    Attributes:
        live: the current version of every memory, under the memory's id.
        past: closed versions under ``records.past_key``, and a tombstone under the id of each deleted memory.
        background: adds that are done later.
        empty: drops both tables and makes them anew.
        compact: makes the store give up the space, and the bytes, of deleted rows, where it can be told to.
        metric: how ``live`` measures distance: ``L2``, ``COSINE`` or ``IP``.
        dims: length of the vectors.
        reading: how fresh what a user reads is, where the call does not say. What a write looks at is never staler
            than what this process wrote.
        history_limit: how many past versions of a memory ``vacuum`` leaves; None for all.
        extraction: how memories are found in what was said.
        transfer: how memories are taken out and in.
    """

    live: Table[Record]
    past: Table[Record]
    embedder: EmbedderPort
    extractor: Extractor
    locks: Locks
    positions: RunPositions
    clock: Clock
    shield: Shield
    background: Background
    empty: Callable[[], Coroutine[Any, Any, None]]
    compact: Callable[[], Coroutine[Any, Any, None]]
    metric: str
    dims: int
    reading: Consistency = "Session"
    history_limit: int | None = None
    extraction: Extraction = Extraction()
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class RecordPorts:
    """Everything that the operations of a record store use.

    Attributes:
        rows: the records, each under ``namespaces.record_id``, and beside it the further texts that it is found by.
        positions: where the next record of a namespace stands in it.
        metric: how ``rows`` measures distance: ``L2``, ``COSINE`` or ``IP``.
        dims: length of the vectors.
        reading: as of ``Ports``.
    """

    rows: Table[RecordRow]
    embedder: EmbedderPort
    locks: Locks
    positions: RunPositions
    clock: Clock
    shield: Shield
    metric: str
    dims: int
    reading: Consistency = "Session"
