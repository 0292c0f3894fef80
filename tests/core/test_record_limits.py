"""Records at the microsecond at which they expire, their positions, and the limits of requests.

The table is one of ``tests/reference.py``, with a clock that the test sets.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from mem0milvus import (
    DeleteRecord,
    GetRecord,
    ListNamespaces,
    PartialWriteError,
    PutRecord,
    SearchRecords,
    StoreError,
    ValidationError,
)
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.operations import records as operations
from mem0milvus.ports import RecordPorts
from mem0milvus.runtime.blocking_driver import BlockingDriver, run
from mem0milvus.runtime.locks import AsyncLocks, BlockingLocks, LockTable
from mem0milvus.runtime.positions import RunPositions
from tests.reference import DictTable, Letters

T = 1_700_000_000_000_000
N = ("n",)


class SetClock:
    """Says the time that it was set to."""

    time_us = T

    def now_us(self) -> int:
        return self.time_us


class Records:
    """An empty record store over a dict."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.table = DictTable("rows", lambda step, moment: None)
        self.ports = RecordPorts(
            rows=self.table,  # type: ignore[arg-type]
            embedder=Letters(lambda step, moment: None),
            locks=BlockingLocks(LockTable()),
            positions=RunPositions(),
            clock=self.clock,
            shield=BlockingDriver().shield,
            metric="L2",
            dims=8,
        )

    def __call__(self, operation: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        return run(operation(self.ports, *args, **kwargs))

    def keys(self, **options: Any) -> str:
        return " ".join(item["key"] for item in self(operations.list_records, N, **options))


@pytest.fixture
def records() -> Records:
    return Records()


# --- time


@pytest.mark.parametrize(("ttl_s", "ttl_us"), [(10, 10_000_000), (0.5, 500_000), (1e-6, 1), (1e-9, 1), (1.4e-6, 1)])
def test_a_record_is_there_until_its_time_is_over(records: Records, ttl_s: float, ttl_us: int) -> None:
    records(operations.put, N, "a", {}, text=["abc", "bcd"], ttl_s=ttl_s)
    assert records.table.rows["n/a"].ttl_us == ttl_us  # type: ignore[attr-defined]
    for time_us, there in ((T + ttl_us - 1, True), (T + ttl_us, False)):
        records.clock.time_us = time_us
        assert (records(operations.get, N, "a") is not None) is there
        assert records.keys() == records.keys(limit=5) == ("a" if there else "")
        assert len(records(operations.search, "abc", N)) == len(records(operations.search, None, N)) == there
        assert len(records(operations.list_namespaces)) == there
        assert (records(operations.get, N, "a", refresh_ttl=False) is not None) is there


@pytest.mark.parametrize(
    "read",
    [
        lambda r: r(operations.get, N, "a", refresh_ttl=True),
        lambda r: r(operations.get_many, [(N, "a"), (N, "b")], refresh_ttl=True)[0],
        lambda r: r(operations.search, "abc", N, refresh_ttl=True)[0],
        lambda r: r(operations.search, None, N, refresh_ttl=True)[0],
        lambda r: r(operations.batch, [GetRecord(namespace=N, key="a", refresh_ttl=True)])[0],
    ],
)
def test_reading_may_begin_the_time_anew(records: Records, read: Callable[[Records], Any]) -> None:
    records(operations.put, N, "a", {"v": 1}, text=["abc", "bcd"], ttl_s=10)
    records.clock.time_us = T + 9_999_999
    assert read(records)["value"] == {"v": 1}
    assert {row.expires_at for row in records.table.rows.values()} == {T + 19_999_999}
    records.clock.time_us = T + 19_999_999
    assert records(operations.get, N, "a", refresh_ttl=True) is None
    assert {row.expires_at for row in records.table.rows.values()} == {T + 19_999_999}


def test_only_the_request_that_says_so_begins_the_time_anew(records: Records) -> None:
    for key in "ab":
        records(operations.put, N, key, {}, ttl_s=10)
    records.clock.time_us = T + 1
    gets = [GetRecord(namespace=N, key=key, refresh_ttl=key == "b") for key in "ab"]
    assert [one["key"] for one in records(operations.batch, gets)] == ["a", "b"]
    assert [records.table.rows[f"n/{key}"].expires_at - T for key in "ab"] == [10_000_000, 10_000_001]


def test_reading_does_not_begin_the_time_anew_unless_told(records: Records) -> None:
    records(operations.put, N, "a", {}, text="abc", ttl_s=10)
    before = dict(records.table.rows)
    records.clock.time_us = T + 1
    records(operations.get, N, "a")
    records(operations.get_many, [(N, "a")])
    records(operations.search, "abc", N)
    records(operations.list_records, N)
    records(operations.batch, [GetRecord(namespace=N, key="a"), SearchRecords(namespace_prefix=N, query=None)])
    assert records.table.rows == before


def test_a_record_without_an_end_gets_none(records: Records) -> None:
    records(operations.put, N, "a", {})
    assert records.table.rows["n/a"].ttl_us == 0  # type: ignore[attr-defined]
    before = dict(records.table.rows)
    assert records(operations.get, N, "a", refresh_ttl=True) is not None
    assert records.table.rows == before


def test_what_is_over_is_swept_and_deleted_but_not_counted(records: Records) -> None:
    for key, ttl_s in (("a", 1), ("b", 2), ("c", None)):
        records(operations.put, N, key, {}, text=["abc", "bcd"], ttl_s=ttl_s)
    records.clock.time_us = T + 999_999
    assert records(operations.sweep) == 0
    records.clock.time_us = T + 1_000_000
    assert records(operations.sweep) == 1
    assert {row.id.partition("/")[2][0] for row in records.table.rows.values()} == {"b", "c"}
    records.clock.time_us = T + 2_000_000
    assert records(operations.delete_namespace, N) == 1
    assert records.table.rows == {}


def test_a_record_that_is_over_is_put_as_a_new_one(records: Records) -> None:
    records(operations.put, N, "a", {}, ttl_s=1)
    records.clock.time_us = T + 1_000_000
    assert records(operations.delete, N, "a") is False
    records(operations.put, N, "a", {}, ttl_s=1)
    first = records.table.rows["n/a"]
    assert (first.created_at, first.updated_at) == (T + 1_000_000, T + 1_000_000)


def test_a_change_is_later_than_the_one_before_whatever_the_clock_says(records: Records) -> None:
    records(operations.put, N, "a", {"v": 1})
    for number, time_us in enumerate((T, T - 5, T + 1, T + 9), start=1):
        records.clock.time_us = time_us
        records(operations.put, N, "a", {"v": number})
        row = records.table.rows["n/a"]
        assert (row.created_at, row.updated_at) == (T, max(T + number, time_us))


# --- positions


def test_records_are_in_the_order_in_which_they_were_first_put(records: Records) -> None:
    for key in "bca":
        records(operations.put, N, key, {"v": 1})
    records(operations.put, N, "b", {"v": 2})
    assert records.keys() == "b c a"
    assert records.keys(descending=True) == "a c b"
    assert records.keys(order="key") == "a b c"
    assert records.keys(limit=1, offset=1) == "c"
    assert records.keys(limit=2, offset=1) == "c a"
    assert records.keys(offset=3) == ""


def test_records_put_one_after_the_other_have_positions_one_after_the_other(records: Records) -> None:
    for key in "abc":
        records(operations.put, N, key, {})
    assert [records.table.rows[f"n/{key}"].seq for key in "abc"] == [T, T + 1, T + 2]


def test_an_order_that_is_given_counts_and_others_follow_it(records: Records) -> None:
    records(operations.put, N, "a", {}, order=2**62)
    records(operations.put, N, "b", {})
    records(operations.put, N, "c", {}, order=0)
    assert records.keys() == "c a b"
    assert [records.table.rows[f"n/{key}"].seq for key in "abc"] == [2**62, 2**62 + 1, 0]


def test_records_put_at_once_are_a_microsecond_apart(records: Records) -> None:
    puts = [PutRecord(namespace=("n", str(number)), key="k", value={}) for number in range(3)]
    records(operations.put_many, puts)
    assert [records.table.rows[f"n/{number}/k"].seq for number in range(3)] == [T, T + 1, T + 2]
    listed = records(operations.list_records, N, prefix=True)
    assert [item["namespace"] for item in listed] == [("n", str(number)) for number in range(3)]


# --- requests


def test_a_batch_is_answered_in_its_order(records: Records) -> None:
    answers = records(
        operations.batch,
        [
            PutRecord(namespace=N, key="a", value={"v": 1}, text="abc"),
            DeleteRecord(namespace=N, key="b"),
            GetRecord(namespace=N, key="a"),
            GetRecord(namespace=N, key="b"),
            SearchRecords(namespace_prefix=N, query="abc"),
            ListNamespaces(),
            DeleteRecord(namespace=N, key="a"),
            PutRecord(namespace=N, key="a", value={"v": 2}),
            GetRecord(namespace=N, key="a"),
        ],
    )
    put, deleted, got, missing, found, namespaces, gone, again, last = answers
    assert (put, deleted, missing, gone, again) == (None, False, None, True, None)
    assert (got["value"], last["value"]) == ({"v": 1}, {"v": 2})
    assert [one["key"] for one in found] == ["a"]
    assert namespaces == [N]
    assert records(operations.batch, []) == []
    searches = [SearchRecords(namespace_prefix=N, query="abc"), PutRecord(namespace=N, key="b", value={}, text="abc")]
    assert [len(one) for one in records(operations.batch, [*searches, *searches])[::2]] == [0, 1]


def test_as_many_texts_as_there_may_be(records: Records) -> None:
    records(operations.put, N, "a", {}, text=[f"text {number}" for number in range(256)])
    assert len(records.table.rows) == 256
    with pytest.raises(ValidationError, match="256"):
        records(operations.put, N, "a", {}, text=["text"] * 257)


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": [5]},
        {"text": ["a", None]},
        {"text": 5},
        {"text": ["a", " "]},
        {"ttl_s": 0},
        {"ttl_s": 10_000 * 365 * 24 * 3600 + 1},
        {"ttl_s": True},
        {"order": -1},
        {"order": 2**62 + 1},
        {"vector": [1.0] * 7},
        {"vector": [0.0] * 8},
        {"vector": [math.inf] + [0.0] * 7},
        {"vector": ["a"] * 8},
        {"text": ["a", "b"], "vector": [1.0] * 8},
    ],
)
def test_what_is_beyond_a_limit_is_refused(records: Records, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        records(operations.put, N, "a", {}, **arguments)
    assert records.table.rows == {}


def test_the_longest_time_and_the_largest_order_are_taken(records: Records) -> None:
    records(operations.put, N, "a", {}, ttl_s=10_000 * 365 * 24 * 3600, order=2**62)
    assert records.table.rows["n/a"].expires_at == T + 10_000 * 365 * 24 * 3600 * 1_000_000


def test_only_requests_of_their_kind_are_taken(records: Records) -> None:
    for wrong in ([DeleteRecord(namespace=N, key="a")], [{}], [None]):
        with pytest.raises(ValidationError):
            records(operations.put_many, wrong)
    for wrong in ([{}], [None], [PutRecord]):
        with pytest.raises(ValidationError):
            records(operations.batch, wrong)


def test_a_vector_is_scaled_to_unit_length(records: Records) -> None:
    records(operations.put, N, "a", {}, vector=[3.0, 4.0, *[0.0] * 6])
    records(operations.put, N, "b", {}, text="abc", vector=[0.0, 2.0, *[0.0] * 6])
    assert records.table.rows["n/a"].vector == pytest.approx([0.6, 0.8, *[0.0] * 6])
    assert records.table.rows["n/b"].vector == pytest.approx([0.0, 1.0, *[0.0] * 6])


def test_a_record_without_text_and_vector_is_found_by_no_search(records: Records) -> None:
    records(operations.put, N, "a", {})
    records(operations.put, N, "b", {}, text="abc")
    row = records.table.rows["n/a"]
    assert (tuple(row.vector), dict(row.words), row.parts) == ((1.0, *[0.0] * 7), {0: 1.0}, 0)
    for mode in ("hybrid", "dense", "lexical"):
        assert [one["key"] for one in records(operations.search, "abc", N, mode=mode)] == ["b"]


def test_a_record_of_many_texts_leaves_room_for_others(records: Records) -> None:
    """Its texts are the closest rows, more of them than candidates; other records are fetched beyond them."""
    records(operations.put, N, "many", {}, text=[f"aaaa {number}" for number in range(60)])
    for key in "xyz":
        records(operations.put, N, key, {}, text=f"aa b{key}")
    found = records(operations.search, "aaaa", N, mode="dense", limit=3)
    assert found[0]["key"] == "many"
    assert len(found) == 3
    assert len({one["key"] for one in found}) == 3
    assert [one["key"] for one in records(operations.search, "aaaa", N, mode="dense", limit=2, offset=1)] == [
        one["key"] for one in found[1:]
    ]


def test_a_window_of_a_search_is_bounded(records: Records) -> None:
    records(operations.search, "abc", N, limit=16_384)
    records(operations.search, "abc", N, limit=16_383, offset=1)
    records(operations.search, None, N, limit=16_384, offset=16_384)
    for wrong in ({"limit": 16_385}, {"limit": 16_384, "offset": 1}, {"limit": 0}, {"offset": -1}, {"limit": None}):
        with pytest.raises(ValidationError):
            records(operations.search, "abc", N, **wrong)
    for wrong in ({"limit": 0}, {"offset": -1}, {"prefix": ("a", "")}, {"suffix": (5,)}, {"max_depth": 0}):
        with pytest.raises(ValidationError):
            records(operations.list_namespaces, **wrong)
    with pytest.raises(ValidationError):
        records(operations.search, None, N, threshold=0.5)
    for threshold in (0, 1, 0.0, 1.0):
        records(operations.search, "abc", N, threshold=threshold)
    for threshold in (-0.01, 1.01, True, "a"):
        with pytest.raises(ValidationError):
            records(operations.search, "abc", N, threshold=threshold)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["a", "a/b", "a/b/c", "b", "b/c"]),
        ({"prefix": ("a",)}, ["a", "a/b", "a/b/c"]),
        ({"prefix": ("a", "*")}, ["a/b", "a/b/c"]),
        ({"prefix": ("*", "b")}, ["a/b", "a/b/c"]),
        ({"suffix": ("c",)}, ["a/b/c", "b/c"]),
        ({"suffix": ("b", "*")}, ["a/b/c", "b/c"]),
        ({"prefix": ("a",), "suffix": ("c",)}, ["a/b/c"]),
        ({"max_depth": 1}, ["a", "b"]),
        ({"max_depth": 2}, ["a", "a/b", "b", "b/c"]),
        ({"limit": 2}, ["a", "a/b"]),
        ({"limit": 2, "offset": 1}, ["a/b", "a/b/c"]),
        ({"offset": 4}, ["b/c"]),
        ({"conditions": [("suffix", ("c",)), ("prefix", ("b",))]}, ["b/c"]),
    ],
)
def test_namespaces(records: Records, conditions: dict[str, Any], expected: list[str]) -> None:
    for path in ("b/c", "a/b/c", "a", "b", "a/b"):
        records(operations.put, tuple(path.split("/")), "k", {})
    assert ["/".join(labels) for labels in records(operations.list_namespaces, **conditions)] == expected


