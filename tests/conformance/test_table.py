"""What ``ports.Table`` promises, on the reference that is a dict, on Milvus Lite, and on servers."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import pytest

from mem0milvus import StoreError
from mem0milvus.config import VectorStoreConfig
from mem0milvus.data.limits import MAX_ID_BYTES, MAX_MEMORY_BYTES, ROWS_PER_REQUEST
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.milvus.connection import Connection
from mem0milvus.milvus.lite_connection import LiteConnection, make_connection
from mem0milvus.milvus.schema import MEMORIES, Identity
from mem0milvus.milvus.table import MilvusTable
from mem0milvus.ports import Probe, Table
from mem0milvus.retrieval.filters import Filter, all_of, any_in, equals, greater_than, matches, negation, parse_filters
from mem0milvus.runtime import blocking_driver as drivers
from mem0milvus.runtime.blocking_driver import BlockingDriver
from tests.fix_server import KINDS, Store
from tests.reference import DictTable

T = TypeVar("T")

DIMS = 4
MOMENT_US = 1_700_000_000_000_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("store", [pytest.param("reference"), *KINDS], indirect=True)


class Rows:
    """A table, with its calls run to their ends."""

    def __init__(self, table: Table[MemoryRow], connection: Connection | None = None) -> None:
        self.table = table
        self.connection = connection

    def put(self, *records: MemoryRow) -> None:
        drivers.run(_finish(self.table.put(records)))

    def get(self, *keys: str, **options: Any) -> dict[str, MemoryRow]:
        return drivers.run(_finish(self.table.get(keys, **options)))

    def remove(self, *keys: str) -> None:
        drivers.run(_finish(self.table.remove(keys)))

    def pages(self, where: Filter | None = None, **options: Any) -> list[list[MemoryRow]]:
        return list(drivers.iterate(self.table.pages(where, **options)))

    def all(self, where: Filter | None = None, **options: Any) -> list[MemoryRow]:
        return [record for page in self.pages(where, **options) for record in page]

    def search(self, probe: Probe, where: Filter | None = None, limit: int = 10) -> list[tuple[str, float]]:
        (hits,) = drivers.run(_finish(self.table.search([probe], where, limit=limit)))
        return [(hit.row.id, hit.distance) for hit in hits]

    def seal(self) -> None:
        """On a server, have a segment end here, so that a read goes through several."""
        if self.connection is not None and not isinstance(self.connection, LiteConnection):
            self.connection.request("flush", self.connection.live)


async def _finish(step: Coroutine[Any, Any, T]) -> T:
    return await step


@pytest.fixture
def rows(store: Store) -> Iterator[Rows]:
    """An empty table."""
    if store.kind == "reference":
        yield Rows(DictTable("live", lambda step, moment: None, page=ROWS_PER_REQUEST))
        return
    section = {**store.section(), "collection_name": "conformance", "embedding_model_dims": DIMS}
    adapted = store.adapt({"vector_store": {"config": section}})["vector_store"]["config"]
    connection = make_connection(VectorStoreConfig.model_validate(adapted), Identity("conformance", DIMS, "L2", "1"))
    connection.open_collections({connection.live: MEMORIES})
    yield Rows(MilvusTable(connection, connection.live, MEMORIES, BlockingDriver(), "Session"), connection)
    connection.close()


def record(key: str, **values: Any) -> MemoryRow:
    blank: dict[str, Any] = {
        "user_id": "u",
        "memory": f"text of {key}",
        "hash": "",
        "created_at": MOMENT_US,
        "valid_from": MOMENT_US,
        "observed_at": MOMENT_US,
        "vector": (1.0, 0.0, 0.0, 0.0),
        "words": {7: 1.0},
    }
    return MemoryRow(id=key, **{**blank, **values})


def keys(records: Sequence[MemoryRow]) -> list[str]:
    return [one.id for one in records]


# --- get, put, remove


METADATA: list[dict[str, Any]] = [
    {},
    {"": "", " ": None, "a.b": {"c": [1, "zwei", 3.5, None, True, {"d": []}]}},
    {"big": 2**63 - 1, "small": -(2**63), "float": 1e22, "tiny": 1e-7, "exact": 2**53 + 1, "flag": False},
    {'q"uote': "back\\slash", "new\nline": "tab\t", "😀": "日本語", "user_id": "another", "$meta": "{x} %s"},
]


@pytest.mark.parametrize("metadata", METADATA)
def test_a_row_comes_back_as_it_was_put(rows: Rows, metadata: dict[str, Any]) -> None:
    whole = record(
        "k",
        agent_id="g",
        run_id="r",
        actor_id="Ann",
        role="user",
        memory="Ünïcödé 😀 \u202e \x00 \n 'quotes\" and \\",
        hash="h" * 32,
        metadata=metadata,
        version=2**62,
        event="UPDATE",
        updated_at=MOMENT_US + 1,
        valid_to=MOMENT_US + 2,
        expires_at=253_402_300_799_999_999,
        seq=3,
        vector=(0.1, 0.2, 0.3, 0.4),
        words={1: 0.5, 4_000_000_000: 1.5} if rows.table.searches_words else {},
    )
    rows.put(whole)
    (plain,) = rows.get("k").values()
    assert plain == replace(whole, vector=(), words={})
    assert list(plain.metadata) == list(metadata) or plain.metadata == metadata
    (found,) = rows.get("k", vectors=True).values()
    assert list(found.vector) == pytest.approx(whole.vector, rel=1e-6)
    assert dict(found.words) == pytest.approx(dict(whole.words), rel=1e-6)


def test_a_row_is_put_in_the_place_of_the_one_that_has_its_key(rows: Rows) -> None:
    rows.put(record("a", memory="old", user_id="u"), record("b"))
    rows.put(record("a", memory="new", user_id="v"))
    assert {key: one.memory for key, one in rows.get("a", "b").items()} == {"a": "new", "b": "text of b"}
    assert keys(rows.all()) == ["a", "b"]
    assert keys(rows.all(equals("user_id", "u"))) == ["b"], "nothing is left of the old row, whatever it was found by"
    assert keys(rows.all(equals("user_id", "v"))) == ["a"]


def test_keys_that_no_row_has_are_passed_over(rows: Rows) -> None:
    rows.put(record("a"))
    assert list(rows.get("a", "a", "b")) == ["a"]
    assert rows.get() == {}
    rows.remove("b")
    rows.remove()
    rows.put()
    assert keys(rows.all()) == ["a"]
    rows.remove("a", "b", "a")
    assert rows.all() == []
    assert rows.get("a") == {}


HOSTILE = [
    'a"b',
    "a\\b",
    "a'b",
    '" or id != "',
    '") or (id != "',
    '\\" or id != \\"',
    "%",
    "_",
    "{x}",
    "%s",
    "$meta",
    "😀",
    "\u202eabc",
    "e\u0301",
    "é",
    "A",
    "a",
    "a ",
    " a",
    "日本語",
    "][",
    "null",
    "0",
    "é" * (MAX_ID_BYTES // 2),
]


def test_hostile_keys_are_keys_like_any_other(rows: Rows) -> None:
    rows.put(*(record(key, memory=key) for key in HOSTILE))
    assert {key: one.memory for key, one in rows.get(*HOSTILE).items()} == {key: key for key in HOSTILE}
    assert keys(rows.all()) == sorted(HOSTILE)
    for gone in HOSTILE[::3]:
        rows.remove(gone)
    left = sorted(set(HOSTILE) - set(HOSTILE[::3]))
    assert keys(rows.all()) == left
    for key in left:
        assert list(rows.get(key)) == [key]


def test_hostile_values_find_their_own_rows_alone(rows: Rows) -> None:
    rows.put(*(record(f"{n:03}", user_id=value, metadata={"x": value}) for n, value in enumerate(HOSTILE)))
    for number, value in enumerate(HOSTILE):
        metadata = parse_filters({"x": value})
        assert keys(rows.all(equals("user_id", value))) == [f"{number:03}"]
        assert keys(rows.all(metadata)) == [f"{number:03}"]
        found = rows.search(Probe("vector", [1.0, 0.0, 0.0, 0.0]), equals("user_id", value))
        assert [key for key, _ in found] == [f"{number:03}"]
    assert len(rows.all(any_in("user_id", HOSTILE))) == len(HOSTILE)


def test_the_longest_text_is_stored_whole(rows: Rows) -> None:
    text = "é" * (MAX_MEMORY_BYTES // 2)
    rows.put(record("k", memory=text))
    assert rows.get("k")["k"].memory == text


# --- pages


def test_pages_give_every_row_once_in_the_order_of_the_keys(rows: Rows) -> None:
    names = [f"k{n:05}" for n in range(2 * ROWS_PER_REQUEST + 300)]
    shuffled = random.Random(1).sample(names, len(names))
    third = len(shuffled) // 3
    for start in (0, third, 2 * third):
        rows.put(*(record(key, metadata={"n": int(key[1:])}) for key in shuffled[start : start + third]))
        rows.seal()
    rows.put(*(record(key, metadata={"n": int(key[1:])}) for key in shuffled[3 * third :]))
    gone, changed = names[5::10], names[7::10]
    rows.remove(*gone)
    rows.put(*(record(key, metadata={"n": -1}) for key in changed))
    left = sorted(set(names) - set(gone))
    pages = rows.pages()
    assert [key for page in pages for key in keys(page)] == left
    assert all(0 < len(page) <= ROWS_PER_REQUEST for page in pages)
    assert keys(rows.all(parse_filters({"n": -1}))) == changed
    few = parse_filters({"n": {"gte": 1999, "lt": 2010}})
    assert keys(rows.all(few)) == [key for key in left if 1999 <= int(key[1:]) < 2010 and key not in changed]


def test_the_last_page_may_be_full(rows: Rows) -> None:
    names = [f"k{n:04}" for n in range(ROWS_PER_REQUEST)]
    rows.put(*map(record, names))
    assert keys(rows.all()) == names


def test_only_the_columns_asked_for_are_read(rows: Rows) -> None:
    rows.put(record("k", role="user", seq=3, hash="h"))
    (one,) = rows.all(only=("seq",))
    assert (one.id, one.seq, one.role, one.memory, one.metadata) == ("k", 3, "", "", {})
    (bare,) = rows.all(only=())
    assert (bare.id, bare.seq) == ("k", 0)
    (whole,) = rows.all(vectors=True)
    assert list(whole.vector) == [1.0, 0.0, 0.0, 0.0]
    assert rows.all()[0].vector == ()


#: Among these are filters that no Milvus, or not each, can answer by itself, so that rows are looked at afterwards.
FILTERS: list[dict[str, Any]] = [
    {"x": "a"},
    {"x": {"ne": "a"}},
    {"x": {"gt": 3}},
    {"NOT": {"x": {"gt": 3}}},
    {"x": {"exists": True}},
    {"x": {"exists": False}},
    {"x": {"contains": "b"}},
    {"NOT": {"x": {"contains": "b"}}},
    {"x": {"like": "%b%"}},
    {"x": {"like": "a_c"}},
    {"NOT": {"x": {"like": "%b%"}}},
    {"memory": {"like": "%7%"}},
    {"x.y": {"lte": 2}},
    {"OR": [{"x": {"in": ["a", 7]}}, {"x.y": {"exists": True}}]},
    {"AND": [{"NOT": {"x": None}}, {"version": {"gte": 2}}]},
]
VALUES: list[Any] = ["a", "abc", "b", "", 7, 3, 3.5, True, None, ["a", "b"], [], {"y": 2}, {"y": "b"}, {}]


def _various() -> list[MemoryRow]:
    found = [record("none", metadata={})]
    for number, value in enumerate(VALUES * 8):
        vector = (1.0, (number + 1) / 100, 0.0, 0.0)
        found.append(record(f"{number:03}", metadata={"x": value}, version=1 + number % 3, vector=vector))
    return found


def test_filters_mean_the_same_everywhere_in_pages_and_in_search(rows: Rows) -> None:
    various = _various()
    rows.put(*various)
    for given in FILTERS:
        where = all_of(equals("user_id", "u"), parse_filters(given))
        assert where is not None
        fitting = [one for one in various if matches(where, asdict(one))]
        assert keys(rows.all(where)) == sorted(keys(fitting)), given
        nearest = sorted(fitting, key=lambda one: one.vector[1])
        found = rows.search(Probe("vector", [1.0, 0.0, 0.0, 0.0]), where, limit=5)
        assert [key for key, _ in found] == keys(nearest[:5]), given


def test_a_search_goes_on_until_enough_rows_fit(rows: Rows) -> None:
    near = [record(f"n{n:03}", metadata={"x": None}, vector=(1.0, n / 1000, 0.0, 0.0)) for n in range(300)]
    far = [record(f"f{n:03}", metadata={"x": 1}, vector=(0.0, 1.0, n / 1000, 0.0)) for n in range(3)]
    rows.put(*near, *far)
    found = rows.search(Probe("vector", [1.0, 0.0, 0.0, 0.0]), parse_filters({"x": {"exists": True}}), limit=3)
    assert [key for key, _ in found] == keys(far)


# --- search


def test_search_gives_the_nearest_first_and_at_most_the_limit(rows: Rows) -> None:
    rows.put(*(record(f"{n:02}", user_id="uv"[n % 2], vector=(1.0, n / 10, 0.0, 0.0)) for n in range(20)))
    probe = Probe("vector", [1.0, 0.0, 0.0, 0.0])
    found = rows.search(probe, limit=7)
    assert [key for key, _ in found] == [f"{n:02}" for n in range(7)]
    assert [distance for _, distance in found] == pytest.approx([(n / 10) ** 2 for n in range(7)], abs=1e-5)
    odd = rows.search(probe, equals("user_id", "v"), limit=3)
    assert [key for key, _ in odd] == ["01", "03", "05"]
    assert rows.search(probe, equals("user_id", "nobody")) == []
    later = all_of(equals("user_id", "u"), greater_than("expires_at", MOMENT_US))
    assert len(rows.search(probe, later, limit=50)) == 10


def test_search_finds_by_words_or_says_that_it_cannot(rows: Rows, store: Store) -> None:
    rows.put(record("a", words={1: 2.0, 2: 1.0}), record("b", words={2: 3.0}), record("c", words={9: 1.0}))
    probe = Probe("words", {1: 1.0, 2: 1.0})
    if store.words:
        assert rows.table.searches_words
        assert [key for key, _ in rows.search(probe)] == ["a", "b"] or rows.search(probe)[0][1] == pytest.approx(3.0)
        assert {key for key, _ in rows.search(probe)} == {"a", "b"}
        assert rows.search(Probe("words", {5: 1.0})) == []
        return
    assert not rows.table.searches_words
    with pytest.raises(StoreError):
        rows.search(probe)


def test_several_probes_are_answered_one_each(rows: Rows) -> None:
    rows.put(record("a"), record("b", vector=(0.0, 1.0, 0.0, 0.0)))
    probes = [Probe("vector", [1.0, 0.0, 0.0, 0.0]), Probe("vector", [0.0, 1.0, 0.0, 0.0])]
    first, second = drivers.run(_finish(rows.table.search(probes, None, limit=1)))
    assert [hit.row.id for hit in (*first, *second)] == ["a", "b"]
    assert list(second[0].row.vector) == [0.0, 1.0, 0.0, 0.0], "with vectors"
    assert rows.search(Probe("vector", [1.0, 0.0, 0.0, 0.0]), negation(equals("id", "a")), limit=2)[0][0] == "b"


# --- reading what was written


def test_each_read_sees_each_write(rows: Rows) -> None:
    probe = Probe("vector", [1.0, 0.0, 0.0, 0.0])
    for number in range(5):
        key = f"k{number}"
        rows.put(record(key, memory="first"))
        assert keys(rows.all()) == [key]
        rows.put(record(key, memory="second"))
        assert rows.get(key)[key].memory == "second"
        rows.remove(key)
        assert rows.search(probe) == []
        rows.put(record(key))
        assert [found for found, _ in rows.search(probe)] == [key]
        rows.remove(key)
        assert rows.get(key) == {}
        rows.put(record(key))
        rows.remove(key)
        assert rows.all() == []
