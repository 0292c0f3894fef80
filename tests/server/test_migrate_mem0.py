"""Mem0's memories come from a server as well."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import Memory, ValidationError
from mem0milvus.migration import Mem0Store, migrate_mem0
from tests.conftest import Config
from tests.fix_server import RUN, Store
from tests.servers.process import LiteServer

pytestmark = pytest.mark.server

ARCHIVE = Path(__file__).parents[1] / "migration" / "mem0_store.tar.gz"


@pytest.fixture
def mem0_server(tmp_path: Path) -> Iterator[LiteServer]:
    """A ``milvus-lite server`` over the store that Mem0 made."""
    folder = tmp_path / "server"
    folder.mkdir()
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            archive.extract(member, folder, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (folder / "milvus.db").rename(folder / "lite")
    server = LiteServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.discard()


@pytest.mark.parametrize("collection", ["mem0", "mem0_before"])
def test_everything_comes_from_a_server(config: Config, mem0_server: LiteServer, collection: str) -> None:
    source = Mem0Store(mem0_server.uri, collection, history_db=mem0_server.folder / "history.db")
    with Memory.from_config(config) as memory:
        report = migrate_mem0(memory, source)
        assert (report["memories"], report["deleted"], report["versions"]) == (7, 2, 6)
        assert migrate_mem0(memory, source)["present"] == 9
        assert len(memory.get_all("bob")["results"]) == 3
        with pytest.raises(ValidationError, match="There are: mem0, mem0_before"):
            migrate_mem0(memory, Mem0Store(mem0_server.uri, "nothing"))


@pytest.fixture
def mem0_collection(store: Store) -> Iterator[tuple[Any, str]]:
    """A client, and the name of a collection as Mem0 makes it."""
    from pymilvus import DataType

    name = f"mem0_{RUN}"
    client = store.client()
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vectors", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("metadata", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index("vectors", metric_type="L2", index_type="AUTOINDEX")
    client.create_collection(name, schema=schema, index_params=index)
    try:
        yield client, name
    finally:
        client.drop_collection(name)
        client.close()


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Memory]:
    """What the memories are brought to: Milvus Lite."""
    store = {"config": {"url": str(tmp_path / "ours.db")}}
    with Memory.from_config({"vector_store": store, "embedder": {"provider": "offline"}}) as memory:
        yield memory


def remember(client: Any, name: str, numbers: range) -> None:
    """Write facts as Mem0 does."""
    document = {"user_id": "ann", "created_at": "2026-01-01T00:00:00Z"}
    client.insert(
        name,
        [{"id": f"m{n}", "vectors": [n, 1, 2, 3], "metadata": {**document, "data": f"fact {n}"}} for n in numbers],
    )


@pytest.mark.parametrize("store", ["milvus"], indirect=True)
@pytest.mark.parametrize("loaded", [True, False])
def test_a_collection_on_milvus_is_left_loaded_or_released_as_it_was(
    store: Store, mem0_collection: tuple[Any, str], ours: Memory, loaded: bool
) -> None:
    client, name = mem0_collection
    remember(client, name, range(1200))
    if not loaded:
        client.release_collection(name)
    report = migrate_mem0(ours, Mem0Store(store.uri, name, token=store.token))
    assert report["memories"] == 1200
    assert len(ours.get_all("ann")["results"]) == 1200
    assert str(client.get_load_state(name)["state"]).endswith("Loaded" if loaded else "NotLoad")


@pytest.mark.parametrize("store", ["milvus"], indirect=True)
def test_what_was_written_just_before_comes_too(store: Store, mem0_collection: tuple[Any, str], ours: Memory) -> None:
    client, name = mem0_collection
    for number in range(10):
        remember(client, name, range(number, number + 1))
        assert migrate_mem0(ours, Mem0Store(store.uri, name, token=store.token))["memories"] == 1