def test_rows_of_an_earlier_state_find_nothing(records: Records) -> None:
    records(operations.put, N, "a", {"v": 1}, text=["abc", "hhh"])
    old = dict(records.table.rows)
    records.clock.time_us = T + 1
    records(operations.put, N, "a", {"v": 2}, text="abc")
    left = next(row for row in old.values() if row.part)
    records.table.rows[left.id] = left
    assert records(operations.search, "hhh", N, mode="lexical") == []
    records.table.rows[left.id] = replace(left, updated_at=T + 1)
    assert [one["value"] for one in records(operations.search, "hhh", N, mode="lexical")] == [{"v": 1}]


def test_a_threshold_lets_through_what_reaches_it(records: Records) -> None:
    records(operations.put, N, "a", {}, text="abc and more")
    (one,) = records(operations.search, "abc hhh", N)
    assert 0 < one["relevance"] < 1
    assert len(records(operations.search, "abc hhh", N, threshold=one["relevance"])) == 1
    assert records(operations.search, "abc hhh", N, threshold=one["relevance"] + 1e-9) == []


# --- how the table is read


class Noting(DictTable):
    """Notes how it is read."""

    def __init__(self, rows: dict[str, Any]) -> None:
        super().__init__("rows", self._hook)
        self.rows = rows
        self.notes: list[Any] = []
        self.after: dict[str, Callable[[], Any]] = {}

    def _hook(self, step: str, moment: str) -> None:
        if moment == "after" and step in self.after:
            self.after.pop(step)()

    async def get(self, keys: Any, *, vectors: bool = False, consistency: Any = None) -> Any:
        self.notes.append(("get", consistency))
        return await super().get(keys, vectors=vectors)

    async def pages(self, where: Any, *, only: Any = None, consistency: Any = None, **options: Any) -> Any:
        self.notes.append(("pages", consistency, only and tuple(only)))
        async for page in super().pages(where, only=only, **options):
            yield page

    async def search(self, probes: Any, where: Any, *, limit: int, consistency: Any = None) -> Any:
        self.notes.append(("search", consistency, limit))
        return await super().search(probes, where, limit=limit)


