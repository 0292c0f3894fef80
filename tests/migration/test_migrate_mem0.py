"""Moving here from Mem0, tested with stores that the real Mem0 made (``make_mem0_store.py``)."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import (
    ConfigError,
    Memory,
    NotFoundError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    ValidationError,
)
from mem0milvus.migration import Mem0Store, migrate_mem0
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.conftest import Config, texts

ARCHIVE = Path(__file__).with_name("mem0_store.tar.gz")


@pytest.fixture
def mem0(tmp_path: Path) -> Path:
    """A folder with what Mem0 left: its store, its history, and its answers."""
    folder = tmp_path / "mem0"
    folder.mkdir()
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            archive.extract(member, folder, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    return folder


def source(folder: Path, collection: str = "mem0") -> Mem0Store:
    return Mem0Store(str(folder / "milvus.db"), collection, history_db=folder / "history.db")


def answers(folder: Path, collection: str = "mem0") -> dict[str, Any]:
    return json.loads((folder / "answers.json").read_text())[collection]  # type: ignore[no-any-return]


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def insert(folder: Path, rows: dict[str, dict[str, Any]], collection: str = "mem0_before") -> None:
    """Put documents into a collection of Mem0, as Mem0 does."""
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    path = str(folder / "milvus.db")
    client = MilvusClient(path)
    client.load_collection(collection)
    client.upsert(collection, [{"id": key, "vectors": [1.0] * 26, "metadata": row} for key, row in rows.items()])
    client.close()
    server_manager_instance.release_server(path)


# --- what Mem0 knew


@pytest.mark.parametrize("collection", ["mem0", "mem0_before"])
def test_everything_comes_and_answers_the_same_questions(config: Config, mem0: Path, collection: str) -> None:
    told = answers(mem0, collection)
    before = digests(mem0)
    with Memory.from_config(config) as memory:
        report = migrate_mem0(memory, source(mem0, collection))
        assert (report["memories"], report["deleted"], report["versions"]) == (7, 2, 6)
        for scope, items in told["all"]:
            mine = {item["id"]: item for item in memory.get_all(**scope)["results"]}
            assert mine.keys() == {item["id"] for item in items}
            for item in items:
                same_memory(mine[item["id"]], item)
        for name, entries in told["history"].items():
            if name != "deleted":
                same_history(memory.history(told["ids"][name]), entries)
        same_history(memory.history(told["ids"]["deleted"]), told["history"]["deleted"])
        for question, user_id, best in told["best"]:
            assert texts(memory.search(question, user_id))[0] == best
    assert digests(mem0) == before, "Mem0's own files are as they were"


def same_memory(mine: dict[str, Any] | Any, theirs: dict[str, Any]) -> None:
    for name in ("memory", "hash", "user_id", "agent_id", "run_id", "actor_id"):
        assert mine.get(name) == theirs.get(name), name
    assert mine["metadata"] == (theirs["metadata"] or {})
    assert mine.get("role") == (theirs.get("role") or theirs.get("attributed_to"))
    assert moment(mine["created_at"]) == moment(theirs["created_at"])
    assert moment(mine["updated_at"] or mine["created_at"]) == moment(theirs["updated_at"])


def same_history(mine: Any, theirs: list[dict[str, Any]]) -> None:
    for name in ("memory_id", "old_memory", "new_memory", "event"):
        assert [entry[name] for entry in mine] == [entry[name] for entry in theirs]
    for entry, other in zip(mine[1:], theirs[1:], strict=True):
        assert moment(entry["updated_at"]) == moment(other["updated_at"])


def test_what_came_can_be_used(config: Config, mem0: Path) -> None:
    ids = answers(mem0)["ids"]
    with Memory.from_config(config) as memory:
        migrate_mem0(memory, source(mem0))
        memory.restore(ids["updated"], 1)
        assert memory.get(ids["updated"])["memory"] == "I am working on improving my tennis skills."
        assert memory.get(ids["updated"])["metadata"]["category"] == "hobbies"
        memory.restore(ids["deleted"], 2)
        assert memory.get(ids["deleted"])["memory"] == "I rent a flat in Bergen."
        assert memory.get(ids["expiring"])["expires_at"] == "3000-01-01T00:00:00.000000+00:00"
        assert texts(memory.get_all("bob", run_id="trip")) == [
            "Where is my zebra?",
            "In the «zoo» \u2028 of Žilina ☂.",
        ]
        assert texts(memory.get_all(filters={"category": "task"})) == ["I have a linear algebra exam on November 20."]


def test_a_dry_run_tells_what_would_come_and_writes_nothing(config: Config, mem0: Path) -> None:
    told: list[tuple[int, int]] = []
    with Memory.from_config(config) as memory:
        planned = migrate_mem0(memory, source(mem0), dry_run=True, progress=lambda *done: told.append(done))
        assert memory.get_all() == {"results": []}
        done = migrate_mem0(memory, source(mem0), progress=lambda *done: told.append(done))
        assert planned == {**done, "dry_run": True}
    assert planned["users"] == {"alice": 2, "bob": 3, "carol": 1, "": 1}
    assert planned["agents"] == {"guide": 3}
    assert planned["runs"] == 1
    assert planned["first"] == "2023-05-07T17:00:00.000000+00:00"
    assert planned["elsewhere"] == 7, "the history tells of the other collection too"
    assert told[-1] == (9, 9)


def test_without_a_history_the_memories_come_alone(config: Config, mem0: Path) -> None:
    ids = answers(mem0)["ids"]
    with Memory.from_config(config) as memory:
        report = migrate_mem0(memory, Mem0Store(str(mem0 / "milvus.db")))
        assert (report["memories"], report["deleted"], report["versions"]) == (7, 0, 0)
        assert memory.get(ids["updated"])["memory"] == "Plays tennis on Sundays."
        later = migrate_mem0(memory, source(mem0))
        assert (later["memories"], later["present"], later["deleted"], later["conflicts"]) == (1, 6, 2, 0)
        assert len(memory.history(ids["updated"])) == 3, "the history can come later"


def test_deleted_memories_stay_away_when_told(config: Config, mem0: Path) -> None:
    with Memory.from_config(config) as memory:
        assert migrate_mem0(memory, source(mem0), deleted=False)["deleted"] == 0
        with pytest.raises(NotFoundError):
            memory.history(answers(mem0)["ids"]["deleted"])


def test_a_configuration_of_mem0_will_do(config: Config, mem0: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = {"url": str(mem0 / "milvus.db"), "collection_name": "mem0", "metric_type": "L2", "token": ""}
    theirs = {"vector_store": {"provider": "milvus", "config": section}, "llm": {"provider": "openai"}}
    monkeypatch.setenv("MEM0_DIR", str(mem0))
    assert Mem0Store.from_config(theirs).history_db == mem0 / "history.db"
    monkeypatch.setenv("MEM0_DIR", str(mem0 / "nowhere"))
    assert Mem0Store.from_config(theirs).history_db is None
    with Memory.from_config(config) as memory:
        report = migrate_mem0(memory, {**theirs, "history_db_path": str(mem0 / "history.db")})
    assert (report["memories"], report["versions"]) == (7, 6)


# --- once more


def test_what_came_before_is_passed_over_and_what_is_new_comes(config: Config, mem0: Path) -> None:
    ids = answers(mem0)["ids"]
    with Memory.from_config(config) as memory:
        migrate_mem0(memory, source(mem0))
        memory.update(ids["plain"], "The exam is over.")
        memory.delete(ids["assistant"])
        again = migrate_mem0(memory, source(mem0))
        assert (again["memories"], again["deleted"], again["present"], again["conflicts"]) == (0, 0, 9, 0)
        assert memory.get(ids["plain"])["memory"] == "The exam is over."
        use_mem0_again(mem0, ids["updated"])
        later = migrate_mem0(memory, source(mem0))
        assert (later["memories"], later["present"]) == (2, 8)
        assert memory.get("new")["memory"] == "A new one."
        assert [entry["new_memory"] for entry in memory.history(ids["updated"])][2:] == [
            "Plays tennis on Sundays.",
            "Plays golf.",
        ]


def use_mem0_again(folder: Path, memory_id: str) -> None:
    """What Mem0 would write when a memory is changed and another is added."""
    at = "2027-01-01T00:00:00+00:00"
    created = next(item for item in answers(folder)["all"][0][1] if item["id"] == memory_id)["created_at"]
    changed = {"data": "Plays golf.", "user_id": "alice", "role": "user", "created_at": created, "updated_at": at}
    new = {"data": "A new one.", "user_id": "alice", "created_at": at, "updated_at": at}
    insert_in_mem0(folder, {memory_id: changed, "new": new})
    with sqlite3.connect(folder / "history.db") as database:
        values = ("h1", memory_id, "Plays tennis on Sundays.", "Plays golf.", "UPDATE", created, at, 0, None, "user")
        database.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    database.close()


def insert_in_mem0(folder: Path, rows: dict[str, dict[str, Any]]) -> None:
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    path = str(folder / "milvus.db")
    client = MilvusClient(path)
    client.load_collection("mem0")
    data = [{"id": key, "vectors": [1.0] * 26, "metadata": row, "text": row["data"]} for key, row in rows.items()]
    client.upsert("mem0", data)
    client.close()
    server_manager_instance.release_server(path)


class Failing(HashingEmbedder):
    """Fails after some texts."""

    left = 5

    def embed(self, given: Any) -> Any:
        self.left -= len(given)
        if self.left < 0:
            raise ConnectionError("the model is gone")
        return super().embed(given)


def test_an_interrupted_migration_goes_on(config: Config, mem0: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mem0milvus.operations.transfer.import_rows.BATCH_ROWS", 2)
    embedder = Failing(128)
    with Memory.from_config(config, embedder=embedder) as memory:
        with pytest.raises(Exception, match="the model is gone"):
            migrate_mem0(memory, source(mem0))
        came = len(memory.get_all()["results"])
        assert 0 < came < 7
        embedder.left = 1_000
        rest = migrate_mem0(memory, source(mem0))
        assert (rest["memories"], rest["present"]) == (7 - came, came)
        assert len(memory.get_all()["results"]) == 7


# --- ids that are taken


@pytest.fixture
def taken(config: Config, mem0: Path) -> Any:
    memory = Memory.from_config(config)
    memory.add("Somebody else's.", user_id="zoe", infer=False, ids=[answers(mem0)["ids"]["updated"]])
    yield memory
    memory.close()


def test_ids_that_are_taken_stop_everything(taken: Memory, mem0: Path) -> None:
    planned = migrate_mem0(taken, source(mem0), dry_run=True)
    assert planned["conflicts"] == 1
    assert planned["problems"] == [{"id": answers(mem0)["ids"]["updated"], "reason": "another memory has this id here"}]
    with pytest.raises(ValidationError, match="1 of Mem0's ids are taken .* Nothing was written"):
        migrate_mem0(taken, source(mem0))
    assert texts(taken.get_all()) == ["Somebody else's."]


def test_ids_that_are_taken_are_left_out_or_replaced_when_told(taken: Memory, mem0: Path) -> None:
    skipped = migrate_mem0(taken, source(mem0), on_conflict="skip")
    assert (skipped["memories"], skipped["skipped"]) == (6, 1)
    renamed = migrate_mem0(taken, source(mem0), on_conflict="rename")
    assert renamed["memories"] == 1
    (new_id,) = renamed["renamed"].values()
    assert [entry["version"] for entry in taken.history(new_id)] == [1, 2, 3]
    assert migrate_mem0(taken, source(mem0), on_conflict="rename")["memories"] == 0


# --- what is odd in a store


def test_memories_that_cannot_be_stored_are_named_and_the_others_come(config: Config, mem0: Path) -> None:
    at = {"created_at": "2026-01-01T00:00:00Z", "user_id": "odd"}
    insert(
        mem0,
        {
            "no text": {**at},
            "blank": {**at, "data": "  "},
            "a:b": {**at, "data": "An id that cannot be one."},
            "no moment": {"data": "When was this?", "user_id": "odd"},
            "bad moment": {**at, "data": "x", "created_at": "yesterday"},
            "bad date": {**at, "data": "x", "expiration_date": "soon"},
            "bad user": {**at, "data": "x", "user_id": "a\u0000b"},
            "number": {**at, "data": "A user with a number.", "user_id": 7},
            "bare": {"data": "Nobody's.", "created_at": "2026-01-01T00:00:00"},
        },
    )
    with Memory.from_config(config) as memory:
        report = migrate_mem0(memory, source(mem0, "mem0_before"))
        assert (report["memories"], report["unreadable"]) == (9, 7)
        reasons = {problem["id"]: problem["reason"] for problem in report["problems"]}
        assert reasons.keys() == {"no text", "blank", "a:b", "no moment", "bad moment", "bad date", "bad user"}
        assert "has no creation time" in reasons["no moment"]
        assert memory.get("number")["user_id"] == "7"
        assert memory.get("bare")["created_at"] == "2026-01-01T00:00:00.000000+00:00"


def test_a_history_that_stops_short_of_the_memory_is_completed(config: Config, mem0: Path) -> None:
    """Mem0 writes its two stores one after the other; a crash between leaves the history behind."""
    ids = answers(mem0)["ids"]
    with sqlite3.connect(mem0 / "history.db") as database:
        database.execute("DELETE FROM history WHERE new_memory = 'Plays tennis on Sundays.'")
        database.execute(
            "INSERT INTO history SELECT 'x', memory_id, new_memory, NULL, 'DELETE', created_at, NULL, 1, "
            "NULL, NULL FROM history WHERE memory_id = ?",
            (ids["plain"],),
        )
    database.close()
    with Memory.from_config(config) as memory:
        migrate_mem0(memory, source(mem0))
        assert [entry["new_memory"] for entry in memory.history(ids["updated"])] == [
            "I am working on improving my tennis skills.",
            "Likes to play tennis on weekends.",
            "Plays tennis on Sundays.",
        ]
        assert [entry["event"] for entry in memory.history(ids["plain"])] == ["ADD", "DELETE", "ADD"]
        assert memory.get(ids["plain"])["memory"] == "I have a linear algebra exam on November 20."


def test_a_history_of_the_first_versions_of_mem0(config: Config, mem0: Path) -> None:
    memory_id = answers(mem0)["ids"]["plain"]
    (mem0 / "history.db").unlink()
    with sqlite3.connect(mem0 / "history.db") as database:
        database.execute(
            "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, "
            "new_value TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER)"
        )
        text = "I have a linear algebra exam on November 20."
        for row in (("1", None, "An exam.", "ADD", None), ("2", "An exam.", text, "UPDATE", "2026-12-01T00:00:00Z")):
            key, old, new, event, at = row
            values = (key, memory_id, old, new, event, "2026-11-20T00:00:00-08:00", at)
            database.execute(
                "INSERT INTO history (id, memory_id, old_memory, new_memory, event, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
    database.close()
    with Memory.from_config(config) as memory:
        migrate_mem0(memory, source(mem0))
        assert [entry["new_memory"] for entry in memory.history(memory_id)] == ["An exam.", text]


def test_a_store_that_was_killed_is_read(config: Config, mem0: Path) -> None:
    """An index file that is torn makes Milvus Lite refuse the collection, and Mem0 with it."""
    (index,) = (mem0 / "milvus.db" / "collections" / "mem0").rglob("*.idx")
    index.write_bytes(index.read_bytes()[:100])
    before = digests(mem0)
    with Memory.from_config(config) as memory:
        assert migrate_mem0(memory, source(mem0))["memories"] == 7
    assert digests(mem0) == before


def test_both_may_be_in_one_file(mem0: Path) -> None:
    section = {"url": str(mem0 / "milvus.db"), "collection_name": "ours", "embedding_model_dims": 128}
    ours = {"vector_store": {"provider": "milvus", "config": section}, "embedder": {"provider": "offline"}}
    with Memory.from_config(ours) as memory:
        assert migrate_mem0(memory, source(mem0))["memories"] == 7
        assert texts(memory.search("zebra", "bob"))[0] == "Where is my zebra?"
    with Memory.from_config(ours) as memory:
        assert len(memory.get_all()["results"]) == 7


# --- what is no store


HOLD = """
    import sys
    from pymilvus import MilvusClient
    client = MilvusClient(sys.argv[1])
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_store_that_is_in_use_is_not_read(config: Config, mem0: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(mem0 / "milvus.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "open\n"
        with Memory.from_config(config) as memory, pytest.raises(StoreLockedError, match="Another process has"):
            migrate_mem0(memory, source(mem0))
        process.stdin.close()


def broken(change: Callable[[Path], Any]) -> Callable[[Path], Mem0Store]:
    def prepare(folder: Path) -> Mem0Store:
        change(folder)
        return source(folder)

    return prepare


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (lambda f: Mem0Store(str(f / "nothing.db")), ValidationError, "There is no Milvus Lite store at"),
        (lambda f: Mem0Store(str(f / "milvus.db"), "mem1"), ValidationError, "There are: mem0, mem0_before"),
        (lambda f: Mem0Store(str(f / "milvus.db"), "1 x"), ConfigError, "collection_name"),
        (lambda f: Mem0Store("http://127.0.0.1:1", history_db=None), StoreError, "127.0.0.1"),
        (lambda f: {"vector_store": {"provider": "qdrant"}}, ConfigError, "does not name milvus"),
        (lambda f: {"vector_store": {"provider": "milvus", "config": {}}}, ConfigError, "no vector_store.config.url"),
        (broken(lambda f: (f / "history.db").unlink()), ValidationError, "There is no history.db"),
        (broken(lambda f: (f / "history.db").write_text("none")), ValidationError, "not Mem0's|as a SQLite file"),
        (broken(lambda f: (f / "history.db").write_bytes(b"none" * 999)), ValidationError, "as a SQLite file"),
        (broken(lambda f: _single_file(f)), StoreError, "a store of Milvus Lite 2"),
        (broken(lambda f: _other_table(f)), ValidationError, "has no column memory_id"),
    ],
)
def test_what_is_no_store_of_mem0_is_told(
    config: Config, mem0: Path, prepare: Callable[[Path], Any], error: type[Exception], message: str
) -> None:
    with Memory.from_config({**config, "vector_store": _quick(config)}) as memory:
        with pytest.raises(error, match=message):
            migrate_mem0(memory, prepare(mem0))
        assert memory.get_all() == {"results": []}


