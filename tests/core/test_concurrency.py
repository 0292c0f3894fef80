"""Many threads and tasks at once: nothing is lost, nobody waits for ever, the event loop stays free."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from mem0milvus import AsyncMemory, Memory
from mem0milvus.runtime import blocking_driver as drivers
from mem0milvus.runtime.locks import AsyncLocks, BlockingLocks, LockTable
from tests.conftest import Config, only_id, texts


def test_updates_of_one_memory_from_many_threads_are_all_in_its_history(config: Config) -> None:
    with Memory.from_config(config) as memory:
        one = only_id(memory.add("I own 0 cats.", user_id="u"))
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda n: memory.update(one, f"I own {n} cats."), range(1, 41)))
        entries = memory.history(one)
        assert [e["version"] for e in entries] == list(range(1, 42))
        assert {e["new_memory"] for e in entries} == {f"I own {n} cats." for n in range(41)}
        assert all(a["new_memory"] == b["old_memory"] for a, b in pairwise(entries))


def test_updates_of_one_memory_from_many_tasks_and_a_thread_are_all_in_its_history(config: Config) -> None:
    async def work(memory: AsyncMemory, one: str) -> None:
        await asyncio.gather(*(memory.update(one, f"I own {n} cats.") for n in range(1, 21)))

    with Memory.from_config(config) as memory:
        one = only_id(memory.add("I own 0 cats.", user_id="u"))
        awaiting = memory.to_async()
        thread = threading.Thread(target=lambda: [memory.update(one, f"I own {n} dogs.") for n in range(20)])
        thread.start()
        asyncio.run(work(awaiting, one))
        thread.join()
        assert [e["version"] for e in memory.history(one)] == list(range(1, 42))
        asyncio.run(awaiting.aclose())


def test_users_mixed_in_many_tasks_keep_apart(config: Config) -> None:
    async def one_user(memory: AsyncMemory, user: str) -> None:
        added = await memory.add(f"My secret word is {user}word.", user_id=user)
        one = added["results"][0]["id"]
        await memory.update(one, f"My new secret word is {user}word.")
        found = await memory.search("What is my secret word?", user_id=user)
        assert texts(found) == [f"My new secret word is {user}word."]
        await memory.delete(one)
        assert texts(await memory.get_all(user)) == []

    async def everybody() -> None:
        async with AsyncMemory.from_config(config) as memory:
            await asyncio.gather(*(one_user(memory, f"user{n}") for n in range(40)))

    asyncio.run(everybody())


def test_one_async_memory_serves_two_event_loops_one_after_the_other(config: Config) -> None:
    memory = AsyncMemory.from_config(config)
    asyncio.run(memory.add("I like rain.", user_id="u"))
    assert texts(asyncio.run(memory.get_all("u"))) == ["I like rain."]
    asyncio.run(memory.aclose())


def test_the_blocking_face_works_inside_a_running_loop(config: Config) -> None:
    async def inside() -> list[str]:
        with Memory.from_config(config) as memory:
            memory.add("I like rain.", user_id="u")
            return [item["memory"] for item in memory.iterate("u")]

    assert asyncio.run(inside()) == ["I like rain."]


def test_a_cancelled_update_is_carried_through_and_its_lock_freed(config: Config) -> None:
    async def work() -> None:
        async with AsyncMemory.from_config(config) as memory:
            one = only_id(await memory.add("I own 1 cat.", user_id="u"))
            for number in range(2, 12):
                task = asyncio.ensure_future(memory.update(one, f"I own {number} cats."))
                await asyncio.sleep(0.001 * number)
                if not task.cancel():  # on a slow machine the update may be done by now
                    continue
                with pytest.raises(asyncio.CancelledError):
                    await task
            await asyncio.wait_for(memory.update(one, "I own 99 cats."), 20)
            entries = await memory.history(one)
            assert [e["version"] for e in entries] == list(range(1, len(entries) + 1))
            assert entries[-1]["new_memory"] == "I own 99 cats."

    asyncio.run(work())


def test_opening_and_working_leave_the_event_loop_free(config: Config) -> None:
    async def work() -> float:
        worst = 0.0
        done = False

        async def watch() -> None:
            nonlocal worst
            while not done:
                before = time.perf_counter()
                await asyncio.sleep(0.005)
                worst = max(worst, time.perf_counter() - before)

        watcher = asyncio.ensure_future(watch())
        async with AsyncMemory.from_config(config) as memory:
            started = time.perf_counter()
            await memory.add([{"role": "user", "content": f"fact {n}"} for n in range(500)], user_id="u", infer=False)
            took = time.perf_counter() - started
        done = True
        await watcher
        return worst / took

    # Adding 500 memories takes a while; were it done on the loop, nothing else would run for as long.
    assert asyncio.run(work()) < 0.9


# --- the parts


def test_a_blocking_port_that_suspends_is_a_defect_that_shows() -> None:
    async def suspends() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="suspended"):
        drivers.run(suspends())


def test_an_error_comes_out_of_a_driven_coroutine_as_it_is() -> None:
    async def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        drivers.run(fails())


def test_leaving_an_iteration_closes_its_cursor() -> None:
    closed = []

    async def numbers():  # type: ignore[no-untyped-def]
        try:
            for n in range(10):
                yield n
        finally:
            closed.append(True)

    for number in drivers.iterate(numbers()):
        if number == 2:
            break
    assert closed == [True]


def test_a_waiting_task_that_is_cancelled_leaves_the_line(config: Config) -> None:
    table = LockTable()
    blocking, awaiting = BlockingLocks(table), AsyncLocks(table)

    async def take() -> str:
        async with awaiting.hold(["a", "b"]):
            return "taken"

    async def work() -> None:
        async with awaiting.hold(["b"]):
            waiting = [asyncio.ensure_future(take()) for _ in range(3)]
            await asyncio.sleep(0.01)
            waiting[0].cancel()
            await asyncio.sleep(0)
        assert await asyncio.gather(*waiting[1:]) == ["taken", "taken"]

    async def take_blocking() -> str:
        async with blocking.hold(["a", "b"]):
            return "free"

    asyncio.run(work())
    assert drivers.run(take_blocking()) == "free"


def test_a_lock_handed_to_a_closed_event_loop_goes_to_the_next_in_line() -> None:
    table = LockTable()
    awaiting, blocking = AsyncLocks(table), BlockingLocks(table)
    (stripe,) = table.of(["a"])
    assert stripe.acquire(lambda: None)
    loop = asyncio.new_event_loop()

    async def wait() -> None:
        async with awaiting.hold(["a"]):
            pass

    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    got = []

    async def take() -> None:
        async with blocking.hold(["a"]):
            got.append(True)

    thread = threading.Thread(target=lambda: drivers.run(take()))
    thread.start()
    time.sleep(0.05)
    stripe.release()
    thread.join(5)
    assert got == [True]
    task._log_destroy_pending = False  # type: ignore[attr-defined]
