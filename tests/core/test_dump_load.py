"""``dump`` and ``load``: everything comes back, nothing by halves, and nothing damaged comes in."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import mem0milvus.milvus.connection
from mem0milvus import Memory, RecordStore, StoreError, ValidationError
from mem0milvus.operations.transfer.dump_format import HEADER_BYTES
from tests.conftest import Config, texts
from tests.openai_server import OpenAIServer, change

OpenMemory = Callable[..., Any]

SUBJECTS = ("tomatoes", "sailing", "chess", "granite", "violins", "bakeries", "glaciers", "owls")


def elsewhere(config: Config, name: str, **settings: Any) -> Config:
    """The same configuration with another store."""
    other = deepcopy(config)
    section = other["vector_store"]["config"]
    section.update(url=str(Path(section["url"]).with_name(f"{name}.db")), **settings)
    return other


def fill(memory: Any) -> dict[str, list[str]]:
    """Memories with all that can happen to one. Returns the ids of some by what happened to them."""
    said = [{"role": "user", "content": f"I know {n} things about {s}.", "name": "Ann"} for n, s in enumerate(SUBJECTS)]
    ids = [f"m{n}" for n in range(len(said))]
    memory.add(said, user_id="ann", run_id="r", infer=False, ids=ids, metadata={"k": [1, {"ü": None}]})
    memory.add(
        "Bob likes \u2028 rain and ☂.", user_id="bob", agent_id="g", infer=False, timestamp="2021-05-01T12:00:00Z"
    )
    memory.add("This ends soon.", user_id="bob", infer=False, expires_at="2999-01-01", ids=["ending"])
    memory.update("m0", "I know nothing about tomatoes any more.")
    memory.update("m0", "I grow tomatoes again.", metadata={"changed": 2.5})
    memory.delete("m1")
    memory.update("m2", "I gave up chess.")
    memory.delete("m2")
    memory.restore("m2", 1)
    memory.delete("m3")
    memory.add([{"role": "user", "content": "Another text under an old id."}], user_id="ann", infer=False, ids=["m3"])
    memory.delete("ending")
    memory.delete("m4", purge=True)
    return {"changed": ["m0"], "deleted": ["m1", "ending"], "restored": ["m2", "m3"], "gone": ["m4"]}


def answers(memory: Any) -> dict[str, Any]:
    """What a user can learn from a memory."""
    ids = [f"m{n}" for n in range(len(SUBJECTS)) if n != 4]
    return {
        "all": memory.get_all(),
        "histories": [memory.history(memory_id) for memory_id in (*ids, "ending")],
        "found": [memory.search(f"What about {subject}?", user_id="ann") for subject in SUBJECTS],
        "lexical": memory.search("granite owls", user_id="ann", mode="lexical"),
    }


def rewritten(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    """A file with other lines and the first line that belongs to them."""
    import hashlib

    header, *lines = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    change(lines)
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    kinds = [line.get("kind") for line in lines]
    header |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    header["counts"] = {kind: kinds.count(kind) for kind in kinds}
    other = path.with_name("rewritten.jsonl")
    other.write_bytes(json.dumps(header).encode().ljust(HEADER_BYTES - 1) + b"\n" + body)
    return other


# --- the round trip


def test_everything_comes_back(open_memory: OpenMemory, config: Config, tmp_path: Path) -> None:
    memory = open_memory(config)
    fill(memory)
    dumped = memory.dump(tmp_path / "all.jsonl")
    assert dumped == {
        "message": "Memory dumped successfully!",
        "memories": 7,
        "deleted": 2,
        "versions": 9,
        "records": 0,
    }
    other = open_memory(elsewhere(config, "other"))
    loaded = other.load(tmp_path / "all.jsonl")
    assert {name: loaded[name] for name in dumped if name != "message"} == {
        name: count for name, count in dumped.items() if name != "message"
    }
    assert answers(other) == answers(memory)
    other.restore("m1", 1)
    assert other.get("m1")["memory"] == "I know 1 things about sailing."
    assert answers(memory)["all"] != answers(other)["all"], "two stores have come of it"


def test_a_message_that_waits_for_its_extraction_still_does(
    open_memory: OpenMemory, llm_config: Config, server: OpenAIServer, tmp_path: Path
) -> None:
    settings = {**llm_config, "on_extraction_error": "store_raw"}
    memory = open_memory(settings)
    server.chat_fault = lambda request: (500, {"error": {"message": "out of order"}})
    assert "extraction_error" in memory.add("I like rain. I see.", user_id="ann")
    memory.dump(tmp_path / "all.jsonl")
    server.chat_fault = None
    server.otherwise = {"changes": [change("ADD", "Ann likes rain.", "I like rain")]}
    other = open_memory(elsewhere(settings, "other"))
    other.load(tmp_path / "all.jsonl")
    (waiting,) = other.get_all("ann")["results"]
    assert (waiting["memory"], waiting["pending"]) == ("I like rain. I see.", True)
    assert other.process_pending()["processed"] == 1
    assert texts(other.get_all("ann")) == ["Ann likes rain."]
    assert other.load(tmp_path / "all.jsonl")["memories"] == 1, "nothing tells that it was extracted"


def test_records_come_along(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        records.put(("notes", "a/b"), "many~texts", {"v": 1}, text=["about apples", "about pears"])
        records.put(("notes",), "silent", {"v": [2, None]}, order=7)
        records.put(("notes",), "by vector", {"v": 3}, vector=[1.0] + [0.0] * 127)
        records.put(("notes",), "short", {"v": 4}, ttl_s=10_000)
        records.put(("notes",), "put twice", {"v": 5}, text=["one", "two", "three"])
        records.put(("notes",), "put twice", {"v": 6}, text="four")
        assert memory.dump(tmp_path / "all.jsonl")["records"] == 5
        with Memory.from_config(elsewhere(config, "other")) as other:
            assert other.load(tmp_path / "all.jsonl")["records"] == 5
            with RecordStore.beside(other) as found:
                assert found.list((), prefix=True) == records.list((), prefix=True)
                for question in ("pears", "four", "three"):
                    assert found.search(question, ()) == records.search(question, ())
                again = other.load(tmp_path / "all.jsonl")
                assert (again["records"], again["present"]) == (0, 5)


def test_a_store_without_records_gets_none(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        memory.dump(tmp_path / "all.jsonl")
    assert not list((tmp_path / "memory.db").rglob("*_records"))


@pytest.mark.parametrize("vectors", [True, False])
def test_for_another_embedder_the_texts_are_embedded_anew(config: Config, tmp_path: Path, vectors: bool) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        fill(memory)
        records.put(("n",), "text", {}, text="about pears")
        records.put(("n",), "vector", {"v": 1}, vector=[1.0] + [0.0] * 127)
        memory.dump(tmp_path / "all.jsonl", vectors=vectors)
        with Memory.from_config(elsewhere(config, "other", embedding_model_dims=96)) as other:
            loaded = other.load(tmp_path / "all.jsonl")
            assert loaded["unsearchable"] == 1
            assert other.get_all() == memory.get_all()
            assert texts(other.search("Who grows tomatoes?", "ann", mode="dense"))[0] == "I grow tomatoes again."
            with RecordStore.beside(other) as found:
                assert [item["key"] for item in found.search("pears", ())] == ["text"]
                assert found.get(("n",), "vector") == records.get(("n",), "vector")


def test_without_vectors_the_same_embedder_makes_the_same(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, Memory.from_config(elsewhere(config, "other")) as other:
        fill(memory)
        memory.dump(tmp_path / "with.jsonl")
        memory.dump(tmp_path / "without.jsonl", vectors=False)
        assert (tmp_path / "without.jsonl").stat().st_size < (tmp_path / "with.jsonl").stat().st_size
        other.load(tmp_path / "without.jsonl")
        assert answers(other) == answers(memory)


def test_the_next_memory_of_a_run_comes_after_those_that_came_in(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, Memory.from_config(elsewhere(config, "other")) as other:
        fill(memory)
        memory.dump(tmp_path / "all.jsonl")
        other.add("I was here first.", user_id="ann", run_id="r", infer=False)
        other.load(tmp_path / "all.jsonl")
        (change,) = other.add("I am the last.", user_id="ann", run_id="r", infer=False)["results"]
        other.dump(tmp_path / "other.jsonl")
        rows = [json.loads(line) for line in (tmp_path / "other.jsonl").read_text().split("\n")[1:-1]]
        positions = {row["id"]: row.get("seq", 0) for row in rows if row["kind"] == "memory" and row.get("run_id")}
        assert positions.pop(change["id"]) > max(positions.values())


def test_what_changes_while_it_is_dumped_is_in_the_file_before_or_after(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, Memory.from_config(elsewhere(config, "other")) as other:
        fill(memory)
        begun: list[int] = []

        def meanwhile(done: int, total: int) -> None:
            if not begun:  # the live memories are written, the deleted ones are still to come
                memory.delete("m5")
                memory.restore("m1", 1)
                memory.update("m6", "I was changed meanwhile.")
            begun.append(done)

        memory.dump(tmp_path / "all.jsonl", progress=meanwhile)
        for _ in range(2):
            other.load(tmp_path / "all.jsonl")
            assert [h["event"] for h in other.history("m5")] == ["ADD", "DELETE"]
            assert other.history("m1") == memory.history("m1")
            assert other.get("m1") == memory.get("m1")
            assert other.history("m6") == memory.history("m6")[:1]
        memory.dump(tmp_path / "later.jsonl")
        other.load(tmp_path / "later.jsonl")
        assert answers(other) == answers(memory)


def test_pages_are_as_long_as_their_vectors_allow(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.from_config(config) as memory, Memory.from_config(elsewhere(config, "other")) as other:
        fill(memory)
        monkeypatch.setattr("mem0milvus.milvus.table.BYTES_PER_REQUEST", 3 * 4 * 128)
        memory.dump(tmp_path / "all.jsonl")
        monkeypatch.undo()
        other.load(tmp_path / "all.jsonl")
        assert answers(other) == answers(memory)


# --- the file


def test_the_file_is_json_lines_that_a_person_can_read(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    with Memory.from_config(config) as memory:
        fill(memory)
        memory.dump(path)
    header, *rows = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    assert (header["mem0milvus"], header["format"]) == ("dump", 1)
    assert header["embedder"] == {"model": "mem0milvus-hash-v1", "dims": 128}
    assert header["counts"] == {"memory": 7, "version": 9, "deleted": 2, "record": 0}
    of_m0 = [row for row in rows if row["id"] == "m0"]
    assert [(row["kind"], row["version"], row["event"]) for row in of_m0] == [
        ("version", 1, "ADD"),
        ("version", 2, "UPDATE"),
        ("memory", 3, "UPDATE"),
    ]
    assert of_m0[-1]["memory"] == "I grow tomatoes again."
    assert of_m0[-1]["metadata"] == {"k": [1, {"ü": None}], "changed": 2.5}
    assert of_m0[-1]["created_at"].endswith("+00:00")
    assert "m4" not in path.read_text(), "what was purged is nowhere"
    assert path.stat().st_mode & 0o077 == 0, "memories are nobody else's to read"


def test_progress_ends_with_all_that_there_is(open_memory: OpenMemory, config: Config, tmp_path: Path) -> None:
    memory = open_memory(config)
    fill(memory)
    told: list[tuple[int, int]] = []
    memory.dump(tmp_path / "all.jsonl", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (18, 18)
    other = open_memory(elsewhere(config, "other"))
    told.clear()
    other.load(tmp_path / "all.jsonl", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (18, 18)
    assert told == sorted(told)


def test_a_file_that_is_there_is_replaced_only_when_told(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    with Memory.from_config(config) as memory:
        path.write_text("precious")
        with pytest.raises(ValidationError, match="already exists"):
            memory.dump(path)
        assert path.read_text() == "precious"
        memory.dump(path, overwrite=True)
        assert json.loads(path.read_text().split("\n")[0])["mem0milvus"] == "dump"
        with pytest.raises(ValidationError, match="is a folder"):
            memory.dump(tmp_path)
        with pytest.raises(ValidationError, match="Nothing can be written at"):
            memory.dump(tmp_path / "no" / "such" / "folder.jsonl")
    assert not list(tmp_path.glob(".*partial"))


def test_a_dump_that_fails_leaves_nothing(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Memory.from_config(config) as memory:
        fill(memory)
        memory.dump(tmp_path / "old.jsonl")
        before = (tmp_path / "old.jsonl").read_bytes()

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            memory.dump(tmp_path / "new.jsonl", progress=stop)
        with pytest.raises(KeyboardInterrupt):
            memory.dump(tmp_path / "old.jsonl", overwrite=True, progress=stop)
    assert (tmp_path / "old.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["old.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be told how large its files may be")
def test_a_full_disk_is_a_store_error(config: Config, tmp_path: Path) -> None:
    code = """
        import resource, sys
        from mem0milvus import Memory, StoreError
        memory = Memory.from_config({"vector_store": {"config": {"url": sys.argv[1], "embedding_model_dims": 128}},
                                     "embedder": {"provider": "offline"}})
        memory.add([{"role": "user", "content": f"fact {n}"} for n in range(60)], user_id="u", infer=False)
        memory.get_all()
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            memory.dump(sys.argv[2])
        except StoreError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    """
    arguments = [str(tmp_path / "full.db"), str(tmp_path / "all.jsonl")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True, check=False
    )
    assert "cannot be written: File too large" in done.stdout, done.stderr
    assert not (tmp_path / "all.jsonl").exists()
    assert not list(tmp_path.glob(".*partial"))


# --- files that are none


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of a filled store."""
    folder = tmp_path_factory.mktemp("dumped")
    section = {"url": str(folder / "memory.db"), "embedding_model_dims": 128}
    with Memory.from_config({"vector_store": {"config": section}, "embedder": {"provider": "offline"}}) as memory:
        fill(memory)
        memory.dump(folder / "all.jsonl")
    return folder / "all.jsonl"


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    section = {"url": str(tmp_path_factory.mktemp("empty") / "memory.db"), "embedding_model_dims": 128}
    with Memory.from_config({"vector_store": {"config": section}, "embedder": {"provider": "offline"}}) as memory:
        yield memory


