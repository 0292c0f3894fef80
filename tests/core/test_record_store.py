"""``RecordStore`` and ``AsyncRecordStore``: keys, namespaces, order, ends, texts and batches, on every store."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from mem0milvus import (
    AsyncRecordStore,
    DeleteRecord,
    FilterError,
    GetRecord,
    ListNamespaces,
    PutRecord,
    RecordStore,
    SearchRecords,
    ValidationError,
)
from mem0milvus.models.offline_embedder import HashingEmbedder
from mem0milvus.runtime.open_store import SystemClock
from tests.conftest import Awaited, Config

if TYPE_CHECKING:
    from tests.fix_server import Store

pytestmark = pytest.mark.every_store

USER = ("user", "1")

#: Labels and keys that could be taken for another's, or for part of an expression.
HOSTILE = [
    "1",
    "10",
    "1/",
    "/",
    "1/x",
    "~",
    "~1",
    "~01",
    "*",
    "%",
    "_",
    "1%",
    '"',
    "\\",
    "' or 1==1",
    "{x}",
    "É",
    "E\u0301",
    " 1",
    "😀",
]


class Counting(HashingEmbedder):
    """The offline embedder, which remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(128)
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.asked.extend(texts)
        return super().embed(texts)


class Time:
    """The clock of all stores of a test."""

    def __init__(self) -> None:
        self.us = 1_800_000_000_000_000

    def pass_s(self, seconds: float) -> None:
        self.us += round(seconds * 1_000_000)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(SystemClock, "now_us", lambda self: clock.us)
    return clock


@pytest.fixture
def embedder() -> Counting:
    return Counting()


@pytest.fixture(params=["blocking", "awaiting"])
def open_records(request: pytest.FixtureRequest, store: Store, embedder: Counting) -> Iterator[Callable[..., Any]]:
    """Opens record stores of one face, and closes them after the test."""
    opened: list[Any] = []
    loop = asyncio.new_event_loop()

    def open_one(config: Config, **arguments: Any) -> Any:
        arguments = {"embedder": embedder, **arguments}
        if request.param == "blocking":
            made: Any = RecordStore.from_config(store.adapt(config), **arguments)
        else:
            made = Awaited(AsyncRecordStore.from_config(store.adapt(config), **arguments), loop)
        opened.append(made)
        return made

    yield open_one
    for made in opened:
        made.close()
    loop.close()


@pytest.fixture
def records(open_records: Callable[..., Any], config: Config) -> Any:
    return open_records(config)


def keys(items: Sequence[Any]) -> list[str]:
    return [item["key"] for item in items]


def about(records: Any, word: str) -> list[str]:
    """The keys of the records that have a text with this word."""
    return keys([item for item in records.search(word, USER) if item["relevance"] > 0.5])


# --- one record -----------------------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_put(records: Any, time: Time) -> None:
    value = {
        "text": 'a "b" \\ c\n\x00',
        "numbers": [1, 1.0, -0.5, 2**53 + 1, -(2**63), 1e300],
        "nothing": None,
        "yes": True,
        "": {"$x": [{}], "a.b": "😀"},
    }
    given = copy.deepcopy(value)
    records.put(USER, "k", value, ttl_s=60)
    assert value == given
    item = records.get(list(USER), "k")
    assert item == {
        "namespace": USER,
        "key": "k",
        "value": value,
        "order": time.us,
        "created_at": "2027-01-15T08:00:00.000000+00:00",
        "updated_at": "2027-01-15T08:00:00.000000+00:00",
        "expires_at": "2027-01-15T08:01:00.000000+00:00",
    }
    assert [type(n) for n in item["value"]["numbers"]] == [int, float, float, int, int, float]


def test_a_record_put_again_keeps_when_it_was_created_and_where_it_stands(records: Any, time: Time) -> None:
    records.put(USER, "a", {"n": 1})
    records.put(USER, "b", {"n": 1})
    first = records.get(USER, "a")
    time.pass_s(10)
    records.put(USER, "a", {"m": 2})
    second = records.get(USER, "a")
    assert second["value"] == {"m": 2}
    assert (second["created_at"], second["order"]) == (first["created_at"], first["order"])
    assert second["updated_at"] > first["updated_at"]
    assert keys(records.list(USER)) == ["a", "b"]
    records.put(USER, "a", {}, order=2**60)
    assert keys(records.list(USER)) == ["b", "a"]


