"""Taking memories out, bringing them in, and moving them to another embedder, from a shell."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.cli.commands import as_json, refused, run, succeed

MEM0 = Path(__file__).parent.parent / "migration" / "mem0_store.tar.gz"
SMALL = {"embedder": {"provider": "offline", "config": {"embedding_dims": 64}}}


def test_export_and_import_bring_everything_back(store: Path) -> None:
    assert succeed("export", "all.jsonl") == (
        "Exported 4 memories, 1 deleted memory and 2 past versions to all.jsonl.\n"
    )
    refused(2, "all.jsonl exists already: name another file, or add --overwrite.", "export", "all.jsonl")
    assert as_json("export", "all.jsonl", "--overwrite", "--no-vectors")["memories"] == 4
    imported = run("import", "all.jsonl", "--url", "copy.db")
    assert imported.stdout == "Imported 4 memories, 1 deleted memory and 2 past versions from all.jsonl.\n"
    assert "There was no store in copy.db" in imported.stderr
    for command in (["list"], ["history", "tennis"], ["history", "bus"]):
        assert as_json(*command, "--url", "copy.db") == as_json(*command)
    again = run("import", "all.jsonl", "--url", "copy.db")
    assert again.stdout == "Imported 0 memories from all.jsonl.\n"
    assert again.stderr == "5 were imported before.\n"


def test_ids_that_others_have_are_refused_or_renamed(store: Path) -> None:
    succeed("export", "all.jsonl")
    succeed("add", "Something else.", "-u", "zoe", "--no-infer", "--id", "fish", "--url", "other.db")
    refused(2, "fish", "import", "all.jsonl", "--url", "other.db")
    assert len(as_json("list", "--url", "other.db")["results"]) == 1
    renamed = run("import", "all.jsonl", "--url", "other.db", "--on-conflict", "rename")
    assert "1 got new ids; --json lists them." in renamed.stderr
    assert len(as_json("list", "--url", "other.db")["results"]) == 5


def test_a_cut_off_file_is_refused(store: Path) -> None:
    succeed("export", "all.jsonl")
    content = Path("all.jsonl").read_text()
    Path("cut.jsonl").write_text(content[: len(content) // 2])
    result = run("import", "cut.jsonl", "--url", "copy.db")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert as_json("list", "--url", "copy.db")["results"] == []


def test_reembed_moves_to_the_embedder_that_is_configured(store: Path) -> None:
    Path("small.json").write_text(json.dumps(SMALL))
    small = ("--config", "small.json")
    assert "there is nothing to move" in run("reembed").stderr
    before = as_json("list")
    refused(2, "from 'mem0milvus-hash-v1' with 512 dimensions to 'mem0milvus-hash-v1' with 64?", "reembed", *small)
    moved = run("reembed", *small, "--yes")
    assert moved.stdout.startswith("Moved 4 memories and ")
    assert "kept as 'mem0milvus__old'" in moved.stderr
    assert as_json("list", *small) == before
    assert [entry["event"] for entry in as_json("history", "tennis", *small)] == ["ADD", "UPDATE"]
    assert as_json("search", "golf", "-u", "alice", *small)["results"][0]["id"] == "tennis"
    assert as_json("list", "--collection", "mem0milvus__old") == before
    assert "'mem0milvus__old' has the memories as they were" in " ".join(run("doctor", *small).stdout.split())
    assert succeed("reembed", *small, "--drop-old", "--yes") == "The former collections are dropped.\n"
    assert run("list", "--collection", "mem0milvus__old").exit_code == 3
    assert as_json("stats", *small)["dimensions"] == 64


def test_a_reembed_that_was_all_but_done_is_finished_by_whatever_opens_the_store(store: Path) -> None:
    from pymilvus import MilvusClient

    before = as_json("list")
    client = MilvusClient(str(store))  # as where a process was killed between two renamings
    client.rename_collection("mem0milvus", "mem0milvus__ready")
    client.close()
    result = run("doctor")
    assert result.exit_code == 0
    assert "interrupted during its last step" in " ".join(result.stdout.split())
    client = MilvusClient(str(store))
    client.rename_collection("mem0milvus", "mem0milvus__ready")
    client.close()
    assert as_json("list") == before


class TestMigration:
    @pytest.fixture
    def mem0(self) -> Path:
        """What the real Mem0 left, in a folder of its own."""
        folder = Path("mem0").absolute()
        with tarfile.open(MEM0) as archive:
            for member in archive.getmembers():
                archive.extract(member, folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]
        return folder

    def test_a_trial_shows_what_would_come_and_writes_nothing(self, mem0: Path) -> None:
        source = ("--from", "mem0/milvus.db", "--history", "mem0/history.db")
        shown = succeed("migrate-mem0", *source, "--dry-run")
        assert shown.startswith("Nothing was written. To be migrated:\nmemories ")
        assert [path.name for path in Path().iterdir()] == ["mem0"]
        told = as_json("migrate-mem0", *source, "--dry-run")
        assert succeed("migrate-mem0", *source).startswith("Migrated:\nmemories ")
        assert len(as_json("list")["results"]) == told["memories"] > 0
        again = as_json("migrate-mem0", *source)
        assert again["memories"] == 0
        assert again["present"] == told["memories"] + told["deleted"]

    def test_mem0s_own_configuration_says_where(self, mem0: Path) -> None:
        store = {"provider": "milvus", "config": {"url": "mem0/milvus.db", "collection_name": "mem0"}}
        Path("mem0.json").write_text(json.dumps({"vector_store": store, "history_db_path": "mem0/history.db"}))
        assert as_json("migrate-mem0", "--mem0-config", "mem0.json", "--dry-run")["versions"] > 0
        refused(2, "--mem0-config 'gone.json' does not exist", "migrate-mem0", "--mem0-config", "gone.json")

    def test_a_store_that_is_not_mem0s(self, mem0: Path, store: Path) -> None:
        refused(2, "There is no Milvus Lite store at gone.db", "migrate-mem0", "--from", "gone.db")
        refused(2, "has no collection 'nix'", "migrate-mem0", "--from", "mem0/milvus.db", "--from-collection", "nix")
