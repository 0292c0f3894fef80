"""One body for both faces of a memory, as the adapters use it: no user of its own, nothing lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    Faces,
    Memory,
    RecordFaces,
    RecordStore,
    StoreError,
    ValidationError,
)


@pytest.fixture
def memory(config: dict[str, Any]) -> Iterator[Memory]:
    with Memory.from_config(config) as opened:
        yield opened


async def tell_and_ask(memory: AsyncMemory) -> list[str]:
    await memory.add("I like to play tennis on weekends.", user_id="alice", infer=False)
    found = await memory.search("tennis", user_id="alice")
    listed = [item["memory"] async for item in memory.iterate(user_id="alice")]
    assert listed == [item["memory"] for item in found["results"]]
    return listed


def test_a_body_is_driven_without_an_event_loop_and_inside_a_running_one(memory: Memory) -> None:
    faces = Faces(memory)
    assert faces.run(tell_and_ask) == ["I like to play tennis on weekends."]
    memory.delete_all(user_id="alice")

    async def inside() -> list[str]:
        return faces.run(tell_and_ask)

    assert asyncio.run(inside()) == ["I like to play tennis on weekends."]


def test_a_body_is_awaited_in_one_event_loop_after_another(memory: Memory) -> None:
    faces = Faces(memory)
    for _ in range(2):
        memory.delete_all(user_id="alice")
        assert asyncio.run(faces.arun(tell_and_ask)) == ["I like to play tennis on weekends."]


def test_the_memory_is_closed_by_whoever_opened_it_and_frees_its_file(config: dict[str, Any]) -> None:
    memory = Memory.from_config(config)
    faces, records = Faces(memory), Faces(memory).records()
    faces.run(tell_and_ask)
    records.run(lambda store: store.put(("a",), "k", {"v": 1}))
    asyncio.run(faces.arun(lambda face: face.aclose()))
    faces.run(lambda face: face.aclose())
    assert faces.run(lambda face: face.get_all(user_id="alice"))["results"]
    memory.close()
    for run in (faces.run, lambda body: asyncio.run(faces.arun(body))):
        with pytest.raises(StoreError, match="closed"):
            run(lambda face: face.get_all(user_id="alice"))
    for run in (records.run, lambda body: asyncio.run(records.arun(body))):
        with pytest.raises(StoreError, match="closed"):
            run(lambda store: store.get(("a",), "k"))
    path = config["vector_store"]["config"]["url"]
    another = f"from mem0milvus import Memory; Memory.from_config({config!r}).close()"
    assert Path(path).exists()
    subprocess.run([sys.executable, "-c", another], check=True, timeout=60)


def test_what_an_event_loop_adds_in_the_background_outlives_it(memory: Memory) -> None:
    faces = Faces(memory)

    async def say(face: AsyncMemory) -> None:
        for n in range(5):
            added = await face.add(f"fact {n}", user_id="alice", infer=False, background=True)
            assert added["ticket"]

    asyncio.run(faces.arun(say))
    assert memory.flush()["written"] == 5
    assert len(memory.get_all(user_id="alice")["results"]) == 5
    asyncio.run(faces.arun(say))
    assert asyncio.run(faces.arun(lambda face: face.flush()))["written"] == 5


def test_the_configured_default_sends_an_awaited_add_to_the_same_worker(config: dict[str, Any]) -> None:
    with Memory.from_config({**config, "background": True}) as memory:
        asyncio.run(Faces(memory).arun(lambda face: face.add("fact", user_id="alice", infer=False)))
        assert memory.flush()["written"] == 1


def test_an_awaiting_memory_serves_awaiting_callers_and_tells_blocking_ones(config: dict[str, Any]) -> None:
    async def use() -> None:
        async with AsyncMemory.from_config(config) as memory:
            faces = Faces(memory)
            assert faces.memory is memory
            assert await faces.arun(tell_and_ask) == ["I like to play tennis on weekends."]
            await faces.records().arun(lambda store: store.put(("a",), "k", {"v": 1}))
            with pytest.raises(StoreError, match=r"to_sync\(\)"):
                faces.run(tell_and_ask)
            with pytest.raises(StoreError, match=r"to_sync\(\)"):
                faces.records().run(lambda store: store.get(("a",), "k"))

    asyncio.run(use())


def test_records_beside_a_memory_and_of_a_store_on_its_own(memory: Memory, config: dict[str, Any]) -> None:
    async def put_and_get(store: AsyncRecordStore) -> Any:
        await store.put(("a",), "k", {"v": 1})
        record = await store.get(("a",), "k")
        assert record is not None
        return record["value"]

    with RecordStore.beside(memory) as store:
        for records in (Faces(memory).records(), RecordFaces(store)):
            assert records.run(put_and_get) == asyncio.run(records.arun(put_and_get)) == {"v": 1}
        other = Faces(memory).records("others")
        assert other.run(lambda store: store.get(("a",), "k")) is None

    async def own() -> Any:
        async with AsyncRecordStore.beside(memory) as store:
            return await RecordFaces(store).arun(put_and_get)

    assert asyncio.run(own()) == {"v": 1}


def test_a_blocking_body_opens_records_beside_a_memory_with_models_that_keep_connections(
    llm_config: dict[str, Any],
) -> None:
    with Memory.from_config(llm_config) as memory:
        assert Faces(memory).records("others").run(lambda store: store.list_namespaces()) == []


@pytest.mark.parametrize("wrong", [None, "memory", 3, object()])
def test_what_is_no_memory_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="must be a Memory"):
        Faces(wrong)
    with pytest.raises(ValidationError, match="a RecordStore"):
        RecordFaces(wrong)
