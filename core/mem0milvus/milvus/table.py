"""Rows in one collection: the ``ports.Table`` of Milvus, one body for both drivers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, NoReturn, TypeAlias

from mem0milvus.drivers import Driver
from mem0milvus.errors import PartialWriteError, StoreError
from mem0milvus.filters import Filter, literal, matches, needs_check, to_expression
from mem0milvus.limits import MAX_TOP_K, ROWS_PER_REQUEST
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.schema import PLAIN_COLUMNS
from mem0milvus.ports import Hit, Probe
from mem0milvus.records import Record
from mem0milvus.types import Consistency

#: Tells whether a row that an expression let through is really meant.
Fits: TypeAlias = "Callable[[Mapping[str, Any]], bool]"

_RECORD_FIELDS = tuple(field.name for field in fields(Record))


class MilvusTable:
    """One collection. See ``ports.Table``."""

    def __init__(self, connection: Connection, collection: str, driver: Driver, consistency: Consistency) -> None:
        self._connection = connection
        self._collection = collection
        self._driver = driver
        self._consistency = consistency

    @property
    def searches_words(self) -> bool:
        """See ``ports.Table``."""
        return self._connection.has_words

    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Consistency | None = None
    ) -> dict[str, Record]:
        """See ``ports.Table``."""
        found: dict[str, Record] = {}
        for some in _chunks(list(dict.fromkeys(keys))):
            rows = await self._request(
                "query",
                filter=_by_keys(some),
                output_fields=self._columns(vectors),
                consistency_level=consistency or self._consistency,
            )
            found.update((row["id"], _to_record(row)) for row in rows)
        return found

    async def put(self, records: Sequence[Record]) -> None:
        """See ``ports.Table``."""
        written = 0
        for some in _chunks(records):
            try:
                await self._request("upsert", data=[self._to_row(record) for record in some])
            except StoreError as error:
                _raise_partial(error, [record.id for record in records], written, "written")
            written += len(some)

    async def remove(self, keys: Collection[str]) -> None:
        """See ``ports.Table``."""
        given = list(dict.fromkeys(keys))
        removed = 0
        for some in _chunks(given):
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
    ) -> AsyncGenerator[list[Record], None]:
        """See ``ports.Table``."""
        condition, fits = self._compile(where)
        columns = self._columns(vectors) if only is None or fits else ["id", *only]
        after = ""
        while True:
            rows = await self._request(
                "query",
                filter=f"({condition}) and id > {literal(after)}",
                output_fields=columns,
                limit=ROWS_PER_REQUEST,
                consistency_level=consistency or self._consistency,
                # What pymilvus's own iterator sends: rows come in the order of their keys.
                iterator="True",
                reduce_stop_for_best="True",
            )
            if page := [_to_record(row) for row in rows if fits is None or fits(row)]:
                yield page
            if len(rows) < ROWS_PER_REQUEST:
                return
            after = rows[-1]["id"]

    async def search(
        self,
        probes: Sequence[Probe],
        where: Filter | None,
        *,
        limit: int,
        consistency: Consistency | None = None,
    ) -> list[list[Hit]]:
        """See ``ports.Table``."""
        condition, fits = self._compile(where)
        arguments = {
            "filter": condition,
            "output_fields": self._columns(vectors=True),
            "consistency_level": consistency or self._consistency,
        }
        searches = [partial(self._search, probe, fits, limit, arguments) for probe in probes]
        return await self._driver.all(searches)

    def _search(self, probe: Probe, fits: Fits | None, limit: int, arguments: Mapping[str, Any]) -> list[Hit]:
        """The nearest rows that fit; where the expression lets others through, more are fetched as needed."""
        fetched = limit
        while True:
            (hits,) = self._connection.request(
                "search", self._collection, data=[probe.value], anns_field=probe.field, limit=fetched, **arguments
            )
            fitting = [hit for hit in hits if fits is None or fits(hit["entity"])]
            if len(fitting) >= limit or len(hits) < fetched or fetched == MAX_TOP_K:
                return [Hit(_to_record(hit["entity"]), float(hit["distance"])) for hit in fitting[:limit]]
            fetched = min(fetched * 4, MAX_TOP_K)

    async def _request(self, method: str, **arguments: Any) -> Any:
        return await self._driver.call(self._connection.request, method, self._collection, **arguments)

    def _compile(self, where: Filter | None) -> tuple[str, Fits | None]:
        """A filter as Milvus takes it, and, where that lets too many rows through, what tells them apart."""
        if where is None:
            return 'id != ""', None
        dialect = self._connection.dialect
        return to_expression(where, dialect), partial(matches, where) if needs_check(where, dialect) else None

    def _columns(self, vectors: bool) -> list[str]:
        if not vectors:
            return list(PLAIN_COLUMNS)
        return [*PLAIN_COLUMNS, "vector", *(["words"] if self.searches_words else [])]

    def _to_row(self, record: Record) -> dict[str, Any]:
        row = {name: getattr(record, name) for name in _RECORD_FIELDS}
        if not self.searches_words:
            del row["words"]
        return row


def _to_record(row: Mapping[str, Any]) -> Record:
    """A row as it was read; columns that were not asked for are blank."""
    values = {"memory": "", "hash": "", "created_at": 0, "valid_from": 0, "observed_at": 0}
    return Record(**{**values, **{name: row[name] for name in _RECORD_FIELDS if name in row}})


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + ROWS_PER_REQUEST] for start in range(0, len(items), ROWS_PER_REQUEST)]


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
