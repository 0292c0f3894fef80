"""Disks that are full or cannot be written: a clear error, no page of tracebacks, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import ConfigError, Memory, StoreError
from tests.conftest import Config, texts

#: What every child begins with. ``limit`` makes the disk look full: no file may grow beyond so many bytes.
START = """
    import json, os, resource, sys
    from mem0milvus import Memory, Mem0MilvusError, StoreError
    import mem0milvus.milvus.lite as lite
    config = json.loads(sys.argv[1])
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))
    acknowledged, errors = [], []
    def attempt(act, text=None):
        try:
            act()
        except StoreError as error:
            errors.append(str(error))
        else:
            acknowledged.append(text)
    def add(name):
        said = {"role": "user", "content": f"{name} " + "x" * 2000}
        attempt(lambda: memory.add(said, user_id="u", infer=False, ids=[name]), name)
    def report(**more):
        print(json.dumps({"acknowledged": [t for t in acknowledged if t], "errors": errors, **more}), flush=True)
        os._exit(0)  # as if killed
"""


def run_child(config: Config, *scripts: str) -> dict[str, Any]:
    """Run scripts one after the other and return what they report. They must not print a traceback."""
    code = "".join(map(textwrap.dedent, (START, *scripts)))
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(config)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _ids(config: Config) -> list[str]:
    with Memory.from_config(config) as memory:
        return sorted(item["id"] for item in memory.get_all("u")["results"])


def test_writes_to_a_full_disk_fail_and_those_acknowledged_before_and_after_are_kept(config: Config) -> None:
    told = run_child(
        config,
        """
        memory = Memory.from_config(config)
        for n in range(20): add(f"before{n}")
        limit(100_000)
        for n in range(40): add(f"full{n}")
        limit(None)
        for n in range(20): add(f"after{n}")
        report()
        """,
    )
    assert "Cannot upsert in 'memories'" in told["errors"][0]
    assert "File too large" in told["errors"][0], "the reason is told"
    acknowledged = set(told["acknowledged"])
    assert {f"{when}{n}" for n in range(20) for when in ("before", "after")} <= acknowledged
    assert acknowledged <= set(_ids(config)) <= acknowledged | {f"full{n}" for n in range(40)}


def test_a_flush_that_fails_hides_and_loses_nothing(config: Config) -> None:
    told = run_child(
        config,
        """
        memory = Memory.from_config(config)
        for n in range(20): add(f"before{n}")
        lite.FLUSH_ROWS = 1
        limit(2_000)
        attempt(lambda: memory.search("before", "u"))
        limit(None)
        seen = [len(memory.get_all("u")["results"])]
        for n in range(5): add(f"after{n}")
        memory.search("after", "u")  # flushes, which deletes the logs
        seen.append(len(memory.get_all("u")["results"]))
        report(seen=seen)
        """,
    )
    assert "Cannot flush" in told["errors"][0]
    assert told["seen"] == [20, 25]
    assert _ids(config) == sorted(told["acknowledged"])


def test_changes_on_a_full_disk_leave_each_memory_as_it_was_or_as_it_should_be(config: Config) -> None:
    told = run_child(
        config,
        """
        memory = Memory.from_config(config)
        for n in range(20): add(f"m{n}")
        limit(os.path.getsize(next(lite.Path(config["vector_store"]["config"]["url"]).rglob("wal_data*"))) - 10_000)
        deleted, updated = [], []
        for n in range(10): attempt(lambda: (memory.delete(f"m{n}"), deleted.append(f"m{n}")))
        for n in range(10, 20): attempt(lambda: (memory.update(f"m{n}", "y" * 3000), updated.append(f"m{n}")))
        limit(None)
        memory.delete("m19")
        deleted.append("m19")
        report(deleted=deleted, updated=updated)
        """,
    )
    assert told["errors"]
    with Memory.from_config(config) as memory:
        items = {item["id"]: item for item in memory.get_all("u")["results"]}
        for number in range(20):
            memory_id = f"m{number}"
            entries = memory.history(memory_id)
            assert [entry["version"] for entry in entries] == list(range(1, len(entries) + 1))
            if memory_id in told["deleted"]:
                assert memory_id not in items
            elif memory_id in told["updated"]:
                assert items[memory_id]["memory"] == "y" * 3000
        assert not set(items) & set(told["deleted"])


def test_two_memories_of_one_file_both_go_on_after_a_write_of_one_failed(config: Config) -> None:
    told = run_child(
        config,
        """
        memory = Memory.from_config(config)
        config["vector_store"]["config"]["collection_name"] = "others"
        other = Memory.from_config(config)
        other.add("I like rain.", user_id="u")
        for n in range(5): add(f"before{n}")
        limit(10)
        add("full")
        limit(None)
        others = [item["memory"] for item in other.get_all("u")["results"]]
        other.add("I like snow.", user_id="u")
        add("after")
        others += [item["memory"] for item in other.get_all("u")["results"]]
        memory.close()
        other.add("I like fog.", user_id="u")
        others += [item["memory"] for item in other.search("fog", "u", top_k=1)["results"]]
        other.close()
        report(others=others)
        """,
    )
    assert len(told["errors"]) == 1
    assert told["others"] == ["I like rain.", "I like rain.", "I like snow.", "I like fog."]
    assert _ids(config) == sorted(told["acknowledged"])


def test_a_store_that_cannot_be_made_for_want_of_space_is_made_later(config: Config) -> None:
    told = run_child(
        config,
        """
        limit(0)
        attempt(lambda: Memory.from_config(config))
        limit(None)
        with Memory.from_config(config) as memory:
            add("after")
        report()
        """,
    )
    assert "File too large" in told["errors"][0]
    assert _ids(config) == ["after"]


#: Gives up root's right to write everywhere, once everything is loaded that is loaded late.
AS_NOBODY = """
    import tempfile
    path = config["vector_store"]["config"]["url"]
    config["vector_store"]["config"]["url"] = tempfile.mkdtemp() + "/warm.db"
    Memory.from_config(config).close()
    if os.geteuid() == 0: os.seteuid(65534)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_store_in_a_folder_that_cannot_be_written_is_refused_with_the_reason(
    config: Config, open_folder: Path
) -> None:
    store = open_folder / "memory.db"
    config["vector_store"]["config"]["url"] = str(store)
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u")
    closed = [open_folder, *(path for path in (store, *store.rglob("*")) if path.is_dir())]
    for path in closed:
        path.chmod(0o555)
    lock = store / "LOCK"
    lock.chmod(0o444)
    try:
        told = run_child(
            config,
            AS_NOBODY,
            """
            for name in (path, os.path.dirname(path) + "/new.db"):
                config["vector_store"]["config"]["url"] = name
                attempt(lambda: Memory.from_config(config))
            report()
            """,
        )
    finally:
        for path in closed:
            path.chmod(0o755)
        lock.chmod(0o644)
    assert len(told["errors"]) == 2
    assert all("Permission denied" in error or "PermissionError" in error for error in told["errors"])
    with Memory.from_config(config) as memory:
        assert texts(memory.get_all("u")) == ["I like rain."]