def noted(records: Records) -> Noting:
    """The table of some records, which notes from now on how it is read."""
    table = Noting(records.table.rows)
    records.ports = replace(records.ports, rows=table)  # type: ignore[arg-type]
    return table


@pytest.mark.parametrize(
    ("configured", "asked", "level"), [("Bounded", None, "Bounded"), ("Session", "Strong", "Strong")]
)
def test_reads_are_as_consistent_as_asked_or_configured(
    records: Records, configured: Any, asked: Any, level: str
) -> None:
    table = noted(records)
    records.ports = replace(records.ports, consistency=configured)
    records(operations.list_records, N, limit=1, consistency=asked)
    records(operations.search, "abc", N, consistency=asked)
    records(operations.search, None, N, consistency=asked)
    assert {note[1] for note in table.notes if note[0] != "get"} == {level}
    assert table.notes[1] == ("get", level)


def test_of_a_list_with_a_limit_only_what_is_returned_is_read_in_full(records: Records) -> None:
    for key in "abc":
        records(operations.put, N, key, {"v": key})
    table = noted(records)
    assert len(records(operations.list_records, N)) == 3
    assert table.notes == [("pages", "Session", None)]
    assert [one["value"] for one in records(operations.list_records, N, limit=1)] == [{"v": "a"}]
    assert table.notes[1:] == [("pages", "Session", ("seq",)), ("get", "Session")]


