"""On a Milvus Lite file each user's rows lie in one of a few partitions, so that a search looks at few rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymilvus.exceptions import MilvusException

from mem0milvus import Memory, RecordStore, StoreError
from mem0milvus.milvus import lite
from mem0milvus.milvus.lite import partition_of


@pytest.fixture
def memory(config: dict[str, Any]) -> Iterator[Memory]:
    with Memory.from_config(config) as opened:
        yield opened


def users_in_different_partitions(count: int) -> list[str]:
    found: dict[str, str] = {}
    number = 0
    while len(found) < count:
        found.setdefault(partition_of(f"user{number}"), f"user{number}")
        number += 1
    return list(found.values())


def apart_from(user: str) -> str:
    return next(one for one in users_in_different_partitions(2) if partition_of(one) != partition_of(user))


def texts(memory: Memory, **scope: str) -> list[str]:
    listed = [item["memory"] for item in memory.get_all(**scope)["results"]]
    searched = [item["memory"] for item in memory.search("fact", top_k=100, **scope)["results"]]
    assert sorted(listed) == sorted(searched)
    return listed


def test_the_rows_of_a_user_lie_in_a_partition_of_their_own(memory: Memory, config: dict[str, Any]) -> None:
    users = users_in_different_partitions(3)
    for user in users:
        memory.add(f"fact of {user}", user_id=user, infer=False)
    memory.add("fact of an agent", agent_id="a", infer=False)
    for user in users:
        assert texts(memory, user_id=user) == [f"fact of {user}"]
    folder = Path(config["vector_store"]["config"]["url"]) / "collections" / "memories" / "partitions"
    there = {path.name for path in folder.iterdir()}
    assert {partition_of(user) for user in [*users, ""]} <= there
    assert not list((folder / "_default").rglob("*.parquet"))


def test_who_asks_for_an_agent_or_for_all_gets_every_users_rows(memory: Memory) -> None:
    users = users_in_different_partitions(3)
    for user in users:
        memory.add(f"fact of {user}", user_id=user, agent_id="a", infer=False)
    memory.add("fact of nobody", agent_id="a", infer=False)
    assert sorted(texts(memory, agent_id="a")) == sorted([*(f"fact of {user}" for user in users), "fact of nobody"])
    assert len(memory.get_all()["results"]) == 4
    several = memory.search("fact", agent_id="a", filters={"OR": [{"user_id": user} for user in users[:2]]})
    assert sorted(item["user_id"] for item in several["results"]) == sorted(users[:2])


def test_a_user_without_any_row_has_no_partition_and_no_results(memory: Memory) -> None:
    assert texts(memory, user_id="alice") == []
    memory.add("fact", user_id="alice", infer=False)
    other = apart_from("alice")
    assert texts(memory, user_id=other) == []


def test_another_memory_on_the_file_sees_partitions_made_since_it_was_opened(
    memory: Memory, config: dict[str, Any]
) -> None:
    with Memory.from_config(config) as second:
        memory.add("fact", user_id="alice", infer=False)
        assert texts(second, user_id="alice") == ["fact"]
        second.reset()
        assert texts(memory, user_id="alice") == []
        memory.add("a new fact", user_id="alice", infer=False)
        assert texts(second, user_id="alice") == ["a new fact"]


def test_changing_restoring_and_deleting_stay_in_the_partition(memory: Memory, config: dict[str, Any]) -> None:
    users = users_in_different_partitions(2)
    ids = [memory.add("fact one", user_id=user, infer=False)["results"][0]["id"] for user in users]
    memory.update(ids[0], "fact two")
    memory.delete(memory_ids=ids)
    assert [texts(memory, user_id=user) for user in users] == [[], []]
    memory.close()
    with Memory.from_config(config) as again:
        again.restore(ids[0], 1)
        assert [texts(again, user_id=user) for user in users] == [["fact one"], []]
        assert [entry["event"] for entry in again.history(ids[0])] == ["ADD", "UPDATE", "DELETE", "RESTORE"]


def test_what_a_server_wrote_into_the_file_is_found_and_changed(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``milvus-lite server`` knows nothing of our partitions: its rows are in Milvus's own."""
    with Memory.from_config(config) as memory:
        before = memory.add("fact before", user_id="alice", infer=False)["results"][0]["id"]
        connection = memory._runtime._connection
        monkeypatch.setattr(connection, "partition", lambda text: None)
        served = memory.add("fact of the server", user_id="alice", infer=False)["results"][0]["id"]
        memory.update(before, "fact before, changed by the server")
        monkeypatch.undo()
    with Memory.from_config(config) as memory:
        assert sorted(texts(memory, user_id="alice")) == ["fact before, changed by the server", "fact of the server"]
        memory.update(served, "fact of the server, changed")
        memory.update(before, "fact before, changed again")
        assert sorted(texts(memory, user_id="alice")) == ["fact before, changed again", "fact of the server, changed"]
        memory.delete_all(user_id="alice")
        assert texts(memory, user_id="alice") == []


