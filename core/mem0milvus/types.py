"""Types of arguments and results: typed dicts, and the protocols of models that a user may provide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from os import PathLike

    from numpy.typing import NDArray


class Unset(Enum):
    """The default of arguments for which "not given" and ``None`` differ."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unset>"


UNSET = Unset.UNSET

#: The id of a user, an agent or a run. If it is not given, any id matches; ``None`` and ``""`` are refused.
ScopeId: TypeAlias = "str | Unset"

#: The path of a file.
FilePath: TypeAlias = "str | PathLike[str]"

#: A point in time: a datetime, ISO 8601 text, or seconds since 1970. Without an offset it is in UTC.
Moment: TypeAlias = "datetime | str | int | float"

#: One message, a list of messages, or a text, which is a message of the user.
Messages: TypeAlias = "str | Mapping[str, Any] | Sequence[Mapping[str, Any]]"

SearchMode: TypeAlias = Literal["hybrid", "dense", "lexical"]

#: The consistency of a read, one of Milvus's levels.
Consistency: TypeAlias = Literal["Strong", "Session", "Bounded", "Eventually"]

#: One embedding.
Vector: TypeAlias = "Sequence[float]"

#: One embedding for each text: sequences of numbers, or an array of shape ``(texts, dims)``.
Vectors: TypeAlias = "Sequence[Sequence[float]] | NDArray[Any]"

#: The statements of an assistant that are remembered: those about a user or confirmed by a user, none, or all.
AssistantPolicy: TypeAlias = Literal["about_user", "never", "always"]

#: Whether an add works in the background. ``"durable"`` also stores the messages first, as pending memories; None means
#: as configured.
Background: TypeAlias = "bool | Literal['durable'] | None"

Event: TypeAlias = Literal["ADD", "UPDATE", "DELETE", "RESTORE"]

#: The treatment of a loaded memory whose id another memory has.
OnConflict: TypeAlias = Literal["error", "skip", "rename"]

#: Function called repeatedly with the amount done and the total amount.
Progress: TypeAlias = "Callable[[int, int], object]"


class MemoryItem(TypedDict):
    """One memory, as ``get`` and ``get_all`` return it. Ids that were not given are left out."""

    id: str
    memory: str
    hash: str  # MD5 of the text, hexadecimal
    metadata: dict[str, Any]
    created_at: str  # ISO 8601 with offset
    updated_at: str | None  # None until the first update
    user_id: NotRequired[str]
    agent_id: NotRequired[str]
    run_id: NotRequired[str]
    actor_id: NotRequired[str]  # the name of the author
    role: NotRequired[str]
    observed_at: str  # time of the event or statement, if given; else the time of storing
    expires_at: NotRequired[str]
    version: int  # 1 for a new memory, one more with each change
    pending: NotRequired[bool]  # True for a message whose extraction is still to be done


class SearchItem(MemoryItem):
    """One memory found by a search.

    ``score`` is the metric's own value (``L2``: smaller is closer; ``COSINE``, ``IP``: larger is closer).
    ``relevance`` is 0 to 1, larger is better, and depends only on the question and the memory. A reranker changes
    neither; ``explain`` has its score under ``reranker``.
    """

    score: float
    relevance: float
    explain: NotRequired[dict[str, float]]


class MemoryList(TypedDict):
    """Result of ``get_all``."""

    results: list[MemoryItem]


class SearchResult(TypedDict):
    """Result of ``search``, best first."""

    results: list[SearchItem]


class Change(TypedDict):
    """One memory that ``add`` wrote."""

    id: str
    memory: str  # the new text; for DELETE the last text
    event: Event
    previous_memory: NotRequired[str]  # the text before, for UPDATE and DELETE
    pending: NotRequired[bool]  # True for a message whose extraction is still to be done


class Rejected(TypedDict):
    """A change that the language model proposed and that was rejected."""

    action: str
    memory: str
    evidence: str
    reason: str


class AddResult(TypedDict):
    """Result of ``add``. ``relations`` is always empty; it exists for compatibility with Mem0."""

    results: list[Change]
    relations: list[Any]
    rejected: NotRequired[list[Rejected]]  # only if there are any
    extraction_error: NotRequired[str]  # the reason for which messages were stored as pending memories
    ticket: NotRequired[str]  # of an add in the background


class PendingOutcome(TypedDict):
    """Result of ``process_pending``. A turn is the messages given to one ``add``."""

    results: list[Change]
    rejected: list[Rejected]
    processed: int  # turns whose extraction is done
    failed: list[str]  # the error of each turn that failed and stays pending


class BackgroundFailure(TypedDict):
    """A background ``add`` that failed."""

    ticket: str
    error: Exception


class FlushOutcome(TypedDict):
    """Result of ``flush``: the outcome of the background adds since the last ``flush``."""

    written: int
    failed: list[BackgroundFailure]
    waiting: int  # unfinished when the time was over


class Outcome(TypedDict):
    """Result of ``update``, ``restore`` and ``reset``."""

    message: str


class DeleteOutcome(TypedDict):
    """Result of ``delete`` and ``delete_all``. ``deleted`` is the number of deleted memories."""

    message: str
    deleted: int


