"""Programs that never close their memory end cleanly and lose nothing; forked children do no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from mem0milvus import Memory
from tests.conftest import Config

START = """
    import asyncio, json, os, sys, threading, time
    from mem0milvus import AsyncMemory, Memory, StoreError
    config = json.loads(sys.argv[1])
    def say(memory, n):
        memory.add(f"I own {n} cats.", user_id="u", ids=[f"m{n}"])
        print(f"m{n}", flush=True)
"""

SCRIPTS = {
    "blocking": """
        memory = Memory.from_config(config)
        for n in range(5): say(memory, n)
        memory.update("m0", "I own no cats.")
    """,
    "awaiting": """
        async def main():
            memory = AsyncMemory.from_config(config)
            await asyncio.gather(*(memory.add(f"I own {n} cats.", user_id="u", ids=[f"m{n}"]) for n in range(5)))
            for n in range(5): print(f"m{n}")
        asyncio.run(main())
    """,
    "awaiting, kept in a global": """
        memory = AsyncMemory.from_config(config)
        async def main():
            for n in range(5):
                await memory.add(f"I own {n} cats.", user_id="u", ids=[f"m{n}"])
                print(f"m{n}")
        asyncio.run(main())
    """,
    "awaiting, with writes under way": """
        async def main():
            memory = AsyncMemory.from_config(config)
            await memory.add("I own 0 cats.", user_id="u", ids=["m0"])
            print("m0")
            adds = (memory.add(f"I own {n} cats.", user_id="u", ids=[f"m{n}"]) for n in range(9))
            tasks = [asyncio.ensure_future(add) for add in adds]
            await asyncio.sleep(0.01)
        asyncio.run(main())
    """,
    "both faces": """
        memory = Memory.from_config(config)
        other = memory.to_async()
        say(memory, 0)
        asyncio.run(other.add("I own 1 cat.", user_id="u", ids=["m1"]))
        print("m1")
    """,
    "a thread that goes on": """
        memory = Memory.from_config(config)
        say(memory, 0)
        def work():
            try:
                for n in range(1, 10_000): say(memory, n)
            except StoreError as error:
                assert "Python is exiting" in str(error), error
                memory.close()
        threading.Thread(target=work).start()
        time.sleep(0.2)
    """,
    "a search just before": """
        memory = Memory.from_config(config)
        memory.add([{"role": "user", "content": f"fact {n}"} for n in range(400)], user_id="u", infer=False)
        memory.search("fact", "u")
        say(memory, 0)
    """,
    "an iteration left open": """
        memory = Memory.from_config(config)
        for n in range(5): say(memory, n)
        items = memory.iterate("u")
        next(items)
    """,
    "sys.exit inside": """
        with Memory.from_config(config) as memory:
            say(memory, 0)
            sys.exit(0)
    """,
    "a forked child that ends normally": """
        memory = Memory.from_config(config)
        for n in range(3): say(memory, n)
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        say(memory, 3)
        assert len(memory.get_all("u")["results"]) == 4
        memory.search("cats", "u")
    """,
    "a forked child that uses or closes what is not its own": """
        memory = Memory.from_config(config)
        for n in range(3): say(memory, n)
        pid = os.fork()
        if pid == 0:
            try:
                memory.get("m0")
            except StoreError as error:
                assert "opened in another process" in str(error), error
                memory.close()
                sys.exit(7)
            sys.exit(1)
        assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
        say(memory, 3)
        assert len(memory.get_all("u")["results"]) == 4
    """,
}


#: What gRPC itself says on every fork.
FORK_NOTICE = "fork_posix.cc"


def _run(config: Config, script: str) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(START) + textwrap.dedent(script)
    return subprocess.run(
        # From 3.12 on, Python itself warns of forking beside threads.
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", code, json.dumps(config)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", [name for name in SCRIPTS if hasattr(os, "fork") or "fork" not in name])
def test_a_program_that_never_closes_ends_cleanly_and_keeps_what_was_acknowledged(config: Config, name: str) -> None:
    done = _run(config, SCRIPTS[name])
    complaints = [line for line in done.stderr.splitlines() if FORK_NOTICE not in line]
    assert (done.returncode, complaints) == (0, [])
    acknowledged = set(done.stdout.split())
    assert acknowledged
    with Memory.from_config(config) as memory:
        assert acknowledged <= {item["id"] for item in memory.get_all("u")["results"]}
        assert {len(memory.history(one)) for one in acknowledged} <= {1, 2}


def test_a_daemon_thread_that_is_cut_off_loses_nothing_that_was_acknowledged(config: Config) -> None:
    done = _run(
        config,
        """
        memory = Memory.from_config(config)
        threading.Thread(target=lambda: [say(memory, n) for n in range(10_000)], daemon=True).start()
        time.sleep(0.5)
        """,
    )
    assert done.returncode == 0, done.stderr
    acknowledged = set(done.stdout.split())
    with Memory.from_config(config) as memory:
        assert acknowledged <= {item["id"] for item in memory.get_all("u")["results"]}


def test_the_traceback_of_a_program_that_fails_is_its_own(config: Config) -> None:
    done = _run(config, 'memory = Memory.from_config(config)\nsay(memory, 0)\nraise KeyError("mine")\n')
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.strip().endswith("KeyError: 'mine'")
