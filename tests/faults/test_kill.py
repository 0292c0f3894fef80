"""A process killed with SIGKILL while it changes memories loses nothing that it had acknowledged.

``KILLS`` sets how many processes are killed; every second one dies at a chosen step of Milvus Lite's own writing
(flush, compaction, log, index), the others at any moment.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import Memory, NotFoundError
from tests.conftest import Config

KILLS = int(os.environ.get("KILLS", "20"))
KILLS_PER_STORE = 5
POINTS = (
    "log a row",
    "log a deletion",
    "write a segment",
    "write deletions",
    "save the manifest",
    "drop the log",
    "compact",
    "write a merged segment",
    "save an index",
    "remove a file",
)

#: One entry for each version: what happened, and what the memory says since.
History = list[tuple[str, str | None]]

pytestmark = pytest.mark.slow


@dataclass
class Expected:
    """What must be in the store: the history of every memory, and of those that were purged that there is none."""

    histories: dict[str, History] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)

    def live(self) -> dict[str, int]:
        return {i: len(h) for i, h in self.histories.items() if h[-1][0] != "DELETE"}

    def deleted(self) -> dict[str, int]:
        return {i: len(h) for i, h in self.histories.items() if h[-1][0] == "DELETE"}

    def apply(self, change: dict[str, Any], ids: list[str] | None) -> None:
        if change["op"] == "add":
            for memory_id, text in zip(ids or change["ids"], change["texts"], strict=True):
                self.histories[memory_id] = [("ADD", text)]
        elif change["op"] == "purge":
            del self.histories[change["id"]]
            self.purged.add(change["id"])
        else:
            self.histories[change["id"]] = self.changed(change)

    def changed(self, change: dict[str, Any]) -> History:
        """The history of the memory that an update, a deletion or a restoration is about, after it."""
        before = self.histories[change["id"]]
        if change["op"] == "update":
            return [*before, ("UPDATE", change["text"])]
        if change["op"] == "delete":
            return [*before, ("DELETE", None)]
        return [*before, ("RESTORE", before[change["version"] - 1][1])]


class Victim:
    """The process that is killed, again and again."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("kill_child.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, task: dict[str, Any], kill_after_s: float, expected: Expected) -> dict[str, Any] | None:
        """Let it work until it dies. Returns the change that it had begun and not acknowledged."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(task) + "\n")
        pending: dict[str, Any] | None = None
        pid = 0
        for line in self._lines():
            if "pid" in line:
                pid = line["pid"]
            elif "open" in line:
                timer = threading.Timer(kill_after_s, os.kill, (pid, signal.SIGKILL))
                timer.start()
            elif "begin" in line:
                pending = line["begin"]
            elif "done" in line and pending is not None:
                expected.apply(pending, line.get("ids"))
                pending = None
            elif "ended" in line:
                timer.cancel()
                timer.join()
                assert line["ended"] == signal.SIGKILL, f"it ended by itself: {line}"
                return pending
        raise AssertionError("the victims' parent died")

    def _lines(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout
        held: list[dict[str, Any]] = []
        known = False
        for text in self._process.stdout:
            line = json.loads(text)
            if not known and "pid" not in line:  # the child was faster than its parent
                held.append(line)
                continue
            yield line
            if not known:
                known = True
                yield from held
            if "ended" in line:
                return

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextmanager
def _victim() -> Iterator[Victim]:
    victim = Victim()
    try:
        yield victim
    finally:
        victim.close()


def _history(memory: Memory, memory_id: str) -> History | None:
    try:
        entries = memory.history(memory_id)
    except NotFoundError:
        return None
    versions = [entry["version"] for entry in entries]
    assert versions == list(range(versions[0], versions[0] + len(entries))), entries
    return [(entry["event"], entry["new_memory"]) for entry in entries]


def _settle_pending(memory: Memory, pending: dict[str, Any], expected: Expected) -> None:
    """A change that was not acknowledged is wholly there or not at all; what is there is expected from here on."""
    if pending["op"] == "add":
        found = {item["memory"]: item["id"] for item in memory.get_all()["results"]}
        for text in pending["texts"]:
            if text in found:
                expected.histories[found[text]] = [("ADD", text)]
        return
    memory_id = pending["id"]
    before = expected.histories[memory_id]
    now = _history(memory, memory_id)
    if pending["op"] == "purge":
        erased = now is None or all(text is None for _, text in now)
        assert erased or now == before[-len(now or ()) :], "a purge erases the past, then the memory, then its deletion"
        if now is not None:
            memory.delete(memory_id, purge=True)
        expected.apply(pending, None)
        return
    after = expected.changed(pending)
    assert now in (before, after), f"{pending} left {now}"
    if now == after:
        expected.histories[memory_id] = after


def _verify(memory: Memory, expected: Expected, chance: random.Random) -> None:
    items = {item["id"]: item for item in memory.get_all()["results"]}
    assert items.keys() == expected.live().keys()
    for memory_id, history in expected.histories.items():
        assert _history(memory, memory_id) == history, memory_id
        if memory_id in items:
            assert (items[memory_id]["memory"], items[memory_id]["version"]) == (history[-1][1], len(history))
            assert memory.get(memory_id) == items[memory_id]
    for memory_id in expected.purged:
        assert _history(memory, memory_id) is None, memory_id
    for memory_id in chance.sample(sorted(items), min(5, len(items))):
        text = items[memory_id]["memory"]
        found = memory.search(text[:200], user_id="u", top_k=3)["results"]
        assert memory_id in [hit["id"] for hit in found], "it is found by its words"


def _bomb(kill: int, chance: random.Random) -> dict[str, Any] | None:
    if kill % 2:
        return None
    return {
        "point": POINTS[kill // 2 % len(POINTS)],
        "when": chance.choice(("before", "in", "after")),
        "nth": chance.randint(1, 4),
        "delay_s": chance.random() * 0.004,
    }


@pytest.mark.parametrize("number", range((KILLS + KILLS_PER_STORE - 1) // KILLS_PER_STORE))
def test_a_killed_process_loses_nothing_that_it_had_acknowledged(config: Config, number: int) -> None:
    chance = random.Random(number)
    expected = Expected()
    with _victim() as victim:
        for kill in range(number * KILLS_PER_STORE, (number + 1) * KILLS_PER_STORE):
            task = {
                "config": config,
                "seed": kill,
                "flush_rows": chance.choice((5, 20, 60)),
                "bomb": _bomb(kill, chance),
                "live": expected.live(),
                "deleted": expected.deleted(),
            }
            # A bomb goes off by itself; where its step is not reached, the process is killed anyway.
            pending = victim.run(task, chance.uniform(0.05, 1.5) if task["bomb"] is None else 4.0, expected)
            with Memory.from_config(config) as memory:
                if pending is not None:
                    _settle_pending(memory, pending, expected)
                _verify(memory, expected, chance)
    assert len(expected.histories) > 10, "it did something"
