"""A change of records, interrupted at any of its steps, leaves each as before or as after, and can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from mem0milvus import DeleteRecord, PartialWriteError, PutRecord, StoreUnavailableError
from mem0milvus.operations import records as operations
from mem0milvus.ports import RecordPorts
from mem0milvus.runtime.blocking_driver import BlockingDriver, run
from mem0milvus.runtime.locks import BlockingLocks, LockTable
from mem0milvus.runtime.positions import RunPositions
from tests.reference import DictTable, Letters, Ticking

N = ("n",)


class Interrupter:
    """Fails at the n-th moment: before a step, or after it, when the answer gets lost."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.count = 0

    def __call__(self, step: str, moment: str) -> None:
        self.count += 1
        if self.count == self.at:
            raise StoreUnavailableError(f"{moment} {step}")

    def arm(self, at: int | None) -> None:
        self.at, self.count = at, 0


class RowByRow(DictTable):
    """Writes and deletes one row at a time, as a batch of very long rows would be."""

    async def put(self, records: Sequence[Any]) -> None:
        for n, record in enumerate(records):
            await self._each(lambda r=record: super(RowByRow, self).put([r]), [r.id for r in records], n)

    async def remove(self, keys: Any) -> None:
        for n, key in enumerate(keys):
            await self._each(lambda k=key: super(RowByRow, self).remove([k]), list(keys), n)

    async def _each(self, write: Callable[[], Coroutine[Any, Any, None]], keys: list[str], done: int) -> None:
        try:
            await write()
        except StoreUnavailableError as error:
            if not done:
                raise
            raise PartialWriteError("some", written=keys[:done], not_written=keys[done:]) from error


class Records:
    """A record store over a dict, with three records in it."""

    def __init__(self, table: type[DictTable]) -> None:
        self.interrupter = Interrupter()
        self.rows = table("rows", self.interrupter)
        self.ports = RecordPorts(
            rows=self.rows,  # type: ignore[arg-type]
            embedder=Letters(self.interrupter),
            locks=BlockingLocks(LockTable()),
            positions=RunPositions(),
            clock=Ticking(),
            shield=BlockingDriver().shield,
            metric="L2",
            dims=8,
        )
        self.run(operations.put, N, "a", {"v": 1}, text=["aaa", "bbb", "ccc"])
        self.run(operations.put, N, "b", {"v": 1}, text="ddd")
        self.run(operations.put, N, "c", {"v": 1}, text=["eee", "fff"], ttl_s=3600)

    def run(self, operation: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        return run(operation(self.ports, *args, **kwargs))

    def state(self) -> dict[str, Any]:
        """What is seen of each record by reading."""
        return {item["key"]: item["value"] for item in self.run(operations.list_records, N)}

    def check_found(self) -> None:
        """What a search finds is what reading gives, by a text of the value that it has."""
        there = self.state()
        for item in self.run(operations.search, "abcdefgh", N, limit=100):
            assert there[item["key"]] == item["value"]


Write = Callable[[Records], Any]

WRITES: dict[str, Write] = {
    "put fewer texts": lambda s: s.run(operations.put, N, "a", {"v": 2}, text="hhh"),
    "put more texts": lambda s: s.run(operations.put, N, "b", {"v": 2}, text=["ggg", "hhh", "abc"]),
    "put no text": lambda s: s.run(operations.put, N, "a", {"v": 2}),
    "put new": lambda s: s.run(operations.put, N, "new", {"v": 2}, text=["ggg", "hhh"]),
    "put several": lambda s: s.run(
        operations.put_many, [PutRecord(namespace=N, key=k, value={"v": 2}, text=["abc", "h"]) for k in ("a", "b", "x")]
    ),
    "delete": lambda s: s.run(operations.delete, N, "a"),
    "delete several": lambda s: s.run(operations.delete_many, [(N, "a"), (N, "b"), (N, "c")]),
    "delete all": lambda s: s.run(operations.delete_namespace, N),
    "put and delete": lambda s: s.run(
        operations.batch,
        [
            PutRecord(namespace=N, key="b", value={"v": 2}, text=["x", "y"]),
            DeleteRecord(namespace=N, key="a"),
            PutRecord(namespace=N, key="new", value={"v": 2}),
        ],
    ),
    "refresh": lambda s: s.run(operations.get, N, "c", refresh_ttl=True),
}
TABLES = {"at once": DictTable, "row by row": RowByRow}


def _moments(name: str, table: str) -> int:
    store = Records(TABLES[table])
    store.interrupter.arm(None)
    WRITES[name](store)
    return store.interrupter.count


CASES = [(name, table, at) for name in WRITES for table in TABLES for at in range(1, _moments(name, table) + 1)]


@pytest.mark.parametrize(("name", "table", "at"), CASES)
def test_an_interrupted_change_leaves_each_record_as_before_or_as_after(name: str, table: str, at: int) -> None:
    store, undisturbed = Records(TABLES[table]), Records(TABLES[table])
    before = store.state()
    WRITES[name](undisturbed)
    after = undisturbed.state()

    store.interrupter.arm(at)
    with pytest.raises((StoreUnavailableError, PartialWriteError)) as caught:
        WRITES[name](store)
    store.interrupter.arm(None)

    now = store.state()
    for key in before.keys() | after.keys():
        assert now.get(key) in (before.get(key), after.get(key)), key
    store.check_found()
    if isinstance(caught.value, PartialWriteError) and name != "delete all" and name != "refresh":
        for path in caught.value.written:
            key = path.removeprefix("n/")
            assert now.get(key) == after.get(key), path
        assert not set(caught.value.written) & set(caught.value.not_written)

    WRITES[name](store)
    assert store.state() == after
    store.check_found()
    store.run(operations.delete_namespace, N)
    assert store.rows.rows == {}, "a row was left behind that no record counts"


@pytest.mark.parametrize(("name", "table", "at"), CASES)
def test_whatever_an_interrupted_change_left_is_deleted_with_the_records(name: str, table: str, at: int) -> None:
    store = Records(TABLES[table])
    store.interrupter.arm(at)
    with pytest.raises((StoreUnavailableError, PartialWriteError)):
        WRITES[name](store)
    store.interrupter.arm(None)
    store.run(operations.delete_many, [(N, key) for key in ("a", "b", "c", "new", "x")])
    assert store.rows.rows == {}, "a row was left behind that no record counts"


@pytest.mark.parametrize("name", ["put fewer texts", "put more texts", "put no text", "put several"])
def test_a_text_of_an_earlier_change_finds_nothing(name: str) -> None:
    """Whenever the record itself has changed, nothing is found by a row that the change had not reached."""
    for at in range(1, _moments(name, "row by row") + 1):
        store = Records(RowByRow)
        store.interrupter.arm(at)
        with pytest.raises((StoreUnavailableError, PartialWriteError)):
            WRITES[name](store)
        store.interrupter.arm(None)
        values = store.state()
        found = {i["key"]: i["value"] for i in store.run(operations.search, "bbb ccc", N, mode="lexical")}
        assert all(values[key] == value == {"v": 1} for key, value in found.items() if key == "a"), at
