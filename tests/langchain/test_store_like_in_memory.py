"""The store beside LangGraph's ``InMemoryStore``: one suite for both, called both ways.

What LangGraph's own tests ask of a store is asked here of both. Where ``InMemoryStore`` is wrong, the test says so by
``wrong_in_memory``, and shows it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from langchain_mem0milvus.models import LangChainEmbedder
from langchain_mem0milvus.store import Mem0MilvusStore
from mem0milvus import RecordStore

DIMS = 64


class LetterEmbeddings(Embeddings):
    """Counts letters, and two other kinds of characters, so that alike texts have alike vectors."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        counts = [0.0] * DIMS
        for character in text.lower():
            place = ord(character) - ord("a")
            counts[place if 0 <= place < 26 else 30 + ord(character) % 30] += 1.0
        length = math.hypot(*counts) or 1.0
        return [count / length for count in counts]


class Caller:
    """A store of which each method is called blocking, or awaited to its end."""

    def __init__(self, store: BaseStore, *, awaits: bool) -> None:
        self.store = store
        self.awaits = awaits

    @property
    def wrong_in_memory(self) -> bool:
        return isinstance(self.store, InMemoryStore)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not self.awaits:
            return getattr(self.store, name)  # type: ignore[no-any-return]
        return lambda *args, **kwargs: asyncio.run(getattr(self.store, f"a{name}")(*args, **kwargs))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordStore]:
    config = {"vector_store": {"config": {"url": str(tmp_path_factory.mktemp("store") / "milvus.db")}}}
    with RecordStore.from_config(config, embedder=LangChainEmbedder(LetterEmbeddings(), dims=DIMS)) as opened:
        yield opened


@pytest.fixture(params=["in_memory-blocking", "in_memory-awaiting", "milvus-blocking", "milvus-awaiting"])
def make(request: pytest.FixtureRequest) -> Callable[..., Caller]:
    """Makes an empty store whose items are found by the given fields."""
    kind, _, way = request.param.partition("-")

    def make_one(fields: list[str] | None = None, *, indexed: bool = True) -> Caller:
        if kind == "in_memory":
            index: IndexConfig = {"dims": DIMS, "embed": LetterEmbeddings(), "fields": fields or ["$"]}
            store: BaseStore = InMemoryStore(index=index if indexed else None)
        else:
            records: RecordStore = request.getfixturevalue("records")
            records.delete_namespace((), prefix=True)
            store = Mem0MilvusStore(records, index={"fields": fields} if indexed else False)
        return Caller(store, awaits=way == "awaiting")

    return make_one


@pytest.fixture
def store(make: Callable[..., Caller]) -> Caller:
    return make(["text"])


def keys(items: list[Any]) -> list[str]:
    return [item.key for item in items]


def test_an_item_is_put_got_replaced_and_deleted(store: Caller) -> None:
    store.put(("docs", "a"), "1", {"title": "first", "n": [1, {"x": None}], "f": 0.5, "b": True})
    item = store.get(("docs", "a"), "1")
    assert (item.namespace, item.key) == (("docs", "a"), "1")
    assert item.value == {"title": "first", "n": [1, {"x": None}], "f": 0.5, "b": True}
    assert item.created_at <= item.updated_at
    assert item.created_at.tzinfo is not None
    store.put(("docs", "a"), "1", {"title": "second"})
    again = store.get(("docs", "a"), "1")
    assert again.value == {"title": "second"}
    assert again.updated_at > item.updated_at
    assert store.get(("docs", "b"), "1") is None
    assert store.get(("docs",), "1") is None
    store.delete(("docs", "a"), "1")
    store.delete(("docs", "a"), "1")
    assert store.get(("docs", "a"), "1") is None


def test_the_moment_of_creation_stays_when_an_item_is_put_again(store: Caller) -> None:
    store.put(("docs",), "1", {"n": 1})
    created = store.get(("docs",), "1").created_at
    store.put(("docs",), "1", {"n": 2})
    assert (store.get(("docs",), "1").created_at == created) is not store.wrong_in_memory


