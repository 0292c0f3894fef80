"""Bad input: each kind raises the named error, says what to do, and writes nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import (
    AsyncMemory,
    ConfigError,
    EmbedderMismatchError,
    EmbeddingError,
    FilterError,
    Memory,
    NotFoundError,
    RecordStore,
    SchemaMismatchError,
    StoreError,
    StoreLockedError,
    ValidationError,
)
from tests.conftest import Config, texts

LONG = "x" * 65_536
KNOWN = "k"

USER = {"role": "user", "content": "hello there, I like rain"}


@pytest.fixture(scope="module")
def filled(shared_memory: Any) -> Any:
    """A memory with one memory in it, under the id ``k``; what is refused leaves it as it is."""
    shared_memory.add([{"role": "user", "content": "I like rain."}], user_id="u", infer=False, ids=[KNOWN])
    return shared_memory


ADDS: list[tuple[str, dict[str, Any], str]] = [
    ("empty text", {"messages": ""}, "messages is empty"),
    ("blank text", {"messages": " \n\t"}, "messages is empty"),
    ("no text", {"messages": 7}, "must be a text, a message like .* not int"),
    ("none", {"messages": None}, "not NoneType"),
    ("bytes", {"messages": b"hi"}, "not bytes"),
    ("empty list", {"messages": []}, "empty list: there is nothing to add"),
    ("list of texts", {"messages": ["hi"]}, r"messages\[0\] must be a dict like .* not str"),
    ("list of numbers", {"messages": [1]}, r"messages\[0\] must be a dict"),
    (
        "unknown role",
        {"messages": [USER, {"role": "robot", "content": "x"}]},
        r"messages\[1\] has the role 'robot'; known are user",
    ),
    ("no role", {"messages": [{"content": "x"}]}, "has the role None"),
    ("no content", {"messages": [{"role": "user"}]}, r"messages\[0\]\['content'\] must be a text, not NoneType"),
    ("empty content", {"messages": [{"role": "user", "content": ""}]}, "is empty"),
    ("content a number", {"messages": [{"role": "user", "content": 5}]}, "must be a text, not int"),
    ("content part a number", {"messages": [{"role": "user", "content": [5]}]}, "its parts must be texts or dicts"),
    ("name a number", {"messages": [{**USER, "name": 5}]}, r"messages\[0\]\['name'\] must be a text, not int"),
    ("half a surrogate pair", {"messages": "ab\ud800"}, "half of a surrogate pair at position 2"),
    ("text too long", {"messages": LONG}, "65,536 bytes long in UTF-8; the maximum of a memory is 65,535: split it"),
    ("text too long in bytes", {"messages": "é" * 40_000}, "80,000 bytes"),
    ("no scope", {"user_id": ...}, "add requires a scope: give user_id="),
    ("user none", {"user_id": None}, "user_id must not be None.*never means everyone"),
    ("user empty", {"user_id": ""}, "user_id must not be ''"),
    ("agent none", {"agent_id": None}, "agent_id must not be None"),
    ("run empty", {"run_id": ""}, "run_id must not be ''"),
    ("user a number", {"user_id": 5}, "user_id must be a text, not int 5: use '5'"),
    ("control character", {"user_id": "a\nb"}, r"contains the character U\+000A at position 1"),
    ("nul", {"run_id": "a\x00"}, r"U\+0000"),
    ("id too long", {"user_id": "é" * 129}, "258 bytes long in UTF-8; the maximum is 256"),
    ("metadata no dict", {"metadata": ["a"]}, "metadata must be a dict, not list"),
    ("metadata no JSON", {"metadata": {"a": object()}}, "cannot be stored as JSON"),
    ("metadata NaN", {"metadata": {"a": float("nan")}}, "cannot be stored as JSON"),
    ("metadata key", {"metadata": {"a": {1: "x"}}}, r"metadata\['a'\] has the key 1: keys must be texts"),
    ("metadata too large", {"metadata": {"a": LONG}}, "bytes long as JSON; the maximum is 65,536"),
    ("timestamp", {"timestamp": "yesterday"}, "timestamp='yesterday' is not a point in time"),
    ("timestamp of a kind", {"timestamp": [1]}, "timestamp must be a datetime"),
    ("expired", {"expires_at": "2001-01-01"}, "is not in the future"),
    ("ids no list", {"ids": "a"}, "ids must be a list of texts"),
    ("ids too many", {"ids": ["a", "b"]}, r"ids names 2 memories and there are 1 to store\.$"),
    (
        "ids for messages, not for what they say",
        {"messages": "I like snow. I like ice.", "ids": ["a"], "infer": True},
        "ids names 1 memories and there are 2 to store after extraction; with infer=False, each message is one",
    ),
    ("id twice", {"messages": [USER, USER, USER], "ids": ["a", "b", "b"]}, "ids holds 'b' twice"),
    ("id with the separator", {"ids": ["a:1"]}, "contains ':', which separates an id from a version"),
    ("id empty", {"ids": [""]}, "must not be"),
    ("id a number", {"ids": [1]}, r"ids\[0\] must be a text"),
    ("id taken", {"ids": [KNOWN]}, "The id 'k' is taken by another memory. Use update"),
]


@pytest.mark.parametrize(("arguments", "message"), [row[1:] for row in ADDS], ids=[row[0] for row in ADDS])
def test_add_refuses(filled: Any, arguments: dict[str, Any], message: str) -> None:
    given = {"messages": [USER], "user_id": "u", "infer": False, **arguments}
    given = {name: value for name, value in given.items() if value is not ...}
    with pytest.raises(ValidationError, match=message):
        filled.add(given.pop("messages"), **given)
    assert texts(filled.get_all()) == ["I like rain."]


def test_an_id_taken_in_another_scope_is_taken(filled: Any) -> None:
    with pytest.raises(ValidationError, match="is taken"):
        filled.add([{"role": "user", "content": "I like rain."}], user_id="v", infer=False, ids=[KNOWN])


CALLS: list[tuple[str, type[Exception], Callable[[Any], Any], str]] = [
    ("search without scope", ValidationError, lambda m: m.search("q"), "search requires a scope"),
    ("search for nobody", ValidationError, lambda m: m.search("q", user_id=None), "user_id must not be None"),
    ("search empty", ValidationError, lambda m: m.search(" ", user_id="u"), "query is empty"),
    ("search no text", ValidationError, lambda m: m.search(["q"], user_id="u"), "query must be a text, not list"),
    ("search surrogate", ValidationError, lambda m: m.search("\udc00", user_id="u"), "surrogate"),
    (
        "top_k zero",
        ValidationError,
        lambda m: m.search("q", user_id="u", top_k=0),
        "whole number from 1 to 16,384, not 0",
    ),
    ("top_k too many", ValidationError, lambda m: m.search("q", user_id="u", top_k=16_385), "not 16385"),
    ("top_k a bool", ValidationError, lambda m: m.search("q", user_id="u", top_k=True), "not True"),
    ("both names", ValidationError, lambda m: m.search("q", user_id="u", top_k=1, limit=1), "two names of the same"),
    ("threshold", ValidationError, lambda m: m.search("q", user_id="u", threshold=1.5), "between 0 and 1, not 1.5"),
    ("mode", ValidationError, lambda m: m.search("q", user_id="u", mode="fast"), "mode='fast'; known are"),
    ("consistency", ValidationError, lambda m: m.search("q", user_id="u", consistency="High"), "known are Strong"),
    ("as_of future", ValidationError, lambda m: m.search("q", user_id="u", as_of="2990-01-01"), "lies in the future"),
    ("as_of", ValidationError, lambda m: m.get_all("u", as_of="soon"), "as_of='soon' is not a point in time"),
    ("scope twice", ValidationError, lambda m: m.search("q", user_id="u", filters={"user_id": "v"}), "give it once"),
    ("operator", FilterError, lambda m: m.search("q", user_id="u", filters={"a": {"gtee": 1}}), "gte"),
    ("filters", FilterError, lambda m: m.search("q", user_id="u", filters=["a"]), "filters"),
    ("filters for nobody", ValidationError, lambda m: m.get_all(filters={"user_id": None}), "user_id"),
    ("get_all for nobody", ValidationError, lambda m: m.get_all(None), "never means everyone"),
    ("get_all for empty", ValidationError, lambda m: m.get_all(user_id=""), "never means everyone"),
    ("offset", ValidationError, lambda m: m.get_all("u", offset=-1), "offset must be a whole number from 0"),
    ("iterate", ValidationError, lambda m: list(m.iterate("")), "never means everyone"),
    ("get unknown", NotFoundError, lambda m: m.get("x"), "no memory with the id 'x'. get_all"),
    ("get nothing", ValidationError, lambda m: m.get(""), "must not be"),
    ("get a version", ValidationError, lambda m: m.get("k:1"), "contains ':'"),
    ("update unknown", NotFoundError, lambda m: m.update("x", "text"), "no memory with the id 'x'"),
    ("update empty", ValidationError, lambda m: m.update(KNOWN, ""), "data is empty"),
    ("update no text", ValidationError, lambda m: m.update(KNOWN, 5), "data must be a text"),
    ("update too long", ValidationError, lambda m: m.update(KNOWN, LONG), "maximum of a memory is 65,535"),
    ("update metadata", ValidationError, lambda m: m.update(KNOWN, "t", metadata="x"), "metadata must be a dict"),
    ("history unknown", NotFoundError, lambda m: m.history("x"), "no memory"),
    ("restore unknown", NotFoundError, lambda m: m.restore("x", 1), "no memory"),
    ("restore a version", NotFoundError, lambda m: m.restore(KNOWN, 2), "no version 2; its latest is 1"),
    ("restore version 0", ValidationError, lambda m: m.restore(KNOWN, 0), "whole number from 1"),
    ("delete nothing", ValidationError, lambda m: m.delete(), "exactly one .* was given none. Nothing was deleted"),
    ("delete two", ValidationError, lambda m: m.delete(KNOWN, user_id="u"), "given memory_id and user_id"),
    ("delete none", ValidationError, lambda m: m.delete(None), "must not be"),
    ("delete nobody", ValidationError, lambda m: m.delete(user_id=None), "must not be"),
    ("delete unknown", NotFoundError, lambda m: m.delete("x"), "'x'.*Nothing was deleted"),
    ("delete empty list", ValidationError, lambda m: m.delete(memory_ids=[]), "nothing to delete"),
    ("delete a text", ValidationError, lambda m: m.delete(memory_ids=KNOWN), "must be a list of ids"),
    ("delete_all", ValidationError, lambda m: m.delete_all(), "delete_all requires a scope"),
    ("delete_all none", ValidationError, lambda m: m.delete_all(user_id=None), "must not be"),
]


@pytest.mark.parametrize(("error", "call", "message"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_other_operations_refuse(filled: Any, error: type[Exception], call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(error, match=message):
        call(filled)
    assert [(i["id"], i["version"]) for i in filled.get_all()["results"]] == [(KNOWN, 1)]
    assert len(filled.history(KNOWN)) == 1


def test_ids_that_look_alike_are_different_users(memory: Any) -> None:
    alike = ["anna", "Anna", "anna ", "ånna", "a\u030anna", 'anna" or user_id != "', "anna%", "{anna}", "ан" + "na"]
    for number, user in enumerate(alike):
        memory.add([{"role": "user", "content": f"secret {number}"}], user_id=user, infer=False)
    for number, user in enumerate(alike):
        assert texts(memory.get_all(user)) == [f"secret {number}"]
        assert texts(memory.search("secret", user_id=user)) == [f"secret {number}"]


# --- the configuration


def _change(config: Config, path: str, value: Any) -> Config:
    *parents, last = path.split(".")
    section: Any = config
    for name in parents:
        section = section.setdefault(name, {})
    section[last] = value
    return config


CONFIGS: list[tuple[str, Any, str]] = [
    ("vector_stor", {}, "Unknown configuration key 'vector_stor'. Did you mean 'vector_store'"),
    ("vector_store.config.colection_name", "x", "Did you mean 'collection_name'.*Known here: .*url"),
    ("vector_store.provider", "qdrant", "vector_store.provider.*'milvus', got 'qdrant'"),
    ("vector_store.config.embedding_model_dims", "many", "embedding_model_dims.*valid integer.*got 'many'"),
    ("vector_store.config.embedding_model_dims", 0, "greater than or equal to 1"),
    ("vector_store.config.embedding_model_dims", 128.5, "embedding_model_dims"),
    ("vector_store.config.metric_type", "HAMMING", "'L2', 'COSINE' or 'IP', got 'HAMMING'"),
    ("vector_store.config.consistency_level", "High", "consistency_level"),
    ("vector_store.config.collection_name", "a-b", "ASCII letters, digits and underscores"),
    ("vector_store.config.collection_name", "", "collection_name"),
    ("vector_store.config.url", "memory.sqlite", "must end in .db, and a server's address begins with http"),
    ("vector_store.config.url", "nowhere/deep/memory.db", "the folder .*nowhere/deep does not exist"),
    ("vector_store.config.url", "http://localhost:abc", "url.*'http://localhost:abc' is no address.*from 1 to 65535"),
    ("vector_store.config.url", "https://localhost:99999/db", "url.*'https://localhost:99999' is no address"),
    ("vector_store.config.url", "tcp://localhost:-1", "is no address of a server"),
    ("vector_store.config.url", "http://localhost:0", "is no address of a server"),
    ("vector_store.config.url", "http://[::1:19530", "an IPv6 address stands in brackets"),
    ("embedder.provider", "ofline", "no embedder provider 'ofline'. Did you mean 'offline'"),
    ("embedder.config", {"model": "x"}, "Unknown configuration key 'embedder.config.model'"),
    ("embedder.config", {"embedding_dims": 64}, "embedding_model_dims is 128 and .* have 64 dimensions"),
    ("llm", {"provider": "opnai"}, "no llm provider 'opnai'"),
    ("vector_store.config", "x", "vector_store.config"),
]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://root:s3cret@localhost:abc", "'http://***@localhost:abc'"),
        ("http://s3cret@localhost:99999/db?token=s3cret#s3cret", "'http://***@localhost:99999'"),
        ("http://root:s3/cret@localhost:19530", "'http://***@localhost:19530'"),
        ("http://root:x@s3cret@localhost:0", "'http://***@localhost:0'"),
        ("http://root:12/s3cret@localhost:19530", "'http://***@localhost:19530'"),
        ("http://root:12#s3cret@localhost:19530", "'http://***@***'"),
        ("http://root:s3?cret@localhost:19530", "'http://***@***'"),
        ("http://localhost:abc?token=x@s3cret", "'http://***@***'"),
        ("http://[s3cret@localhost:19530", "write / ? # [ ]"),
        ("http://root:s3cret\uff0f@localhost:19530", "is no address"),
    ],
)
@pytest.mark.parametrize("face", [Memory, AsyncMemory, RecordStore])
def test_a_wrong_port_is_refused_without_showing_a_password(config: Config, face: Any, uri: str, shown: str) -> None:
    config["vector_store"]["config"]["url"] = uri
    with pytest.raises(ConfigError) as caught:
        face.from_config(config)
    message = str(caught.value)
    assert "s3" not in message
    assert "cret" not in message
    assert shown in message
    assert caught.value.__cause__ is None


def test_a_wrong_port_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_URI", "http://root:s3cret@localhost:99999")
    with pytest.raises(ConfigError, match=r"'http://\*\*\*@localhost:99999' is no address"):
        Memory.from_config({"embedder": {"provider": "offline"}})


@pytest.mark.parametrize(("path", "value", "message"), CONFIGS)
def test_a_wrong_configuration_is_refused_before_anything_is_made(
    config: Config, tmp_path: Path, path: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Memory.from_config(_change(config, path, value))
    assert not list(tmp_path.iterdir())


def test_keys_that_mem0_knows_and_we_do_not_use_warn(config: Config) -> None:
    with pytest.warns(UserWarning, match="'history_db_path' is not used: the history lives in Milvus"):
        Memory.from_config({**config, "history_db_path": "x.db"}).close()


def test_no_secret_is_shown(config: Config) -> None:
    secret = "sk-very-secret"
    config["vector_store"]["config"]["token"] = secret
    with Memory.from_config(config) as memory:
        assert secret not in repr(memory)
    config["embedder"] = {"provider": "openai", "config": {"api_key": [secret]}}
    with pytest.raises(ConfigError) as caught:
        Memory.from_config(config)
    assert secret not in str(caught.value)


def test_a_number_as_text_is_accepted(config: Config) -> None:
    config["vector_store"]["config"]["embedding_model_dims"] = "128"
    Memory.from_config(config).close()


# --- the store


def test_another_embedder_is_kept_off_the_collection(config: Config) -> None:
    Memory.from_config(config).close()
    config["vector_store"]["config"]["embedding_model_dims"] = 64
    with pytest.raises(EmbedderMismatchError, match="128 dimensions, and the embedder now is .* with 64"):
        Memory.from_config(config)
    config["vector_store"]["config"]["embedding_model_dims"] = 128
    with pytest.raises(EmbedderMismatchError, match="holds vectors of 'mem0milvus-hash-v.'.* now is 'mine'"):
        Memory.from_config(config, embedder=Scripted("mine", 128))
    Memory.from_config(config).close()


def test_another_metric_is_refused(config: Config) -> None:
    Memory.from_config(config).close()
    config["vector_store"]["config"]["metric_type"] = "COSINE"
    with pytest.raises(SchemaMismatchError, match="measures distance by 'L2' and the configuration says .*COSINE"):
        Memory.from_config(config)


def test_a_collection_of_somebody_else_is_left_alone(config: Config) -> None:
    from pymilvus import MilvusClient

    path = config["vector_store"]["config"]["url"]
    client = MilvusClient(path)
    client.create_collection("memories", dimension=8)
    with pytest.raises(SchemaMismatchError, match="was not made by this library.*nothing in it was changed"):
        Memory.from_config(config)
    assert client.has_collection("memories"), "and the file is left to whoever had it open"
    client.close()
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(path)


def test_another_process_with_the_file_is_named_with_the_way_out(config: Config, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            from mem0milvus import Memory
            memory = Memory.from_config({config!r})
            print("open", flush=True)
            input()
        """)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(StoreLockedError, match=r"one process at a time.*milvus-lite server --data-dir"):
        Memory.from_config(config)
    holder.communicate("\n", timeout=30)
    Memory.from_config(config).close()