def test_what_is_not_there_is_none_and_deleting_tells(records: Any) -> None:
    records.put(USER, "a", {})
    assert records.get(USER, "A") is None
    assert records.get_many([(USER, "b"), (USER, "a"), (("user",), "1")])[1]["key"] == "a"
    assert records.delete(USER, "b") is False
    assert records.delete(USER, "a") is True
    assert records.delete(USER, "a") is False
    assert records.get(USER, "a") is None
    assert records.get_many([]) == []
    assert records.delete_many([]) == 0


def test_a_deleted_record_put_again_is_new(records: Any, time: Time) -> None:
    records.put(USER, "a", {})
    created = records.get(USER, "a")["created_at"]
    time.pass_s(1)
    records.delete(USER, "a")
    records.put(USER, "a", {})
    assert records.get(USER, "a")["created_at"] > created


# --- namespaces -----------------------------------------------------------------------------------------


def test_no_namespace_or_key_is_taken_for_another(records: Any) -> None:
    pairs = [((a,), b) for a in HOSTILE for b in HOSTILE] + [(("1", a), b) for a in HOSTILE for b in ("x", "/")]
    records.put_many(
        [PutRecord(namespace=n, key=k, value={"n": list(n), "k": k}, text="tennis") for n, k in pairs[::3]]
        + [PutRecord(namespace=n, key=k, value={"n": list(n), "k": k}) for n, k in pairs]
    )
    assert [item["value"] for item in records.get_many(pairs)] == [{"n": list(n), "k": k} for n, k in pairs]
    for label in HOSTILE:
        assert {(i["namespace"], i["key"]) for i in records.list((label,))} == {((label,), k) for k in HOSTILE}
        under = {(n, k) for n, k in pairs if n[0] == label}
        assert {(i["namespace"], i["key"]) for i in records.list((label,), prefix=True)} == under
        assert {(i["namespace"], i["key"]) for i in records.search(None, (label,), limit=1000)} == under
    assert records.delete_namespace(("1",)) == len(HOSTILE)
    assert len(records.list(("1",), prefix=True)) == 2 * len(HOSTILE)
    assert records.delete_namespace(("1", "1"), prefix=True) == 2
    assert records.get(("1", "10"), "x") is not None


def test_a_search_never_leaves_its_namespace(records: Any) -> None:
    for label in HOSTILE:
        records.put(("user", label), "k", {"label": label}, text="I like to play tennis.")
    for label in HOSTILE:
        assert [i["value"]["label"] for i in records.search("tennis", ("user", label))] == [label]
    assert len(records.search("tennis", ("user",), limit=100)) == len(HOSTILE)
    assert len(records.search("tennis", (), limit=100)) == len(HOSTILE)


def test_namespaces_are_listed_by_how_they_begin_and_end(records: Any) -> None:
    for namespace in [("a",), ("a", "b"), ("a", "b", "c"), ("a", "c"), ("ab",), ("b", "c"), ("*", "b")]:
        records.put(namespace, "k", {})
        records.put(namespace, "l", {}, text=["one", "two"])
    assert records.list_namespaces() == [
        ("*", "b"),
        ("a",),
        ("a", "b"),
        ("a", "b", "c"),
        ("a", "c"),
        ("ab",),
        ("b", "c"),
    ]
    assert records.list_namespaces(prefix=("a",)) == [("a",), ("a", "b"), ("a", "b", "c"), ("a", "c")]
    assert records.list_namespaces(suffix=("c",)) == [("a", "b", "c"), ("a", "c"), ("b", "c")]
    assert records.list_namespaces(prefix=("*", "b")) == [("*", "b"), ("a", "b"), ("a", "b", "c")]
    assert records.list_namespaces(prefix=("a", "*"), suffix=("c",)) == [("a", "b", "c"), ("a", "c")]
    assert records.list_namespaces(suffix=("*", "c")) == [("a", "b", "c"), ("a", "c"), ("b", "c")]
    assert records.list_namespaces(conditions=[("prefix", ("a",)), ("prefix", ("*", "b"))]) == [
        ("a", "b"),
        ("a", "b", "c"),
    ]
    assert records.list_namespaces(max_depth=1) == [("*",), ("a",), ("ab",), ("b",)]
    assert records.list_namespaces(prefix=("a",), max_depth=2, limit=2, offset=1) == [("a", "b"), ("a", "c")]


