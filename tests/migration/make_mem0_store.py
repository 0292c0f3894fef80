"""Makes ``mem0_store.tar.gz``: small stores of the real Mem0, for the tests of the migration.

It runs in an environment of its own, which has Mem0 and does not need this library:

    python -m venv mem0 && mem0/bin/pip install mem0ai==2.2.1 pymilvus==3.0.2 milvus-lite==3.2.2
    mem0/bin/python tests/migration/make_mem0_store.py tests/migration/mem0_store.tar.gz

The archive holds ``milvus.db`` with two collections, ``mem0`` as Mem0 makes it today and ``mem0_before`` as it made it
before it had BM25; ``history.db``; and ``answers.json`` with what Mem0 itself answers. A server in this process, which
speaks OpenAI's protocol, stands for the models: it embeds a text by its letters.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DIMS = 26

#: What the language model finds in any conversation.
FOUND = {"memory": [{"id": "0", "text": "Carol keeps three bees.", "attributed_to": "user"}]}


def letters(text: str) -> list[float]:
    """A unit vector: how often each letter stands in a text."""
    counts = [text.lower().count(chr(ord("a") + n)) + 0.01 for n in range(DIMS)]
    length = math.hypot(*counts)
    return [count / length for count in counts]


class Models(BaseHTTPRequestHandler):
    """Embeddings and completions."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/embeddings"):
            given = request["input"]
            texts = [given] if isinstance(given, str) else given
            data = [{"object": "embedding", "index": n, "embedding": letters(text)} for n, text in enumerate(texts)]
            answer: dict[str, Any] = {"object": "list", "data": data, "model": "letters"}
        else:
            message = {"role": "assistant", "content": json.dumps(FOUND)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "letters", "choices": [choice]}
        answer["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def make_collection_of_before(path: Path) -> None:
    """The collection as Mem0 made it before version 2: an id, a vector and a JSON document."""
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(str(path))
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vectors", DataType.FLOAT_VECTOR, dim=DIMS)
    schema.add_field("metadata", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index("vectors", metric_type="L2", index_type="AUTOINDEX", index_name="vector_index")
    client.create_collection("mem0_before", schema=schema, index_params=index)
    client.close()


def config(folder: Path, url: str, collection: str) -> dict[str, Any]:
    """Mem0's configuration."""
    model = {"api_key": "none", "openai_base_url": url}
    store = {"url": str(folder / "milvus.db"), "collection_name": collection, "embedding_model_dims": DIMS}
    return {
        "vector_store": {"provider": "milvus", "config": {**store, "metric_type": "L2", "token": ""}},
        "embedder": {"provider": "openai", "config": {"model": "letters", "embedding_dims": DIMS, **model}},
        "llm": {"provider": "openai", "config": {"model": "letters", **model}},
        "history_db_path": str(folder / "history.db"),
    }


def only_id(result: Any) -> str:
    """The id of the one memory that was added."""
    (one,) = result["results"]
    return str(one["id"])


def fill(memory: Any) -> dict[str, str]:
    """What a user of Mem0 does. Returns ids by what they are."""
    ids = {}
    tennis = memory.add(
        "I am working on improving my tennis skills.", user_id="alice", metadata={"category": "hobbies"}, infer=False
    )
    ids["updated"] = only_id(tennis)
    memory.update(ids["updated"], text="Likes to play tennis on weekends.")
    memory.update(ids["updated"], text="Plays tennis on Sundays.", metadata={"day": "Sunday", "deep": {"n": [1, "ü"]}})
    exam = memory.add(
        "I have a linear algebra exam on November 20.", user_id="alice", metadata={"category": "task"}, infer=False
    )
    ids["plain"] = only_id(exam)
    ids["deleted"] = only_id(memory.add("I rent a flat in Oslo.", user_id="alice", infer=False))
    memory.update(ids["deleted"], text="I rent a flat in Bergen.")
    memory.delete(ids["deleted"])
    said = [
        {"role": "user", "content": "Where is my zebra?", "name": "Bob"},
        {"role": "assistant", "content": "In the «zoo» \u2028 of Žilina ☂."},
    ]
    spoken = memory.add(said, user_id="bob", agent_id="guide", run_id="trip", infer=False)
    ids["user"], ids["assistant"] = (one["id"] for one in spoken["results"])
    ids["expiring"] = only_id(memory.add("A voucher.", agent_id="guide", infer=False, expiration_date="2999-12-31"))
    ids["dated"] = only_id(
        memory.add("An old fact.", user_id="bob", infer=False, metadata={"created_at": "2023-05-07T10:00:00-07:00"})
    )
    ids["extracted"] = only_id(memory.add("I keep three bees, said Carol.", user_id="carol"))
    return ids


def answers(memory: Any, ids: dict[str, str]) -> dict[str, Any]:
    """What Mem0 answers."""
    scopes = ({"user_id": "alice"}, {"user_id": "bob"}, {"user_id": "carol"}, {"agent_id": "guide"})
    return {
        "ids": ids,
        "all": [[scope, memory.get_all(filters=scope)["results"]] for scope in scopes],
        "history": {name: memory.history(memory_id) for name, memory_id in ids.items()},
        "best": [
            [question, user, memory.search(question, filters={"user_id": user})["results"][0]["memory"]]
            for question, user in (
                ("tennis on which days", "alice"),
                ("linear algebra exam", "alice"),
                ("zebra", "bob"),
                ("three bees", "carol"),
            )
        ],
    }


def make(folder: Path, url: str) -> None:
    """Fill the stores, and write down what Mem0 answers."""
    os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(folder / "home"), NO_PROXY="127.0.0.1")
    from mem0 import Memory
    from milvus_lite.server_manager import server_manager_instance

    make_collection_of_before(folder / "milvus.db")
    told = {}
    for collection in ("mem0", "mem0_before"):
        memory = Memory.from_config(config(folder, url, collection))
        told[collection] = answers(memory, fill(memory))
        memory.vector_store.client.flush(collection)
        memory.vector_store.client.close()
        memory.close()
    server_manager_instance.release_server(str(folder / "milvus.db"))
    (folder / "answers.json").write_text(json.dumps(told, indent=1, ensure_ascii=False))


def main() -> None:
    """Make the archive that is named on the command line."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, f"http://127.0.0.1:{server.server_port}/v1")
        with tarfile.open(sys.argv[1], "w:gz") as archive:
            for part in ("milvus.db", "history.db", "answers.json"):
                archive.add(folder / part, part)
    server.shutdown()


if __name__ == "__main__":
    main()