def test_a_file_of_milvus_lite_2_is_recognised(config: Config) -> None:
    Path(config["vector_store"]["config"]["url"]).write_bytes(b"SQLite format 3\x00")
    with pytest.raises(StoreError, match="looks like a store of Milvus Lite 2"):
        Memory.from_config(config)


# --- the embedder


class Scripted:
    """An embedder that answers what it is told."""

    def __init__(self, identity: str = "scripted", dims: int = 128, answer: Any = None) -> None:
        self.identity = identity
        self.dims = dims
        self.answer = answer

    def embed(self, texts: Any) -> Any:
        return self.answer if self.answer is not None else [[1.0] + [0.0] * (self.dims - 1)] * len(texts)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([[1.0] * 127], "a vector of 127 dimensions where 128 are configured"),
        ([[1.0] * 128] * 2, "gave 2 vectors for 1 texts"),
        ([], "gave 0 vectors for 1 texts"),
        ([[0.0] * 128], "zero or not finite"),
        ([[float("nan")] * 128], "zero or not finite"),
        ([["x"] * 128], "not made of numbers"),
    ],
)
def test_a_wrong_answer_of_the_embedder_is_refused_before_anything_is_written(
    open_memory: Callable[..., Any], config: Config, answer: Any, message: str
) -> None:
    embedder = Scripted()
    memory = open_memory(config, embedder=embedder)
    memory.add("I like rain.", user_id="u", infer=False, ids=["a"])
    embedder.answer = answer
    with pytest.raises(EmbeddingError, match=message):
        memory.add("I like snow.", user_id="u", infer=False)
    with pytest.raises(EmbeddingError, match=message):
        memory.update("a", "I like snow.")
    assert texts(memory.get_all()) == ["I like rain."]
    assert len(memory.history("a")) == 1


def test_an_object_that_is_no_embedder_is_refused(config: Config) -> None:
    with pytest.raises(ConfigError, match="dict is not an embedder: it needs `identity`"):
        Memory.from_config(config, embedder={})  # type: ignore[arg-type]


def test_every_error_is_of_one_tree() -> None:
    import mem0milvus

    exported = [getattr(mem0milvus, name) for name in mem0milvus.__all__]
    errors = [thing for thing in exported if isinstance(thing, type) and issubclass(thing, BaseException)]
    assert len(errors) == 13
    assert all(issubclass(error, mem0milvus.Mem0MilvusError) for error in errors)