def test_a_namespace_of_more_records_than_a_page_is_listed_and_deleted_whole(records: Any) -> None:
    records.put_many([PutRecord(namespace=("big",), key=str(n), value={"n": n}) for n in range(2_300)])
    records.put(("bi",), "k", {})
    assert [i["value"]["n"] for i in records.list(("big",))] == list(range(2_300))
    assert [i["value"]["n"] for i in records.list(("big",), limit=2, offset=1_999)] == [1_999, 2_000]
    assert records.delete_namespace(("big",), prefix=True) == 2_300
    assert records.list_namespaces() == [("bi",)]


# --- order and filters ----------------------------------------------------------------------------------


def test_records_are_listed_in_order_and_from_the_end(records: Any) -> None:
    for key in "bdac":
        records.put(USER, key, {})
    records.put(USER, "0", {}, order=3)
    assert keys(records.list(USER)) == ["0", "b", "d", "a", "c"]
    assert keys(records.list(USER, descending=True, limit=2)) == ["c", "a"]
    assert keys(records.list(USER, limit=2, offset=1)) == ["b", "d"]
    assert keys(records.list(USER, order="key", descending=True)) == ["d", "c", "b", "a", "0"]


def test_a_store_goes_on_after_the_positions_that_were_given(records: Any, time: Time) -> None:
    records.put(USER, "a", {}, order=time.us + 10**9)
    records.put(USER, "b", {})
    records.put(("other",), "c", {})
    assert keys(records.list(USER)) == ["a", "b"]
    assert records.get(("other",), "c")["order"] == time.us


def test_records_are_listed_by_when_they_were_made_and_changed(records: Any, time: Time) -> None:
    for key in "abc":
        time.pass_s(1)
        records.put(USER, key, {}, order=100 - ord(key))
    time.pass_s(1)
    records.put(USER, "a", {})
    assert keys(records.list(USER)) == ["c", "b", "a"]
    assert keys(records.list(USER, order="created_at")) == ["a", "b", "c"]
    assert keys(records.list(USER, order="updated_at", limit=2)) == ["b", "c"]
    assert keys(records.list(USER, order="updated_at", descending=True)) == ["a", "c", "b"]


def test_filters_are_about_the_value_whatever_its_keys_are_called(records: Any) -> None:
    names = ["user_id", "id", "namespace", "seq", "metadata", "created_at", "text", "role", "expires_at", "part"]
    for name in names:
        records.put(USER, name, {name: "x", "n": len(name), "in": {name: 7}})
    records.put(USER, "empty", {}, text="tennis")
    records.put(USER, "found", {"role": "x", "n": 4}, text=["tennis", "cats"])
    for name in set(names) - {"role"}:
        assert keys(records.list(USER, filters={name: "x"})) == [name]
        assert keys(records.list(USER, filters={f"in.{name}": {"$gte": 7}}, limit=5)) == [name]
    assert keys(records.list(USER, filters={"metadata.role": "x"})) == []
    assert sorted(keys(records.list((), prefix=True, filters={"n": {"$gt": 9}}))) == ["created_at", "expires_at"]
    assert "empty" in keys(records.list(USER, filters={"n": {"$ne": 2}}))
    assert keys(records.search("tennis", USER, filters={"role": "x"})) == ["found"]
    assert keys(records.search(None, USER, filters={"NOT": {"n": {"exists": True}}})) == ["empty"]
    with pytest.raises(FilterError, match="not an operator"):
        records.list(USER, filters={"n": {"$about": 2}})


