"""Rows of one collection: the ``ports.Table`` of Milvus, for the blocking and the async driver."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, NoReturn, TypeAlias, TypeVar

from typing_extensions import override

from mem0milvus.data.limits import BYTES_PER_REQUEST, MAX_TOP_K, ROWS_PER_REQUEST
from mem0milvus.errors import PartialWriteError, StoreError
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.paging import KeyOrderPaging
from mem0milvus.milvus.schema import Layout
from mem0milvus.ports import Driver, Hit, Probe, R, Row, Table
from mem0milvus.retrieval.filters import Filter, literal, matches, needs_check, required_text, to_expression
from mem0milvus.types import Consistency

T = TypeVar("T")

#: Whether a row that matches an expression really matches the filter.
Fits: TypeAlias = "Callable[[Mapping[str, Any]], bool]"


class MilvusTable(Table[R]):
    """The rows of one collection."""

    def __init__(
        self, connection: Connection, collection: str, layout: Layout[R], driver: Driver, consistency: Consistency
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._layout = layout
        self._fields = tuple(field.name for field in fields(layout.row))
        self._blank = {**dict.fromkeys(layout.texts, ""), **dict.fromkeys(layout.numbers, 0)}
        self._driver = driver
        # A row must be read as it was last written before it is replaced, or its history would miss a version.
        self._consistency: Consistency = "Strong" if consistency == "Strong" else "Session"

    @property
    @override
    def searches_words(self) -> bool:
        return self._connection.has_words(self._collection)

    @override
    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
    ) -> dict[str, R]:
        found: dict[str, R] = {}
        bytes_each = 4 * self._connection.dims if vectors else 0
        for some in _chunks(list(dict.fromkeys(keys)), lambda _: bytes_each):
            rows = await self._request(
                "query",
                filter=_by_keys(some),
                output_fields=self._columns(vectors),
                consistency_level=consistency or self._consistency,
            )
            found.update((row["id"], self._to_record(row)) for row in rows)
        return found

    @override
    async def put(self, records: Sequence[R]) -> None:
        groups = self._by_partition(records)
        keys = [record.id for _, group in groups for record in group]
        written = 0
        for partition, group in groups:
            where = {} if partition is None else {"partition_name": partition}
            for some in _chunks(group, _bytes_of):
                try:
                    await self._request("upsert", data=[self._to_row(record) for record in some], **where)
                except StoreError as error:
                    _raise_partial(error, keys, written, "written")
                written += len(some)

    @override
    async def remove(self, keys: Collection[str]) -> None:
        given = list(dict.fromkeys(keys))
        removed = 0
        for some in _chunks(given, len):
            try:
                await self._request("delete", filter=_by_keys(some))
            except StoreError as error:
                _raise_partial(error, given, removed, "deleted")
            removed += len(some)

    @override
    async def pages(
        self,
        where: Filter | None,
        *,
        vectors: bool = False,
        only: Sequence[str] | None = None,
        consistency: Consistency | None = None,
    ) -> AsyncGenerator[list[R], None]:
        condition, fits = self._compile(where)
        columns = self._columns(vectors) if only is None or fits else ["id", *only]
        limit = min(ROWS_PER_REQUEST, BYTES_PER_REQUEST // (4 * self._connection.dims)) if vectors else ROWS_PER_REQUEST
        paging = KeyOrderPaging(condition, limit, lite=self._connection.can.lite)
        while paging.more:
            rows = await self._request(
                "query",
                output_fields=columns,
                consistency_level=consistency or self._consistency,
                **paging.arguments,
                **self._partitions(where),
            )
            if page := [self._to_record(row) for row in paging.accept(rows) if fits is None or fits(row)]:
                yield page

    @override
    async def search(
        self, probes: Sequence[Probe], where: Filter | None, *, limit: int, consistency: Consistency | None = None
    ) -> list[list[Hit[R]]]:
        condition, fits = self._compile(where)
        arguments = {
            "filter": condition,
            "output_fields": self._columns(vectors=True),
            "consistency_level": consistency or self._consistency,
            **self._partitions(where),
        }
        # One request for each probe: Milvus's hybrid_search returns fused scores only, and ranking needs each distance.
        searches = [partial(self._search, probe, fits, limit, arguments) for probe in probes]
        return await self._driver.all(searches)

    def _search(self, probe: Probe, fits: Fits | None, limit: int, arguments: Mapping[str, Any]) -> list[Hit[R]]:
        """Return the nearest rows that fit. If the expression lets others through, fetch more as needed."""
        fetched = limit
        while True:
            (hits,) = self._connection.request(
                "search", self._collection, data=[probe.value], anns_field=probe.field, limit=fetched, **arguments
            )
            fitting = [hit for hit in hits if fits is None or fits(hit["entity"])]
            if len(fitting) >= limit or len(hits) < fetched or fetched == MAX_TOP_K:
                return [Hit(self._to_record(hit["entity"]), float(hit["distance"])) for hit in fitting[:limit]]
            fetched = min(fetched * 4, MAX_TOP_K)

    async def _request(self, method: str, **arguments: Any) -> Any:
        return await self._driver.call(self._connection.request, method, self._collection, **arguments)

    def _by_partition(self, records: Sequence[R]) -> list[tuple[str | None, list[R]]]:
        """Group rows by the partition that they are written to."""
        groups: dict[str | None, list[R]] = {}
        for record in records:
            partition = self._connection.partition(getattr(record, self._layout.together))
            groups.setdefault(partition, []).append(record)
        return list(groups.items())

    def _partitions(self, where: Filter | None) -> Mapping[str, Any]:
        """Return the argument of a read that names the partition of the rows of a filter, if it is known."""
        partition = self._connection.partition(required_text(where, self._layout.together))
        return {} if partition is None else {"partition_names": [partition]}

    def _compile(self, where: Filter | None) -> tuple[str, Fits | None]:
        """Return a filter as Milvus takes it; and a check of its rows, if that lets too many through."""
        if where is None:
            return 'id != ""', None
        dialect = self._connection.can.dialect
        return to_expression(where, dialect), partial(matches, where) if needs_check(where, dialect) else None

    def _columns(self, vectors: bool) -> list[str]:
        if not vectors:
            return list(self._layout.plain)
        return [*self._layout.plain, "vector", *(["words"] if self.searches_words else [])]

    def _to_row(self, record: R) -> dict[str, Any]:
        row = {name: getattr(record, name) for name in self._fields}
        if not self.searches_words:
            del row["words"]
        return row

    def _to_record(self, row: Mapping[str, Any]) -> R:
        """Return a row as it was read; columns that were not read are blank."""
        return self._layout.row(**{**self._blank, **{name: row[name] for name in self._fields if name in row}})


def _chunks(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Yield the items in their order, as many at a time as one request may hold."""
    start = total = 0
    for end, item in enumerate(items):
        total += size(item)
        if end > start and (end - start == ROWS_PER_REQUEST or total > BYTES_PER_REQUEST):
            yield items[start:end]
            start, total = end, size(item)
    if start < len(items):
        yield items[start:]


def _bytes_of(row: Row) -> int:
    """Estimate the bytes of a row in a request. Of its texts, only those that can be long count."""
    text = getattr(row, "memory", "") or getattr(row, "text", "")
    document = str(row.metadata) if row.metadata else ""
    return 4 * len(row.vector) + 12 * len(row.words) + 4 * (len(text) + len(document)) + 1_000


def _by_keys(keys: Sequence[str]) -> str:
    """Return a condition that Milvus evaluates by its primary-key index rather than a scan."""
    return f"id in [{', '.join(map(literal, keys))}]"


def _raise_partial(error: StoreError, keys: Sequence[str], done: int, what: str) -> NoReturn:
    """Raise the error unchanged if nothing was done before it, else one that names the rows done and not done."""
    if not done:
        raise error
    raise PartialWriteError(
        f"{done:,} of {len(keys):,} rows were {what}, then Milvus failed: {error} It is safe to repeat everything.",
        written=keys[:done],
        not_written=keys[done:],
    ) from error
