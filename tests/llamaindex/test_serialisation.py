"""Writing a memory down and reading it back: no secrets, one open store, and nothing lost."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachetools import FIFOCache
from llama_index.core.storage.chat_store import SimpleChatStore

from llamaindex_mem0milvus import open_clients
from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from mem0milvus import ConfigError, Memory, StoreError
from tests.conftest import Config
from tests.llamaindex.scripted import contents, user

Make = Callable[..., Mem0MilvusMemory]


def restored(memory: Mem0MilvusMemory) -> Mem0MilvusMemory:
    return Mem0MilvusMemory.from_dict(json.loads(json.dumps(memory.to_dict())))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Forgets what this process knows of open memories, as a new process does not know it."""

    def forget() -> None:
        monkeypatch.setattr(open_clients, "_parts", FIFOCache(open_clients.MOST_PARTS))
        monkeypatch.setattr(open_clients, "_opened", {})

    yield forget
    for client in list(open_clients._opened.values()):
        client.close(None)


def test_no_secret_is_written_down_or_shown(config: Config) -> None:
    config["vector_store"]["config"]["token"] = "root:hunter2"
    config["llm"] = {
        "provider": "openai",
        "config": {"api_key": "sk-hunter3", "base_url": "http://joe:hunter4@localhost/v1", "max_tokens": 9},
    }
    with Mem0MilvusMemory.from_config(config, user_id="u") as memory:
        written = json.dumps(memory.to_dict())
        assert "hunter" not in written + repr(memory) + str(memory) + memory.model_dump_json() + memory.to_json()
        llm = memory.to_dict()["config"]["llm"]
        assert llm == {"provider": "openai", "config": {"base_url": "http://localhost/v1", "max_tokens": 9}}


def test_what_is_read_back_works_on_the_same_open_store(config: Config) -> None:
    def characters(text: str) -> list[str]:
        return list(text)

    with Mem0MilvusMemory.from_config(config, user_id="u", tokenizer_fn=characters, top_k=3) as memory:
        memory.put(user("Hi."))
        again = restored(restored(memory))
        assert again.client is memory.client
        assert again.tokenizer_fn is characters
        assert again.top_k == 3
        assert contents(again.get_all()) == ["Hi."]


def test_so_does_a_copy_and_what_was_pickled(make: Make, alice: str) -> None:
    memory = make(alice)
    memory.put(user("Hi."))
    for again in (copy.deepcopy(memory), pickle.loads(pickle.dumps(memory))):
        assert again is not memory
        assert again.client is memory.client
        assert contents(again.get_all()) == ["Hi."]


def test_in_another_process_the_store_is_opened_by_its_configuration_once(
    config: Config, elsewhere: Callable[[], None]
) -> None:
    memory = Mem0MilvusMemory.from_config(config, user_id="u")
    memory.put(user("Hi."))
    written = memory.to_dict()
    memory.close()
    elsewhere()
    first, second = Mem0MilvusMemory.from_dict(written), Mem0MilvusMemory.from_dict(written)
    assert contents(first.get_all()) == ["Hi."]
    assert second.client is first.client


def test_a_simple_chat_store_goes_with_its_memory(
    config: Config, tmp_path: Path, elsewhere: Callable[[], None]
) -> None:
    """``SimpleChatStore`` cannot serialise itself with pydantic 2.14."""
    with Mem0MilvusMemory.from_config(config, user_id="u", chat_store=SimpleChatStore()) as memory:
        memory.put(user("Hi."))
        assert restored(memory).chat_store is memory.chat_store
        written = json.dumps(memory.to_dict())
        elsewhere()
        assert contents(Mem0MilvusMemory.from_dict(json.loads(written)).get_all()) == ["Hi."]


def test_a_given_client_can_be_told_how_to_be_opened_again(config: Config, elsewhere: Callable[[], None]) -> None:
    with Memory.from_config(config) as client:
        memory = Mem0MilvusMemory.from_client(client, user_id="u", config=config)
        memory.put(user("Hi."))
        written = memory.to_dict()
    elsewhere()
    again = Mem0MilvusMemory.from_dict(written)
    assert again.client is not client
    assert contents(again.get_all()) == ["Hi."]


class OtherStore(SimpleChatStore):
    """A chat store that is none of LlamaIndex's own."""


def test_what_cannot_be_found_again_is_told(make: Make, alice: str, elsewhere: Callable[[], None]) -> None:
    written = make(alice, chat_store=OtherStore()).to_dict()
    lost = make(alice).to_dict()
    assert Mem0MilvusMemory.from_dict(lost).get_all() == []
    elsewhere()
    with pytest.raises(ConfigError, match="memory="):
        Mem0MilvusMemory.from_dict(written)
    with pytest.raises(StoreError, match="from_config"):
        Mem0MilvusMemory.from_dict(lost).get()


def test_memories_of_one_configuration_share_a_store_until_the_last_is_closed(config: Config) -> None:
    first = Mem0MilvusMemory.from_config(config, user_id="a")
    second = Mem0MilvusMemory.from_config(copy.deepcopy(config), user_id="b")
    copied = restored(first)
    assert second.client is first.client
    first.close()
    first.close()
    second.put(user("Hi."))
    second.close()
    with pytest.raises(StoreError, match="closed"):
        copied.get_all()
    with Mem0MilvusMemory.from_config(config, user_id="b") as third:
        assert contents(third.get_all()) == ["Hi."]


def test_another_configuration_folder_or_address_is_another_store(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relative: dict[str, Any] = {**config, "vector_store": {"config": {"url": "./here.db", "embedding_model_dims": 128}}}
    with Mem0MilvusMemory.from_config(relative, user_id="u") as first:
        first.put(user("Hi."))
        (tmp_path / "there").mkdir()
        monkeypatch.chdir(tmp_path / "there")
        with Mem0MilvusMemory.from_config(relative, user_id="u") as second:
            assert second.get_all() == []


def test_a_given_client_stays_open(client: Memory, alice: str) -> None:
    with Mem0MilvusMemory.from_client(client, user_id=alice) as memory:
        memory.put(user("Hi."))
    assert client.get_all(alice) == {"results": []}


def test_only_so_many_are_kept_for_those_who_read_them_back(
    make: Make, alice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_clients, "_parts", FIFOCache(2))
    memories = [make(alice) for _ in range(3)]
    for memory in memories:
        memory.to_dict()
    assert [open_clients.find_parts(memory.handle) is not None for memory in memories] == [False, True, True]
