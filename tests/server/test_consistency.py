"""On a real server: what this process wrote is read, every time, whoever else writes meanwhile.

``CONSISTENCY_READS`` says how many reads of each kind; 40 when left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mem0milvus import Memory, NotFoundError
from tests.conftest import Config, texts
from tests.fix_server import Store

pytestmark = [pytest.mark.server, pytest.mark.parametrize("store", ["milvus"], indirect=True)]

READS = int(os.environ.get("CONSISTENCY_READS", "40"))


def add(memory: Any, text: str, user_id: str) -> str:
    result = memory.add([{"role": "user", "content": text}], user_id=user_id, infer=False)
    return str(result["results"][0]["id"])


def text_of(memory: Any, memory_id: str) -> str | None:
    try:
        return str(memory.get(memory_id)["memory"])
    except NotFoundError:
        return None


def stale_reads(memory: Any) -> Counter[str]:
    """How many reads of each kind, each right after a write, missed it."""
    stale: Counter[str] = Counter()
    for number in range(READS):
        user = f"reader{number % 5}"
        one = add(memory, f"I own {number} cats.", user)
        stale["add, get"] += text_of(memory, one) != f"I own {number} cats."
        two = add(memory, f"I feed {number} dogs.", user)
        found = memory.search(f"Who feeds {number} dogs?", user_id=user, top_k=2 * READS)
        stale["add, search"] += f"I feed {number} dogs." not in texts(found)
        memory.update(one, f"I own {number} horses.")
        stale["update, get"] += text_of(memory, one) != f"I own {number} horses."
        memory.delete(memory_ids=[one, two])
        stale["delete, get"] += text_of(memory, one) is not None
        stale["delete, get_all"] += texts(memory.get_all(user)) != []
    return +stale


@contextmanager
def writing(memory: Memory) -> Iterator[None]:
    """Another user of the same process adds, changes and deletes without a pause."""
    ended = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        number = 0
        try:
            while not ended.is_set():
                one = add(memory, f"Somebody else says {number}.", "writer")
                memory.update(one, f"Somebody else says {number} again.")
                memory.delete(one)
                number += 1
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not failed


@pytest.mark.parametrize("open_memory", ["blocking"], indirect=True)
def test_no_read_misses_what_this_process_wrote(memory: Memory) -> None:
    assert not stale_reads(memory)


@pytest.mark.parametrize("open_memory", ["awaiting"], indirect=True)
def test_no_read_misses_it_while_another_user_writes(
    memory: Any, config: Config, store: Store, open_memory: Callable[..., Any]
) -> None:
    with Memory.from_config(store.adapt(config)) as another, writing(another):
        assert not stale_reads(memory)


OTHER_PROCESS = """
import json, sys
from mem0milvus import Memory
with Memory.from_config(json.loads(sys.argv[1])) as memory:
    for line in sys.stdin:
        memory.add(line.strip(), user_id="shared", infer=False)
        print("written", flush=True)
"""


@contextmanager
def another_process(config: Config) -> Iterator[Callable[[str], None]]:
    """Another process with the same memories: what it is called with, it has written when it returns."""
    command = [sys.executable, "-c", OTHER_PROCESS, json.dumps(config)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        to, back = other.stdin, other.stdout
        assert to is not None
        assert back is not None

        def write(text: str) -> None:
            print(text, file=to, flush=True)
            assert back.readline() == "written\n"

        yield write
        to.close()


def test_strong_reads_and_newly_opened_memories_see_what_another_process_wrote(
    config: Config, store: Store, open_memory: Callable[..., Any]
) -> None:
    memory = open_memory(config)
    with another_process(store.adapt(config)) as write:
        for number in range(READS // 4):
            write(f"Fact {number}.")
            if number % 2:
                found = memory.get_all("shared", consistency="Strong")
            else:
                with Memory.from_config(store.adapt(config)) as opened:
                    found = opened.get_all("shared")
            assert len(found["results"]) == number + 1


@pytest.mark.parametrize("level", ["Strong", "Session", "Bounded", "Eventually"])
def test_every_level_is_taken_by_the_server(open_memory: Callable[..., Any], config: Config, level: str) -> None:
    config["vector_store"]["config"]["consistency_level"] = level
    memory = open_memory(config)
    one = add(memory, "I own a cat.", "u")
    assert len(memory.get_all("u", consistency="Strong")["results"]) == 1
    assert len(memory.search("cat", user_id="u", consistency="Session")["results"]) == 1
    for weaker in ("Bounded", "Eventually"):
        assert len(memory.get_all("u", consistency=weaker)["results"]) <= 1
    assert text_of(memory, one) == "I own a cat."


@pytest.mark.parametrize("level", ["Session", "Bounded", "Eventually"])
def test_a_write_knows_what_it_replaces_however_stale_reads_may_be(
    open_memory: Callable[..., Any], config: Config, level: str
) -> None:
    config["vector_store"]["config"]["consistency_level"] = level
    memory = open_memory(config)
    one, two = add(memory, "I own a cat.", "u"), add(memory, "I own a boat.", "u")
    for number in range(5):
        memory.update(one, f"I own {number} cats.")
    assert [entry["version"] for entry in memory.history(one)] == [1, 2, 3, 4, 5, 6]
    memory.delete(two)
    with pytest.raises(NotFoundError):
        memory.update(two, "I own a ship.")
    memory.restore(one, 2)
    assert memory.get(one)["memory"] == "I own 0 cats."
    three = add(memory, "I own a bike.", "u")
    assert memory.delete_all(user_id="u", purge=True)["deleted"] == 2
    assert memory.get_all("u", consistency="Strong")["results"] == []
    for gone in (one, two, three):
        with pytest.raises(NotFoundError):
            memory.history(gone)


def test_deleting_a_user_reaches_what_another_process_has_just_written(
    config: Config, store: Store, open_memory: Callable[..., Any]
) -> None:
    memory = open_memory(config)
    with another_process(store.adapt(config)) as write:
        for number in range(5):
            write(f"Fact {number}.")
            assert memory.delete_all(user_id="shared", purge=True)["deleted"] == 1
    assert memory.get_all("shared", consistency="Strong")["results"] == []
