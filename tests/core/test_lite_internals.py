"""Private names of Milvus Lite and gRPC: used in one module, looked for at opening, and each can be missing."""

from __future__ import annotations

import ast
import importlib
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mem0milvus
from mem0milvus import Memory, StoreError
from mem0milvus.milvus import lite_internals
from mem0milvus.milvus.lite_internals import NO_COMPACTION, PRIVATE_NAMES
from mem0milvus.runtime.blocking_driver import run
from tests.conftest import Config, texts

#: Rows after which a collection is checked for outdated ones, here.
MANY = 40

USED = [(owner, name, loss) for owner, (names, loss) in PRIVATE_NAMES.items() for name in names]


class Renamed:
    """An attribute that only its own package still finds, as if a later version had renamed it."""

    def __init__(self, owner: type, name: str) -> None:
        self._name = name
        self._inherited = getattr(owner, name, None)
        self._package = owner.__module__.split(".")[0]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        caller = sys._getframe(1).f_globals["__name__"]
        if caller.split(".")[0] != self._package:
            raise AttributeError(f"no attribute {self._name!r}")
        if self._name in instance.__dict__:
            return instance.__dict__[self._name]
        return self._inherited.__get__(instance, owner)  # type: ignore[union-attr]  # a method

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = value


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mem0milvus.milvus.lite_internals.CHECK_ROWS", MANY)
    monkeypatch.setattr("mem0milvus.milvus.lite.FLUSH_ROWS", 8)


def fill(memory: Memory) -> list[str]:
    """A partition with many outdated rows, which a search would have compacted."""
    said = [{"role": "user", "content": f"fact number {n}"} for n in range(MANY)]
    ids = [change["id"] for change in memory.add(said, user_id="u", infer=False)["results"]]
    live = memory._ports.live
    run(live.put([replace(row, memory=f"{row.memory}!") for row in run(live.get(ids, vectors=True)).values()]))
    return ids


@pytest.mark.parametrize(("owner", "name", "loss"), USED, ids=[name for _, name, _ in USED])
def test_without_a_private_name_all_but_what_the_warning_names_works(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: str,
    name: str,
    loss: str,
) -> None:
    module, _, class_name = owner.rpartition(".")
    owning = getattr(importlib.import_module(module), class_name)
    monkeypatch.setattr(owning, name, Renamed(owning, name), raising=False)
    with caplog.at_level(logging.WARNING, logger="mem0milvus"):
        with Memory.from_config(config) as memory:
            (warning,) = caplog.messages
            assert name in warning
            assert loss in warning
            ids = fill(memory)
            assert len(memory.search("fact", user_id="u", top_k=2 * MANY)["results"]) == MANY
            memory.delete(ids[0], purge=True)
            caplog.clear()
            memory.vacuum()
            assert ("stay in the files" in caplog.text) == (NO_COMPACTION in loss)
            assert len(memory.get_all("u")["results"]) == MANY - 1
        with Memory.from_config(config) as memory:
            assert texts(memory.search("fact number 7", user_id="u", top_k=1)) == ["fact number 7!"]
    assert {record.levelname for record in caplog.records} <= {"WARNING"}


def test_with_all_private_names_nothing_is_logged(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mem0milvus"), Memory.from_config(config) as memory:
        memory.vacuum()
    assert caplog.messages == []


def test_an_engine_that_differs_in_another_way_is_not_asked_to_compact_again(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from milvus_lite.storage.delta_index import DeltaIndex

    monkeypatch.delattr(DeltaIndex, "snapshot")
    with caplog.at_level(logging.WARNING, logger="mem0milvus"), Memory.from_config(config) as memory:
        fill(memory)
        assert len(memory.search("fact", user_id="u", top_k=2 * MANY)["results"]) == MANY
        (warning,) = caplog.messages
        assert "snapshot" in warning
        assert NO_COMPACTION in warning
        memory.vacuum()
        assert len(memory.get_all("u")["results"]) == MANY


def test_an_engine_that_differs_within_its_compaction_is_a_store_error(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from milvus_lite.engine.compaction import CompactionManager

    monkeypatch.setattr(CompactionManager, "_compact_files", lambda self: None)
    with Memory.from_config(config) as memory:
        (change,) = memory.add("I like rain.", user_id="u", infer=False)["results"]
        memory.update(change["id"], "I like snow.")
        with pytest.raises(StoreError, match="Cannot compact 'memories'"):
            memory.vacuum()
        assert texts(memory.get_all("u")) == ["I like snow."]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 warns of forks beside threads
def test_a_fork_leaves_the_store_to_its_parent_without_the_list_of_servers(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from milvus_lite.server_manager import ServerManager

    monkeypatch.setattr(ServerManager, "_servers", Renamed(ServerManager, "_servers"), raising=False)
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u", infer=False)
        if (pid := os.fork()) == 0:
            import atexit

            atexit._run_exitfuncs()  # as at the end of a program, of which pytest has more
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        memory.add("I like snow.", user_id="u", infer=False)
        assert len(memory.get_all("u")["results"]) == 2
    with Memory.from_config(config) as memory:
        assert len(memory.get_all("u")["results"]) == 2


def test_no_other_module_uses_a_private_name_of_milvus_lite_or_grpc() -> None:
    """Nor any private attribute of an object that is not its own."""
    private = {name for _, name, _ in USED}
    for path in sorted(Path(mem0milvus.__file__).parent.rglob("*.py")):
        if path == Path(lite_internals.__file__):
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                assert node.attr not in private, f"{path}:{node.lineno} uses {node.attr}"
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("milvus_lite", "grpc"):
                assert (path.name, node.module) == ("lite.py", "milvus_lite"), f"{path}:{node.lineno}"
                assert [alias.name for alias in node.names] == ["MilvusLiteError"]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in private, f"{path}:{node.lineno} names {node.value}"


def test_every_private_name_of_the_adapter_is_in_its_table() -> None:
    tree = ast.parse(Path(lite_internals.__file__).read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")}
    of_its_own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    assert used - of_its_own <= {name for _, name, _ in USED}