# --- an end ---------------------------------------------------------------------------------------------


def test_a_record_whose_time_is_over_is_seen_by_nobody(records: Any, time: Time) -> None:
    records.put(USER, "a", {}, text=["tennis", "cats"], ttl_s=10)
    records.put(("user", "2"), "b", {}, ttl_s=10)
    records.put(USER, "c", {}, text="tennis")
    time.pass_s(9.999)
    assert sorted(keys(records.search("tennis", ()))) == ["a", "c"]
    time.pass_s(0.001)
    assert records.get(USER, "a") is None
    assert keys(records.list((), prefix=True)) == ["c"]
    assert keys(records.search("tennis", ())) == ["c"]
    assert keys(records.search(None, ())) == ["c"]
    assert records.list_namespaces() == [USER]
    assert records.delete(USER, "a") is False
    assert records.sweep() == 1
    assert records.sweep() == 0


def test_what_is_put_over_an_ended_record_is_new(records: Any, time: Time) -> None:
    records.put(USER, "a", {}, text=["tennis", "cats", "dogs"], ttl_s=10)
    time.pass_s(20)
    records.put(USER, "a", {"n": 2}, text="birds")
    item = records.get(USER, "a")
    assert item["created_at"] == item["updated_at"]
    assert item["order"] == time.us
    assert "expires_at" not in item
    assert records.sweep() == 0
    assert about(records, "dogs") == []
    assert about(records, "birds") == ["a"]


def test_reading_can_put_off_the_end(records: Any, time: Time) -> None:
    records.put(USER, "a", {}, text=["tennis", "cats"], ttl_s=10)
    records.put(USER, "b", {})
    updated = records.get(USER, "a")["updated_at"]
    for read in (
        lambda: records.get(USER, "a", refresh_ttl=True),
        lambda: records.get_many([(USER, "b"), (USER, "a")], refresh_ttl=True)[1],
        lambda: records.search("cats", USER, refresh_ttl=True)[0],
        lambda: records.search(None, USER, refresh_ttl=True)[0],
    ):
        time.pass_s(6)
        item = read()
        assert item["updated_at"] == updated
        assert item["expires_at"] == records.get(USER, "a")["expires_at"]
    time.pass_s(6)
    assert about(records, "cats") == ["a"]
    records.get(USER, "a")
    time.pass_s(4)
    assert records.get(USER, "a", refresh_ttl=True) is None
    assert keys(records.list(USER)) == ["b"]


# --- texts ----------------------------------------------------------------------------------------------


def test_a_record_is_found_once_by_the_best_of_its_texts(records: Any) -> None:
    records.put(USER, "both", {"n": 1}, text=["My cat sleeps all day.", "I play tennis on weekends."])
    records.put(USER, "cat", {"n": 2}, text="The cat is in the garden.")
    records.put(USER, "none", {"n": 3})
    found = records.search("Who plays tennis on weekends?", USER)
    assert keys(found) == ["both", "cat"]
    assert found[0]["relevance"] > 0.5 > found[1]["relevance"]
    assert found[0]["score"] < found[1]["score"]  # L2
    assert keys(records.search("tennis on weekends", USER, threshold=0.4)) == ["both"]
    assert keys(records.search("tennis", USER, offset=1, limit=1)) == ["cat"]
    assert records.get(USER, "both")["value"] == {"n": 1}
    assert keys(records.list(USER)) == ["both", "cat", "none"]
    assert records.delete(USER, "both")
    assert keys(records.search("tennis", USER)) == ["cat"]


def test_records_of_many_texts_leave_room_for_others(records: Any) -> None:
    records.put(USER, "many", {}, text=[f"tennis {n}" for n in range(60)])
    records.put(USER, "other", {}, text="my cat plays with a tennis ball in the garden")
    assert keys(records.search("tennis", USER, limit=2)) == ["many", "other"]


