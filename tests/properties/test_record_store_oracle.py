"""Random histories of a record store on Milvus Lite give what a plain dict gives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mem0milvus import DeleteRecord, GetRecord, PutRecord, RecordStore, SearchRecords
from mem0milvus.retrieval.filters import matches, parse_value_filters
from mem0milvus.runtime.open_store import SystemClock

LABELS = st.sampled_from(["1", "10", "1/", "/", "~", "~1", "*", "%", '"', "\\", "É", "1 "])
KEYS = st.sampled_from(["a", "b", "/", "a/b", "~0", "'"])
NAMESPACES = st.lists(LABELS, max_size=2).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["n", "a.b", ""]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
VALUES = st.dictionaries(st.sampled_from(["n", "id", "namespace"]), JSON, max_size=2)
TEXTS = st.none() | st.lists(st.sampled_from(["tennis", "cats", "dogs"]), max_size=3)
FILTERS = st.none() | st.dictionaries(
    st.sampled_from(["n", "id", "namespace"]),
    st.fixed_dictionaries({"$gt": st.integers(-3, 3)}) | st.fixed_dictionaries({"$ne": st.just("")}),
    min_size=1,
)
PUTS = st.tuples(
    st.just("put"), NAMESPACES, KEYS, VALUES, TEXTS, st.none() | st.integers(1, 9), st.none() | st.integers(0, 3)
)
STEPS = st.one_of(
    PUTS,
    PUTS,
    st.tuples(st.just("delete"), NAMESPACES, KEYS),
    st.tuples(st.just("get"), NAMESPACES, KEYS, st.booleans()),
    st.tuples(st.just("clear"), NAMESPACES, st.booleans()),
    st.tuples(st.just("pass"), st.integers(1, 5)),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("batch"), st.lists(PUTS | st.tuples(st.sampled_from(["get", "delete"]), NAMESPACES, KEYS))),
    st.tuples(st.just("look"), NAMESPACES, st.booleans(), FILTERS, st.booleans()),
)


@dataclass
class Kept:
    """A record of the oracle; times in seconds."""

    value: Mapping[str, Any]
    texts: frozenset[str]
    order: tuple[int, ...]
    born: int
    ttl: int | None
    ends: float


@dataclass
class Oracle:
    """A record store as a dict."""

    now: int = 0
    records: dict[tuple[tuple[str, ...], str], Kept] = field(default_factory=dict)
    _tick: Iterator[int] = field(default_factory=count)

    def there(self) -> dict[tuple[tuple[str, ...], str], Kept]:
        return {where: kept for where, kept in self.records.items() if kept.ends > self.now}

    def put(self, where: Any, value: Any, texts: Any, ttl: int | None, order: int | None) -> None:
        before = self.there().get(where)
        if order is not None:
            place: tuple[int, ...] = (0, order)
        else:
            place = before.order if before else (1, next(self._tick))
        born = before.born if before else next(self._tick)
        ends = self.now + ttl if ttl else float("inf")
        self.records[where] = Kept(value, frozenset(texts or ()), place, born, ttl, ends)

    def get(self, where: Any, refresh: bool = False) -> Any:
        kept = self.there().get(where)
        if kept and refresh and kept.ttl:
            kept.ends = self.now + kept.ttl
        return None if kept is None else kept.value

    def delete(self, where: Any) -> bool:
        was = where in self.there()
        self.records.pop(where, None)
        return was

    def clear(self, namespace: tuple[str, ...], prefix: bool) -> int:
        return sum([self.delete(where) for where in self.inside(namespace, prefix)])

    def inside(self, namespace: tuple[str, ...], prefix: bool) -> list[Any]:
        return [w for w in self.there() if w[0] == namespace or (prefix and w[0][: len(namespace)] == namespace)]

    def look(self, namespace: tuple[str, ...], prefix: bool, filters: Any) -> list[Any]:
        node = parse_value_filters(filters)
        kept = {where: self.records[where] for where in self.inside(namespace, prefix)}
        fitting = [w for w, k in kept.items() if node is None or matches(node, {"metadata": k.value})]
        # Of equal positions, the namespace and the key decide.
        return sorted(fitting, key=lambda w: (kept[w].order, (*w[0], w[1])))


class Run:
    """One history, beneath a label of its own, in the store and in the oracle."""

    def __init__(self, store: RecordStore, clock: Clock, root: str) -> None:
        self.store, self.clock, self.root = store, clock, root
        self.oracle = Oracle()
        self.created: dict[int, str] = {}

    def at(self, namespace: tuple[str, ...]) -> tuple[str, ...]:
        return (self.root, *namespace)

    def where(self, item: Any) -> Any:
        assert item["namespace"][0] == self.root
        return item["namespace"][1:], item["key"]

    def step(self, kind: str, *given: Any) -> None:
        getattr(self, f"do_{kind}")(*given)

    def request(self, kind: str, namespace: Any, key: str, *rest: Any) -> tuple[Any, Any]:
        """A request, and what the oracle answers."""
        where, at = (namespace, key), self.at(namespace)
        if kind == "delete":
            return DeleteRecord(namespace=at, key=key), self.oracle.delete(where)
        if kind == "get":
            return GetRecord(namespace=at, key=key), self.oracle.get(where)
        value, texts, ttl, order = rest
        self.oracle.put(where, value, texts, ttl, order)
        return PutRecord(namespace=at, key=key, value=value, text=texts, ttl_s=ttl, order=order), None

    def do_put(self, namespace: Any, key: str, *rest: Any) -> None:
        request, _ = self.request("put", namespace, key, *rest)
        self.store.put_many([request])

    def do_delete(self, namespace: Any, key: str) -> None:
        assert self.store.delete(self.at(namespace), key) is self.oracle.delete((namespace, key))

    def do_get(self, namespace: Any, key: str, refresh: bool) -> None:
        item = self.store.get(self.at(namespace), key, refresh_ttl=refresh)
        assert (item and item["value"]) == self.oracle.get((namespace, key), refresh)

    def do_clear(self, namespace: Any, prefix: bool) -> None:
        assert self.store.delete_namespace(self.at(namespace), prefix=prefix) == self.oracle.clear(namespace, prefix)

    def do_pass(self, seconds: int) -> None:
        self.oracle.now += seconds
        self.clock.us += seconds * 1_000_000

    def do_sweep(self) -> None:
        self.store.sweep()

    def do_batch(self, steps: list[Any]) -> None:
        pairs = [self.request(*step) for step in steps]
        answers = self.store.batch([request for request, _ in pairs])
        shown = [answer["value"] if isinstance(answer, dict) else answer for answer in answers]
        assert shown == [expected for _, expected in pairs]

    def do_look(self, namespace: Any, prefix: bool, filters: Any, cut: bool) -> None:
        expected = self.oracle.look(namespace, prefix, filters)
        limit = max(1, len(expected) - 1) if cut else None
        items = self.store.list(self.at(namespace), prefix=prefix, filters=filters, limit=limit)
        assert [self.where(item) for item in items] == expected[:limit]
        for item in items:
            kept = self.oracle.records[self.where(item)]
            assert item["value"] == kept.value
            assert item["created_at"] == self.created.setdefault(kept.born, item["created_at"]) <= item["updated_at"]

    def check(self) -> None:
        """Everything there is, by all ways to see it."""
        there = self.oracle.there()
        items = self.store.list((self.root,), prefix=True)
        assert [self.where(item) for item in items] == self.oracle.look((), True, None)
        namespaces = {self.at(where[0]) for where in there}
        assert self.store.list_namespaces(prefix=(self.root,)) == sorted(namespaces)
        words = ("tennis", "cats", "dogs")
        searches = [SearchRecords(query=w, namespace_prefix=(self.root,), limit=100, mode="lexical") for w in words]
        for word, found in zip(words, self.store.batch(searches), strict=True):
            assert isinstance(found, list)
            assert {self.where(i) for i in found} == {w for w, kept in there.items() if word in kept.texts}
            assert len(found) == len({self.where(i) for i in found})


class Clock:
    """The store's clock: it moves by a tenth of a millisecond with each look."""

    us = 1_800_000_000_000_000

    def now_us(self) -> int:
        self.us += 100
        return self.us


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RecordStore, Clock]]:
    path: Path = tmp_path_factory.mktemp("records") / "milvus.db"
    section = {"url": str(path), "embedding_model_dims": 64}
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now_us", lambda self: clock.now_us())
        config = {"vector_store": {"config": section}, "embedder": {"provider": "offline"}}
        with RecordStore.from_config(config) as store:
            yield store, clock


ROOTS = count()
EXAMPLES = int(os.environ.get("RECORD_EXAMPLES", "75"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=1, max_size=25))
def test_a_record_store_is_a_dict_with_an_order_and_ends(shared: tuple[RecordStore, Clock], steps: list[Any]) -> None:
    run = Run(*shared, root=f"run {next(ROOTS)}")
    for step in steps:
        run.step(*step)
    run.check()
