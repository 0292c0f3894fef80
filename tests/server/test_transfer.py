"""On real servers: a dump comes back, and everything moves to another embedder, also when that is interrupted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import EmbedderMismatchError, EmbeddingError, Memory, RecordStore
from mem0milvus.milvus.collection_swap import CollectionSwap
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.conftest import Config, texts
from tests.fix_server import RUN, Store

pytestmark = [
    pytest.mark.server,
    pytest.mark.parametrize("store", ["lite-server", "milvus"], indirect=True),
]

SUBJECTS = ("tomatoes", "sailing", "chess", "granite", "violins", "bakeries")


@pytest.fixture
def fresh(config: Config, store: Store) -> Iterator[Config]:
    """A configuration whose collections are this test's alone; they are dropped."""
    own = deepcopy(config)
    name = f"transfer_{RUN}_{uuid.uuid4().hex[:6]}"
    own["vector_store"]["config"]["collection_name"] = name
    yield own
    client = store.client()
    for collection in client.list_collections():
        if collection.startswith(name):
            client.drop_collection(collection)
    client.close()


def changed(config: Config, **settings: Any) -> Config:
    other = deepcopy(config)
    other["vector_store"]["config"].update(settings)
    return other


def name_of(config: Config) -> str:
    return str(config["vector_store"]["config"]["collection_name"])


def fill(memory: Memory) -> None:
    said = [{"role": "user", "content": f"I know {n} things about {s}."} for n, s in enumerate(SUBJECTS)]
    memory.add(said, user_id="ann", run_id="r", infer=False, ids=[f"m{n}" for n in range(6)], metadata={"k": [1, "ü"]})
    memory.update("m0", "I grow tomatoes.")
    memory.delete("m1")
    memory.delete("m2")
    memory.restore("m2", 1)


def answers(memory: Memory) -> Any:
    return memory.get_all(), [memory.history(f"m{n}") for n in range(6)]


def test_a_dump_comes_back(fresh: Config, tmp_path: Path) -> None:
    with Memory.from_config(fresh) as memory, RecordStore.beside(memory) as records:
        fill(memory)
        records.put(("n",), "k", {"v": 1}, text=["apples", "pears"])
        memory.dump(tmp_path / "all.jsonl")
        with Memory.from_config(changed(fresh, collection_name=f"{name_of(fresh)}_other")) as other:
            loaded = other.load(tmp_path / "all.jsonl")
            assert (loaded["memories"], loaded["records"]) == (5, 1)
            assert other.load(tmp_path / "all.jsonl")["present"] == 7
            assert answers(other) == answers(memory)
            assert other.search("tomatoes", "ann") == memory.search("tomatoes", "ann")
            with RecordStore.beside(other) as found:
                assert found.search("pears", ()) == records.search("pears", ())


def test_everything_moves_to_another_embedder_and_back(fresh: Config) -> None:
    with Memory.from_config(fresh) as memory, RecordStore.beside(memory) as records:
        fill(memory)
        records.put(("n",), "k", {"v": 1}, text=["apples", "pears"])
        before = answers(memory)
        memory.reembed(HashingEmbedder(96))
    with pytest.raises(EmbedderMismatchError):
        Memory.from_config(fresh)
    with Memory.from_config(changed(fresh, embedding_model_dims=96)) as memory, RecordStore.beside(memory) as records:
        assert answers(memory) == before
        assert texts(memory.search("Who grows tomatoes?", "ann", top_k=1)) == ["I grow tomatoes."]
        assert [item["key"] for item in records.search("pears", ())] == ["k"]
        memory.update("m3", "I do not care for granite.")
        before = answers(memory)
        memory.reembed(HashingEmbedder(128), drop_old=True)
    with Memory.from_config(fresh) as memory:
        assert answers(memory) == before
        assert texts(memory.search("granite", "ann", top_k=1)) == ["I do not care for granite."]


def test_an_interrupted_move_goes_on(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with Memory.from_config(fresh) as memory:
        fill(memory)
        before = answers(memory)
        rename = CollectionSwap._rename
        renamings = 0

        def rename_twice(self: CollectionSwap, name: str, new_name: str) -> None:
            nonlocal renamings
            renamings += 1
            if renamings > 2:
                raise EmbeddingError("the process is gone")
            rename(self, name, new_name)

        with monkeypatch.context() as patched:
            patched.setattr(CollectionSwap, "_rename", rename_twice)
            with pytest.raises(EmbeddingError, match="the process is gone"):
                memory.reembed(HashingEmbedder(96))
    with Memory.from_config(changed(fresh, embedding_model_dims=96)) as memory:
        assert answers(memory) == before
        assert texts(memory.search("Who grows tomatoes?", "ann", top_k=1)) == ["I grow tomatoes."]
    with Memory.from_config(changed(fresh, collection_name=f"{name_of(fresh)}__old")) as old:
        assert answers(old) == before
