"""Clearing out: expired memories and versions beyond the limit go, everything else stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import Memory, NotFoundError, RecordStore
from tests.conftest import Config, texts


def _add(memory: Any, text: str, one: str, **arguments: Any) -> None:
    memory.add([{"role": "user", "content": text}], user_id="u", infer=False, ids=[one], **arguments)


@pytest.mark.parametrize("limit", [0, 1, 3, None])
def test_each_memory_keeps_so_many_past_versions(
    open_memory: Callable[..., Any], config: Config, limit: int | None
) -> None:
    config["vector_store"]["config"]["history_limit"] = limit
    memory = open_memory(config)
    for one in ("live", "gone"):
        _add(memory, "version 1", one)
        for number in range(2, 6):
            memory.update(one, f"version {number}")
    memory.delete("gone")
    _add(memory, "never changed", "still")
    kept = 5 if limit is None else limit
    assert memory.vacuum()["versions"] == 2 * 4 + 1 - min(kept, 4) - min(kept, 5)
    assert [e["version"] for e in memory.history("live")] == list(range(5 - min(kept, 4), 6))
    assert [e["version"] for e in memory.history("gone")] == list(range(6 - min(kept, 5), 7))
    assert texts(memory.get_all("u")) == ["version 5", "never changed"]
    assert memory.vacuum()["versions"] == 0, "a second time finds nothing"
    if limit == 1:
        memory.restore("live", 4)
        assert memory.get("live")["memory"] == "version 4"
        with pytest.raises(NotFoundError, match="no longer kept"):
            memory.restore("live", 2)


def test_expired_memories_are_erased_with_their_past(memory: Any, move_clock: Callable[[float], None]) -> None:
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    _add(memory, "the first code", "code", expires_at=soon)
    memory.update("code", "the second code")
    _add(memory, "kept", "kept", expires_at=datetime.now(timezone.utc) + timedelta(days=1))
    move_clock(3_601)
    assert memory.vacuum()["expired"] == 1
    with pytest.raises(NotFoundError):
        memory.history("code")
    assert texts(memory.get_all("u")) == ["kept"]


def test_nothing_of_what_was_purged_is_left_in_any_file(open_memory: Callable[..., Any], config: Config) -> None:
    memory = open_memory(config)
    _add(memory, "My secret is the wordquokka.", "a", metadata={"where": "placenumbat"})
    memory.update("a", "My secret is now the wordbilby.")
    _add(memory, "I like rain.", "b")
    memory.search("secret", user_id="u")
    memory.vacuum()
    memory.delete("a", purge=True)
    memory.vacuum()
    assert texts(memory.get_all("u")) == ["I like rain."]
    assert texts(memory.search("rain", user_id="u")) == ["I like rain."]
    memory.close()
    for path in Path(config["vector_store"]["config"]["url"]).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (b"wordquokka", b"wordbilby", b"placenumbat"):
                assert word not in content, path


def test_nothing_of_a_deleted_record_is_left_in_any_file(config: Config) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as records:
        records.put(("chat", "alice"), "1", {"text": "My secret is the wordquokka."}, text="the wordquokka")
        records.put(("chat", "bob"), "1", {"text": "I like rain."}, text="I like rain.")
        assert records.search("wordquokka", ("chat",))
        records.delete_namespace(("chat", "alice"))
        memory.vacuum()
        assert [item["value"]["text"] for item in records.list(("chat", "bob"))] == ["I like rain."]
    for path in Path(config["vector_store"]["config"]["url"]).rglob("*"):
        assert not path.is_file() or b"wordquokka" not in path.read_bytes(), path
