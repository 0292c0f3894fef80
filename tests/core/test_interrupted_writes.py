"""A write that is interrupted at any of its steps loses nothing, claims nothing, and can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import pytest

from mem0milvus import NotFoundError, StoreUnavailableError, operations
from tests.reference import Store


class Interrupter:
    """Fails at the n-th moment: before a step, or after it, when the answer gets lost."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.count = 0
        self.seen: list[str] = []

    def __call__(self, step: str, moment: str) -> None:
        self.count += 1
        self.seen.append(f"{moment} {step}")
        if self.at is not None and self.count == self.at:
            raise StoreUnavailableError(f"{moment} {step}")

    def arm(self, at: int | None) -> None:
        self.at, self.count, self.seen = at, 0, []


def _filled() -> tuple[Store, Interrupter]:
    interrupter = Interrupter()
    store = Store(interrupter)
    said = [{"role": "user", "content": text} for text in ("abc", "bcd", "cde", "def", "efg")]
    store.run(operations.add, said, user_id="u", infer=False, ids=["a", "b", "c", "d", "e"], metadata={"n": 1})
    store.run(operations.update, "a", "abc again", {"n": 2})
    store.run(operations.delete, "e")
    return store, interrupter


Operation = Callable[[Store], Any]

WRITES: dict[str, Operation] = {
    "add": lambda s: s.run(operations.add, [{"role": "user", "content": "new"}], user_id="u", infer=False, ids=["n"]),
    "add to a run": lambda s: s.run(operations.add, "I like g.", user_id="u", run_id="r", ids=["n"]),
    "add again": lambda s: s.run(
        operations.add, [{"role": "user", "content": "fgh"}], user_id="u", infer=False, ids=["e"]
    ),
    "update": lambda s: s.run(operations.update, "a", "changed", {"k": "v"}),
    "delete": lambda s: s.run(operations.delete, "a"),
    "delete several": lambda s: s.run(operations.delete, memory_ids=["a", "b", "c"]),
    "delete all": lambda s: s.run(operations.delete, user_id="u"),
    "restore": lambda s: s.run(operations.restore, "a", 1),
    "restore deleted": lambda s: s.run(operations.restore, "e", 1),
}
PURGES: dict[str, Operation] = {
    "purge": lambda s: s.run(operations.delete, "a", purge=True),
    "purge deleted": lambda s: s.run(operations.delete, "e", purge=True),
    "purge all": lambda s: s.run(operations.delete, user_id="u", purge=True),
}


def _state(store: Store) -> dict[str, Any]:
    """Everything that a user can see: memories and their histories, without moments."""
    known = {key.partition(":")[0] for key in (*store.live.rows, *store.history.rows)}
    seen: dict[str, Any] = {}
    for memory_id in sorted(known):
        try:
            entries = store.run(operations.history, memory_id)
        except NotFoundError:
            continue
        live = store.live.rows.get(memory_id)
        seen[memory_id] = (
            live and (live.memory, dict(live.metadata), live.version),
            [(e["version"], e["event"], e["old_memory"], e["new_memory"]) for e in entries],
        )
    return seen


def _moments(write: Operation) -> int:
    store, interrupter = _filled()
    interrupter.arm(None)
    write(store)
    return interrupter.count


CASES = [(name, n) for name, write in WRITES.items() for n in range(1, _moments(write) + 1)]


@pytest.mark.parametrize(("name", "at"), CASES)
def test_an_interrupted_write_leaves_each_memory_as_before_or_as_after(name: str, at: int) -> None:
    write = WRITES[name]
    store, interrupter = _filled()
    before = _state(store)
    undisturbed, other = _filled()
    other.arm(None)
    write(undisturbed)
    after = _state(undisturbed)

    interrupter.arm(at)
    with pytest.raises(StoreUnavailableError):
        write(store)
    interrupter.arm(None)

    now = _state(store)
    for memory_id in before.keys() | after.keys():
        assert now.get(memory_id) in (before.get(memory_id), after.get(memory_id)), memory_id
    _every_version_is_kept(store)

    # Where the answer got lost, the memory may be deleted already.
    with suppress(NotFoundError) if name.startswith("delete") else nullcontext():
        write(store)
    final = _state(store)
    if name.startswith("restore") or name == "update":
        # Done twice at most: an answer that got lost may leave one version more, with the same text.
        assert {i: s[0] and s[0][:2] for i, s in final.items()} == {i: s[0] and s[0][:2] for i, s in after.items()}
    elif name == "delete several":
        store.run(operations.delete_all, user_id="u")
        assert not store.live.rows
    else:
        assert final == after


def _every_version_is_kept(store: Store) -> None:
    for entries in (store.run(operations.history, i) for i in _state(store)):
        assert [e["version"] for e in entries] == list(range(1, len(entries) + 1))


@pytest.mark.parametrize(("name", "at"), [(n, i) for n, w in PURGES.items() for i in range(1, _moments(w) + 1)])
def test_an_interrupted_purge_can_be_repeated_until_nothing_is_left(name: str, at: int) -> None:
    store, interrupter = _filled()
    interrupter.arm(at)
    with pytest.raises(StoreUnavailableError):
        PURGES[name](store)
    interrupter.arm(None)
    with suppress(NotFoundError):  # everything may be gone already
        PURGES[name](store)
    words = {"purge": "abc", "purge deleted": "efg", "purge all": ""}[name]
    left = [row.memory for table in (store.live, store.history) for row in table.rows.values()]
    assert not [text for text in left if words in text and text]


def test_an_interrupted_update_does_not_change_what_was_known_at_an_earlier_moment() -> None:
    store, interrupter = _filled()
    interrupter.arm(None)
    WRITES["update"](store)
    puts = [n for n, seen in enumerate(interrupter.seen, 1) if seen == "before live.put"]

    store, interrupter = _filled()
    moment = store.ports.clock.now_us() / 1_000_000
    interrupter.arm(puts[-1])
    with pytest.raises(StoreUnavailableError):
        WRITES["update"](store)
    interrupter.arm(None)
    for as_of in (None, moment):
        items = store.run(operations.get_all, "u", as_of=as_of)["results"]
        assert [i["memory"] for i in items] == ["abc again", "bcd", "cde", "def"]
        found = store.run(operations.search, "abc", "u", as_of=as_of)["results"]
        assert sorted(i["memory"] for i in found) == ["abc again", "bcd", "cde", "def"]
