"""Threads, tasks and two event loops at the same time on one store: nothing is lost, nobody waits for ever."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from mem0milvus import AsyncMemory, Memory, StoreError
from mem0milvus.runtime.locks import AsyncLocks, BlockingLocks, LockTable
from mem0milvus.runtime.thread_driver import ThreadDriver
from tests.conftest import Config, only_id, texts

THREADS = 8
TASKS = int(os.environ.get("LOAD_TASKS", "100"))

#: Far beyond what any of these takes; a test that is not done by then is stuck.
WATCHDOG_S = 120


def within_time(body: Callable[[], Any]) -> Any:
    """Run a body in a thread of its own, and fail with everybody's stack when it gets stuck."""
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(body)
        try:
            return future.result(WATCHDOG_S)
        except TimeoutError:
            faulthandler.dump_traceback(all_threads=True)
            raise


class Worker:
    """One thread or task: its own user, whose memories it knows, and memories that all workers change."""

    def __init__(self, name: str, shared: list[str]) -> None:
        self.name = name
        self.shared = shared
        self.said: list[tuple[str, str]] = []
        self.own: dict[str, list[str | None]] = {}
        self._random = random.Random(name)
        self._count = 0

    async def work(self, call: Callable[..., Any], steps: int) -> None:
        """Change memories in turn. ``call(method, …)`` is awaited: a method of either face."""
        for number in range(self._count, self._count + steps):
            text = f"{self.name} says {number}"
            shared = self._random.choice(self.shared)
            await call("update", shared, text)
            self.said.append((shared, text))
            one = only_id(await call("add", [{"role": "user", "content": text}], user_id=self.name, infer=False))
            self.own[one] = [text]
            if number % 3 == 0:
                await call("update", one, text + " again")
                self.own[one].append(text + " again")
            if number % 3 == 1:
                await call("delete", one)
                self.own[one].append(None)
                if number % 2:
                    await call("restore", one, 1)
                    self.own[one].append(text)
            self._count += 1
            found = texts(await call("search", text, user_id=self.name, top_k=100))
            assert sorted(found) == self.live(), self.name
            assert sorted(texts(await call("get_all", self.name))) == self.live()

    def live(self) -> list[str]:
        return sorted(versions[-1] for versions in self.own.values() if versions[-1] is not None)


def _check(memory: Memory, shared: list[str], workers: list[Worker]) -> None:
    for worker in workers:
        assert sorted(texts(memory.get_all(worker.name))) == worker.live()
        for one, versions in worker.own.items():
            assert [entry["new_memory"] for entry in memory.history(one)] == versions
    for one in shared:
        entries = memory.history(one)
        assert [entry["version"] for entry in entries] == list(range(1, len(entries) + 1))
        assert all(a["new_memory"] == b["old_memory"] for a, b in pairwise(entries))
        told = sorted(text for worker in workers for where, text in worker.said if where == one)
        assert sorted(str(entry["new_memory"]) for entry in entries[1:]) == told, "no update is lost"


def test_threads_and_tasks_at_the_same_time_lose_nothing(config: Config) -> None:
    async def many(memory: AsyncMemory, workers: list[Worker]) -> None:
        await asyncio.gather(*(worker.work(lambda m, *a, **k: getattr(memory, m)(*a, **k), 1) for worker in workers))

    def one(memory: Memory, worker: Worker) -> None:
        async def call(method: str, *args: Any, **kwargs: Any) -> Any:
            return getattr(memory, method)(*args, **kwargs)

        asyncio.run(worker.work(call, 4))

    with Memory.from_config(config) as memory:
        shared = [only_id(memory.add(f"I share {n}.", user_id="all")) for n in range(4)]
        in_threads = [Worker(f"thread{n}", shared) for n in range(THREADS)]
        in_tasks = [Worker(f"task{n}", shared) for n in range(TASKS)]
        awaiting = memory.to_async()

        def everybody() -> None:
            with ThreadPoolExecutor(THREADS) as threads:
                futures = [threads.submit(one, memory, worker) for worker in in_threads]
                asyncio.run(many(awaiting, in_tasks))
                for future in futures:
                    future.result()

        within_time(everybody)
        _check(memory, shared, [*in_threads, *in_tasks])
        asyncio.run(awaiting.aclose())
    with Memory.from_config(config) as memory:
        _check(memory, shared, [*in_threads, *in_tasks])


