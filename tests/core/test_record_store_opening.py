"""Opening and closing record stores: on their own, beside a memory, over collections of others, from many threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    ConfigError,
    EmbedderMismatchError,
    Memory,
    RecordStore,
    SchemaMismatchError,
    StoreError,
)
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.conftest import Config

USER = ("user", "1")


def keys(items: Any) -> list[str]:
    return [item["key"] for item in items]


def test_records_and_memories_share_a_store_and_nothing_else(config: Config) -> None:
    memory = Memory.from_config(config)
    with RecordStore.beside(memory) as store:
        store.put(USER, "a", {}, text="I like to play tennis.")
        memory.add("I like cats.", user_id="1", infer=False)
        assert [item["memory"] for item in memory.search("tennis", user_id="1")["results"]] == ["I like cats."]
        assert keys(store.search("cats", ())) == ["a"]
        memory.reset()
        memory.close()
        assert keys(store.list(USER)) == ["a"]
        with RecordStore.beside(Memory.from_config(config), collection_name="others") as others:
            assert others.list((), prefix=True) == []


def test_records_outlast_the_process_that_closed_them(config: Config) -> None:
    with RecordStore.from_config(config) as store:
        store.put(USER, "a", {"n": 1}, text=["I like to play tennis.", "cats"])
    with RecordStore.from_config(config) as store:
        assert keys(store.search("Who plays tennis?", ("user",), limit=1)) == ["a"]
        store.put(USER, "b", {})
        assert keys(store.list(USER)) == ["a", "b"]


def test_an_open_store_is_used_from_both_faces_and_two_event_loops(config: Config) -> None:
    async def put(store: AsyncRecordStore, key: str) -> None:
        await store.put(USER, key, {})

    async def beside() -> list[str]:
        async with AsyncMemory.from_config(config) as memory, AsyncRecordStore.beside(memory) as other:
            return keys(await other.list(USER))

    with RecordStore.from_config(config) as store:
        face = store.to_async()
        asyncio.run(put(face, "a"))
        asyncio.run(put(face, "b"))
        asyncio.run(face.aclose())
        store.put(USER, "c", {})
        assert asyncio.run(beside()) == ["a", "b", "c"]
        with AsyncRecordStore.from_config(config).to_sync() as other:
            assert keys(other.list(USER)) == ["a", "b", "c"]


def test_a_closed_store_says_so(config: Config) -> None:
    store = RecordStore.from_config(config)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="RecordStore"):
        store.get(USER, "a")
    memory = Memory.from_config(config)
    memory.close()
    for face in (RecordStore, AsyncRecordStore):
        with pytest.raises(StoreError, match="closed"):
            face.beside(memory)


def test_a_collection_of_something_else_is_refused_and_the_file_is_free_again(config: Config) -> None:
    class Another(HashingEmbedder):
        identity = "another"

    with Memory.from_config(config) as memory, RecordStore.beside(memory) as store:
        store.put(USER, "a", {})
        with pytest.raises(SchemaMismatchError, match="layout"):
            RecordStore.beside(memory, collection_name="memories")
        with pytest.raises(ConfigError, match="9lives"):
            RecordStore.beside(memory, collection_name="9lives")
        assert keys(store.list(USER)) == ["a"]
    with pytest.raises(EmbedderMismatchError, match="another"):
        RecordStore.from_config(config, embedder=Another(128))
    with RecordStore.from_config(config) as store:
        assert keys(store.list(USER)) == ["a"]


def test_many_threads_write_and_nothing_is_lost(config: Config) -> None:
    with RecordStore.from_config(config) as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(("chat",), f"k{n}", {"n": n}, text="x" * (n % 3) or None), range(200)))
        list(pool.map(lambda n: store.put(("chat",), "shared", {"n": n}, text=["a", "b", "c"][: n % 4]), range(40)))
        items = store.list(("chat",))
        assert sorted(item["value"]["n"] for item in items if item["key"] != "shared") == list(range(200))
        assert len({item["order"] for item in items}) == 201
        assert store.delete_namespace(("chat",)) == 201
        assert store.list((), prefix=True) == []
