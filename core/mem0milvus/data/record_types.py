"""What a record store takes and gives: plain dicts, described, and its requests as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from typing_extensions import NotRequired, TypedDict

from mem0milvus.types import Consistency, SearchMode

#: Labels from the outside in, as in ``("user", "1")``.
Namespace: TypeAlias = "Sequence[str]"

#: What records are listed by. Equals stand in the order of their namespaces and keys.
RecordOrder: TypeAlias = Literal["order", "created_at", "updated_at", "key"]

#: What a namespace begins or ends with; ``"*"`` stands for any label.
NamespaceCondition: TypeAlias = "tuple[Literal['prefix', 'suffix'], Sequence[str]]"


class RecordItem(TypedDict):
    """One record."""

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    order: int  # its position in the namespace
    created_at: str  # ISO 8601 with offset; kept when it is put again
    updated_at: str  # when it was last put
    expires_at: NotRequired[str]  # from when on it is not there


class FoundRecord(RecordItem):
    """One record that a search found, best first.

    With a question, ``score`` is the metric's own value for the record's best text (``L2``: smaller is closer;
    ``COSINE``, ``IP``: larger is closer), and ``relevance`` is 0 to 1, larger is better, and depends on the question
    and the record alone. Without one, there is neither.
    """

    score: NotRequired[float]
    relevance: NotRequired[float]


RecordItems: TypeAlias = "list[RecordItem]"
MaybeRecords: TypeAlias = "list[RecordItem | None]"
FoundRecords: TypeAlias = "list[FoundRecord]"
Namespaces: TypeAlias = "list[tuple[str, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRecord:
    """Store a record, in the place of the one with its key. The arguments are those of ``RecordStore.put``."""

    namespace: Namespace
    key: str
    value: Mapping[str, Any]
    text: str | Sequence[str] | None = None
    vector: Sequence[float] | None = None
    ttl_s: float | None = None
    order: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRecord:
    """Read one record: a ``RecordItem``, or None where there is none."""

    namespace: Namespace
    key: str
    refresh_ttl: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecord:
    """Delete one record: whether it was there."""

    namespace: Namespace
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRecords:
    """Find records: a list of ``FoundRecord``. The arguments are those of ``RecordStore.search``."""

    query: str | None
    namespace_prefix: Namespace
    filters: Mapping[str, Any] | None = None
    limit: int = 10
    offset: int = 0
    threshold: float | None = None
    mode: SearchMode = "hybrid"
    refresh_ttl: bool = False
    consistency: Consistency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNamespaces:
    """List namespaces: a list of tuples. The arguments are those of ``RecordStore.list_namespaces``."""

    prefix: Namespace = ()
    suffix: Namespace = ()
    conditions: Sequence[NamespaceCondition] = ()
    max_depth: int | None = None
    limit: int | None = None
    offset: int = 0


RecordRequest: TypeAlias = "PutRecord | GetRecord | DeleteRecord | SearchRecords | ListNamespaces"

#: The answer to one request, as its class says; None for ``PutRecord``.
RecordAnswer: TypeAlias = "bool | RecordItem | FoundRecords | Namespaces | None"
RecordAnswers: TypeAlias = "list[RecordAnswer]"
