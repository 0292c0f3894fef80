"""Ctrl-C while Milvus Lite starts or stops: it is raised when that is done, nothing hangs, and the file is free."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mem0milvus.milvus.uninterrupted import uninterrupted

#: Opens and closes a memory; Ctrl-C comes in the middle of one of the two.
PROCESS = """
import os, signal, sys, threading
import grpc._server
from mem0milvus import Memory

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes are started without
moment, path = sys.argv[1:]
config = {"vector_store": {"config": {"url": path}}, "embedder": {"provider": "offline"}}
times = []

def interrupt():
    if not times:
        times.append(1)
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100_000):
            pass  # time for Python to notice

class Threading:
    def __getattr__(self, name):
        return getattr(threading, name)

    class Thread(threading.Thread):  # made by gRPC when its server has been started and serves nobody yet
        def start(self):
            interrupt()
            super().start()

stop = grpc._server._Server.stop

def stop_slowly(self, grace):
    interrupt()
    return stop(self, grace)

if moment == "starting":
    grpc._server.threading = Threading()
else:
    grpc._server._Server.stop = stop_slowly
try:
    with Memory.from_config(config) as memory:
        memory.add("I like rain.", user_id="u", infer=False)
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted", len(times))
with Memory.from_config(config) as memory:
    memory.add("I like snow.", user_id="u", infer=False)
    print(len(memory.get_all("u")["results"]))
"""


@pytest.mark.parametrize(("moment", "memories"), [("starting", 1), ("stopping", 2)])
def test_an_interruption_waits_until_milvus_lite_has_started_or_stopped(
    tmp_path: Path, moment: str, memories: int
) -> None:
    command = [sys.executable, "-c", PROCESS, moment, str(tmp_path / "m.db")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout.split("\n"), ended.returncode) == (["interrupted 1", str(memories), ""], 0), ended.stderr


UNDOING = """
import os, signal, threading
from mem0milvus.milvus.uninterrupted import uninterrupted

signal.signal(signal.SIGINT, signal.default_int_handler)
may_go_on = threading.Event()

def make():
    os.kill(os.getpid(), signal.SIGINT)
    may_go_on.wait(0.2)
    os.kill(os.getpid(), signal.SIGINT)
    may_go_on.wait(0.2)
    return "made"

try:
    uninterrupted(make, lambda made: print(made, "and undone"))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_what_is_made_for_nobody_is_undone() -> None:
    ended = subprocess.run([sys.executable, "-c", UNDOING], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.returncode) == ("made and undone\ninterrupted\n", 0), ended.stderr


def test_without_an_interruption_a_call_is_a_call() -> None:
    def fail() -> None:
        raise ValueError("wrong")

    assert uninterrupted(threading.current_thread) is not threading.main_thread()
    with pytest.raises(ValueError, match="wrong"):
        uninterrupted(fail)


WRITING = """
import os, signal, sys, time
import milvus_lite.engine.collection as engine
from mem0milvus import Memory

signal.signal(signal.SIGINT, signal.default_int_handler)
config = {"vector_store": {"config": {"url": sys.argv[1]}}, "embedder": {"provider": "offline"}}
insert = engine.Collection.insert
at_it = []
most = []

def insert_slowly(self, *args, **kwargs):
    at_it.append(1)
    most.append(len(at_it))
    if len(most) == 2:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
    try:
        return insert(self, *args, **kwargs)
    finally:
        at_it.pop()

engine.Collection.insert = insert_slowly
with Memory.from_config(config) as memory:
    memory.add("I like rain.", user_id="u", infer=False)
    try:
        memory.add("I like hail.", user_id="u", infer=False)
    except KeyboardInterrupt:
        print("interrupted")
    memory.add("I like snow.", user_id="u", infer=False)
    print(max(most), *sorted(item["memory"] for item in memory.get_all("u")["results"]))
with Memory.from_config(config) as memory:
    print(*sorted(item["memory"] for item in memory.get_all("u")["results"]))
"""


def test_what_comes_after_an_interrupted_write_waits_for_its_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITING, str(tmp_path / "m.db")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    remembered = "I like hail. I like rain. I like snow."
    assert ended.stdout.split("\n") == ["interrupted", f"1 {remembered}", remembered, ""], ended.stderr
