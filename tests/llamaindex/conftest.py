"""Fixtures of the LlamaIndex package: one Milvus Lite store for each module, and users of each test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from mem0milvus import Memory
from tests.conftest import Config


@pytest.fixture(autouse=True)
def _event_loop() -> Iterator[None]:
    """The main thread's loop, which LlamaIndex would otherwise make for itself and leave open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="module")
def lite_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A store for all tests of a module."""
    path = tmp_path_factory.mktemp("llamaindex") / "milvus.db"
    return {
        "vector_store": {"config": {"uri": str(path), "embedding_model_dims": 128}},
        "embedder": {"provider": "offline"},
        "background": {"durable": True},
    }


@pytest.fixture(scope="module")
def client(lite_config: Config) -> Iterator[Memory]:
    """That store, open."""
    with Memory.from_config(lite_config) as memory:
        yield memory


@pytest.fixture
def alice() -> str:
    """A user whom no other test has."""
    return f"alice-{uuid4().hex}"


@pytest.fixture
def bob() -> str:
    """Another one."""
    return f"bob-{uuid4().hex}"


@pytest.fixture
def make(client: Memory) -> Callable[..., Mem0MilvusMemory]:
    """Makes memories over the module's store. Whatever is relevant at all is shown."""

    def make_one(user_id: str, **options: Any) -> Mem0MilvusMemory:
        return Mem0MilvusMemory.from_client(client, user_id=user_id, **{"threshold": 0.4, **options})

    return make_one