def test_a_batch_is_answered_in_order(store: Caller) -> None:
    put = PutOp(("docs",), "1", {"text": "one"})
    results = store.batch(
        [
            GetOp(("docs",), "1"),
            put,
            GetOp(("docs",), "1"),
            SearchOp(("docs",), filter={"text": "one"}),
            ListNamespacesOp(),
            PutOp(("docs",), "1", None),
            GetOp(("docs",), "1"),
        ]
    )
    assert len(results) == 7
    assert (results[0], results[1], results[5], results[6]) == (None, None, None, None)
    if store.wrong_in_memory:
        assert (results[2], results[3]) == (None, [])
        return
    assert results[2].value == {"text": "one"}
    assert keys(results[3]) == ["1"]
    assert results[4] == [("docs",)]


def test_the_last_of_several_puts_in_a_batch_holds(store: Caller) -> None:
    store.batch([PutOp(("docs",), "1", {"n": n}) for n in range(5)])
    assert store.get(("docs",), "1").value == {"n": 4}
    assert store.batch([]) == []
    store.batch(PutOp(("docs",), str(n), {"n": n}) for n in range(3))  # any iterable
    assert len(store.search(("docs",))) == 3


def test_one_text_of_several_items_finds_all_of_them(store: Caller) -> None:
    puts = [PutOp(("docs",), key, {"text": "the same words"}) for key in "abc"]
    if store.wrong_in_memory:
        with pytest.raises(ValueError, match="Number of embeddings"):
            store.batch(puts)
        return
    store.batch(puts)
    found = store.search(("docs",), query="the same words")
    assert sorted(keys(found)) == ["a", "b", "c"]
    assert all(item.score is not None for item in found)


