"""``reembed``: everything is found by other vectors, and an interruption leaves things as they were."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from copy import deepcopy
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import (
    AsyncMemory,
    ConfigError,
    EmbedderMismatchError,
    EmbeddingError,
    Memory,
    RecordStore,
    StoreError,
    ValidationError,
)
from mem0milvus.milvus.collection_swap import CollectionSwap
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.conftest import Config, texts

OpenMemory = Callable[..., Any]

OTHER = {"provider": "offline", "config": {"embedding_dims": 96}}

SUBJECTS = ("tomatoes", "sailing", "chess", "granite", "violins", "bakeries", "glaciers", "owls")


def with_dims(config: Config, dims: int, name: str = "memories") -> Config:
    other = deepcopy(config)
    other["vector_store"]["config"].update(embedding_model_dims=dims, collection_name=name)
    return other


def fill(memory: Any) -> None:
    said = [{"role": "user", "content": f"I know {n} things about {s}.", "name": "Ann"} for n, s in enumerate(SUBJECTS)]
    memory.add(said, user_id="ann", run_id="r", infer=False, ids=[f"m{n}" for n in range(8)], metadata={"k": [1]})
    memory.update("m0", "I grow tomatoes.")
    memory.delete("m1")
    memory.delete("m2")
    memory.restore("m2", 1)


def answers(memory: Any) -> Any:
    return memory.get_all(), [memory.history(f"m{n}") for n in range(8)]


def collections(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "memory.db" / "collections").iterdir()}


class Counting(HashingEmbedder):
    """Counts the texts that it is given, and fails after some."""

    def __init__(self, dims: int, most: int = 10**9) -> None:
        super().__init__(dims)
        self.seen: list[str] = []
        self.most = most

    def embed(self, texts: Any) -> Any:
        self.seen += texts
        if len(self.seen) > self.most:
            raise ConnectionError("the model is gone")
        return super().embed(texts)


def test_everything_is_found_by_the_vectors_of_another_embedder(
    open_memory: OpenMemory, config: Config, tmp_path: Path
) -> None:
    memory = open_memory(config)
    fill(memory)
    before = answers(memory)
    told: list[tuple[int, int]] = []
    moved = memory.reembed(OTHER, progress=lambda done, total: told.append((done, total)))
    assert moved == {
        "message": "Memory moved successfully!",
        "memories": 7,
        "versions": 6,
        "records": 0,
        "kept": "memories__old",
        "unsearchable": 0,
    }
    assert told[-1] == (13, 13)
    assert collections(tmp_path) == {"memories", "memories_versions", "memories__old", "memories__old_versions"}
    memory.close()
    other = open_memory(with_dims(config, 96))
    assert answers(other) == before
    assert texts(other.search("Who grows tomatoes?", "ann", mode="dense"))[0] == "I grow tomatoes."
    assert texts(other.search("chess", "ann", mode="lexical"))[0] == "I know 2 things about chess."
    other.restore("m1", 1)
    assert texts(other.search("sailing", "ann", top_k=1)) == ["I know 1 things about sailing."]
    assert texts(other.search("tomatoes", "ann", top_k=1, as_of=before[1][0][0]["created_at"])) == [
        "I know 0 things about tomatoes."
    ]


def test_afterwards_the_store_has_to_be_opened_anew(config: Config) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        records.put(("n",), "k", {})
        memory.reembed(OTHER)
        for request in (memory.get_all, lambda: records.get(("n",), "k"), lambda: memory.add("x", user_id="u")):
            with pytest.raises(StoreError, match="were moved to the embedder .* with 96 dimensions. Open them again"):
                request()
    with pytest.raises(EmbedderMismatchError, match="with 96 dimensions"):
        Memory.from_config(config)


def test_the_former_collections_are_kept_until_told_otherwise(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        before = answers(memory)
        memory.reembed(OTHER)
    with Memory.from_config(with_dims(config, 128, "memories__old")) as old:
        assert answers(old) == before
    with Memory.from_config(with_dims(config, 96)) as memory:
        with pytest.raises(ValidationError, match="are kept as 'memories__old'"):
            memory.reembed({"provider": "offline", "config": {"embedding_dims": 64}})
        assert memory.reembed(drop_old=True)["kept"] is None
        assert collections(tmp_path) == {"memories", "memories_versions"}
        with pytest.raises(ValidationError, match="nothing to drop"):
            memory.reembed(drop_old=True)
        with pytest.raises(ValidationError, match="needs an embedder"):
            memory.reembed()
        assert answers(memory) == before
        memory.reembed({"provider": "offline", "config": {"embedding_dims": 64}}, drop_old=True)
    assert collections(tmp_path) == {"memories", "memories_versions"}
    with Memory.from_config(with_dims(config, 64)) as memory:
        assert answers(memory) == before


def test_records_are_moved_as_well(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        records.put(("n", "a/b"), "texts", {"v": 1}, text=["about apples", "about pears"])
        records.put(("n",), "silent", {"v": 2}, order=3, ttl_s=10_000)
        records.put(("n",), "vector", {"v": 3}, vector=[1.0] + [0.0] * 127)
        before = records.list((), prefix=True)
        moved = memory.reembed(OTHER)
        assert (moved["records"], moved["unsearchable"]) == (4, 1)
    with Memory.from_config(with_dims(config, 96)) as memory, RecordStore.beside(memory) as records:
        assert records.list((), prefix=True) == before
        assert [item["key"] for item in records.search("pears", ())] == ["texts"]
        records.put(("n",), "vector", {"v": 4}, vector=[1.0] + [0.0] * 95)
        assert records.get(("n",), "vector")["value"] == {"v": 4}  # type: ignore[index]


def test_a_ready_embedder_is_taken(config: Config) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        memory.reembed(Counting(72))
    with Memory.from_config(with_dims(config, 72), embedder=Counting(72)) as memory:
        assert texts(memory.search("Who grows tomatoes?", "ann", top_k=1)) == ["I grow tomatoes."]


@pytest.mark.parametrize(
    "embedder",
    ["offline", {"provider": "oflin"}, {"provider": "offline", "confg": {}}, object()],
)
def test_what_is_no_embedder_changes_nothing(config: Config, tmp_path: Path, embedder: Any) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        with pytest.raises(ConfigError):
            memory.reembed(embedder)
        assert len(memory.get_all()["results"]) == 7
        memory.add("I can still be written to.", user_id="u")
    assert collections(tmp_path) == {"memories", "memories_versions"}


def test_a_reset_leaves_nothing_of_the_former_collections(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        memory.reembed(OTHER)
    with Memory.from_config(with_dims(config, 96)) as memory:
        memory.reset()
        assert memory.get_all() == {"results": []}
    assert collections(tmp_path) == {"memories", "memories_versions"}


# --- interruptions


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mem0milvus.operations.transfer.import_rows.BATCH_ROWS", 3)


@pytest.mark.usefixtures("small_batches")
def test_when_the_model_fails_the_memory_goes_on_and_the_next_call_too(config: Config) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        with pytest.raises(EmbeddingError, match="the model is gone"):
            memory.reembed(Counting(96, most=7))
        memory.update("m5", "I bake bread.")
        memory.delete("m6")
        memory.add("I am new.", user_id="ann", infer=False, ids=["new"])
        before = answers(memory)
        second = Counting(96)
        memory.reembed(second)
        assert len(second.seen) < 14, "what the first call did is not done again"
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert answers(memory) == before
        assert texts(memory.search("bread", "ann", top_k=1)) == ["I bake bread."]


@pytest.mark.usefixtures("small_batches")
def test_what_an_abandoned_call_left_does_not_stand_in_the_way(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        with pytest.raises(EmbeddingError):
            memory.reembed(Counting(72, most=7))
        memory.reembed(OTHER, drop_old=True)
    assert collections(tmp_path) == {"memories", "memories_versions"}
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert len(memory.get_all()["results"]) == 7


@pytest.mark.usefixtures("small_batches")
def test_what_is_written_meanwhile_is_moved_as_well(config: Config) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        done_at: list[int] = []

        def meanwhile(done: int, total: int) -> None:
            if not done_at:
                memory.add("I came while it ran.", user_id="ann", infer=False, ids=["0 first"])
                memory.update("m0", "I changed while it ran.")
                memory.delete("m7", purge=True)
            done_at.append(done)

        memory.reembed(OTHER, progress=meanwhile)
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert memory.get("0 first")["memory"] == "I came while it ran."
        assert [entry["new_memory"] for entry in memory.history("m0")][-1] == "I changed while it ran."
        assert "m7" not in [item["id"] for item in memory.get_all()["results"]]


def test_a_cancelled_call_leaves_the_memory_as_it_was(config: Config) -> None:
    async def scenario() -> None:
        async with AsyncMemory.from_config(config) as memory:
            said = [{"role": "user", "content": f"fact {n}"} for n in range(8)]
            await memory.add(said, user_id="ann", infer=False)
            begun = asyncio.Event()
            moving = asyncio.create_task(memory.reembed(OTHER, progress=lambda done, total: begun.set()))
            await begun.wait()
            moving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await moving
            await memory.add("I can be written to.", user_id="ann", infer=False)
            assert len((await memory.get_all())["results"]) == 9
            assert (await memory.reembed(OTHER))["memories"] == 9

    asyncio.run(scenario())
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert len(memory.get_all()["results"]) == 9


def test_when_milvus_fails_in_the_midst_of_the_switch_the_next_opening_ends_it(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        before = answers(memory)
        rename = CollectionSwap._rename
        renamings: list[str] = []

        def fail_at(self: CollectionSwap, name: str, new_name: str, at: int = 1) -> None:
            renamings.append(name)
            if len(renamings) == at:
                raise StoreError("Milvus is out of order.")
            rename(self, name, new_name)

        with monkeypatch.context() as patched:
            patched.setattr(CollectionSwap, "_rename", fail_at)
            with pytest.raises(StoreError, match="out of order"):
                memory.reembed(OTHER)
        assert answers(memory) == before, "nothing was decided"
        memory.add("I can still be written to.", user_id="u", infer=False)
        renamings.clear()
        with monkeypatch.context() as patched:
            patched.setattr(CollectionSwap, "_rename", partialmethod(fail_at, at=3))
            with pytest.raises(StoreError, match="out of order"):
                memory.reembed(OTHER)
        with pytest.raises(StoreError, match="Open them again"):
            memory.get_all()
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert len(memory.get_all()["results"]) == 8


KILLED = """
    import os, signal, sys
    from mem0milvus import Memory
    from mem0milvus.models.offline_embedder import HashingEmbedder
    from mem0milvus.milvus.collection_swap import CollectionSwap
    import mem0milvus.operations.transfer.import_rows
    mem0milvus.operations.transfer.import_rows.BATCH_ROWS = 3

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    renamings = 0
    rename = CollectionSwap._rename

    def rename_or_die(self, *names):
        global renamings
        if renamings == int(sys.argv[3]):
            die()
        renamings += 1
        rename(self, *names)

    CollectionSwap._rename = rename_or_die

    def progress(done, total):
        if done > int(sys.argv[2]):
            die()

    config = {"vector_store": {"config": {"url": sys.argv[1], "collection_name": "memories"}}}
    Memory.from_config(config, embedder=HashingEmbedder(128)).reembed(HashingEmbedder(96), progress=progress)