def test_a_folder_that_cannot_be_entered_is_a_store_error(config: Config, open_folder: Path) -> None:
    inner = open_folder / "private"
    inner.mkdir(mode=0o700)
    config["vector_store"]["config"]["url"] = str(inner / "memory.db")
    inner.chmod(0 if os.geteuid() else 0o700)
    try:
        told = run_child(
            config,
            AS_NOBODY,
            """
            config["vector_store"]["config"]["url"] = path
            attempt(lambda: Memory.from_config(config))
            report()
            """,
        )
    finally:
        inner.chmod(0o700)
    assert "PermissionError" in told["errors"][0]


@pytest.mark.parametrize("left", [[], ["schema.json.tmp"]])
def test_what_an_interrupted_creation_left_is_no_hindrance(config: Config, left: list[str]) -> None:
    for collection in ("memories", "memories_versions"):
        folder = Path(config["vector_store"]["config"]["url"]) / "collections" / collection
        folder.mkdir(parents=True)
        for name in left:
            (folder / name).write_text("{")
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u")
    assert len(_ids(config)) == 1


def test_rows_of_a_collection_whose_deletion_was_interrupted_are_not_touched(config: Config) -> None:
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u")
    folder = Path(config["vector_store"]["config"]["url"]) / "collections" / "memories"
    (folder / "schema.json").rename(folder.parent / "schema.json")
    with pytest.raises(StoreError, match="without its schema.*Remove the folder"):
        Memory.from_config(config)
    (folder.parent / "schema.json").rename(folder / "schema.json")
    assert len(_ids(config)) == 1


def test_a_log_that_was_half_removed_when_the_process_was_killed_is_no_hindrance(config: Config) -> None:
    told = run_child(
        config,
        """
        import milvus_lite.storage.wal as wal
        memory = Memory.from_config(config)
        for n in range(5): add(f"m{n}")
        memory.delete("m0")
        memory.restore("m0", 1)
        memory.delete("m1")
        add("last")
        remove = os.remove
        def once(path):
            remove(path)
            if "wal_data" in str(path): report()
        os.remove = once
        lite.FLUSH_ROWS = 1
        memory.search("x", "u")
        """,
    )
    assert list(Path(config["vector_store"]["config"]["url"]).rglob("wal_delta*")), "it died between two removals"
    assert set(told["acknowledged"]) - {"m1"} == set(_ids(config)) == {"m0", "m2", "m3", "m4", "last"}
    with Memory.from_config(config) as memory:
        assert len(memory.history("m0")) == 3
        assert memory.get("m0")["version"] == 3
        assert [entry["event"] for entry in memory.history("m1")] == ["ADD", "DELETE"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses even root")
def test_a_path_where_nobody_can_make_a_folder_is_a_store_error(config: Config) -> None:
    config["vector_store"]["config"]["url"] = "/proc/memory.db"
    with pytest.raises(StoreError, match="Cannot create the folder /proc/memory.db: .*Error"):
        Memory.from_config(config)
    config["vector_store"]["config"]["url"] = "mine.db"
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("a_file/memory.db", ConfigError, "the folder .*a_file does not exist"),
        ("nowhere/memory.db", ConfigError, "Create it first"),
        ("a_file.db", StoreError, "is a file, and Milvus Lite 3 keeps a folder there"),
        ("dangling.db", StoreError, "is a symbolic link to .*away/memory.db, which does not exist"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_and_nothing_is_made(
    config: Config, tmp_path: Path, path: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "a_file").write_text("text")
    (tmp_path / "a_file.db").write_text("text")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "away" / "memory.db")
    before = sorted(tmp_path.rglob("*"))
    config["vector_store"]["config"]["url"] = path
    with pytest.raises(error, match=message):
        Memory.from_config(config)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "a_file.db").read_text() == "text"