@pytest.mark.parametrize(
    "labels",
    [(), ("a.b",), ("a", ""), ("langgraph", "x")],
    ids=["empty", "period", "empty label", "reserved"],
)
def test_a_namespace_that_cannot_be_one_is_refused_by_put(store: Caller, labels: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(labels, "key", {"n": 1})
    assert store.search(()) == []


def test_a_reserved_namespace_can_be_used_by_operations(store: Caller) -> None:
    store.put(("team", "langgraph"), "k", {"n": 1})
    store.batch([PutOp(("langgraph", "x"), "k", {"n": 2})])
    assert store.get(("langgraph", "x"), "k").value == {"n": 2}
    assert [item.value for item in store.search(("langgraph",))] == [{"n": 2}]
    assert len(store.search(())) == 2


def test_labels_with_a_period_never_reach_another_namespace_through_operations(store: Caller) -> None:
    store.put(("team", "red"), "k", {"n": 1})
    bad: list[Any] = [
        GetOp(("team.red",), "k"),
        PutOp(("team.red",), "k", {"n": 2}),
        SearchOp(("team.red",)),
        SearchOp(("team", "")),
        ListNamespacesOp((MatchCondition("prefix", ("team.red",)),)),
    ]
    for op in bad:
        try:
            store.batch([PutOp(("other",), "k", {"n": 3}), op])
        except InvalidNamespaceError:
            assert store.get(("other",), "k") is None  # nothing was done
        else:
            assert store.wrong_in_memory
    assert store.get(("team", "red"), "k").value == {"n": 1}


def test_a_namespace_is_matched_by_whole_labels(store: Caller) -> None:
    for label in ("1", "10", "1/0", "%", "_", "*", "é"):
        store.put(("user", label), "k", {"whose": label})
    for label in ("1", "10", "1/0", "%", "_", "*", "é"):
        assert [item.value["whose"] for item in store.search(("user", label))] == [label]
    assert store.search(("use",)) == []
    assert len(store.search(("user",))) == 7


LISTED = [
    ("team", "red"),
    ("team", "red", "ann"),
    ("team", "red", "bob", "notes"),
    ("team", "red", "bob", "plans"),
    ("team", "blue", "notes"),
    ("guest", "team", "notes"),
    ("notes",),
    ("team2", "red"),
]


QUESTIONS: list[dict[str, Any]] = [
    {},
    {"prefix": ("team",)},
    {"prefix": ("team", "red")},
    {"prefix": ("team", "red", "bob", "notes")},
    {"prefix": ("nobody",)},
    {"prefix": ("*", "red")},
    {"prefix": ("team", "*", "notes")},
    {"prefix": ("team", "*")},
    {"suffix": ("notes",)},
    {"suffix": ("*",)},
    {"suffix": ("*", "notes")},
    {"suffix": ("*", "*", "notes")},
    {"suffix": ("red", "*", "notes")},
    {"prefix": ("team",), "suffix": ("notes",)},
    {"max_depth": 1},
    {"prefix": ("team", "red"), "max_depth": 3},
    {"prefix": ("team",), "max_depth": 2, "limit": 1, "offset": 1},
    {"limit": 2},
    {"limit": 2, "offset": 3},
    {"limit": 0},
    {"offset": 100},
]


def test_namespaces_are_listed_alike(make: Callable[..., Caller]) -> None:
    store, reference = make(indexed=False), InMemoryStore()
    for one in (store, reference):
        one.batch([PutOp(labels, "k", {"n": 1}) for labels in LISTED])
    for how in QUESTIONS:
        assert store.list_namespaces(**how) == reference.list_namespaces(**how), how


def test_namespaces_are_listed_by_several_conditions(store: Caller) -> None:
    store.batch([PutOp(labels, "k", {"n": 1}) for labels in LISTED])
    conditions = (
        MatchCondition("prefix", ("team",)),
        MatchCondition("prefix", ("*", "red")),
        MatchCondition("suffix", ("notes",)),
    )
    assert store.batch([ListNamespacesOp(conditions)]) == [[("team", "red", "bob", "notes")]]


def test_a_namespace_whose_last_item_is_deleted_is_listed_no_more(store: Caller) -> None:
    store.put(("a",), "k", {"n": 1})
    store.delete(("a",), "k")
    assert store.list_namespaces() == ([("a",)] if store.wrong_in_memory else [])


def test_a_search_without_a_question_lists_in_order_of_the_first_put(store: Caller) -> None:
    for number in range(12):
        store.put(("docs",), f"{number:02}", {"n": number})
    store.put(("docs",), "03", {"n": 33})
    assert keys(store.search(("docs",))) == [f"{n:02}" for n in range(10)]
    assert keys(store.search(("docs",), limit=3, offset=10)) == ["10", "11"]
    assert keys(store.search(("docs",), limit=2, offset=2, filter={"n": {"$gt": 3}})) == ["05", "06"]
    assert store.search(("docs",), limit=0) == []
    assert keys(store.search(("docs",), query="")) == [f"{n:02}" for n in range(10)]
    assert all(item.score is None for item in store.search(("docs",)))


def test_a_question_finds_the_nearest_text_first(store: Caller) -> None:
    store.put(("docs",), "quiz", {"text": "Quixotic jazz quiz"})
    store.put(("docs",), "soup", {"text": "Recipe for onion soup"})
    store.put(("docs",), "rain", {"text": "Rain in the afternoon"})
    first, second, _ = store.search(("docs",), query="jazz quiz")
    assert first.key == "quiz"
    assert first.score > second.score
    store.put(("docs",), "quiz", {"text": "Onion rings are fried"})
    after = {item.key: item.score for item in store.search(("docs",), query="jazz quiz")}
    assert after["quiz"] < first.score
    one, other = (store.search(("docs",), query="onion rings fried", limit=1, offset=offset) for offset in (0, 1))
    assert keys(one) == ["quiz"]
    assert keys(other) != ["quiz"]


def test_an_item_that_is_not_indexed_comes_last_and_without_a_score(store: Caller) -> None:
    for number in range(3):
        store.put(("docs",), str(number), {"text": f"fried onion rings {number}"})
    store.put(("docs",), "unindexed", {"text": "fried onion rings"}, index=False)
    assert "unindexed" not in keys(store.search(("docs",), query="fried onion rings", limit=3))
    found = store.search(("docs",), query="fried onion rings")
    assert (found[-1].key, found[-1].score) == ("unindexed", None)
    assert len(found) == 4
    assert keys(store.search(("docs",), query="rings", limit=2, offset=2))[-1] == "unindexed" or store.wrong_in_memory
    assert store.get(("docs",), "unindexed").value == {"text": "fried onion rings"}


def test_an_item_put_again_without_an_index_is_found_by_its_old_text_no_more(store: Caller) -> None:
    store.put(("docs",), "1", {"text": "zebra"})
    store.put(("docs",), "1", {"text": "zebra"}, index=False)
    (found,) = store.search(("docs",), query="zebra")
    assert (found.score is None) is not store.wrong_in_memory


def test_an_item_is_found_by_each_of_the_fields(make: Callable[..., Caller]) -> None:
    store = make(["title", "body", "note"])
    store.put(("docs",), "two", {"title": "kkk", "secret": "ppp", "note": "jjj"})  # a field is missing
    store.put(("docs",), "three", {"title": "qqq", "body": "ggg", "secret": "bbb", "note": "kkk"})
    both = store.search(("docs",), query="kkk")
    assert both[0].score == pytest.approx(both[1].score, abs=1e-3)
    for query, best in (("qqq", "three"), ("ggg", "three"), ("jjj", "two")):
        first, second = store.search(("docs",), query=query)
        assert first.key == best
        assert first.score > second.score
        assert first.score == pytest.approx(both[0].score, abs=1e-3)
    assert all(item.score < both[0].score for item in store.search(("docs",), query="bbb"))


@pytest.mark.parametrize(
    ("index", "query"),
    [
        (["a.b"], "inner zebra"),
        (["list[*].text"], "second quail"),
        (["list[-1].text"], "second quail"),
        (["list[0].text"], "first xylophone"),
        (["words[*]"], "wombat"),
        (["{a.b,other}"], "inner zebra"),
        (["missing", "a.b"], "inner zebra"),
    ],
    ids=str,
)
def test_paths_reach_into_the_value(store: Caller, index: list[str], query: str) -> None:
    value = {
        "a": {"b": "inner zebra", "c": None},
        "list": [{"text": "first xylophone"}, {"text": "second quail"}],
        "words": ["kiwi", "wombat"],
        "other": "jackal",
    }
    store.put(("docs",), "deep", value, index=index)
    store.put(("docs",), "flat", {"text": "nothing of it"})
    found = store.search(("docs",), query=query)
    assert found[0].key == "deep"
    assert found[0].score > (found[1].score or 0)


def test_all_of_the_value_can_be_named_as_a_field(store: Caller) -> None:
    store.put(("docs",), "1", {"other": "jackal"}, index=["$"])
    (found,) = store.search(("docs",), query="jackal")
    assert (found.score is None) is store.wrong_in_memory


def test_a_field_that_is_missing_blank_or_no_text_does_no_harm(store: Caller) -> None:
    for key, value in {"none": {"text": None}, "missing": {"n": 1}, "number": {"text": 7}}.items():
        store.put(("docs",), key, value)
    store.put(("docs",), "blank", {"text": "  "})
    store.put(("docs",), "text", {"text": "zebra"})
    assert store.search(("docs",), query="zebra")[0].key == "text"
    assert len(store.search(("docs",), query="zebra")) == 5


def test_without_an_index_a_question_is_not_asked(make: Callable[..., Caller]) -> None:
    store = make(indexed=False)
    store.put(("docs",), "1", {"text": "zebra"}, index=["text"])
    store.put(("docs",), "2", {"text": "dog"})
    found = store.search(("docs",), query="dog")
    assert keys(found) == ["1", "2"]
    assert [item.score for item in found] == [None, None]


def test_odd_questions_are_answered(store: Caller) -> None:
    store.put(("docs",), "1", {"text": "fried onion rings"})
    for query in ("onion " * 300, "?!@#$%^&*()[]{}'\"\\", "\n", "日本語", "onion\x00"):
        assert len(store.search(("docs",), query=query)) == 1


def test_a_question_is_asked_among_what_a_filter_lets_through(store: Caller) -> None:
    soups = {
        "onion": {"text": "onion soup", "pot": "big", "price": 6.5},
        "rings": {"text": "fried rings", "pot": "big", "price": 4.0},
        "leek": {"text": "leek soup", "pot": "small", "price": 6.0},
        "fizz": {"text": "fizzy jazz", "pot": "tiny", "price": 5.5},
    }
    store.batch([PutOp(("menu",), key, value) for key, value in soups.items()])
    assert keys(store.search(("menu",), query="soup", filter={"pot": "big"})) == ["onion", "rings"]
    assert keys(store.search(("menu",), query="rings", filter={"pot": "big"})) == ["rings", "onion"]
    found = store.search(("menu",), query="zzzzzz", filter={"price": {"$gt": 5}})
    assert (len(found), found[0].key) == (3, "fizz")
    wanted = {"price": {"$gte": 6}, "pot": "small"}
    assert keys(store.search(("menu",), query="onion", filter=wanted)) == ["leek"]


VALUES: dict[str, dict[str, Any]] = {
    "empty": {},
    "text": {"a": "x", "b": "10"},
    "star": {"a": "*", "not": "n", "or": 1},
    "number": {"a": 7, "b": 9.5},
    "true": {"a": True, "b": False},
    "null": {"a": None, "b": {"c": None}},
    "dict": {"a": {"b": 1, "c": {"d": "deep"}}, "b": {"c": 3}},
    "dicts": {"a": {"b": 2, "c": {}}, "b": {}},
    "list": {"a": ["x", "y"], "b": [1, 2, 3]},
    "lists": {"a": ["x"], "b": []},
    "nested": {"a": [{"b": 1}, {"b": 2}], "b": [[1], [2]]},
    "dotted": {"a.b": 1, "][": "odd", "": "empty"},
    "digits": {"0": "zero", "a": {"0": "x"}},
}

FILTERS: list[dict[str, Any]] = [
    {"a": "x"},
    {"a": 7},
    {"a": 7.0},
    {"a": 1},
    {"a": True},
    {"a": None},
    {"a": "*"},
    {"a": "%"},
    {"missing": None},
    {"missing": "x"},
    {"a": "x", "b": "10"},
    {"a": "x", "b": "11"},
    {"a": {"b": 1}},
    {"a": {"b": 1, "c": {"d": "deep"}}},
    {"a": {"c": {"d": "deep"}}},
    {"a": {"c": {}}},
    {"a": {"b": None}},
    {"b": {"c": None}},
    {"b": {}},
    {"a": ["x", "y"]},
    {"a": ["x"]},
    {"a": ("x",)},
    {"b": []},
    {"b": [1, 2, 3]},
    {"b": [[1], [2]]},
    {"a": [{"b": 1}, {"b": 2}]},
    {"a": [None]},
    {"a": {"0": "x"}},
    {"0": "zero"},
    {"not": "n"},
    {"or": 1},
    {"][": "odd"},
    {"": "empty"},
    {"a": {"$eq": "x"}},
    {"a": {"$eq": "*"}},
    {"a": {"$eq": None}},
    {"a": {"$eq": ["x", "y"]}},
    {"b": {"$eq": {"c": 3}}},
    {"a": {"$eq": {"b": 1}}},
    {"a": {"$ne": "x"}},
    {"a": {"$ne": "*"}},
    {"a": {"$ne": None}},
    {"a": {"$ne": ["x"]}},
    {"b": {"$ne": {}}},
    {"a": {"b": {"$ne": 1}}},
    {"a": {"b": {"$eq": None}}},
    {"a": {"$eq": 7, "$ne": 8}},
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_equality_lets_the_same_values_through(records: RecordStore, wanted: dict[str, Any]) -> None:
    store, reference = _filled(records)
    expected = keys(reference.search(("docs",), filter=wanted, limit=100))
    assert keys(store.search(("docs",), filter=wanted, limit=100)) == expected
    assert sorted(keys(store.search(("docs",), filter=wanted, limit=100, query="x"))) == sorted(expected)
    assert keys(store.search(("docs",), filter=wanted, limit=2, offset=1)) == expected[1:3]


def test_made_up_values_and_filters_mean_the_same(records: RecordStore) -> None:
    random = Random(20_261_120)

    def scalar() -> Any:
        return random.choice([None, True, False, 0, 1, 2.5, -7, "", "a", "*", "%", "a.b", "1", "é"])

    def value(depth: int) -> Any:
        kind = random.random()
        if depth == 0 or kind < 0.5:
            return scalar()
        if kind < 0.75:
            return [value(depth - 1) for _ in range(random.randrange(3))]
        return {random.choice("abc"): value(depth - 1) for _ in range(random.randrange(3))}

    def wanted(values: dict[str, Any]) -> dict[str, Any]:
        key = random.choice("abc")
        inner = random.choice([values.get(key), value(2)])
        if random.random() < 0.4:
            return {key: {random.choice(["$eq", "$ne"]): inner}}
        return {key: inner, **({random.choice("abc"): scalar()} if random.random() < 0.2 else {})}

    store, reference = Mem0MilvusStore(records), InMemoryStore()
    values = [{key: value(2) for key in "abc" if random.random() < 0.8} for _ in range(60)]
    for one in (store, reference):
        one.batch([PutOp(("made up",), f"{number:02}", made) for number, made in enumerate(values)])
    for _ in range(120):
        asked = wanted(random.choice(values))
        expected = keys(reference.search(("made up",), filter=asked, limit=100))
        assert keys(store.search(("made up",), filter=asked, limit=100)) == expected, asked


NUMBERS = {"2": 2, "9": 9, "9.5": 9.5, "10": 10, "-3": -3, "big": 2**53 + 1}


@pytest.mark.parametrize("operator", ["$gt", "$gte", "$lt", "$lte"])
@pytest.mark.parametrize("operand", [9, 9.5, -3, 0, 10.0])
def test_numbers_are_compared_by_size(records: RecordStore, operator: str, operand: float) -> None:
    store, reference = Mem0MilvusStore(records), InMemoryStore()
    for one in (store, reference):
        one.batch([PutOp(("numbers",), key, {"n": n, "inside": {"n": n}}) for key, n in NUMBERS.items()])
    for wanted in ({"n": {operator: operand}}, {"inside": {"n": {operator: operand}}}):
        expected = keys(reference.search(("numbers",), filter=wanted))
        assert keys(store.search(("numbers",), filter=wanted)) == expected


def test_order_never_fails_on_what_is_missing_or_of_another_type(store: Caller) -> None:
    store.batch([PutOp(("docs",), key, value) for key, value in VALUES.items()])
    if store.wrong_in_memory:
        with pytest.raises((TypeError, ValueError)):
            store.search(("docs",), filter={"a": {"$gt": 3}})
        return
    assert keys(store.search(("docs",), filter={"a": {"$gt": 3}})) == ["number"]
    assert keys(store.search(("docs",), filter={"a": {"$gt": "w"}})) == ["text"]
    assert keys(store.search(("docs",), filter={"a": {"$gte": 7, "$lt": 8}})) == ["number"]
    assert keys(store.search(("docs",), filter={"a": {"b": {"$gt": 1}}})) == ["dicts"]


def test_a_key_with_dots_is_that_key_or_the_path_it_spells(store: Caller) -> None:
    store.batch([PutOp(("docs",), key, value) for key, value in VALUES.items()])
    found = keys(store.search(("docs",), filter={"a.b": 1}, limit=100))
    assert found == (["dotted"] if store.wrong_in_memory else ["dict", "dotted"])


@pytest.mark.parametrize("wanted", [{"a": {"$regex": "x"}}, {"a": {"$gt": 1, "b": 2}}], ids=str)
def test_an_operator_that_there_is_not_is_an_error(store: Caller, wanted: dict[str, Any]) -> None:
    store.put(("docs",), "1", {"a": 3})
    with pytest.raises(ValueError, match=r"\$regex|operator"):
        store.search(("docs",), filter=wanted)


def _filled(records: RecordStore) -> tuple[Mem0MilvusStore, InMemoryStore]:
    """Both stores with ``VALUES``, which are written once and only read by the tests that ask for them."""
    store, reference = Mem0MilvusStore(records), InMemoryStore()
    if not store.search(("docs",), filter={"][": "odd"}) or len(store.search((), limit=100)) != len(VALUES):
        records.delete_namespace((), prefix=True)
        store.batch([PutOp(("docs",), key, value) for key, value in VALUES.items()])
    reference.batch([PutOp(("docs",), key, value) for key, value in VALUES.items()])
    return store, reference
