"""What the operations take and give back: plain dicts, described, and the objects a user may bring."""

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
    """The default of arguments where leaving out and ``None`` are two things."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unset>"


UNSET = Unset.UNSET

#: A user's, agent's or run's id. Left out, it does not narrow; ``None`` and ``""`` are refused.
ScopeId: TypeAlias = "str | Unset"

#: Where a file is.
FilePath: TypeAlias = "str | PathLike[str]"

#: A moment: a datetime, ISO 8601 text, or seconds since 1970. Without an offset, UTC is meant.
Moment: TypeAlias = "datetime | str | int | float"

#: One message, a list of them, or a bare text that the user said.
Messages: TypeAlias = "str | Mapping[str, Any] | Sequence[Mapping[str, Any]]"

SearchMode: TypeAlias = Literal["hybrid", "dense", "lexical"]

#: How fresh a read must be, in Milvus's terms.
Consistency: TypeAlias = Literal["Strong", "Session", "Bounded", "Eventually"]

#: One embedding.
Vector: TypeAlias = "Sequence[float]"

#: One vector for each text: sequences of numbers, or an array of shape ``(texts, dims)``.
Vectors: TypeAlias = "Sequence[Sequence[float]] | NDArray[Any]"

#: Whether what an assistant said is remembered: where it is about a user or a user agreed to it, never, or always.
AssistantPolicy: TypeAlias = Literal["about_user", "never", "always"]

#: Whether an add works in the background. With ``"durable"``, what is to be extracted is first stored as pending
#: memories, also where that is not configured; with None, as configured.
Background: TypeAlias = "bool | Literal['durable'] | None"

Event: TypeAlias = Literal["ADD", "UPDATE", "DELETE", "RESTORE"]

#: What ``load`` does with a memory whose id another one has.
OnConflict: TypeAlias = Literal["error", "skip", "rename"]

#: Called from time to time with how much is done and how much there is to do.
Progress: TypeAlias = "Callable[[int, int], object]"


class MemoryItem(TypedDict):
    """One memory as ``get`` and ``get_all`` give it. Ids that were not set are left out."""

    id: str
    memory: str
    hash: str  # MD5 of the text, hexadecimal
    metadata: dict[str, Any]
    created_at: str  # ISO 8601 with offset
    updated_at: str | None  # None until the first update
    user_id: NotRequired[str]
    agent_id: NotRequired[str]
    run_id: NotRequired[str]
    actor_id: NotRequired[str]  # the name of who said it
    role: NotRequired[str]
    observed_at: str  # when it was said or happened, where that was told; else when it was stored
    expires_at: NotRequired[str]
    version: int  # 1 for a new memory, one more with each change
    pending: NotRequired[bool]  # True for a message that is kept as it is until its extraction works


class SearchItem(MemoryItem):
    """One memory that a search found, best first.

    ``score`` is the metric's own value (``L2``: smaller is closer; ``COSINE``, ``IP``: larger is closer).
    ``relevance`` is 0 to 1, larger is better, and depends on the question and the memory alone.
    """

    score: float
    relevance: float
    explain: NotRequired[dict[str, float]]


class MemoryList(TypedDict):
    """What ``get_all`` gives."""

    results: list[MemoryItem]


class SearchResult(TypedDict):
    """What ``search`` gives."""

    results: list[SearchItem]


class Change(TypedDict):
    """One memory that ``add`` wrote."""

    id: str
    memory: str  # what it says now; of a deleted one, what it said
    event: Event
    previous_memory: NotRequired[str]  # what it said before, for UPDATE and DELETE
    pending: NotRequired[bool]  # True for a message that is kept as it is until its extraction works


class Rejected(TypedDict):
    """A change that the language model proposed and that was not made."""

    action: str
    memory: str
    evidence: str
    reason: str


class AddResult(TypedDict):
    """What ``add`` gives. ``relations`` is empty: it stands there for those who read it from Mem0."""

    results: list[Change]
    relations: list[Any]
    rejected: NotRequired[list[Rejected]]  # where a language model proposed what was not made
    extraction_error: NotRequired[str]  # why messages were kept as pending memories
    ticket: NotRequired[str]  # of what is written in the background


class PendingOutcome(TypedDict):
    """What ``process_pending`` gives. A turn is what one call of ``add`` was given."""

    results: list[Change]
    rejected: list[Rejected]
    processed: int  # turns whose extraction is done
    failed: list[str]  # why other turns failed, which stay pending


class BackgroundFailure(TypedDict):
    """An ``add`` in the background that failed."""

    ticket: str
    error: Exception


class FlushOutcome(TypedDict):
    """What ``flush`` gives: what became of the adds in the background since the last ``flush``."""

    written: int
    failed: list[BackgroundFailure]
    waiting: int  # still under way when the time was over


class Outcome(TypedDict):
    """What ``update``, ``restore`` and ``reset`` give."""

    message: str


class DeleteOutcome(TypedDict):
    """What ``delete`` and ``delete_all`` give. ``deleted`` counts the memories that are gone."""

    message: str
    deleted: int


class VacuumOutcome(TypedDict):
    """What ``vacuum`` gives: how many expired memories and how many old versions were erased."""

    message: str
    expired: int
    versions: int


class DumpOutcome(TypedDict):
    """What ``dump`` gives: how much is in the file."""

    message: str
    memories: int
    deleted: int  # memories that were deleted and whose past is kept
    versions: int  # what memories used to say
    records: int  # of the record store beside the memory


class LoadOutcome(TypedDict):
    """What ``load`` gives: how much of the file was written, and what became of the rest."""

    message: str
    memories: int
    deleted: int  # memories that were deleted and whose past is kept
    versions: int  # what memories used to say
    records: int  # of the record store beside the memory
    present: int  # memories and records that were there already
    skipped: int  # memories and records that were left out, because others have their ids
    renamed: dict[str, str]  # old ids to new ones; records as namespace and key
    unsearchable: int  # records that are stored, and found by no search: their vectors are another embedder's


class ReembedOutcome(TypedDict):
    """What ``reembed`` gives: how much was moved."""

    message: str
    memories: int
    versions: int  # what memories used to say, with the marks of deleted ones
    records: int  # texts of the record store beside the memory
    kept: str | None  # name of the collection under which the memories are kept as they were
    unsearchable: int  # records that are stored, and found by no search: their vectors were the former embedder's


class HistoryEntry(TypedDict):
    """One change of a memory, oldest first."""

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
    """An embedding model that a user brings: ``Memory.from_config(config, embedder=...)``.

    An object may also have ``async def aembed(texts)``; ``AsyncMemory`` awaits it, and calls ``embed`` in a
    worker thread where there is none. A model that embeds questions otherwise than texts has ``embed_query(text)`` too,
    which gives one vector, and may have ``async def aembed_query(text)``.
    """

    @property
    def identity(self) -> str:
        """What tells this model's vectors from another's, usually the model's name. Kept in the store."""

    @property
    def dims(self) -> int:
        """Length of the vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector of ``dims`` numbers for each text, in order. Texts are never blank."""


class AsyncEmbedder(Embedder, Protocol):
    """An embedding model that can also be awaited."""

    def aembed(self, texts: Sequence[str]) -> Awaitable[Vectors]:
        """As ``embed``."""


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """One question to a language model, to be answered with one JSON object.

    Attributes:
        system: the instructions.
        user: what they are to be applied to.
        schema: the JSON schema of the answer, in the form that OpenAI takes as ``strict``.
    """

    system: str
    user: str
    schema: Mapping[str, Any]


@runtime_checkable
class LLM(Protocol):
    """A language model that a user brings: ``Memory.from_config(config, llm=...)``.

    An object may also have ``async def acomplete(request)``; ``AsyncMemory`` awaits it, and calls ``complete`` in a
    worker thread where there is none. Whatever it raises reaches the caller as an ``ExtractionError``.
    """

    @property
    def identity(self) -> str:
        """The model's name, for messages."""

    def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """The answer: a text with one JSON object in it, or that object as a dict."""


class AsyncLLM(LLM, Protocol):
    """A language model that can also be awaited."""

    def acomplete(self, request: LLMRequest) -> Awaitable[str | Mapping[str, Any]]:
        """As ``complete``."""
