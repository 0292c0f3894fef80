"""A store that commands work on: made once, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mem0milvus import Memory

ALICE = {
    "tennis": "I like to play tennis on weekends.",
    "exam": "I have a linear algebra midterm exam on November 20.",
    "fish": "I do not eat fish.",
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a command."""
    for name in ("MEM0MILVUS_CONFIG", "MEM0MILVUS_USER", "MEM0MILVUS_TRACEBACK", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Memories of alice and bob under ids of their own, one of them changed, one deleted."""
    path = tmp_path_factory.mktemp("template") / "milvus.db"
    config = {"vector_store": {"config": {"url": str(path)}}, "embedder": {"provider": "offline"}}
    with Memory.from_config(config) as memory:
        for name, text in ALICE.items():
            memory.add(text, user_id="alice", infer=False, ids=[name], metadata={"about": name})
        memory.add("I keep bees.", user_id="bob", agent_id="helper", run_id="monday", infer=False, ids=["bees"])
        memory.add("I drive a bus.", user_id="bob", infer=False, ids=["bus"])
        memory.update("tennis", "I like to play golf on Sundays.")
        memory.delete("bus")
    return path


@pytest.fixture
def store(template: Path) -> Path:
    """A copy of it, where commands look by themselves."""
    path = Path("milvus.db").absolute()
    shutil.copytree(template, path)
    return path