def _quick(config: Config) -> Config:
    """The same store, with little patience for a server that is not there."""
    section = config["vector_store"]
    return {**section, "config": {**section["config"], "timeout": 5}}


def _single_file(folder: Path) -> None:
    shutil.rmtree(folder / "milvus.db")
    (folder / "milvus.db").write_bytes(b"SQLite format 3\0")


def _other_table(folder: Path) -> None:
    (folder / "history.db").unlink()
    with sqlite3.connect(folder / "history.db") as database:
        database.execute("CREATE TABLE history (id TEXT)")
    database.close()


def test_a_collection_that_is_not_mem0s_is_told(config: Config, tmp_path: Path) -> None:
    from pymilvus import MilvusClient

    with Memory.from_config(config) as memory:
        ours = Mem0Store(config["vector_store"]["config"]["url"], "memories")
        with pytest.raises(ValidationError, match="was made by mem0milvus: it needs no migration"):
            migrate_mem0(memory, ours)
        client = MilvusClient(ours.url)
        client.create_collection("foreign", dimension=4)
        client.close()
        with pytest.raises(ValidationError, match="was not made by Mem0: it has the columns id, vector"):
            migrate_mem0(memory, Mem0Store(ours.url, "foreign"))
        with pytest.raises(ValidationError, match="memory must be a Memory, not str"):
            migrate_mem0("memory", ours)  # type: ignore[arg-type]
        with pytest.raises(ValidationError, match="on_conflict='x'; known are"):
            migrate_mem0(memory, ours, on_conflict="x")  # type: ignore[arg-type]


def test_no_password_stands_in_an_error(config: Config) -> None:
    source = Mem0Store("http://bob:hunter2@127.0.0.1:9", token="hunter3")
    with Memory.from_config(config) as memory, pytest.raises(StoreUnavailableError) as raised:
        migrate_mem0(memory, source)
    assert "127.0.0.1:9" in str(raised.value)
    assert "hunter" not in f"{raised.value} {raised.value!r} {source}"
