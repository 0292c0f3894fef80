"""A process is killed with SIGKILL right after a turn, and a new one remembers it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_classic.chains import ConversationChain

import mem0milvus
from langchain_mem0milvus.memory import Mem0MilvusMemory
from langchain_mem0milvus.middleware import Mem0MilvusMiddleware
from langchain_mem0milvus.retriever import Mem0MilvusRetriever
from langchain_mem0milvus.tools import create_memory_tools
from mem0milvus import Memory
from tests.langchain.conftest import ScriptedChatModel, lite_config

pytestmark = pytest.mark.slow

ROOT = Path(mem0milvus.__file__).parents[2]

SAID = "My sister Ana lives in Porto."
ASKED = "Where does my sister Ana live?"


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the processes that were killed."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-W", "ignore", "-m", "tests.langchain.kill_child", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["chain", "True", "agent", "True", "tools", "True"], done.stderr
    return folder


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
@pytest.mark.parametrize("form", ["chain", "agent", "tools"])
def test_a_new_process_remembers_in_all_forms(left_behind: Path, form: str, call: Callable[..., Any]) -> None:
    with Memory.from_config(lite_config(left_behind / f"{form}.db")) as memory:
        (document,) = call(Mem0MilvusRetriever(memory=memory, user_id="alice", k=1), "invoke", ASKED)
        assert document.page_content == SAID

        model = ScriptedChatModel()
        agent = create_agent(model, middleware=[Mem0MilvusMiddleware(memory, user_id="alice")])
        call(agent, "invoke", {"messages": [("user", ASKED)]})
        assert SAID in model.last_system

        model = ScriptedChatModel()
        remembers = Mem0MilvusMemory(memory=memory, user_id="alice", include_buffer=True)
        call(ConversationChain(llm=model, memory=remembers), "invoke", {"input": ASKED})
        assert SAID in model.last_prompt
        assert (f"Human: {SAID}\nAI: I see." in model.last_prompt) is (form == "chain")

        search = create_memory_tools(memory, user_id="alice", include=("search",))[0]
        assert SAID in call(search, "invoke", {"query": ASKED})


def test_what_was_waiting_is_extracted_later(left_behind: Path) -> None:
    with Memory.from_config(lite_config(left_behind / "agent.db")) as memory:
        memory.process_pending(user_id="alice")
        items = memory.get_all(user_id="alice")["results"]
        assert [item["memory"] for item in items if item["memory"] == SAID] == [SAID]
        assert not any(item.get("pending") for item in items)
