"""Guards between what a change reads and what it writes: another change may come between the two.

The tables are those of ``tests/reference.py``. A hook makes the other change at the right moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import ExtractionError, NotFoundError, ValidationError, operations
from mem0milvus.operations.extraction.pending_state import mark_done
from mem0milvus.ports import Extraction
from mem0milvus.runtime.locks import AsyncLocks, LockTable
from tests.reference import DictTable, Store

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


# --- what would go wrong without locks


class Yielding(DictTable):
    """A table at each step of which another task may run."""

    async def _step(self, method: str, act: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        return await super()._step(method, act)


@pytest.fixture
def shared(store: Store) -> Store:
    """The same memories, in tables that several tasks use at a time."""
    for name in ("live", "history"):
        table = Yielding(name, lambda step, moment: None)
        table.rows = getattr(store, name).rows
        setattr(store, name, table)
    store.ports = replace(store.ports, live=store.live, history=store.history, locks=AsyncLocks(LockTable()))
    return store


def together(*steps: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results of operations that run at the same time, or what they raised."""

    async def work() -> list[Any]:
        return await asyncio.gather(*steps, return_exceptions=True)

    return asyncio.run(work())


def one_message(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_one_id_is_given_to_one_memory(shared: Store) -> None:
    texts = ("first", "second")
    results = together(
        *(operations.add(shared.ports, one_message(t), user_id="u", infer=False, ids=["new"]) for t in texts)
    )
    assert [isinstance(one, ValidationError) for one in results] == [False, True]
    assert shared.live.rows["new"].memory == "first"


def test_one_memory_is_deleted_once(shared: Store) -> None:
    for purge in (False, True):
        victim = "u1" if purge else "u0"
        results = together(*(operations.delete(shared.ports, victim, purge=purge) for _ in range(2)))
        assert [isinstance(one, NotFoundError) for one in results] == [False, True]


def test_two_updates_are_two_versions(shared: Store) -> None:
    together(
        operations.update(shared.ports, "u0", "one", {"a": 1}), operations.update(shared.ports, "u0", "two", {"b": 2})
    )
    assert (shared.live.rows["u0"].version, shared.live.rows["u0"].metadata) == (3, {"a": 1, "b": 2})
    assert {"u0:1", "u0:2"} <= shared.history.rows.keys()


def test_an_update_and_a_restore_are_two_versions(shared: Store) -> None:
    together(operations.update(shared.ports, "u0", "one"))
    together(operations.update(shared.ports, "u0", "two"), operations.restore(shared.ports, "u0", 1))
    assert shared.live.rows["u0"].version == 4
    assert {"u0:1", "u0:2", "u0:3"} <= shared.history.rows.keys()


def test_one_statement_is_kept_once(shared: Store) -> None:
    results = together(*(operations.add(shared.ports, "I like rain.", user_id="u") for _ in range(3)))
    assert sorted(len(one["results"]) for one in results) == [0, 0, 1]
    assert [row.memory for row in shared.live.rows.values()].count("I like rain.") == 1


class Echo:
    """A language model that proposes to remember what was said, unless it is down."""

    down = False

    def __init__(self) -> None:
        self.act: Callable[[], None] = lambda: None

    async def complete(self, request: Any) -> Any:
        self.act()
        if self.down:
            raise ExtractionError("no answer")
        quotation = request.user.splitlines()[-1].removeprefix("user: ").strip('"')
        return {"changes": [{"action": "ADD", "memory": f"Says: {quotation}", "evidence": quotation, "about": "user"}]}


def test_one_id_is_given_to_one_extracted_memory(shared: Store) -> None:
    shared.ports = replace(shared.ports, extraction=Extraction(llm=Echo()))
    said = ("I like rain.", "I like snow.")
    results = together(*(operations.add(shared.ports, text, user_id="w", ids=["new"]) for text in said))
    (told,) = [change["memory"] for one in results for change in one["results"]]
    assert [(row.memory, row.version) for row in shared.live.rows.values() if row.user_id == "w"] == [(told, 1)]


def test_an_id_that_is_taken_in_another_scope_while_the_model_thinks_is_left_alone(store: Store) -> None:
    model = Echo()
    model.act = lambda: store.live.rows.update(new=replace(store.live.rows["v0"], id="new"))
    store.ports = replace(store.ports, extraction=Extraction(llm=model))
    with pytest.raises(ValidationError, match="The id 'new' is taken by a memory of another scope"):
        store.run(operations.add, "I like rain.", user_id="w", ids=["new"])
    assert store.live.rows["new"].memory == "abc"


@pytest.mark.parametrize("owner", ["v", "w"])
def test_an_id_that_is_taken_before_a_pending_turn_is_extracted_is_left_alone(store: Store, owner: str) -> None:
    model = Echo()
    model.down = True
    store.ports = replace(store.ports, extraction=Extraction(llm=model, keeps_raw=True))
    store.run(operations.add, "I like rain.", user_id="w", ids=["a", "b"])
    store.run(operations.add, one_message("taken"), user_id=owner, infer=False, ids=["a"])
    model.down = False
    (change,) = store.run(operations.process_pending)["results"]
    assert (change["id"], change["memory"]) == ("b", "Says: I like rain.")
    assert (store.live.rows["a"].memory, store.live.rows["a"].user_id) == ("taken", owner)
    assert not [row for row in store.live.rows.values() if row.pending]


def test_a_pending_turn_whose_ids_are_all_taken_gets_others(store: Store) -> None:
    model = Echo()
    model.down = True
    store.ports = replace(store.ports, extraction=Extraction(llm=model, keeps_raw=True))
    store.run(operations.add, "I like rain.", user_id="w", ids=["a"])
    store.run(operations.add, one_message("taken"), user_id="w", infer=False, ids=["a"])
    model.down = False
    (change,) = store.run(operations.process_pending)["results"]
    assert sorted(row.memory for row in store.live.rows.values() if row.user_id == "w") == [
        "Says: I like rain.",
        "taken",
    ]
    assert change["id"] != "a"


class Down:
    """A language model that does not answer, until it does."""

    answers = False

    async def complete(self, request: Any) -> Any:
        await asyncio.sleep(0)
        if not self.answers:
            raise ExtractionError("no answer")
        quotation = request.user.splitlines()[-1].removeprefix("user: ").strip('"')
        return {"changes": [{"action": "ADD", "memory": f"Says: {quotation}", "evidence": quotation, "about": "user"}]}


@pytest.mark.parametrize("ids", [None, ["named"]])
def test_a_pending_turn_is_extracted_once(shared: Store, ids: list[str] | None) -> None:
    model = Down()
    shared.ports = replace(shared.ports, extraction=Extraction(llm=model, keeps_raw=True))
    together(operations.add(shared.ports, "I like rain.", user_id="w", ids=ids))
    assert len([row for row in shared.live.rows.values() if row.pending]) == 1
    model.answers = True
    outcomes = together(*(operations.process_pending(shared.ports) for _ in range(3)))
    assert [one["processed"] for one in outcomes] == [1, 0, 0]
    mine = [row for row in shared.live.rows.values() if row.user_id == "w"]
    assert [(row.memory, row.pending, row.version) for row in mine] == [("Says: I like rain.", "", 1)]
    assert ids is None or mine[0].id == "named"
    assert not [row for row in shared.history.rows.values() if row.user_id == "w"], "nothing is left of the raw message"


async def later(steps: int, work: Coroutine[Any, Any, Any]) -> Any:
    """Let other tasks make so many steps first."""
    for _ in range(steps):
        await asyncio.sleep(0)
    return await work


#: By how many steps one of two operations begins ahead of the other.
AHEAD = range(-12, 13)


def meet(ahead: int, one: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results of two operations, the first of which begins so many steps ahead of the other."""
    return together(later(-ahead, one), later(ahead, other))


def with_pending(shared: Store) -> list[str]:
    """Have a turn of w wait for its extraction, with a model that answers from now on. Returns the ids of its rows."""
    model = Echo()
    model.down = True
    shared.ports = replace(shared.ports, extraction=Extraction(llm=model, keeps_raw=True))
    together(operations.add(shared.ports, "I like rain.", user_id="w"))
    model.down = False
    return [row.id for row in shared.live.rows.values() if row.pending]


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_message_that_is_deleted_while_it_is_extracted_leaves_nothing_if_it_was_extracted(
    shared: Store, ahead: int
) -> None:
    (message,) = with_pending(shared)
    outcome, _ = meet(ahead, operations.process_pending(shared.ports), operations.delete(shared.ports, message))
    left = [row.memory for name in ("live", "history") for row in getattr(shared, name).rows.values()]
    assert ("I like rain." not in left) == bool(outcome["processed"])


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_memory_that_is_updated_while_a_turn_is_cleaned_up_is_deleted_by_it_before_or_not_at_all(
    shared: Store, ahead: int
) -> None:
    (message,) = with_pending(shared)
    shared.live.rows[message] = mark_done(shared.live.rows[message], 1, {"u0": 1})
    _, updated = meet(ahead, operations.process_pending(shared.ports), operations.update(shared.ports, "u0", "new"))
    assert ("u0" in shared.live.rows) == (not isinstance(updated, NotFoundError))
    assert message not in shared.live.rows


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.parametrize("purge", [False, True])
def test_a_memory_that_is_updated_while_all_are_deleted_is_deleted_with_its_last_version(
    shared: Store, purge: bool, ahead: int
) -> None:
    deleted = operations.delete_all(shared.ports, user_id="v", purge=purge)
    _, updated = meet(ahead, deleted, operations.update(shared.ports, "v0", "new"))
    assert not [row for row in shared.live.rows.values() if row.user_id == "v"]
    past = {key: row.memory for key, row in shared.history.rows.items() if key.startswith("v0")}
    versions = [] if purge else ["abc"] if isinstance(updated, NotFoundError) else ["abc", "new"]
    assert past == {f"v0:{n}": text for n, text in enumerate(versions, 1)} | ({} if purge else {"v0": ""})