def test_a_record_put_again_is_found_only_by_what_it_was_put_with_last(records: Any) -> None:
    records.put(USER, "a", {}, text=["tennis", "cats", "dogs"])
    records.put(USER, "a", {}, text=["birds", "cats"])
    assert [about(records, word) for word in ("tennis", "cats", "dogs", "birds")] == [[], ["a"], [], ["a"]]
    records.put(USER, "a", {})
    assert records.search("cats", USER) == []
    records.put(USER, "a", {}, vector=[1.0, *[0.0] * 127])
    assert keys(records.search("cats", USER)) == ["a"]
    assert about(records, "cats") == []


def test_a_ready_vector_stands_for_the_embedding(records: Any, embedder: Counting) -> None:
    (vector,) = embedder.embed(["tennis"])
    embedder.asked.clear()
    records.put(USER, "a", {}, vector=[3 * float(n) for n in vector])
    records.put(USER, "b", {}, vector=list(vector), text="of something else")
    assert embedder.asked == []
    found = records.search("tennis", USER, mode="dense")
    assert sorted(keys(found)) == ["a", "b"]
    assert all(item["score"] < 1e-6 for item in found)
    assert found[0]["relevance"] == pytest.approx(found[1]["relevance"])
    assert about(records, "something") == ["b"]


def test_words_alone_ask_no_embedder(records: Any, store: Store, embedder: Counting) -> None:
    records.put(USER, "a", {}, text="tennis")
    records.put(USER, "b", {}, vector=[1.0, *[0.0] * 127])
    embedder.asked.clear()
    if store.words:
        (found,) = records.search("tennis", USER, mode="lexical")
        assert found["key"] == "a"
        assert found["score"] > 0
    else:
        with pytest.raises(ValidationError, match="sparse"):
            records.search("tennis", USER, mode="lexical")
    assert embedder.asked == []


def test_the_embedder_is_asked_only_for_texts_and_once_for_each(records: Any, embedder: Counting) -> None:
    records.put(USER, "a", {"text": "not indexed"})
    records.list(USER)
    records.search(None, USER)
    records.delete(USER, "a")
    assert embedder.asked == []
    record = PutRecord(namespace=USER, key="a", value={}, text=["same", "same"])
    records.put_many([PutRecord(namespace=USER, key="b", value={}, text="same"), record, record])
    assert embedder.asked == ["same"]
    assert sorted(keys(records.search("same", USER))) == ["a", "b"]


# --- batches --------------------------------------------------------------------------------------------


def test_a_batch_is_answered_as_if_one_request_came_after_the_other(records: Any, time: Time) -> None:
    put, get, delete = (
        PutRecord(namespace=USER, key="a", value={"n": 1}, text="tennis"),
        GetRecord(namespace=USER, key="a"),
        DeleteRecord(namespace=USER, key="a"),
    )
    again = PutRecord(namespace=USER, key="a", value={"n": 2}, text="tennis", ttl_s=5)
    answers = records.batch(
        [
            get,
            delete,
            put,
            get,
            again,
            again,
            SearchRecords(query="tennis", namespace_prefix=("user",)),
            ListNamespaces(),
            GetRecord(namespace=USER, key="a", refresh_ttl=True),
            delete,
            delete,
            put,
            delete,
            get,
            ListNamespaces(max_depth=1),
        ]
    )
    assert answers[:3] == [None, False, None]
    assert answers[3]["value"] == {"n": 1}
    assert keys(answers[6]) == ["a"]
    assert answers[7] == [USER]
    assert answers[8]["value"] == {"n": 2}
    assert answers[8]["created_at"] == answers[3]["created_at"] < answers[8]["updated_at"]
    assert answers[9:] == [True, False, None, True, None, []]
    assert records.batch([]) == []


def test_a_batch_with_something_else_in_it_does_nothing(records: Any) -> None:
    with pytest.raises(ValidationError, match="str 'what'"):
        records.batch([PutRecord(namespace=USER, key="a", value={}), "what"])
    assert records.get(USER, "a") is None


# --- what is refused ------------------------------------------------------------------------------------