@pytest.mark.parametrize("happens", ["deleted", "expired"])
def test_what_is_gone_before_it_is_read_in_full_is_not_listed(records: Records, happens: str) -> None:
    for key in "ab":
        records(operations.put, N, key, {})
    table = noted(records)
    row = table.rows["n/a"]
    acts = {
        "deleted": lambda: table.rows.pop("n/a"),
        "expired": lambda: table.rows.update({"n/a": replace(row, expires_at=T)}),
    }
    table.after["rows.pages"] = acts[happens]
    assert records.keys(limit=2) == "b"


def test_a_record_that_expires_or_loses_its_end_before_its_time_begins_anew_is_left_alone(records: Records) -> None:
    for key in "ab":
        records(operations.put, N, key, {}, ttl_s=10)
    table = noted(records)
    over, endless = (
        replace(table.rows["n/a"], expires_at=T),
        replace(table.rows["n/b"], ttl_us=0, expires_at=FOREVER_US),
    )
    table.after["rows.get"] = lambda: table.rows.update({"n/a": over, "n/b": endless})
    records.clock.time_us = T + 1
    records(operations.get_many, [(N, "a"), (N, "b")], refresh_ttl=True)
    assert table.rows == {"n/a": over, "n/b": endless}


@pytest.mark.parametrize(
    ("texts", "others", "wanted", "limits"),
    [
        (24, 0, 1, [25]),
        (25, 0, 1, [25]),
        (30, 5, 1, [25]),
        (30, 5, 2, [25, 100]),
        (99, 0, 2, [25, 100]),
        (100, 0, 2, [25, 100, 400]),
        (120, 5, 4, [25, 100, 400]),
        (10, 30, 26, [26, 104]),
        (1, 30, 26, [26]),
    ],
)
def test_so_many_rows_are_read_that_there_are_enough_records(
    records: Records, texts: int, others: int, wanted: int, limits: list[int]
) -> None:
    """One record has many texts, all closer than those of the others."""
    records(operations.put, N, "many", {}, text=[f"aaaa {number}" for number in range(texts)])
    for number in range(others):
        records(operations.put, N, f"other {number}", {}, text=f"aa bb {number}")
    table = noted(records)
    found = records(operations.search, "aaaa", N, mode="dense", limit=wanted)
    assert len(found) == min(wanted, others + 1)
    assert [note[2] for note in table.notes if note[0] == "search"] == limits