def test_one_async_memory_serves_two_event_loops_at_the_same_time(config: Config) -> None:
    memory = AsyncMemory.from_config(config)
    both = threading.Barrier(2)

    def loop(worker: Worker) -> None:
        async def work() -> None:
            both.wait()
            for _ in range(4):
                await worker.work(lambda m, *a, **k: getattr(memory, m)(*a, **k), 3)

        asyncio.run(work())

    added = asyncio.run(memory.add("I am shared.", user_id="all"))
    workers = [Worker(f"loop{n}", [only_id(added)]) for n in range(2)]

    def everybody() -> None:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(loop, workers))

    within_time(everybody)
    asyncio.run(memory.aclose())
    with Memory.from_config(config) as again:
        _check(again, workers[0].shared, workers)


def test_closing_while_others_work_gives_them_an_error_of_ours_and_loses_nothing(config: Config) -> None:
    acknowledged: list[str] = []
    errors: list[BaseException] = []

    def work(memory: Memory, name: str) -> None:
        try:
            for number in range(10_000):
                memory.add(f"I am {name} {number}.", user_id="u", ids=[f"{name}-{number}"])
                acknowledged.append(f"{name}-{number}")
                memory.search("who", "u", top_k=1)
        except BaseException as error:  # noqa: BLE001  # looked at below
            errors.append(error)

    for round_ in range(3):
        memory = Memory.from_config(config)
        threads = [threading.Thread(target=work, args=(memory, f"r{round_}t{n}")) for n in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 20 * (round_ + 1):
            threading.Event().wait(0.01)
        within_time(memory.close)
        for thread in threads:
            thread.join(WATCHDOG_S)
            assert not thread.is_alive()
    assert len(errors) == 12
    assert {type(error) for error in errors} == {StoreError}, errors
    assert {str(error) for error in errors} == {"This memory is closed. Open it again with Memory.from_config(config)."}
    with Memory.from_config(config) as memory:
        there = {item["id"] for item in memory.get_all("u")["results"]}
        assert set(acknowledged) <= there


def test_a_step_that_writes_goes_on_and_keeps_its_lock_when_its_whole_loop_is_cancelled() -> None:
    table = LockTable()
    began, go_on = threading.Event(), threading.Event()
    written: list[str] = []

    def first() -> None:
        began.set()
        assert go_on.wait(WATCHDOG_S)
        written.append("first")

    async def step(driver: ThreadDriver) -> None:
        async with AsyncLocks(table).hold(["a"]):
            await driver.call(first)
            await driver.call(written.append, "second")

    async def work(driver: ThreadDriver) -> None:
        task = asyncio.ensure_future(driver.shield(step(driver)))
        await asyncio.to_thread(began.wait, WATCHDOG_S)
        for one in asyncio.all_tasks() - {asyncio.current_task()}:
            one.cancel()  # as asyncio.run does at its end, and more than once
        with pytest.raises(asyncio.CancelledError):
            await task
        # and now asyncio.run cancels what is left

    async def other() -> None:
        async with BlockingLocks(table).hold(["a"]):
            written.append("other")

    def blocking() -> None:
        began.wait(WATCHDOG_S)
        waiting.set()
        with pytest.raises(StopIteration):
            other().send(None)

    waiting = threading.Event()
    with ThreadPoolExecutor(3) as threads:
        thread = threads.submit(blocking)
        loop = threads.submit(lambda: asyncio.run(work(ThreadDriver(lambda: threads))))
        waiting.wait(WATCHDOG_S)
        threading.Event().wait(0.1)
        assert written == [], "the lock is held as long as something is being written"
        go_on.set()
        loop.result(WATCHDOG_S)
        thread.result(WATCHDOG_S)
    assert written == ["first", "second", "other"]