"""


def kill(config: Config, rows: int = 10**6, renamings: int = 10**6) -> None:
    """Run ``reembed`` in a process that dies after so many rows, or before so many renamings."""
    arguments = [config["vector_store"]["config"]["url"], str(rows), str(renamings)]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), *arguments], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_process_killed_in_the_midst_of_the_switch_has_switched(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        before = answers(memory)
    kill(config, renamings=3)
    with pytest.raises(EmbedderMismatchError):
        Memory.from_config(config)
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert answers(memory) == before
    assert collections(tmp_path) == {"memories", "memories_versions", "memories__old", "memories__old_versions"}


def test_a_collection_that_was_made_in_the_midst_of_the_switch_is_not_lost(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
    kill(config, renamings=4)  # the live memories have no name at this moment
    shutil.copytree(
        tmp_path / "memory.db" / "collections" / "memories__old", tmp_path / "memory.db" / "collections" / "memories"
    )
    with pytest.raises(StoreError, match="created 'memories' while .* are in 'memories__ready'"):
        Memory.from_config(with_dims(config, 96))
    shutil.rmtree(tmp_path / "memory.db" / "collections" / "memories")
    with Memory.from_config(with_dims(config, 96)) as memory:
        assert len(memory.get_all()["results"]) == 7


@pytest.mark.slow
def test_a_process_killed_at_any_moment_leaves_one_or_the_other(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        fill(memory)
        records.put(("n",), "k", {"v": 1}, text="about pears")
        before = answers(memory)
    for rows in (0, 8):
        kill(config, rows=rows)
        with Memory.from_config(config) as memory:
            assert answers(memory) == before
            assert texts(memory.search("glaciers", "ann", top_k=1)) == ["I know 6 things about glaciers."]
    kill(config, renamings=0)
    with Memory.from_config(config) as memory:
        assert answers(memory) == before
    for renamings in (1, 2, 4, 5):
        if renamings > 1:
            with Memory.from_config(with_dims(config, 96)) as memory:
                memory.reembed(HashingEmbedder(128), drop_old=True)
        kill(config, renamings=renamings)
        with Memory.from_config(with_dims(config, 96)) as memory, RecordStore.beside(memory) as records:
            assert answers(memory) == before
            assert texts(memory.search("glaciers", "ann", top_k=1)) == ["I know 6 things about glaciers."]
            assert [item["key"] for item in records.search("pears", ())] == ["k"]
            memory.reembed(drop_old=True)
        assert collections(tmp_path) == {"memories", "memories_versions", "memories_records"}
