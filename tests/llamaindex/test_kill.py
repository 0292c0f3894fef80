"""A process that is killed after a turn: the conversation is there, and what was said in it is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from tests.conftest import Config
from tests.llamaindex.scripted import Extractor, assistant, contents, system_texts, user

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MOMENTS = ("after_a_chat", "after_awaiting_a_chat", "after_a_question", "after_setting")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Config]:
    """For each moment, how to open what a process left that was killed then."""
    stores: dict[str, Config] = {
        moment: {
            "vector_store": {"config": {"uri": str(tmp_path_factory.mktemp(moment) / "milvus.db")}},
            "embedder": {"provider": "offline", "config": {"embedding_dims": 128}},
        }
        for moment in MOMENTS
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.llamaindex.kill_child", json.dumps(stores)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return stores


@pytest.mark.parametrize("moment", ["after_a_chat", "after_awaiting_a_chat"])
def test_killed_while_the_model_still_extracts(left: dict[str, Config], moment: str) -> None:
    config = left[moment]
    extractor = Extractor()
    with Mem0MilvusMemory.from_config(config, user_id="alice", llm=extractor, session_id="new") as memory:
        assert "I keep bees." in "".join(system_texts(memory.get("Do I keep bees?")))
        memory.client.process_pending()
        (kept,) = memory.client.get_all("alice")["results"]
        assert kept["memory"] == "I keep bees."
        assert not kept.get("pending")
        assert len(extractor.requests) == 1
    with Mem0MilvusMemory.from_config(config, user_id="alice") as memory:
        assert contents(memory.get_all()) == ["I keep bees.", "Lovely."]


def test_killed_before_the_answer(left: dict[str, Config]) -> None:
    with Mem0MilvusMemory.from_config(left["after_a_question"], user_id="alice", llm=Extractor()) as memory:
        assert contents(memory.get_all()) == ["I keep bees."]
        memory.put_messages([user("Are you there?"), assistant("Yes.")])
        memory.client.flush()
        assert [item["memory"] for item in memory.client.get_all("alice")["results"]] == ["I keep bees."]


def test_killed_after_a_history_was_set(left: dict[str, Config]) -> None:
    with Mem0MilvusMemory.from_config(left["after_setting"], user_id="alice") as memory:
        assert contents(memory.get_all()) == ["I keep bees.", "Lovely."]
