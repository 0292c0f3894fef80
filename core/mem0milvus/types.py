"""What the operations take and give back: plain dicts, described, and the objects a user may bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from numpy.typing import NDArray


class Unset(Enum):
    """The default of arguments where leaving out and ``None`` are two things."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unset>"


UNSET = Unset.UNSET

#: A user's, agent's or run's id. Left out, it does not narrow; ``None`` and ``""`` are refused.
ScopeId: TypeAlias = "str | Unset"

#: A moment: a datetime, ISO 8601 text, or seconds since 1970. Without an offset, UTC is meant.
Moment: TypeAlias = "datetime | str | int | float"

#: One message, a list of them, or a bare text that the user said.
Messages: TypeAlias = "str | Mapping[str, Any] | Sequence[Mapping[str, Any]]"

SearchMode: TypeAlias = Literal["hybrid", "dense", "lexical"]

#: How fresh a read must be, in Milvus's terms.
Consistency: TypeAlias = Literal["Strong", "Session", "Bounded", "Eventually"]

#: One vector for each text: sequences of numbers, or an array of shape ``(texts, dims)``.
Vectors: TypeAlias = "Sequence[Sequence[float]] | NDArray[Any]"

Event: TypeAlias = Literal["ADD", "UPDATE", "DELETE", "RESTORE"]


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
    memory: str
    event: Event


class AddResult(TypedDict):
    """What ``add`` gives. ``relations`` is empty: it stands there for those who read it from Mem0."""

    results: list[Change]
    relations: list[Any]


class Outcome(TypedDict):
    """What ``update``, ``restore`` and ``reset`` give."""

    message: str


class DeleteOutcome(TypedDict):
    """What ``delete`` and ``delete_all`` give. ``deleted`` counts the memories that are gone."""

    message: str
    deleted: int


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
    worker thread where there is none.
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
