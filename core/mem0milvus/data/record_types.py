"""Types of a record store: typed dicts of results, and requests as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from typing_extensions import NotRequired, TypedDict

from mem0milvus.types import Consistency, SearchMode

#: Labels from the outside in, as in ``("user", "1")``.
Namespace: TypeAlias = "Sequence[str]"

#: Order of listed records. Equal ones are ordered by namespace and key.
RecordOrder: TypeAlias = Literal["order", "created_at", "updated_at", "key"]

#: The beginning or the end of a namespace; ``"*"`` matches any label.
NamespaceCondition: TypeAlias = "tuple[Literal['prefix', 'suffix'], Sequence[str]]"


class RecordItem(TypedDict):
    """One record."""

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    order: int  # position in the namespace
    created_at: str  # time of the first put, ISO 8601 with offset
    updated_at: str  # time of the last put
    expires_at: NotRequired[str]  # time from which it no longer exists


class FoundRecord(RecordItem):
    """One record found by a search.

    With a query, ``score`` is the metric's own value for the record's best text (``L2``: smaller is closer; ``COSINE``,
    ``IP``: larger is closer), and ``relevance`` is 0 to 1, larger is better, and depends only on the query and the
    record. Without a query, both are missing.
    """

    score: NotRequired[float]
    relevance: NotRequired[float]


RecordItems: TypeAlias = "list[RecordItem]"
MaybeRecords: TypeAlias = "list[RecordItem | None]"
FoundRecords: TypeAlias = "list[FoundRecord]"
Namespaces: TypeAlias = "list[tuple[str, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRecord:
    """Store a record, replacing one with the same key. The arguments are those of ``RecordStore.put``.

    Example:
        >>> put = PutRecord(namespace=("user", "1"), key="drink", value={"likes": "tea"})
        >>> store.batch([put, GetRecord(namespace=("user", "1"), key="drink")])
    """

    namespace: Namespace
    key: str
    value: Mapping[str, Any]
    text: str | Sequence[str] | None = None
    vector: Sequence[float] | None = None
    ttl_s: float | None = None
    order: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRecord:
    """Read one record. The answer is a ``RecordItem``, or None if there is no such record."""

    namespace: Namespace
    key: str
    refresh_ttl: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecord:
    """Delete one record. The answer is True if it existed."""

    namespace: Namespace
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRecords:
    """Find records. The answer is a list of ``FoundRecord``. The arguments are those of ``RecordStore.search``."""

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
    """List namespaces. The answer is a list of tuples. The arguments are those of ``RecordStore.list_namespaces``."""

    prefix: Namespace = ()
    suffix: Namespace = ()
    conditions: Sequence[NamespaceCondition] = ()
    max_depth: int | None = None
    limit: int | None = None
    offset: int = 0


RecordRequest: TypeAlias = "PutRecord | GetRecord | DeleteRecord | SearchRecords | ListNamespaces"

#: The answer to one request, documented in its class; None for ``PutRecord``.
RecordAnswer: TypeAlias = "bool | RecordItem | FoundRecords | Namespaces | None"
RecordAnswers: TypeAlias = "list[RecordAnswer]"
