"""Guards between what a change reads and what it writes: another change may come between the two.

The tables are those of ``tests/reference.py``. A hook makes the other change at the right moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import NotFoundError, operations
from mem0milvus.runtime.locks import AsyncLocks, LockTable
from tests.reference import Store

HOUR_US = 3_600_000_000


class Between:
    """Does something once, after a step of the tables has ended."""

    def __init__(self) -> None:
        self.step = ""
        self.act: Callable[[], None] = lambda: None

    def __call__(self, step: str, moment: str) -> None:
        if (step, moment) == (self.step, "after"):
            self.step = ""
            self.act()

    def after(self, step: str, act: Callable[[], None]) -> None:
        self.step, self.act = step, act


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
def store(between: Between) -> Store:
    """Memories of u, of u's run r and of v."""
    filled = Store(between)
    for scope in ({"user_id": "u"}, {"user_id": "u", "run_id": "r"}, {"user_id": "v"}):
        said = [{"role": "user", "content": text} for text in ("abc", "bcd", "cde")]
        ids = ["".join(scope.values()) + str(n) for n in range(3)]
        filled.run(operations.add, said, **scope, infer=False, ids=ids)
    return filled


def move(store: Store, memory_id: str, **columns: Any) -> Callable[[], None]:
    """Put a memory under its id as it would be had another process deleted it and added another one."""

    def act() -> None:
        store.live.rows[memory_id] = replace(store.live.rows[memory_id], memory="of another", **columns)

    return act


# --- scope


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize(
    ("scope", "mine", "moved"),
    [
        ({"user_id": "u"}, {"u0", "u1", "u2", "ur0", "ur1", "ur2"}, {"user_id": "v"}),
        ({"run_id": "r"}, {"ur0", "ur1", "ur2"}, {"run_id": "s"}),
        ({"user_id": "u", "run_id": "r"}, {"ur0", "ur1", "ur2"}, {"user_id": "v"}),
        ({"user_id": "u", "run_id": "r"}, {"ur0", "ur1", "ur2"}, {"run_id": ""}),
    ],
)
def test_a_memory_that_changes_owner_between_listing_and_lock_is_not_deleted(
    store: Store, between: Between, scope: dict[str, str], mine: set[str], moved: dict[str, str], purge: bool
) -> None:
    before, first = set(store.live.rows), min(mine)
    between.after("live.pages", move(store, first, **moved))
    deleted = store.run(operations.delete_all, **scope, purge=purge)["deleted"]
    assert set(store.live.rows) == before - mine | {first}
    assert deleted == len(mine) - 1
    assert store.live.rows[first].memory == "of another"
    assert first not in store.history.rows, "nor is it marked as deleted"


def test_a_memory_that_is_gone_between_listing_and_lock_is_not_counted(store: Store, between: Between) -> None:
    between.after("live.pages", lambda: store.live.rows.pop("u0"))
    assert store.run(operations.delete_all, user_id="u")["deleted"] == 5
    with pytest.raises(NotFoundError):
        store.run(operations.get, "u0")


@pytest.mark.parametrize("changes", [{"expires_at": 2_000_000_000_000_000}, {"pending": "turn"}])
def test_a_memory_that_no_longer_expires_between_listing_and_lock_is_kept(
    store: Store, between: Between, changes: dict[str, Any]
) -> None:
    for memory_id in ("u0", "u1"):
        store.live.rows[memory_id] = replace(store.live.rows[memory_id], expires_at=1)
    between.after("live.pages", move(store, "u0", **changes))
    assert store.run(operations.vacuum)["expired"] == 1
    assert "u0" in store.live.rows
    assert "u1" not in store.live.rows


def test_an_update_of_a_memory_that_is_deleted_while_its_text_is_embedded_writes_nothing(
    store: Store, between: Between
) -> None:
    between.after("embedder.embed", lambda: store.live.rows.pop("u0"))
    with pytest.raises(NotFoundError):
        store.run(operations.update, "u0", "too late")
    assert "u0" not in store.live.rows
    assert not [row for row in store.history.rows.values() if row.memory == "too late"]


def test_an_update_keeps_what_was_changed_while_its_text_was_embedded(store: Store, between: Between) -> None:
    between.after("embedder.embed", move(store, "u0", version=2, metadata={"k": 1}))
    store.run(operations.update, "u0", "new", {"n": 2})
    assert store.live.rows["u0"].version == 3
    assert store.live.rows["u0"].metadata == {"k": 1, "n": 2}
    assert store.history.rows["u0:2"].memory == "of another"


# --- the order of locks


def test_changes_of_the_same_memories_in_opposite_order_do_not_wait_for_each_other() -> None:
    """Both wait for their first lock. Were it not the same one, each would then hold what the other waits for."""
    names = [f"memory {n}" for n in range(4)]
    done: list[str] = []

    async def change(locks: AsyncLocks, memory_ids: list[str]) -> None:
        async with locks.hold(memory_ids):
            done.append(memory_ids[0])

    async def work() -> None:
        locks = AsyncLocks(LockTable())
        async with locks.hold(names):
            changes = [asyncio.ensure_future(change(locks, order)) for order in (names, names[::-1])]
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*changes), 10)

    asyncio.run(work())
    assert done == [names[0], names[-1]], "who came first goes first"


def test_a_memory_that_is_named_twice_is_locked_once() -> None:
    async def work() -> None:
        async with AsyncLocks(LockTable()).hold(["a", "a", *(f"memory {n}" for n in range(2_000))]):
            pass

    asyncio.run(asyncio.wait_for(work(), 10))


def test_whoever_holds_one_of_several_memories_is_waited_for() -> None:
    table = LockTable()
    order: list[str] = []

    async def one(locks: AsyncLocks) -> None:
        async with locks.hold(["b"]):
            await asyncio.sleep(0)
            order.append("one")

    async def several(locks: AsyncLocks) -> None:
        async with locks.hold(["a", "b", "c"]):
            order.append("several")

    async def work() -> None:
        locks = AsyncLocks(table)
        await asyncio.gather(one(locks), several(locks))

    asyncio.run(work())
    assert order == ["one", "several"]