class VacuumOutcome(TypedDict):
    """Result of ``vacuum``: the numbers of expired memories and of closed versions erased."""

    message: str
    expired: int
    versions: int


class DumpOutcome(TypedDict):
    """Result of ``dump``: the contents of the file."""

    message: str
    memories: int
    deleted: int  # deleted memories whose history is kept
    versions: int  # closed versions
    records: int  # records of the record store beside the memory


class LoadOutcome(TypedDict):
    """Result of ``load``: the part of the file that was written, and the treatment of the rest."""

    message: str
    memories: int
    deleted: int  # deleted memories whose history is kept
    versions: int  # closed versions
    records: int  # records of the record store beside the memory
    present: int  # memories and records that existed already
    skipped: int  # memories and records left out because others have their ids
    renamed: dict[str, str]  # old ids to new ones; records as namespace and key
    unsearchable: int  # records stored without a usable vector, because theirs is of another embedder


class ReembedOutcome(TypedDict):
    """Result of ``reembed``: the amounts moved."""

    message: str
    memories: int
    versions: int  # closed versions and tombstones
    records: int  # texts of the record store beside the memory
    kept: str | None  # the collection in which the replaced memories are kept
    unsearchable: int  # records stored without a usable vector, because theirs is of the old embedder


class HistoryEntry(TypedDict):
    """One change in the history of a memory, oldest first."""

    id: str
    memory_id: str
    old_memory: str | None
    new_memory: str | None
    event: Event
    created_at: str  # of the memory
    updated_at: str | None  # of this change; None for the first
    version: int


@runtime_checkable
class Embedder(Protocol):
    """An embedding model provided by the user: ``Memory.from_config(config, embedder=...)``.

    An object may also have ``async def aembed(texts)``, which ``AsyncMemory`` awaits; without it, ``embed`` is called
    in a worker thread. A model that embeds questions differently from texts also has ``embed_query(text)``, which
    returns one vector, and may have ``async def aembed_query(text)``. ``embed_queries(texts)``, or ``aembed_queries``,
    lets such a model embed several questions in one request: the sentences of a query, and at the first search the 180
    questions of its calibration. Without it, the sentences of a query are not searched for on their own.

    Example:
        >>> class MyEmbedder:
        ...     identity, dims = "my-model", 384
        ...     def embed(self, texts):
        ...         return my_model.encode(texts)
    """

    @property
    def identity(self) -> str:
        """A name for the vectors of this model, usually the model's name. It is stored with the collection."""

    @property
    def dims(self) -> int:
        """Length of the vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of ``dims`` numbers for each text, in order. Texts are never blank."""


class AsyncEmbedder(Embedder, Protocol):
    """An embedding model with an async method."""

    def aembed(self, texts: Sequence[str]) -> Awaitable[Vectors]:
        """Do as ``embed``, without blocking the event loop."""


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """One request to a language model, which is to answer with one JSON object.

    Attributes:
        system: the instructions.
        user: the text to which the instructions apply.
        schema: the JSON schema of the answer, in the form that OpenAI accepts as ``strict``.
    """

    system: str
    user: str
    schema: Mapping[str, Any]


@runtime_checkable
class LLM(Protocol):
    """A language model provided by the user: ``Memory.from_config(config, llm=...)``.

    An object may also have ``async def acomplete(request)``, which ``AsyncMemory`` awaits; without it, ``complete`` is
    called in a worker thread. An exception of the model reaches the caller as an ``ExtractionError``.

    Example:
        >>> class MyLLM:
        ...     identity = "my-model"
        ...     def complete(self, request):
        ...         return my_model.chat(request.system, request.user)
    """

    @property
    def identity(self) -> str:
        """The model's name, for messages."""

    def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """Return the answer: a text that contains one JSON object, or that object as a dict."""


class AsyncLLM(LLM, Protocol):
    """A language model with an async method."""

    def acomplete(self, request: LLMRequest) -> Awaitable[str | Mapping[str, Any]]:
        """Do as ``complete``, without blocking the event loop."""


@runtime_checkable
class Reranker(Protocol):
    """A reranker provided by the user: ``Memory.from_config(config, reranker=...)``.

    It reads a question and a memory together, which an embedding model cannot. An object may also have
    ``async def ascore(query, texts)``, which ``AsyncMemory`` awaits; without it, ``score`` is called in a worker
    thread. If it fails, a search logs that and keeps its own order. An object that may wait long limits its own time.

    Example:
        >>> class MyReranker:
        ...     def score(self, query, texts):
        ...         return my_cross_encoder.predict([(query, text) for text in texts])
    """

    def score(self, query: str, texts: Sequence[str]) -> Sequence[float] | NDArray[Any]:
        """Return one finite number for each text, in order; larger is better. The scale is the model's own."""


class AsyncReranker(Reranker, Protocol):
    """A reranker with an async method."""

    def ascore(self, query: str, texts: Sequence[str]) -> Awaitable[Sequence[float] | NDArray[Any]]:
        """Do as ``score``, without blocking the event loop."""
