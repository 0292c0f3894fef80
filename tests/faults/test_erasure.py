"""What was purged is in no file of a Milvus Lite store once it is compacted, however the files are packed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mem0milvus import Memory, NotFoundError, StoreError
from tests.conftest import Config, texts

#: Stand in texts, metadata and earlier versions of what is purged.
SECRETS = ("zanzibar", "quetzalcoatl", "ωμέγα", "mnemosyne", "xylophone")


def _contents(path: Path) -> Iterator[str]:
    """A file as bytes and, where it is compressed, as what is in it."""
    yield path.read_bytes().decode("utf-8", errors="ignore")
    if path.suffix == ".parquet":
        yield repr(pq.read_table(path).to_pylist())


def secrets_in(config: Config) -> set[str]:
    """The secrets that stand in any file of the store."""
    folder = Path(config["vector_store"]["config"]["url"])
    return {
        secret
        for path in folder.rglob("*")
        if path.is_file()
        for content in _contents(path)
        for secret in SECRETS
        if secret in content
    }


def _compact(memory: Memory) -> None:
    connection = memory._runtime._connection
    for collection in (connection.live, connection.history):
        connection.compact(collection)


def _say(memory: Memory, user: str, *said: str, **arguments: Any) -> list[str]:
    messages = [{"role": "user", "content": text} for text in said]
    return [change["id"] for change in memory.add(messages, user_id=user, infer=False, **arguments)["results"]]


def _fill(memory: Memory, *, flushed: bool) -> dict[str, str]:
    """Secrets in live rows, in metadata, in earlier versions and in deleted memories, among other rows."""
    for number in range(10):
        _say(memory, "other", f"nothing to hide, number {number}", metadata={"n": number})
    ids = {}
    (ids["text"],) = _say(memory, "u", "I live in zanzibar.")
    (ids["metadata"],) = _say(memory, "u", "I like birds.", metadata={"pet": {"quetzalcoatl": ["ωμέγα"]}})
    (ids["past"],) = _say(memory, "u", "I study mnemosyne.")
    (ids["gone"],) = _say(memory, "u", "I play the xylophone.")
    if flushed:
        _flush(memory)
    memory.update(ids["past"], "I study something else.")
    memory.delete(ids["gone"])
    if flushed:
        _flush(memory)
        _say(memory, "u", "I have a cat.")
    return ids


def _flush(memory: Memory) -> None:
    connection = memory._runtime._connection
    for collection in (connection.live, connection.history):
        connection._client.flush(collection)  # type: ignore[union-attr]


@pytest.mark.parametrize("flushed", [False, True], ids=["still in the log", "in files"])
@pytest.mark.parametrize("form", ["one by one", "several", "user", "scope"])
def test_what_was_purged_is_in_no_file_after_a_compaction(config: Config, form: str, flushed: bool) -> None:
    with Memory.from_config(config) as memory:
        ids = _fill(memory, flushed=flushed)
        assert secrets_in(config) == set(SECRETS), "the search for secrets finds them"
        if form == "one by one":
            for memory_id in ids.values():
                memory.delete(memory_id, purge=True)
        elif form == "several":
            memory.delete(memory_ids=list(ids.values()), purge=True)
        elif form == "user":
            memory.delete(user_id="u", purge=True)
        else:
            memory.delete_all(user_id="u", purge=True)
        _compact(memory)
        assert secrets_in(config) == set()
        for memory_id in ids.values():
            with pytest.raises(NotFoundError):
                memory.history(memory_id)
        _others_are_untouched(memory)
    assert secrets_in(config) == set()
    with Memory.from_config(config) as memory:
        _others_are_untouched(memory)


def _others_are_untouched(memory: Memory) -> None:
    said = [f"nothing to hide, number {number}" for number in range(10)]
    assert texts(memory.get_all("other")) == said
    assert set(texts(memory.search("number 7", "other", top_k=20))) == set(said)


def test_a_compaction_drops_what_was_replaced_and_keeps_every_version_that_counts(config: Config) -> None:
    with Memory.from_config(config) as memory:
        ids = _fill(memory, flushed=True)
        for number in range(5):
            memory.update(ids["text"], f"I moved {number} times.", {"pet": number})
            _flush(memory)
        before = {name: memory.history(one) for name, one in ids.items()}
        items = memory.get_all()["results"]
        found = memory.search("Where do I live?", "u")["results"]
        _compact(memory)
        folder = Path(config["vector_store"]["config"]["url"]) / "collections" / "memories"
        keys = [row["id"] for path in folder.rglob("data_*.parquet") for row in pq.read_table(path).to_pylist()]
        assert sorted(keys) == sorted(item["id"] for item in items), "one row for each memory, and no more"
        assert {name: memory.history(one) for name, one in ids.items()} == before
        assert memory.get_all()["results"] == items
        assert memory.search("Where do I live?", "u")["results"] == found
        memory.restore(ids["gone"], 1)
    with Memory.from_config(config) as memory:
        assert {name: memory.history(one) for name, one in ids.items() if name != "gone"} == {
            name: entries for name, entries in before.items() if name != "gone"
        }
        assert "I play the xylophone." in texts(memory.get_all("u"))


def test_a_compaction_that_fails_loses_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from milvus_lite.engine import compaction

    with Memory.from_config(config) as memory:
        ids = _fill(memory, flushed=True)
        memory.delete(ids["text"], purge=True)
        before = memory.get_all()["results"]

        def refuse(*_: Any, **__: Any) -> None:
            raise pa.ArrowInvalid("no")

        with monkeypatch.context() as patched:
            patched.setattr(compaction, "write_data_file", refuse)
            with pytest.raises(StoreError, match="Cannot compact"):
                _compact(memory)
        assert memory.get_all()["results"] == before
        _compact(memory)
        assert memory.get_all()["results"] == before
        assert "zanzibar" not in secrets_in(config)