def test_more_rows_are_read_also_if_all_that_have_the_words_are_found(records: Records) -> None:
    records(operations.put, N, "many", {}, text=[f"aaaa {number}" for number in range(30)])
    records(operations.put, N, "other", {}, text="hhh")
    table = noted(records)
    assert len(records(operations.search, "aaa", N, limit=2)) == 2
    assert [note[2] for note in table.notes if note[0] == "search"] == [25, 100]


def test_a_search_finds_ten_records_unless_told(records: Records) -> None:
    for number in range(12):
        records(operations.put, N, str(number), {}, text=f"abc {number}")
    assert len(records(operations.search, "abc", N)) == len(records(operations.search, None, N)) == 10


@pytest.mark.parametrize(("most", "limits"), [(100, [25, 100]), (60, [25, 60]), (25, [25]), (200, [25, 100, 200])])
def test_no_more_rows_are_read_than_a_search_may_return(
    records: Records, monkeypatch: pytest.MonkeyPatch, most: int, limits: list[int]
) -> None:
    monkeypatch.setattr(import_module("mem0milvus.operations.records.search"), "MAX_TOP_K", most)
    records(operations.put, N, "many", {}, text=[f"aaaa {number}" for number in range(250)])
    table = noted(records)
    assert len(records(operations.search, "aaaa", N, mode="dense", limit=2)) == 1
    assert [note[2] for note in table.notes if note[0] == "search"] == limits


