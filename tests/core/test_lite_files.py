"""Milvus Lite files: counted per path, freed at the last close, readable after a reopen, mended where one broke."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import AsyncMemory, Memory, StoreError
from mem0milvus.milvus.lite import FLUSH_ROWS
from mem0milvus.runtime.blocking_driver import run
from tests.conftest import Config, texts


def is_free(config: Config) -> bool:
    """Whether another process could open the file now."""
    lock = Path(config["vector_store"]["config"]["url"]) / "LOCK"
    with lock.open("r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(handle, fcntl.LOCK_UN)
        return True


def test_close_frees_the_file_and_it_can_be_opened_again(config: Config) -> None:
    for number in range(3):
        with Memory.from_config(config) as memory:
            assert not is_free(config)
            memory.add(f"I own {number} cats.", user_id="u")
        assert is_free(config)
    with Memory.from_config(config) as memory:
        assert texts(memory.get_all("u")) == ["I own 0 cats.", "I own 1 cats.", "I own 2 cats."]


def test_the_file_is_held_until_its_last_user_has_closed_it(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(config["vector_store"]["config"]["url"])
    first = Memory.from_config(config)
    monkeypatch.chdir(path.parent)
    config["vector_store"]["config"] |= {"url": path.name, "collection_name": "others"}  # the same file by another name
    second = Memory.from_config(config)
    first.add("I like rain.", user_id="u")
    first.close()
    assert not is_free(config)
    second.add("I like snow.", user_id="u")
    assert texts(second.get_all("u")) == ["I like snow."]
    second.close()
    assert is_free(config)


def test_both_faces_of_one_store_are_counted(config: Config) -> None:
    memory = Memory.from_config(config)
    other = memory.to_async()
    third = other.to_sync()
    memory.add("I like rain.", user_id="u")
    memory.close()
    assert texts(asyncio.run(other.get_all("u"))) == ["I like rain."]
    asyncio.run(other.aclose())
    assert texts(third.get_all("u")) == ["I like rain."]
    assert not is_free(config)
    third.close()
    assert is_free(config)


def test_a_failed_open_frees_the_file(config: Config) -> None:
    Memory.from_config(config).close()
    config["vector_store"]["config"]["metric_type"] = "IP"
    with pytest.raises(Exception, match="measures distance"):
        Memory.from_config(config)
    assert is_free(config)


def test_an_idle_connection_is_not_pinged(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    import grpc

    given: list[dict[str, Any]] = []
    channel = grpc.insecure_channel

    def noted(target: str, options: Any = None, **arguments: Any) -> Any:
        given.append(dict(options))
        return channel(target, options, **arguments)

    monkeypatch.setattr(grpc, "insecure_channel", noted)
    Memory.from_config(config).close()
    assert given
    for options in given:
        assert options["grpc.keepalive_time_ms"] == 2**31 - 1, "gRPC's number for never"
        assert not options["grpc.keepalive_permit_without_calls"]


@pytest.mark.slow
def test_a_store_that_is_idle_for_a_minute_and_a_half_prints_nothing(config: Config) -> None:
    code = """
        import json, sys, time
        from mem0milvus import Memory
        with Memory.from_config(json.loads(sys.argv[1])) as memory:
            memory.add("I like rain.", user_id="u")
            time.sleep(95)
            memory.add("I like snow.", user_id="u")
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), json.dumps(config)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=180, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_async_memory_that_was_never_used_opens_nothing(config: Config) -> None:
    memory = AsyncMemory.from_config(config)
    asyncio.run(memory.aclose())
    assert not Path(config["vector_store"]["config"]["url"]).exists()


def test_many_rows_are_flushed_before_a_search_and_are_all_found(config: Config) -> None:
    count = FLUSH_ROWS * 3
    with Memory.from_config(config) as memory:
        said = [{"role": "user", "content": f"fact number {n}"} for n in range(count)]
        memory.add(said, user_id="u", infer=False)
        for n in (0, FLUSH_ROWS, count - 1):
            assert texts(memory.search(f"fact number {n}", user_id="u", top_k=1)) == [f"fact number {n}"]
        memory.add("One more fact, about a zebra.", user_id="u")
        assert texts(memory.search("zebra", user_id="u", top_k=1)) == ["One more fact, about a zebra."]
        assert len(memory.get_all("u")["results"]) == count + 1


def test_an_index_file_that_was_cut_off_is_built_anew(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    with Memory.from_config(config) as memory:
        said = [{"role": "user", "content": f"fact number {n}"} for n in range(FLUSH_ROWS + 50)]
        memory.add(said, user_id="u", infer=False)
        memory.search("fact", user_id="u")  # flushes
    with Memory.from_config(config):
        pass  # loading writes the index files
    folder = Path(config["vector_store"]["config"]["url"])
    indexes = [path for path in folder.rglob("*") if path.is_file() and path.suffix == ".idx"]
    assert indexes, sorted({path.suffix for path in folder.rglob("*")})
    for path in indexes:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING, logger="mem0milvus"), Memory.from_config(config) as memory:
        assert len(memory.get_all("u")["results"]) == FLUSH_ROWS + 50
        assert texts(memory.search("fact number 7", user_id="u", top_k=1)) == ["fact number 7"]
    assert "rebuilding it" in caplog.text
    assert {record.name.partition(".")[0] for record in caplog.records} == {"mem0milvus"}, "no page of tracebacks"


def test_rows_that_were_replaced_are_taken_out_of_large_partitions_by_and_by(config: Config) -> None:
    """Each search walks over them; Milvus Lite by itself may keep several for each current row."""
    from milvus_lite.server_manager import server_manager_instance

    with Memory.from_config(config) as memory:
        said = [{"role": "user", "content": f"fact number {n}"} for n in range(1_000)]
        ids = [change["id"] for change in memory.add(said, user_id="u", infer=False)["results"]]
        live = memory._ports.live
        rows = []
        for round_ in range(4):
            records = run(live.get(ids, vectors=True))
            run(live.put([replace(one, memory=f"{one.memory} {round_}") for one in records.values()]))
            assert len(memory.search("fact", user_id="u", top_k=2_000)["results"]) == 1_000
            server = server_manager_instance._servers[str(Path(config["vector_store"]["config"]["url"]).absolute())]
            engine = server[1].get_collection("memories")
            rows.append(sum(segment.num_rows for segment in engine._segments_snapshot()))
        assert max(rows) <= 2_000
        assert rows[-1] < 1_200
        assert all(item["memory"].endswith(" 0 1 2 3") for item in memory.get_all(user_id="u")["results"])


@pytest.mark.parametrize("name", ["manifest.json", "schema.json"])
def test_a_store_whose_list_of_files_is_cut_off_is_refused_and_left_as_it_is(config: Config, name: str) -> None:
    """Milvus Lite would go back to an earlier list, in which a deleted memory lives again."""
    with Memory.from_config(config) as memory:
        memory.add("I own a cat.", user_id="u", infer=False)
    path = Path(config["vector_store"]["config"]["url"])
    document = path / "collections" / "memories" / name
    whole = document.read_bytes()
    document.write_bytes(whole[: len(whole) // 2])
    before = {one: one.read_bytes() for one in path.rglob("*") if one.is_file() and one.name != "LOCK"}
    for _ in range(2):
        with pytest.raises(StoreError, match="as after a failure of the disk"):
            Memory.from_config(config)
    assert {one: one.read_bytes() for one in path.rglob("*") if one.is_file() and one.name != "LOCK"} == before
    document.write_bytes(whole)
    with Memory.from_config(config) as memory:
        assert texts(memory.get_all("u")) == ["I own a cat."]