@pytest.fixture
def empty(empty_store: Memory) -> Iterator[Memory]:
    """A store that must stay empty."""
    yield empty_store
    assert empty_store.get_all() == {"results": []}, "nothing was loaded"


def damaged(path: Path, folder: Path, change: Callable[[bytes], bytes]) -> Path:
    other = folder / "damaged.jsonl"
    other.write_bytes(change(path.read_bytes()))
    return other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "is cut off: 1 of its"),
        (lambda data: data[: len(data) // 2], "is cut off"),
        (lambda data: data[:HEADER_BYTES], "is cut off"),
        (lambda data: data[: HEADER_BYTES // 40], "is no dump"),
        (lambda data: data + b"{}\n", "was changed or damaged"),
        (lambda data: data.replace(b"tomatoes", b"potatoes"), "was changed or damaged"),
        (lambda data: data[:-500] + bytes([data[-500] ^ 1]) + data[-499:], "was changed or damaged"),
        (lambda data: data.replace(b'"format": 1', b'"format": 2', 1), "made by a newer version"),
        (lambda data: b"", "is no dump"),
        (lambda data: b"\x00\xff" * 5_000, "is no dump"),
        (lambda data: b'{"some": "json"}\n', "is no dump"),
        (lambda data: b"[1, 2]\n", "is no dump"),
    ],
)
def test_what_is_no_whole_dump_is_refused(
    empty: Memory, dumped: Path, tmp_path: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        empty.load(damaged(dumped, tmp_path, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[0].update(kind="mystery"),
        lambda rows: rows[0].update(unknown_column=1),
        lambda rows: rows[0].pop("created_at"),
        lambda rows: rows[0].update(created_at="yesterday"),
        lambda rows: rows[0].update(id="a:b"),
        lambda rows: rows[0].update(vector="no base64!"),
        lambda rows: rows.insert(0, rows.pop(1)),
        lambda rows: rows.append(next(row for row in rows if row["kind"] == "version")),
    ],
    ids=["kind", "column", "moment missing", "moment", "id", "vector", "order", "end"],
)
def test_a_line_that_cannot_be_read_is_named(
    empty: Memory, dumped: Path, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    with pytest.raises(ValidationError, match=r"Line \d|ends within the memory"):
        empty.load(rewritten(dumped, change))


def test_a_path_that_is_not_there_is_an_error(empty: Memory, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"nothing\.jsonl cannot be read: No such file"):
        empty.load(tmp_path / "nothing.jsonl")
    with pytest.raises(ValidationError, match="cannot be read: Is a directory"):
        empty.load(tmp_path)
    with pytest.raises(ValidationError, match="on_conflict='replace'; known are error, skip, rename"):
        empty.load(tmp_path / "nothing.jsonl", on_conflict="replace")  # type: ignore[arg-type]


# --- what is there already


def test_loading_again_changes_nothing(config: Config, dumped: Path) -> None:
    with Memory.from_config(config) as memory:
        assert memory.load(dumped)["memories"] == 7
        before = answers(memory)
        again = memory.load(dumped)
        assert (again["memories"], again["versions"], again["present"]) == (0, 0, 9)
        assert answers(memory) == before


def test_what_has_gone_on_since_is_left_as_it_is(config: Config, dumped: Path) -> None:
    with Memory.from_config(config) as memory:
        memory.load(dumped)
        memory.update("m0", "And I eat them.")
        memory.delete("m5")
        memory.restore("m1", 1)
        before = answers(memory)
        assert memory.load(dumped)["present"] == 9
        assert answers(memory) == before


def test_what_went_on_elsewhere_is_brought_up_to_date(config: Config, dumped: Path, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, Memory.from_config(elsewhere(config, "other")) as other:
        memory.load(dumped)
        other.load(dumped)
        memory.update("m0", "And I eat them.")
        memory.delete("m5")
        memory.restore("m1", 1)
        memory.dump(tmp_path / "later.jsonl")
        assert other.load(tmp_path / "later.jsonl")["present"] == 6
        assert answers_without(other, "m5") == answers_without(memory, "m5")
        assert other.history("m5") == memory.history("m5")


def answers_without(memory: Any, memory_id: str) -> Any:
    return memory.get_all(), [memory.history(f"m{n}") for n in range(8) if n != 4 and f"m{n}" != memory_id]


@pytest.fixture
def taken(config: Config, dumped: Path) -> Iterator[Memory]:
    """A store in which other memories have two of the ids."""
    with Memory.from_config(config) as memory:
        said = [{"role": "user", "content": text} for text in ("Another m0.", "Another m1.")]
        memory.add(said, user_id="zoe", infer=False, ids=["m0", "m1"])
        yield memory


def test_ids_that_are_taken_stop_everything(taken: Memory, dumped: Path) -> None:
    with pytest.raises(ValidationError, match=r"2 ids of .* such as 'm0', 'm1'\. Nothing was loaded"):
        taken.load(dumped)
    assert texts(taken.get_all()) == ["Another m0.", "Another m1."]


def test_ids_that_are_taken_are_left_out_when_told(taken: Memory, dumped: Path) -> None:
    loaded = taken.load(dumped, on_conflict="skip")
    assert (loaded["memories"], loaded["deleted"], loaded["skipped"]) == (6, 1, 2)
    assert taken.get("m0")["memory"] == "Another m0."
    assert len(taken.history("m0")) == 1


def test_ids_that_are_taken_are_replaced_by_others_when_told_and_always_the_same(taken: Memory, dumped: Path) -> None:
    loaded = taken.load(dumped, on_conflict="rename")
    assert (loaded["memories"], loaded["deleted"], loaded["skipped"]) == (7, 2, 0)
    assert loaded["renamed"].keys() == {"m0", "m1"}
    renamed = loaded["renamed"]["m0"]
    assert taken.get("m0")["memory"] == "Another m0."
    assert taken.get(renamed)["memory"] == "I grow tomatoes again."
    assert [entry["new_memory"] for entry in taken.history(renamed)] == [
        "I know 0 things about tomatoes.",
        "I know nothing about tomatoes any more.",
        "I grow tomatoes again.",
    ]
    taken.restore(loaded["renamed"]["m1"], 1)
    before = taken.get_all()
    again = taken.load(dumped, on_conflict="rename")
    assert (again["memories"], again["present"], again["renamed"]) == (0, 9, loaded["renamed"])
    assert taken.get_all() == before


def test_keys_of_records_that_are_taken(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        records.put(("n",), "key", {"v": 1}, text="about pears")
        memory.dump(tmp_path / "all.jsonl")
    with (
        Memory.from_config(elsewhere(config, "other")) as other,
        RecordStore.beside(other) as found,
    ):
        found.put(("n",), "key", {"v": 2})
        with pytest.raises(ValidationError, match="1 ids of .* such as 'n/key'"):
            other.load(tmp_path / "all.jsonl")
        assert other.load(tmp_path / "all.jsonl", on_conflict="skip")["skipped"] == 1
        renamed = other.load(tmp_path / "all.jsonl", on_conflict="rename")["renamed"]
        assert found.get(("n",), "key")["value"] == {"v": 2}  # type: ignore[index]
        assert found.get(("n",), renamed["n/key"].removeprefix("n/"))["value"] == {"v": 1}  # type: ignore[index]
        assert other.load(tmp_path / "all.jsonl", on_conflict="rename")["renamed"] == renamed


# --- interruptions


def test_an_interrupted_load_goes_on(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Milvus fails at each write in turn; after each failure the histories of what is seen are whole."""
    monkeypatch.setattr("mem0milvus.operations.transfer.import_rows.BATCH_ROWS", 4)
    with Memory.from_config(config) as memory:
        fill(memory)
        memory.dump(tmp_path / "all.jsonl")
        expected = answers(memory)
        lengths = {item["id"]: len(memory.history(item["id"])) for item in memory.get_all()["results"]}
    request = mem0milvus.milvus.connection.Connection.request
    with Memory.from_config(elsewhere(config, "other")) as other:
        failures = 0
        while True:
            calls = 0

            def fail_at(self: Any, method: str, collection: str, /, at: int = failures + 1, **arguments: Any) -> Any:
                nonlocal calls
                calls += method == "upsert"
                if method == "upsert" and calls == at:
                    raise StoreError("Milvus is out of order.")
                return request(self, method, collection, **arguments)

            with monkeypatch.context() as patched:
                patched.setattr(mem0milvus.milvus.connection.Connection, "request", fail_at)
                try:
                    other.load(tmp_path / "all.jsonl")
                    break
                except StoreError:
                    failures += 1
            for item in other.get_all()["results"]:
                assert len(other.history(item["id"])) == lengths[item["id"]]
        assert failures >= 2
        assert answers(other) == expected


KILLED = """
    import os, signal, sys
    from mem0milvus import Memory
    import mem0milvus.operations.transfer.import_rows
    mem0milvus.operations.transfer.import_rows.BATCH_ROWS = 40
    memory = Memory.from_config({"vector_store": {"config": {"url": sys.argv[1], "embedding_model_dims": 128}},
                                 "embedder": {"provider": "offline"}})
    def die(done, total):
        if done >= int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    memory.load(sys.argv[2], progress=die)
"""


@pytest.mark.slow
def test_a_killed_load_goes_on(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory:
        said = [{"role": "user", "content": f"I saw {n} {SUBJECTS[n % 8]} in year {n * 7}."} for n in range(600)]
        memory.add(said, user_id="ann", infer=False, ids=[f"k{n}" for n in range(600)])
        for n in range(0, 600, 5):
            memory.update(f"k{n}", f"I did not see {n} {SUBJECTS[n % 8]}.")
        memory.delete(memory_ids=[f"k{n}" for n in range(0, 600, 7)])
        memory.dump(tmp_path / "all.jsonl")
        path = str(tmp_path / "other.db")
        for lines in (40, 200, 450, 700):
            arguments = [path, str(tmp_path / "all.jsonl"), str(lines)]
            done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), *arguments], check=False)
            assert done.returncode == -signal.SIGKILL
        section = {"url": path, "embedding_model_dims": 128}
        with Memory.from_config({"vector_store": {"config": section}, "embedder": {"provider": "offline"}}) as other:
            last = other.load(tmp_path / "all.jsonl")
            assert 0 < last["memories"] + last["deleted"] < 200, "most was there already"
            assert other.get_all() == memory.get_all()
            for n in range(600):
                assert other.history(f"k{n}") == memory.history(f"k{n}")


@pytest.mark.slow
def test_ten_thousand_memories_with_histories_give_the_same_answers(config: Config, tmp_path: Path) -> None:
    with Memory.from_config(config) as memory, Memory.from_config(elsewhere(config, "other")) as other:
        for start in range(0, 10_000, 1_000):
            ids = [f"t{n}" for n in range(start, start + 1_000)]
            said = [
                {"role": "user", "content": f"Number {n} is about {SUBJECTS[n % 8]}{n} and x{n * n}y."}
                for n in range(start, start + 1_000)
            ]
            memory.add(said, user_id=f"u{start // 1_000}", infer=False, ids=ids)
        for n in range(0, 10_000, 10):
            memory.update(f"t{n}", f"Number {n} is no longer about {SUBJECTS[n % 8]}{n}.")
        memory.delete(memory_ids=[f"t{n}" for n in range(3, 10_000, 50)])
        assert memory.dump(tmp_path / "all.jsonl")["versions"] == 1_200
        assert other.load(tmp_path / "all.jsonl")["memories"] == 9_800
        assert other.get_all() == memory.get_all()
        for n in range(0, 10_000, 101):
            assert other.history(f"t{n}") == memory.history(f"t{n}")
            question, user_id = f"{SUBJECTS[n % 8]}{n} x{n * n}y", f"u{n // 1_000}"
            (best, *_), (expected, *_) = (m.search(question, user_id)["results"] for m in (other, memory))
            assert best == expected