def test_records_of_a_namespace_lie_together(memory: Memory) -> None:
    with RecordStore.beside(memory) as store:
        for number in range(5):
            store.put(("chat", f"s{number}"), "k", {"n": number}, text=["first fact", "second fact"])
        for number in range(5):
            assert [item["value"] for item in store.list(("chat", f"s{number}"))] == [{"n": number}]
        assert len(store.search("fact", ("chat",))) == 5
        assert store.delete(("chat", "s1"), "k")
        assert store.get(("chat", "s1"), "k") is None


def test_a_partition_that_cannot_be_made_fails_the_write_and_nothing_else(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add("fact", user_id="alice", infer=False)
    client = memory._runtime._connection._client
    assert client is not None

    def fail(*_: Any, **__: Any) -> None:
        raise MilvusException(message="disk full")

    other = apart_from("alice")
    with monkeypatch.context() as patched:
        patched.setattr(client, "create_partition", fail)
        with pytest.raises(StoreError, match="disk full"):
            memory.add("fact", user_id=other, infer=False)
    assert texts(memory, user_id="alice") == ["fact"]
    memory.add("fact", user_id=other, infer=False)
    assert texts(memory, user_id=other) == ["fact"]


def test_both_faces_write_to_one_partition_at_once(memory: Memory) -> None:
    async def many() -> None:
        face = memory.to_async()
        await asyncio.gather(*(face.add(f"fact {n}", user_id=f"user{n % 7}", infer=False) for n in range(40)))
        await face.aclose()

    asyncio.run(many())
    assert sum(len(texts(memory, user_id=f"user{n}")) for n in range(7)) == 40


def test_partitions_are_chosen_alike_in_every_process() -> None:
    assert [partition_of(text) for text in ("", "alice", "ünï")] == ["p0", "p7", "p10"]
    assert lite.PARTITIONS == 32


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"eq": "b"}, "b"),
        ({"ne": "b"}, "ac"),
        ({"gt": "a"}, "bc"),
        ({"gte": "b"}, "bc"),
        ({"lt": "b"}, "a"),
        ({"lte": "b"}, "ab"),
        ({"in": ["a", "b"]}, "ab"),
        ({"nin": ["a"]}, "bc"),
        ({"contains": "b"}, "b"),
        ({"like": "%"}, "abc"),
        ({"exists": True}, "abc"),
    ],
)
def test_only_an_equality_narrows_a_read_to_the_partition_of_one_user(
    users: Memory, condition: dict[str, object], expected: str
) -> None:
    for filters in (
        {"user_id": condition},
        {"AND": [{"user_id": condition}, {"role": "user"}]},
        {"OR": [{"user_id": condition}, {"user_id": {"in": []}}]},
        {"NOT": {"NOT": {"user_id": condition}}},
    ):
        for arguments in ({}, {"agent_id": "g"}):
            listed = users.get_all(filters=filters, **arguments)["results"]
            assert "".join(sorted(item["user_id"] for item in listed)) == expected, filters
        found = users.search("fact", agent_id="g", filters=filters)["results"]
        assert "".join(sorted(item["user_id"] for item in found)) == expected, filters
    others = "".join(sorted({*"abc"} - {*expected}))
    rest = users.search("fact", agent_id="g", filters={"NOT": {"user_id": condition}})["results"]
    assert "".join(sorted(item["user_id"] for item in rest)) == others


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """One memory of each of the users a, b and c, who lie in partitions of their own."""
    assert len({partition_of(user) for user in "abc"}) == 3
    section = {"url": str(tmp_path_factory.mktemp("users") / "memory.db"), "embedding_model_dims": 64}
    with Memory.from_config({"vector_store": {"config": section}, "embedder": {"provider": "offline"}}) as memory:
        for user in "abc":
            memory.add([{"role": "user", "content": f"fact of {user}"}], user_id=user, agent_id="g", infer=False)
        yield memory
