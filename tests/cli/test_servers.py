"""The same commands on servers: a ``milvus-lite server`` and a real Milvus."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.cli.commands import as_json, refused, run

pytestmark = pytest.mark.server


@pytest.fixture(params=["lite_server", "milvus"])
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server's address, which commands take from the environment."""
    server: Any = request.getfixturevalue(request.param)
    uri, token = server if isinstance(server, tuple) else (server.uri, None)
    monkeypatch.setenv("MILVUS_URI", uri)
    if token:
        monkeypatch.setenv("MILVUS_TOKEN", token)
    return str(uri)


def test_daily_work_and_the_doctor(address: str) -> None:
    there = ("--collection", f"cli_{uuid.uuid4().hex[:8]}")
    refused(3, "There is no collection", "list", *there)
    added = as_json("add", "I like tennis.", "-u", "alice", "--no-infer", "--id", "one", *there)
    assert added["results"][0]["id"] == "one"
    assert as_json("update", "one", "I like golf.", *there)["id"] == "one"
    assert [entry["event"] for entry in as_json("history", "one", *there)] == ["ADD", "UPDATE"]
    assert as_json("search", "golf", "-u", "alice", *there)["results"][0]["id"] == "one"
    assert as_json("delete", "one", "-y", *there)["deleted"] == 1
    assert as_json("restore", "on", *there)["memory"] == "I like golf."
    told = as_json("stats", *there)
    assert (told["store"], told["memories"], told["bytes_on_disk"]) == (address, 1, None)
    result = run("doctor", *there, "--json")
    assert result.exit_code == 0, result.stdout
    checks = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert address in checks["milvus"]["says"]
    assert "(1 compared)" in checks["embedder"]["says"]
