"""Where memories are kept in a test: a Milvus Lite file, or a server.

A module marked ``every_store`` runs with each kind of store. ``make test`` runs those on Milvus Lite, and
``make test-server`` the others: a ``milvus-lite server`` and a real Milvus. The latter is the one that ``MILVUS_URI``
(and ``MILVUS_TOKEN``) name, else Milvus 2.3.5 from the extra ``server-test``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.servers.process import LiteServer, ServerProcess, Standalone

Config = dict[str, Any]

KINDS = [
    pytest.param("lite"),
    pytest.param("lite-server", marks=pytest.mark.server),
    pytest.param("milvus", marks=pytest.mark.server),
]


@dataclass
class Store:
    """A place for memories.

    Attributes:
        kind: ``lite``, ``lite-server`` or ``milvus``; or ``reference``, the one in memory.
        uri: the path of a file, or an address.
        words: whether it has sparse vectors, and so lexical search.
        at_once: whether every read sees every write, whatever its consistency level.
    """

    kind: str
    uri: str
    token: str | None = None
    words: bool = True
    _used: set[str] = field(default_factory=set)

    @property
    def at_once(self) -> bool:
        return self.kind != "milvus"

    def section(self) -> Config:
        """The part of a configuration that names it."""
        return {"url": self.uri, **({"token": self.token} if self.token else {})}

    def adapt(self, config: Config) -> Config:
        """The configuration with a collection that is this test's alone.

        A Milvus server takes seconds to load a new collection, so there the tests share one for each metric and length
        of vectors, and empty it.
        """
        if self.kind == "lite":
            return config
        adapted = deepcopy(config)
        section = adapted["vector_store"]["config"]
        ending = uuid.uuid4().hex if self.kind == "lite-server" else RUN
        metric, dims = section.get("metric_type", "L2"), section["embedding_model_dims"]
        section["collection_name"] = f"{section['collection_name']}_{metric}_{dims}_{ending}"
        self._used |= {section["collection_name"] + ending for ending in ("", "_versions", "_records")}
        return adapted

    def clean(self) -> None:
        """Empty what a test has used."""
        if not self._used:
            return
        client = self.client()
        for name in self._used:
            if not client.has_collection(name):
                continue
            if self.kind == "milvus":
                client.delete(name, filter='id != ""')
            else:
                client.drop_collection(name)
        client.close()
        self._used.clear()

    def client(self) -> Any:
        """pymilvus's client of it."""
        from pymilvus import MilvusClient

        return MilvusClient(self.uri, token=self.token or "", timeout=30, dedicated=True)


#: In the names of the collections of this run, so that runs on one server keep apart.
RUN = uuid.uuid4().hex[:8]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("every_store") and "store" in metafunc.fixturenames:
        metafunc.parametrize("store", KINDS, indirect=True)


@pytest.fixture(scope="session")
def lite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A ``milvus-lite server``."""
    yield from _running(LiteServer(tmp_path_factory.mktemp("lite_server")))


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str | None]]:
    """Address and token of a real Milvus. Collections of this run are dropped from one that is not ours."""
    if uri := os.environ.get("MILVUS_URI"):
        token = os.environ.get("MILVUS_TOKEN")
        yield uri, token
        _drop_collections(Store("milvus", uri, token))
        return
    _need_wheel()
    for server in _running(Standalone(tmp_path_factory.mktemp("milvus"), tick_ms=40)):
        yield server.uri, None


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A Milvus that the test may stop and start."""
    _need_wheel()
    yield from _running(Standalone(tmp_path))


def _need_wheel() -> None:
    if importlib.util.find_spec("milvus") is None:
        pytest.skip(
            "The wheel milvus==2.3.5 is not here (extra server-test; Linux on x86-64 alone), nor is MILVUS_URI."
        )


def _running(server: ServerProcess) -> Iterator[ServerProcess]:
    try:
        server.start()
        yield server
    finally:
        server.discard()


def _drop_collections(store: Store) -> None:
    client = store.client()
    for name in client.list_collections():
        if RUN in name:
            client.drop_collection(name)
    client.close()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The store of a test: a Milvus Lite file, or what the marker ``every_store`` asks for."""
    kind = getattr(request, "param", "lite")
    if kind in ("lite", "reference"):
        yield Store(kind, str(tmp_path / "memory.db"))
        return
    store = server_store(request, kind)
    yield store
    store.clean()


def server_store(request: pytest.FixtureRequest, kind: str) -> Store:
    """A running server of this kind."""
    if kind == "lite-server":
        return Store(kind, request.getfixturevalue("lite_server").uri)
    store = Store(kind, *request.getfixturevalue("milvus"))
    store.words = _has_words(store)
    return store


def _has_words(store: Store) -> bool:
    """Whether the server has sparse vectors, as every Milvus from 2.4 on."""
    client = store.client()
    major, minor = re.findall(r"\d+", client.get_server_version())[:2]
    client.close()
    return (int(major), int(minor)) >= (2, 4)
