"""One Milvus Lite store is one handle, however its path is spelled, and only its owner can enter its folder."""

from __future__ import annotations

import asyncio
import copy
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

from mem0milvus import AsyncMemory, Memory, RecordStore, StoreError, StoreLockedError
from mem0milvus.milvus import lite
from mem0milvus.milvus.lite_folder import check_path
from tests.conftest import Config, texts


def spelled(config: Config, path: str | Path) -> Config:
    config = copy.deepcopy(config)
    config["vector_store"]["config"]["url"] = str(path)
    return config


@pytest.fixture
def folder(tmp_path: Path, config: Config) -> Path:
    """The folder ``d`` with a folder ``sub``, a link ``d_link`` to it, and links to the store that it will have."""
    folder = tmp_path / "d"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "d_link").symlink_to(folder)
    return folder


SPELLINGS = ["d/sub/../m.db", "d_link/m.db", "d_link/sub/../m.db", "d/m.db/", "./d//m.db", "link.db", "absolute"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_two_spellings_of_a_path_are_one_store(config: Config, folder: Path, spelling: str) -> None:
    with Memory.from_config(spelled(config, "d/m.db")) as first:
        Path("link.db").symlink_to(folder / "m.db")
        other = str(folder / "m.db") if spelling == "absolute" else spelling
        second = Memory.from_config(spelled(config, other))
        first.add("I like rain.", user_id="u")
        assert texts(second.get_all("u")) == ["I like rain."]
        second.add("I like snow.", user_id="u")
        assert texts(first.search("snow", "u")) == ["I like snow.", "I like rain."]
        second.close()
        first.add("I like wind.", user_id="u")
        assert len(texts(first.get_all("u"))) == 3
    with Memory.from_config(spelled(config, other)) as memory:
        assert len(texts(memory.get_all("u"))) == 3


def test_the_first_handle_may_close_and_the_others_go_on(config: Config, folder: Path) -> None:
    async def write_and_read() -> list[str]:
        async with AsyncMemory.from_config(spelled(config, "d/sub/../m.db")) as memory:
            first.close()
            await memory.add("I like snow.", user_id="u")
            return texts(await memory.get_all("u"))

    first = Memory.from_config(spelled(config, "d/m.db"))
    first.add("I like rain.", user_id="u")
    with RecordStore.from_config(spelled(config, "d_link/m.db")) as records:
        records.put(("u",), "a", {"n": 1})
        assert sorted(asyncio.run(write_and_read())) == ["I like rain.", "I like snow."]
        assert records.get(("u",), "a")["value"] == {"n": 1}
        records.put(("u",), "b", {"n": 2})
    with RecordStore.from_config(spelled(config, folder / "m.db")) as records:
        assert len(records.list(("u",))) == 2


def test_a_relative_path_means_the_working_directory_at_opening(
    config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Memory.from_config(spelled(config, "d/m.db"))
    monkeypatch.chdir(folder)
    second = Memory.from_config(spelled(config, "m.db"))
    first.add("I like rain.", user_id="u")
    assert texts(second.get_all("u")) == ["I like rain."]
    first.close()
    with Memory.from_config(spelled(config, "d.db")) as another:
        assert texts(another.get_all("u")) == []
    second.add("I like snow.", user_id="u")
    second.close()
    assert sorted(path.name for path in folder.iterdir()) == ["d.db", "m.db", "sub"]


def test_a_link_to_a_store_whose_folder_has_another_ending_can_be_used(config: Config, folder: Path) -> None:
    Memory.from_config(spelled(config, "d/m.db")).close()
    (folder / "m.db").rename(folder / "data")
    (folder / "m.db").symlink_to("data")
    Path("other.db").symlink_to("d/m.db")
    with Memory.from_config(spelled(config, "d/m.db")) as first:
        with Memory.from_config(spelled(config, "other.db")) as second:
            first.add("I like rain.", user_id="u")
            assert texts(second.get_all("u")) == ["I like rain."]
        first.add("I like snow.", user_id="u")
        assert len(texts(first.get_all("u"))) == 2


def test_a_name_in_other_letters_is_the_same_store_if_it_is_the_same_folder(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a file system that does not tell upper from lower case: there ``realpath`` keeps the letters as given."""
    with Memory.from_config(spelled(config, "m.db")), ExitStack() as resources:
        (tmp_path / "M.db").symlink_to("m.db")
        real = os.path.realpath
        monkeypatch.setattr(os.path, "realpath", lambda path: str(path) if "M.db" in str(path) else real(path))
        assert check_path("M.db") == tmp_path / "M.db"
        assert lite.acquire("M.db", resources) is lite.opened("m.db") is lite.opened("M.db")


def test_a_store_that_other_code_opened_by_a_link_is_shared_with_it(config: Config, folder: Path) -> None:
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    client = MilvusClient("d_link/m.db")
    with Memory.from_config(spelled(config, "d/m.db")) as memory:
        memory.add("I like rain.", user_id="u")
        assert client.has_collection("memories")
    assert client.has_collection("memories"), "the store is left to whoever had it open"
    client.close()
    server_manager_instance.release_server("d_link/m.db")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("dangling.db", "is a symbolic link to .*away/m.db, which does not exist"),
        ("loop.db", "its symbolic links lead back to themselves"),
        ("loop/m.db", "its symbolic links lead back to themselves"),
        ("gone/m.db", "the folder .*/away does not exist"),
    ],
)
def test_a_link_that_leads_nowhere_is_refused(config: Config, tmp_path: Path, path: str, message: str) -> None:
    for name, target in (("dangling.db", "away/m.db"), ("loop.db", "loop.db"), ("loop", "pool"), ("pool", "loop")):
        Path(name).symlink_to(target)
    Path("gone").symlink_to("away")
    before = sorted(tmp_path.iterdir())
    with pytest.raises((StoreError, ValueError), match=message):
        Memory.from_config(spelled(config, path))
    assert sorted(tmp_path.iterdir()) == before


def test_another_process_is_refused_by_any_spelling(config: Config, folder: Path) -> None:
    code = f"""
        from mem0milvus import Memory
        memory = Memory.from_config({spelled(config, "d_link/m.db")!r})
        print("open", flush=True)
        input()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "open\n"
    for path in ("d/m.db", "d/sub/../m.db", "d_link/m.db"):
        with pytest.raises(StoreLockedError, match="Another process has"):
            Memory.from_config(spelled(config, path))
    holder.communicate("\n", timeout=30)
    Memory.from_config(spelled(config, "d/m.db")).close()


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_the_owner_can_enter_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    for umask in (0o000, 0o022, 0o277):
        before = os.umask(umask)
        try:
            with ExitStack() as resources:
                lite.acquire(str(path), resources)
                assert mode(path) == 0o700
        finally:
            os.umask(before)
        shutil.rmtree(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("face", [Memory, RecordStore])
def test_with_umask_0_nobody_else_reaches_a_file_of_a_new_store(
    config: Config, face: type[Memory] | type[RecordStore]
) -> None:
    before = os.umask(0)
    try:
        with face.from_config(spelled(config, "m.db")):
            assert mode("m.db") == 0o700
        face.from_config(spelled(config, "m.db")).close()
    finally:
        os.umask(before)
    assert mode("m.db") == 0o700


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_folder_that_existed_keeps_its_permissions(config: Config) -> None:
    path = Path("m.db")
    path.mkdir()
    path.chmod(0o750)
    with Memory.from_config(spelled(config, path)) as memory:
        memory.add("I like rain.", user_id="u")
    assert mode(path) == 0o750
