"""Rows in one collection: the ``ports.Table`` of Milvus, one body for both drivers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import pairwise
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

from mem0milvus.data.limits import BYTES_PER_REQUEST, MAX_TOP_K, ROWS_PER_REQUEST
from mem0milvus.errors import PartialWriteError, StoreError
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.schema import Layout
from mem0milvus.ports import Driver, Hit, Probe, R, Row
from mem0milvus.retrieval.filters import Filter, literal, matches, needs_check, required_text, to_expression
from mem0milvus.types import Consistency

T = TypeVar("T")

#: Tells whether a row that an expression let through is really meant.
Fits: TypeAlias = "Callable[[Mapping[str, Any]], bool]"


class MilvusTable(Generic[R]):
    """One collection. See ``ports.Table``."""

    def __init__(
        self,
        connection: Connection,
        collection: str,
        layout: Layout[R],
        driver: Driver,
        consistency: Consistency,
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._layout = layout
        self._fields = tuple(field.name for field in fields(layout.row))
        self._blank = {**dict.fromkeys(layout.texts, ""), **dict.fromkeys(layout.numbers, 0)}
        self._driver = driver
        # What is about to be replaced or deleted must be known as it is, so that its history has no gap.
        self._consistency: Consistency = "Strong" if consistency == "Strong" else "Session"

    @property
    def _in_order(self) -> Mapping[str, str]:
        """What makes a query with a limit give the rows with the smallest keys, in the order of their keys.

        Milvus Lite wants to hear that it is an iteration. A server keeps that order for every limited query; pymilvus,
        when it reads of an iteration, does not tell it how fresh the rows have to be.
        """
        return {"iterator": "True", "reduce_stop_for_best": "True"} if self._connection.can.lite else {}

    @property
    def searches_words(self) -> bool:
        """See ``ports.Table``."""
        return self._connection.has_words(self._collection)

    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
    ) -> dict[str, R]:
        """See ``ports.Table``."""
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

    async def put(self, records: Sequence[R]) -> None:
        """See ``ports.Table``."""
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

    async def remove(self, keys: Collection[str]) -> None:
        """See ``ports.Table``."""
        given = list(dict.fromkeys(keys))
        removed = 0
        for some in _chunks(given, len):
            try:
                await self._request("delete", filter=_by_keys(some))
            except StoreError as error:
                _raise_partial(error, given, removed, "deleted")
            removed += len(some)

    async def pages(
        self,
        where: Filter | None,
        *,
        vectors: bool = False,
        only: Sequence[str] | None = None,
        consistency: Consistency | None = None,
    ) -> AsyncGenerator[list[R], None]:
        """See ``ports.Table``."""
        condition, fits = self._compile(where)
        columns = self._columns(vectors) if only is None or fits else ["id", *only]
        limit = min(ROWS_PER_REQUEST, BYTES_PER_REQUEST // (4 * self._connection.dims)) if vectors else ROWS_PER_REQUEST
        after = ""
        while True:
            rows = await self._request(
                "query",
                filter=f"({condition}) and id > {literal(after)}",
                output_fields=columns,
                limit=limit,
                consistency_level=consistency or self._consistency,
                **self._in_order,
                **self._place(where),
            )
            distinct = _distinct(rows)
            _check_order(distinct, after)
            if page := [self._to_record(row) for row in distinct if fits is None or fits(row)]:
                yield page
            if len(rows) < limit:
                return
            after = rows[-1]["id"]

    async def search(
        self,
        probes: Sequence[Probe],
        where: Filter | None,
        *,
        limit: int,
        consistency: Consistency | None = None,
    ) -> list[list[Hit[R]]]:
        """See ``ports.Table``."""
        condition, fits = self._compile(where)
        arguments = {
            "filter": condition,
            "output_fields": self._columns(vectors=True),
            "consistency_level": consistency or self._consistency,
            **self._place(where),
        }
        searches = [partial(self._search, probe, fits, limit, arguments) for probe in probes]
        return await self._driver.all(searches)

    def _search(self, probe: Probe, fits: Fits | None, limit: int, arguments: Mapping[str, Any]) -> list[Hit[R]]:
        """The nearest rows that fit; where the expression lets others through, more are fetched as needed."""
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
        """The rows, put together by the partition that they go into."""
        groups: dict[str | None, list[R]] = {}
        for record in records:
            partition = self._connection.partition(getattr(record, self._layout.together))
            groups.setdefault(partition, []).append(record)
        return list(groups.items())

    def _place(self, where: Filter | None) -> Mapping[str, Any]:
        """Where the rows of a filter are, for a read, if it is known."""
        partition = self._connection.partition(required_text(where, self._layout.together))
        return {} if partition is None else {"partition_names": [partition]}

    def _compile(self, where: Filter | None) -> tuple[str, Fits | None]:
        """A filter as Milvus takes it, and, where that lets too many rows through, what tells them apart."""
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
        """A row as it was read; columns that were not asked for are blank."""
        return self._layout.row(**{**self._blank, **{name: row[name] for name in self._fields if name in row}})


def _chunks(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """The items in their order, as many at a time as go into one request."""
    start = total = 0
    for end, item in enumerate(items):
        total += size(item)
        if end > start and (end - start == ROWS_PER_REQUEST or total > BYTES_PER_REQUEST):
            yield items[start:end]
            start, total = end, size(item)
    if start < len(items):
        yield items[start:]


def _bytes_of(row: Row) -> int:
    """About how many bytes a row takes in a request; of its texts, only those that can be long count."""
    text = getattr(row, "memory", "") or getattr(row, "text", "")
    document = str(row.metadata) if row.metadata else ""
    return 4 * len(row.vector) + 12 * len(row.words) + 4 * (len(text) + len(document)) + 1_000


def _distinct(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows, each once.

    Milvus Lite gives a row twice after it was killed between flushing it and removing it from its log: the same write
    is in both, so one is as good as the other.
    """
    return [row for number, row in enumerate(rows) if number == 0 or row["id"] != rows[number - 1]["id"]]


def _check_order(rows: Sequence[Mapping[str, Any]], after: str) -> None:
    """Make sure that a page holds the next rows in the order of their keys: otherwise the next one would miss some.

    Milvus compares texts byte by byte, Python by code points, which for UTF-8 is the same order.
    """
    keys = [after, *(row["id"] for row in rows)]
    if any(first >= second for first, second in pairwise(keys)):
        raise StoreError(
            "Milvus gave rows out of the order of their keys, so that some might be missed. Please report it."
        )


def _by_keys(keys: Sequence[str]) -> str:
    """The condition that Milvus answers from its primary-key index rather than by a scan."""
    return f"id in [{', '.join(map(literal, keys))}]"


def _raise_partial(error: StoreError, keys: Sequence[str], done: int, what: str) -> NoReturn:
    """Raise the error as it is when nothing was done before it, else one that tells the two apart."""
    if not done:
        raise error
    raise PartialWriteError(
        f"{done:,} of {len(keys):,} rows were {what}, then Milvus failed: {error} It is safe to do the whole again.",
        written=keys[:done],
        not_written=keys[done:],
    ) from error
