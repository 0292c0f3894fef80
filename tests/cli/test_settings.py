"""Where commands find their store: a file, options, the environment. And what they say to what is wrong."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from mem0milvus.cli import settings as reading
from mem0milvus.cli.options import StoreOptions
from mem0milvus.cli.settings import read_settings
from mem0milvus.cli.terminal import CommandUsageError
from tests.cli.commands import as_json, refused, run

TOML = '[vector_store.config]\nurl = "a.db"\ncollection_name = "from_file"\n[embedder]\nprovider = "offline"\n'
YAML = "vector_store: {config: {url: a.db, collection_name: from_file}}\nembedder: {provider: offline}\n"
JSON = json.dumps({"vector_store": {"config": {"url": "a.db", "collection_name": "from_file"}}})

needs_toml = pytest.mark.skipif(
    sys.version_info < (3, 11) and importlib.util.find_spec("tomli") is None, reason="no reader of TOML is installed"
)
needs_yaml = pytest.mark.skipif(importlib.util.find_spec("yaml") is None, reason="no reader of YAML is installed")


def write(name: str, content: str) -> Path:
    Path(name).write_text(content, encoding="utf-8")
    return Path(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("c.toml", TOML, marks=needs_toml),
        pytest.param("c.yaml", YAML, marks=needs_yaml),
        pytest.param("c.YML", YAML, marks=needs_yaml),
        ("c.json", JSON),
    ],
)
def test_a_file_and_options_in_the_place_of_what_it_says(name: str, content: str) -> None:
    file = write(name, content)
    store = read_settings(StoreOptions(file)).store
    assert (store.uri, store.collection_name) == ("a.db", "from_file")
    other = read_settings(StoreOptions(file, "b.db", "other")).store
    assert (other.uri, other.collection_name) == ("b.db", "other")


def test_without_a_file_the_environment_and_the_defaults_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(StoreOptions()).store.uri == "./milvus.db"
    monkeypatch.setenv("MILVUS_URI", "from_environment.db")
    assert read_settings(StoreOptions(collection="notes")).store.uri == "from_environment.db"
    assert read_settings(StoreOptions(url="option.db")).store.uri == "option.db"


def test_the_file_may_stand_in_the_environment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM0MILVUS_CONFIG", str(write("c.json", '{"vector_store": {"config": {"url": "milvus.db"}}}')))
    assert len(as_json("list")["results"]) == 4
    monkeypatch.setenv("MEM0MILVUS_CONFIG", "gone.json")
    refused(2, "--config 'gone.json' does not exist", "list")


WRONG_FILES = [
    ("c.ini", "", "must end in .toml, .json, .yaml, .yml"),
    ("c.json", "{oops", "cannot be read: Expecting property name"),
    ("c.json", "[1]", "holds list; it must hold keys"),
    ("c.json", "null", "holds nothing; it must hold keys"),
    ("c.json", '{"vector_stor": {}}', "Did you mean 'vector_store'?"),
    ("c.json", '{"vector_store": 3}', "Configuration key 'vector_store'"),
    ("c.json", '{"embedder": {"provider": "offlin"}}', "Did you mean 'offline'?"),
    pytest.param("c.toml", "= 1", "cannot be read: Invalid", marks=needs_toml),
    pytest.param("c.yaml", "a: [", "cannot be read: while parsing", marks=needs_yaml),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG_FILES)
def test_a_file_that_cannot_be_used(name: str, content: str, message: str) -> None:
    write(name, content)
    refused(2, message, "add", "x", "-u", "alice", "--config", name, "--url", "new.db")
    assert not Path("new.db").exists()


def test_a_missing_reader_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    write("c.yaml", YAML)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(CommandUsageError, match="needs PyYAML: pip install PyYAML"):
        reading.read_config_file(Path("c.yaml"))


def test_a_key_of_mem0_that_has_no_meaning_here_is_told_once(store: Path) -> None:
    write("c.json", '{"history_db_path": "history.db"}')
    result = run("list", "--config", "c.json")
    assert result.exit_code == 0
    assert result.stderr.count("history_db_path") == 1


WRONG_ARGUMENTS = [
    (["add", "-u", "alice"], "add takes a TEXT, - for standard input, or --messages FILE, and neither was given."),
    (["add", "x", "--messages", "f", "-u", "a"], "and both were given"),
    (["add", "x"], "Nothing was added: add --user, --agent or --run, or set MEM0MILVUS_USER."),
    (["add", "x", "-u", "a", "-m", "novalue"], "--metadata 'novalue' must be KEY=VALUE"),
    (["add", "x", "-u", "a", "-m", "{oops"], "is not valid JSON"),
    (
        ["add", "x", "-u", "a", "--timestamp", "yesterday"],
        "--timestamp 'yesterday' is not a time: write it as 2026-01-31",
    ),
    (["add", "-", "-u", "a"], "There is nothing in standard input."),
    (["add", "--messages", "gone.json", "-u", "a"], "--messages 'gone.json' is not a file"),
    (["add", "--messages", "-", "-u", "a"], "There is nothing in standard input."),
    (["search", "x"], "Nothing was searched: add --user"),
    (["search", "x", "-u", "a", "--as-of", "soon"], "--as-of 'soon' is not a time"),
    (["search", "x", "-u", "a", "--mode", "fuzzy"], "See: mem0milvus search --help"),
    (["search", "x", "-u", "a", "--threshold", "2"], "See: mem0milvus search --help"),
    (["list", "--top-k", "many"], "See: mem0milvus list --help"),
    (["delete", "--yes"], "delete takes ids, or a scope"),
    (["delete", "a", "-u", "b", "--yes"], "delete takes ids, or a scope"),
    (["import", "gone.jsonl"], "gone.jsonl is not a file"),
    (["migrate-mem0"], "migrate-mem0 takes --from URL or --mem0-config FILE, and neither was given."),
    (["migrate-mem0", "--from", "a", "--mem0-config", "b"], "and both were given"),
    (["--config", "c.json", "list"], "Options come after their command"),
    (["lst"], "No such command 'lst'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments_are_one_line_and_make_no_store(arguments: list[str], message: str) -> None:
    refused(2, message, *arguments)
    assert list(Path().iterdir()) == []


READERS = [
    ["search", "x", "-u", "a"], ["list"], ["show", "x"], ["history", "x"], ["update", "x", "y"], ["restore", "x"],
    ["delete", "x", "-y"], ["vacuum"], ["stats"], ["export", "f.jsonl"], ["reembed"], ["timeline", "t.png"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", READERS, ids=lambda arguments: arguments[0])
def test_what_only_looks_makes_no_store(arguments: list[str]) -> None:
    refused(3, "There is no store in ./milvus.db. Name one with --url", *arguments)
    assert list(Path().iterdir()) == []


def test_a_collection_that_is_not_there_is_not_made(store: Path) -> None:
    refused(3, "no collection 'typo' in ./milvus.db. Memories are in: mem0milvus.", "list", "--collection", "typo")
    refused(3, "There is no collection 'typo'", "stats", "--collection", "typo")


def test_errors_of_the_store_and_their_exit_codes(store: Path) -> None:
    small = '{"embedder": {"provider": "offline", "config": {"embedding_dims": 64}}}'
    write("small.json", small)
    refused(
        5, "To move it to the embedder that is configured now: mem0milvus reembed.", "list", "--config", "small.json"
    )
    refused(4, "no answer from Milvus at http://127.0.0.1:1", "list", "--url", "http://127.0.0.1:1")
    refused(2, "must end in .db", "add", "x", "-u", "a", "--url", "store.sqlite")
    write("old.db", "SQLite format 3")
    refused(1, "it looks like a store of Milvus Lite 2", "list", "--url", "old.db")