BAD: dict[str, Callable[[Any], Any]] = {
    "a text for a namespace": lambda s: s.put("user", "k", {}),
    "no label": lambda s: s.put((), "k", {}),
    "an empty label": lambda s: s.put(("a", ""), "k", {}),
    "a number for a label": lambda s: s.put(("a", 1), "k", {}),
    "a control character": lambda s: s.put(("a\x1f",), "k", {}),
    "half a surrogate": lambda s: s.put(USER, "\ud800", {}),
    "an empty key": lambda s: s.put(USER, "", {}),
    "no key": lambda s: s.put(USER, None, {}),
    "too long a label": lambda s: s.put(("é" * 257,), "k", {}),
    "too long a namespace": lambda s: s.put(("/" * 500, "/" * 12), "k", {}),
    "a list for a value": lambda s: s.put(USER, "k", []),
    "a value that is no JSON": lambda s: s.put(USER, "k", {"a": object()}),
    "a value that is not finite": lambda s: s.put(USER, "k", {"a": float("nan")}),
    "too large a number": lambda s: s.put(USER, "k", {"a": [2**64]}),
    "too large a value": lambda s: s.put(USER, "k", {"a": "x" * 65_536}),
    "a blank text": lambda s: s.put(USER, "k", {}, text=" "),
    "a blank text among others": lambda s: s.put(USER, "k", {}, text=["a", ""]),
    "a number for a text": lambda s: s.put(USER, "k", {}, text=3),
    "too long a text": lambda s: s.put(USER, "k", {}, text="x" * 65_536),
    "too many texts": lambda s: s.put(USER, "k", {}, text=[str(n) for n in range(257)]),
    "a short vector": lambda s: s.put(USER, "k", {}, vector=[1.0]),
    "a zero vector": lambda s: s.put(USER, "k", {}, vector=[0.0] * 128),
    "a vector of texts": lambda s: s.put(USER, "k", {}, vector=["a"] * 128),
    "one vector for two texts": lambda s: s.put(USER, "k", {}, vector=[1.0] * 128, text=["a", "b"]),
    "no time": lambda s: s.put(USER, "k", {}, ttl_s=0),
    "a time without end": lambda s: s.put(USER, "k", {}, ttl_s=float("inf")),
    "a position before the first": lambda s: s.put(USER, "k", {}, order=-1),
    "half a position": lambda s: s.put(USER, "k", {}, order=1.5),
    "one of several records": lambda s: s.put_many([PutRecord(namespace=USER, key="k", value={}), {"key": "l"}]),
    "one of several keys": lambda s: s.delete_many([(USER, "there"), (USER, "")]),
    "no limit at all": lambda s: s.list(USER, limit=0),
    "an offset before the first": lambda s: s.list(USER, offset=-1),
    "an unknown order": lambda s: s.list(USER, order="size"),
    "listing no namespace": lambda s: s.list(()),
    "deleting no namespace": lambda s: s.delete_namespace(()),
    "a blank question": lambda s: s.search(" ", USER),
    "too many results": lambda s: s.search("a", USER, limit=16_000, offset=500),
    "a threshold without a question": lambda s: s.search(None, USER, threshold=0.5),
    "an unknown mode": lambda s: s.search("a", USER, mode="best"),
    "an unknown condition": lambda s: s.list_namespaces(conditions=[("infix", ("a",))]),
    "no depth": lambda s: s.list_namespaces(max_depth=0),
}  # fmt: skip


def test_what_is_wrong_is_refused_and_changes_nothing(records: Any) -> None:
    records.put(USER, "there", {})
    for name, wrong in BAD.items():
        with pytest.raises(ValidationError):
            pytest.fail(f"{name}: {wrong(records)!r}")
    assert keys(records.list((), prefix=True)) == ["there"]


def test_the_longest_of_everything_is_kept(records: Any) -> None:
    label, key = "~" * 511, "/" * 512
    records.put((label,), key, {"a": "x" * 65_000}, text=["x" * 65_535, "tennis"], ttl_s=1e9, order=2**62)
    (found,) = records.search("tennis", (label,))
    assert (found["namespace"], found["key"], found["order"]) == ((label,), key, 2**62)
