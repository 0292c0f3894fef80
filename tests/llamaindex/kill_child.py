"""Processes that talk to a memory and are killed; ``test_kill.py`` starts them and looks at what is left.

It loads everything once and then forks for each, so that a kill costs no start of Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

import milvus_lite.engine.collection  # noqa: F401  # loaded before the fork, as all that follows
import pymilvus  # noqa: F401
from llama_index.core.chat_engine import SimpleChatEngine

import mem0milvus.runtime.open_store  # noqa: F401
from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from tests.llamaindex.scripted import Extractor, Script, assistant, user


class Slow(Extractor):
    """A model that takes longer than this process lives."""

    def complete(self, request: object) -> dict[str, object]:
        time.sleep(60)
        raise AssertionError("nobody waits so long")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after_a_chat(memory: Mem0MilvusMemory) -> None:
    engine = SimpleChatEngine.from_defaults(llm=Script(["Lovely."]).llm(), memory=memory)
    engine.chat("I keep bees.")


def after_awaiting_a_chat(memory: Mem0MilvusMemory) -> None:
    engine = SimpleChatEngine.from_defaults(llm=Script(["Lovely."]).llm(), memory=memory)
    asyncio.run(engine.achat("I keep bees."))


def after_a_question(memory: Mem0MilvusMemory) -> None:
    memory.put(user("I keep bees."))


def after_setting(memory: Mem0MilvusMemory) -> None:
    memory.put(user("Forget this."))
    memory.set([user("I keep bees."), assistant("Lovely.")])


MOMENTS = {moment.__name__: moment for moment in (after_a_chat, after_awaiting_a_chat, after_a_question, after_setting)}


def live_and_die(moment: str, config: dict[str, object]) -> None:
    try:
        MOMENTS[moment](Mem0MilvusMemory.from_config(config, user_id="alice", llm=Slow()))
        die()
    finally:
        os._exit(1)  # only where the above failed


if __name__ == "__main__":
    for name, settings in json.loads(sys.argv[1]).items():
        if not (child := os.fork()):
            live_and_die(name, settings)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, name