def test_a_search_reads_the_first_rows_of_records_that_it_found_by_other_texts(records: Records) -> None:
    records(operations.put, N, "a", {}, text="abc")
    table = noted(records)
    asked: list[list[str]] = []
    get = table.get

    async def note(keys: Any, **options: Any) -> Any:
        asked.append(sorted(keys))
        return await get(keys, **options)

    table.get = note  # type: ignore[method-assign]
    records(operations.search, "abc", N)
    records(operations.put, N, "b", {}, text=["hhh", "abc", "abd"])
    asked.clear()
    records(operations.search, "abc", N, mode="lexical")
    assert asked == [["n/b"]]


# --- writing


def test_records_stored_without_words_are_ranked_by_their_texts_all_the_same(records: Records) -> None:
    for key, text in (("a", "violin abc"), ("b", "abc")):
        records(operations.put, N, key, {}, text=text)
    with_words = records(operations.search, "violin abc", N)
    records.table.rows.update({key: replace(row, words={}) for key, row in records.table.rows.items()})
    records.table.searches_words = False
    assert records(operations.search, "violin abc", N) == with_words


class Failing(DictTable):
    """Writes or removes some of the rows it is given, then fails, when it is told to."""

    done: int | None = None
    step = "put"

    async def put(self, records: Any) -> None:
        keys = [row.id for row in records]
        assert len(keys) == len(set(keys)), "no row is written twice in one request"
        if self.step == "put" and self.done is not None:
            await super().put(records[: self.done])
            self._fail(keys)
        await super().put(records)

    async def remove(self, keys: Any) -> None:
        if self.step == "remove" and self.done is not None:
            await super().remove(keys[: self.done])
            self._fail(list(keys))
        await super().remove(keys)

    def _fail(self, keys: list[str]) -> None:
        if self.done:
            raise PartialWriteError("in part", written=keys[: self.done], not_written=keys[self.done :])
        raise StoreError("refused")


