"""A process that is killed right after one turn; ``test_killed.py`` looks at what it left behind.

It loads everything once and then forks for each form, so that a kill costs no start of Python. Its argument is a
folder, where each form has a Milvus Lite file of its own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import langchain_classic.chains
import pymilvus  # noqa: F401  # loaded before the fork, as all that follows
from langchain.agents import create_agent

import mem0milvus.runtime.open_store  # noqa: F401
from langchain_mem0milvus.memory import Mem0MilvusMemory
from langchain_mem0milvus.middleware import Mem0MilvusMiddleware
from langchain_mem0milvus.tools import create_memory_tools
from mem0milvus import Memory
from tests.langchain.conftest import ScriptedChatModel, lite_config

SAID = "My sister Ana lives in Porto."


def chain(memory: Memory) -> None:
    remembers = Mem0MilvusMemory(memory=memory, user_id="alice", include_buffer=True)
    langchain_classic.chains.ConversationChain(llm=ScriptedChatModel(), memory=remembers).invoke({"input": SAID})


def agent(memory: Memory) -> None:
    made = create_agent(ScriptedChatModel(), middleware=[Mem0MilvusMiddleware(memory)])
    made.invoke({"messages": [("user", SAID)]}, {"configurable": {"user_id": "alice"}})


def tools(memory: Memory) -> None:
    save = next(tool for tool in create_memory_tools(memory, user_id="alice") if tool.name == "save_memory")
    save.invoke({"text": SAID})


FORMS: dict[str, Callable[[Memory], None]] = {"chain": chain, "agent": agent, "tools": tools}


def main(folder: Path) -> None:
    for name, turn in FORMS.items():
        if os.fork() == 0:
            turn(Memory.from_config(lite_config(folder / f"{name}.db")))
            os.kill(os.getpid(), signal.SIGKILL)
        _, status = os.wait()
        os.write(1, f"{name} {os.WTERMSIG(status) == signal.SIGKILL}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
