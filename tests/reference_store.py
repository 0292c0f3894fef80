"""Memories in tables of dicts instead of Milvus Lite, for ``pytest --store=reference``: a test takes milliseconds.

``Memory`` and the record stores are the real ones, over ``tests/reference.py``. Nothing is known here of files, locks
between processes, consistency levels and failures of Milvus: tests of those fail over this store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.connection import IdentityChoice
from mem0milvus.milvus.schema import MEMORIES, Identity, check_properties, read_origin
from mem0milvus.ports import Hit, Origin, Probe
from mem0milvus.runtime import open_store, replacement_store
from tests.reference import DictTable

#: The rows that a request for a page reads.
PAGE = 500


@dataclass
class Rows:
    """One collection."""

    properties: dict[str, str]
    by_key: dict[str, Any] = field(default_factory=dict)


class Collections(dict[str, Rows]):
    """The collections of a file. Each has an empty folder where Milvus Lite has its own, since tests look for those."""

    def __init__(self, uri: str) -> None:
        self._folder = Path(uri) / "collections"

    def __setitem__(self, name: str, rows: Rows) -> None:
        super().__setitem__(name, rows)
        (self._folder / name).mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> Rows:
        """Take a collection out of the file."""
        (self._folder / name).rmdir()
        return self.pop(name)


#: The collections of each file, by the file's path.
FILES: dict[str, Collections] = {}


@dataclass
class Swap:
    """The collections of a memory and their replacements, as ``milvus.collection_swap`` switches them."""

    file: Collections
    names: Names

    def exists(self, name: str) -> bool:
        return name in self.file

    def drop(self, names: Names) -> None:
        for name in names.all:
            if name in self.file:
                self.file.take(name)

    def commit(self) -> None:
        self.file[self.names.ready] = self.file.take(self.names.next.live)

    def finish(self) -> None:
        if self.names.ready not in self.file:
            return
        steps = zip(self.names.all, (*self.names.next.all[:2], self.names.ready), self.names.old.all, strict=True)
        for name, following, old in steps:
            if following in self.file:
                if name in self.file:
                    self.file[old] = self.file.take(name)
                self.file[name] = self.file.take(following)


class ReferenceConnection:
    """What ``milvus.connection`` is to a store, over ``FILES``."""

    def __init__(self, config: Any, identity: Identity | IdentityChoice) -> None:
        self.uri = config.uri
        self.live = config.collection_name
        self.history = Names(self.live).history
        self.closed_to_writes = ""
        self.closed = CLOSED
        self._identity = identity
        self._file = FILES.setdefault(config.uri, Collections(config.uri))

    def open_memories(self) -> None:
        self.open_collections({self.history: MEMORIES, self.live: MEMORIES})

    def open_collections(self, layouts: Mapping[str, Any]) -> None:
        self.closed = "" if self.closed == CLOSED else self.closed
        Swap(self._file, Names(self.live)).finish()
        if callable(self._identity):
            self._identity = self._identity(self._find_origin(layouts))
        for name, layout in layouts.items():
            if name not in self._file:
                self._file[name] = Rows(self._identity.as_properties(layout))
            check_properties(name, self._file[name].properties, self._identity, layout)

    def _find_origin(self, opened: Iterable[str]) -> Origin | None:
        beside = Names(self.live)
        for name in (*reversed([*opened]), beside.live, beside.history, beside.records):
            if name in self._file and (origin := read_origin(name, self._file[name].properties)):
                return origin
        return None

    @property
    def dims(self) -> int:
        assert isinstance(self._identity, Identity)
        return self._identity.dims

    @property
    def metric(self) -> str:
        assert isinstance(self._identity, Identity)
        return self._identity.metric

    def close(self) -> None:
        self.closed = self.closed or CLOSED

    def exists(self, collection: str) -> bool:
        return collection in self._file

    def rows(self, collection: str) -> dict[str, Any]:
        if self.closed:
            raise StoreError(self.closed)
        return self._file[collection].by_key

    def read_property(self, collection: str, name: str) -> str:
        return self._file[collection].properties.get(name, "")

    def write_property(self, collection: str, name: str, value: str) -> None:
        self._file[collection].properties[name] = value

    def compact(self, collection: str) -> None:
        self.rows(collection)

    def reset(self) -> None:
        for name in (self.live, self.history):
            self.rows(name).clear()
        with self.swap() as swap:
            swap.drop(swap.names.next)
            swap.drop(swap.names.old)

    @contextmanager
    def swap(self) -> Iterator[Swap]:
        yield Swap(self._file, Names(self.live))


class ReferenceTable(DictTable):
    """What ``milvus.table`` is to a collection: a ``DictTable`` that measures, rounds and copies as Milvus does."""

    def __init__(
        self, connection: ReferenceConnection, collection: str, layout: Any, driver: Any, consistency: Any
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._names = [one.name for one in fields(layout.row)]
        self._driver = driver
        self._page = PAGE
        self._layout = layout

    @property
    def rows(self) -> dict[str, Any]:  # type: ignore[override]
        return self._connection.rows(self._collection)

    async def _step(self, method: str, act: Callable[[], Any]) -> Any:
        return await self._driver.call(act)

    async def put(self, records: Sequence[Any]) -> None:
        self._check_open_to_writes()
        await super().put([_stored(record) for record in records])

    async def remove(self, keys: Collection[str]) -> None:
        self._check_open_to_writes()
        await super().remove(keys)

    def _check_open_to_writes(self) -> None:
        if self._connection.closed_to_writes:
            raise StoreError(self._connection.closed_to_writes)

    def _nearest(self, probe: Probe, where: Any) -> list[Hit[Any]]:
        if isinstance(probe.value, Mapping):
            return super()._nearest(probe, where)
        rows = self._matching(where)
        if not rows:
            return []
        vectors = np.array([row.vector for row in rows], dtype=np.float32)
        asked = np.array(probe.value, dtype=np.float32)
        closest_first = self._connection.metric == "L2"
        distances = np.square(vectors - asked).sum(axis=1) if closest_first else vectors @ asked
        order = np.argsort(distances if closest_first else -distances, kind="stable")
        return [Hit(rows[place], float(distances[place])) for place in order]


def _stored(record: Any) -> Any:
    """A row as it comes back: JSON, and 32-bit floats."""
    return replace(
        record,
        metadata=json.loads(json.dumps(record.metadata)),
        vector=np.asarray(record.vector, dtype=np.float32).tolist(),
        words={token: float(np.float32(weight)) for token, weight in record.words.items()},
    )


def install() -> None:
    """Have every memory that is opened from now on kept in tables of dicts."""
    for module in (open_store, replacement_store):
        module.make_connection = ReferenceConnection  # type: ignore[attr-defined]
        module.MilvusTable = ReferenceTable  # type: ignore[attr-defined]