@pytest.mark.parametrize(
    ("step", "done", "written"),
    [
        ("remove", 0, None),
        ("remove", 1, []),
        ("remove", 2, ["n/gone"]),
        ("put", 0, ["n/gone"]),
        ("put", 1, ["n/gone"]),
        ("put", 2, ["n/gone", "n/one"]),
    ],
)
def test_an_error_names_the_records_that_are_changed_in_full_and_those_that_are_not(
    records: Records, step: str, done: int, written: list[str] | None
) -> None:
    """The rows are written in this order: n/many, n/one, n/many's second; n/gone's second is removed before n/gone."""
    records(operations.put, N, "gone", {}, text=["abc", "bcd"])
    records.ports = replace(records.ports, rows=(table := Failing("rows", lambda step, moment: None)))  # type: ignore[arg-type]
    table.rows = records.table.rows
    table.step, table.done = step, done
    many = PutRecord(namespace=N, key="many", value={}, text=["abc", "bcd"])
    one = PutRecord(namespace=N, key="one", value={}, text="abc")
    requests = [many, one, DeleteRecord(namespace=N, key="gone")]
    with pytest.raises(StoreError) as caught:
        records(operations.batch, requests)
    if written is None:
        assert str(caught.value) == "refused"
        assert not isinstance(caught.value, PartialWriteError)
    else:
        assert isinstance(caught.value, PartialWriteError)
        assert sorted(caught.value.written) == written
        assert sorted(caught.value.not_written) == sorted({"n/gone", "n/many", "n/one"} - set(written))
        assert f"{len(written)} of 3 records were changed" in str(caught.value)
    table.done = None
    records(operations.batch, requests)
    assert sorted(table.rows) == ["n/many", "n/many//1", "n/one"]


# --- what would go wrong without locks


class Yielding(DictTable):
    """A table at each step of which another task may run."""

    async def _step(self, method: str, act: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        return await super()._step(method, act)


async def later(steps: int, work: Coroutine[Any, Any, Any]) -> Any:
    """Let other tasks make so many steps first."""
    for _ in range(steps):
        await asyncio.sleep(0)
    return await work


def meet(records: Records, ahead: int, one: Any, other: Any) -> None:
    """Run two operations, the first of which begins so many steps ahead of the other."""
    table = Yielding("rows", lambda step, moment: None)
    table.rows = records.table.rows
    ports = replace(records.ports, rows=table, locks=AsyncLocks(LockTable()), shield=_awaited)  # type: ignore[arg-type]

    async def work() -> None:
        await asyncio.gather(later(-ahead, one(ports)), later(ahead, other(ports)))

    asyncio.run(work())


async def _awaited(step: Coroutine[Any, Any, Any]) -> Any:
    return await step


@pytest.mark.parametrize("ahead", range(-6, 7))
def test_of_two_puts_that_meet_one_is_the_last(records: Records, ahead: int) -> None:
    records(operations.put, N, "a", {"v": 0}, text=["abc", "bcd"])
    meet(
        records,
        ahead,
        lambda ports: operations.put(ports, N, "a", {"v": 1}, text=["abc", "bcd", "cde"]),
        lambda ports: operations.put(ports, N, "a", {"v": 2}),
    )
    row = records.table.rows["n/a"]
    assert row.updated_at == T + 2, "each is later than the one before"
    assert len(records.table.rows) == (3 if row.metadata == {"v": 1} else 1)


@pytest.mark.parametrize("ahead", range(-6, 7))
def test_a_record_that_is_deleted_while_its_time_begins_anew_is_deleted(records: Records, ahead: int) -> None:
    records(operations.put, N, "a", {"v": 0}, text=["abc", "bcd"], ttl_s=10)
    meet(
        records,
        ahead,
        lambda ports: operations.get(ports, N, "a", refresh_ttl=True),
        lambda ports: operations.delete(ports, N, "a"),
    )
    assert records.table.rows == {}
