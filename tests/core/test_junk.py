"""Junk of every type given to every public method: only errors of this library come back."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

import pytest

from mem0milvus import GetRecord, Mem0MilvusError, Memory, RecordStore, ValidationError
from tests.conftest import Config

LEFT_OUT = {"from_config", "close", "reset", "vacuum", "reembed", "dump", "load", "records"}


class NoOffset(tzinfo):
    def utcoffset(self, when: datetime | None) -> None: ...

    def dst(self, when: datetime | None) -> None: ...

    def tzname(self, when: datetime | None) -> str:
        return "nowhere"


JUNK: dict[str, Any] = {
    "none": None, "zero": 0, "minus": -1, "huge": 10**5_000, "float": 0.5, "nan": float("nan"), "true": True,
    "blank": " ", "text": "x", "nul": "\0", "surrogate": "\ud800", "bytes": b"x", "list": [], "list of none": [None],
    "list of text": ["x"], "list of lists": [[]], "tuple": (1, 2), "dict": {}, "dict of none": {"a": None},
    "dict of int": {1: 2}, "object": object(), "class": int, "set": {1},
    "datetime": datetime(2020, 1, 1, tzinfo=NoOffset()),
}  # fmt: skip


def methods(kind: type) -> list[str]:
    public = (name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_"))
    return [name for name in public if name not in LEFT_OUT]


CALLS = [(kind, name) for kind in (Memory, RecordStore) for name in methods(kind)]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[type, Any]]:
    def config(name: str) -> Config:
        url = str(tmp_path_factory.mktemp(name) / "memory.db")
        return {"vector_store": {"config": {"url": url}}, "embedder": {"provider": "offline"}}

    with Memory.from_config(config("memory")) as memory, RecordStore.from_config(config("records")) as records:
        yield {Memory: memory, RecordStore: records}


GOOD: dict[str, Any] = {
    "messages": "I like rain.", "query": "rain", "user_id": "u", "memory_id": "x", "data": "text", "version": 1,
    "namespace": ("a",), "namespace_prefix": ("a",), "key": "k", "value": {}, "timeout": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), CALLS, ids=[f"{kind.__name__}.{name}" for kind, name in CALLS])
def test_junk_is_refused_with_an_error_of_this_library(stores: dict[type, Any], kind: type, name: str) -> None:
    method = getattr(stores[kind], name)
    parameters = inspect.signature(method).parameters
    for junk in JUNK.values():
        for one in parameters:
            given = {other: GOOD[other] for other in parameters if other in GOOD and other != one}
            try:
                answer = method(**given, **{one: junk})
                if inspect.isgenerator(answer):
                    list(answer)
            except Mem0MilvusError:
                pass
            except TypeError as error:
                assert "required" in str(error) or "argument" in str(error), (one, error)  # noqa: PT017


def test_a_time_zone_without_an_offset_is_utc(stores: dict[type, Any]) -> None:
    added = stores[Memory].add(
        "I like snow.", user_id="zone", infer=False, timestamp=datetime(2020, 1, 1, tzinfo=NoOffset())
    )
    item = stores[Memory].get(added["results"][0]["id"])
    assert "2020-01-01T00:00:00.000000+00:00" in str(item)


def test_what_is_no_list_of_keys_or_requests_is_refused(stores: dict[type, Any]) -> None:
    store = stores[RecordStore]
    for wrong in (" ", 0, None, [" "], [("a",)], {"a": "b"}):
        with pytest.raises(ValidationError, match="keys"):
            store.get_many(wrong)
    with pytest.raises(ValidationError, match="requests must be a list of requests, not int 0"):
        store.batch(0)
    assert store.batch([GetRecord(namespace=("a",), key="unknown")]) == [None]
