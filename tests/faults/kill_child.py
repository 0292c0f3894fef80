"""A process that changes memories at random until it is killed; ``test_kill.py`` reads what it says.

It loads everything once and then forks for each task that it reads, so that a kill costs no start of Python. Every
change is announced before it is begun and acknowledged when its call has returned, each in one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import milvus_lite.engine.compaction
import milvus_lite.engine.flush
import milvus_lite.index.brute_force
import milvus_lite.storage.manifest
import milvus_lite.storage.wal
import pymilvus  # noqa: F401  # loaded before the fork, as all that follows

import mem0milvus.milvus.lite
import mem0milvus.runtime.open_store
from mem0milvus import Memory

#: Where Milvus Lite is killed: before, in or after the n-th call of these.
POINTS: dict[str, tuple[Any, str]] = {
    "log a row": (milvus_lite.storage.wal.WAL, "write_insert"),
    "log a deletion": (milvus_lite.storage.wal.WAL, "write_delete"),
    "write a segment": (milvus_lite.engine.flush, "write_data_file"),
    "write deletions": (milvus_lite.engine.flush, "write_delta_file"),
    "save the manifest": (milvus_lite.storage.manifest.Manifest, "save"),
    "drop the log": (milvus_lite.storage.wal.WAL, "close_and_delete"),
    "compact": (milvus_lite.engine.compaction.CompactionManager, "_compact_files"),
    "write a merged segment": (milvus_lite.engine.compaction, "write_data_file"),
    "save an index": (milvus_lite.index.brute_force.BruteForceIndex, "save"),
    "remove a file": (os, "remove"),
}

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "ivory", "jade", "kelp", "lotus")

#: A child that nobody kills ends by itself after so many seconds.
WATCHDOG_S = 60


def tell(**line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def place_bomb(point: str, when: str, nth: int, delay_s: float) -> None:
    """Die at the nth call of a step of Milvus Lite: before it, after it, or some time after it began."""
    owner, name = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            die()
        if calls == nth and when == "in":
            threading.Timer(delay_s, die).start()
        result = original(*args, **kwargs)
        if calls == nth and when == "after":
            die()
        return result

    setattr(owner, name, step)


class Changer:
    """Makes random changes. ``versions`` tells, for each memory, how many versions it has."""

    def __init__(self, memory: Memory, task: dict[str, Any]) -> None:
        self._memory = memory
        self._random = random.Random(task["seed"])
        self._live: dict[str, int] = dict(task["live"])
        self._deleted: dict[str, int] = dict(task["deleted"])
        self._name = f"s{task['seed']}"
        self._count = 0

    def _text(self) -> str:
        self._count += 1
        words = " ".join(self._random.choices(WORDS, k=self._random.choice((3, 3, 3, 300))))
        return f"{self._name} number {self._count}: {words}"

    def step(self) -> None:
        choices = [self._add, self._add, self._add_many, self._search]
        if self._live:
            choices += [self._update, self._update, self._update, self._delete, self._purge, self._restore]
        if self._deleted:
            choices += [self._restore_deleted]
        self._random.choice(choices)()

    def _announced(self, act: Callable[[], Any], **change: Any) -> Any:
        tell(begin=change)
        result = act()
        tell(done=True)
        return result

    def _add_texts(self, texts: list[str]) -> None:
        said = [{"role": "user", "content": text} for text in texts]
        arguments: dict[str, Any] = {"user_id": "u", "infer": False}
        if self._random.random() < 0.5:
            arguments["ids"] = [f"{self._name}-{self._count}-{n}" for n in range(len(texts))]
        tell(begin={"op": "add", "texts": texts, "ids": arguments.get("ids")})
        result = self._memory.add(said, **arguments)
        ids = [change["id"] for change in result["results"]]
        tell(done=True, ids=ids)
        self._live.update((memory_id, 1) for memory_id in ids)

    def _add(self) -> None:
        self._add_texts([self._text()])

    def _add_many(self) -> None:
        self._add_texts([self._text() for _ in range(self._random.randint(2, 20))])

    def _search(self) -> None:
        self._memory.search("amber delta", user_id="u")

    def _update(self) -> None:
        memory_id, text = self._random.choice(list(self._live)), self._text()
        self._announced(lambda: self._memory.update(memory_id, text), op="update", id=memory_id, text=text)
        self._live[memory_id] += 1

    def _delete(self) -> None:
        memory_id = self._random.choice(list(self._live))
        self._announced(lambda: self._memory.delete(memory_id), op="delete", id=memory_id)
        self._deleted[memory_id] = self._live.pop(memory_id) + 1

    def _purge(self) -> None:
        memory_id = self._random.choice([*self._live, *self._deleted])
        self._announced(lambda: self._memory.delete(memory_id, purge=True), op="purge", id=memory_id)
        self._live.pop(memory_id, None)
        self._deleted.pop(memory_id, None)

    def _restore(self) -> None:
        memory_id = self._random.choice(list(self._live))
        if self._live[memory_id] > 1:
            self._announced(lambda: self._memory.restore(memory_id, 1), op="restore", id=memory_id, version=1)
            self._live[memory_id] += 1

    def _restore_deleted(self) -> None:
        memory_id = self._random.choice(list(self._deleted))
        self._announced(lambda: self._memory.restore(memory_id, 1), op="restore", id=memory_id, version=1)
        self._live[memory_id] = self._deleted.pop(memory_id) + 1


def work(task: dict[str, Any]) -> None:
    signal.alarm(WATCHDOG_S)
    mem0milvus.milvus.lite.FLUSH_ROWS = task["flush_rows"]
    with Memory.from_config(task["config"]) as memory:
        if bomb := task["bomb"]:
            place_bomb(**bomb)
        tell(open=True)
        changer = Changer(memory, task)
        while True:
            changer.step()


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                work(json.loads(line))
            finally:
                os._exit(1)
        tell(pid=pid)
        _, status = os.waitpid(pid, 0)
        tell(ended=status)


if __name__ == "__main__":
    main()
