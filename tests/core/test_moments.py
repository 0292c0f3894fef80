"""What is known at the very microsecond of a change, and what a clock that is set back does.

The tables are those of ``tests/reference.py``, with a clock that the test sets.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from mem0milvus import NotFoundError, ValidationError, operations
from mem0milvus.data.timestamps import to_iso
from tests.reference import Store

T = 1_700_000_000_000_000
HOUR = 3_600_000_000


class SetClock:
    """Says the time that it was set to."""

    def __init__(self) -> None:
        self.time_us = T

    def now_us(self) -> int:
        return self.time_us


class Timed:
    """A store, and operations on it at moments of the test's choice."""

    def __init__(self) -> None:
        self.store = Store()
        self.clock = SetClock()
        self.store.ports = replace(self.store.ports, clock=self.clock)

    def at(self, time_us: int, operation: Any, *args: Any, **kwargs: Any) -> Any:
        self.clock.time_us = time_us
        return self.store.run(operation, *args, **kwargs)

    def add(self, time_us: int, text: str, **arguments: Any) -> None:
        said = [{"role": "user", "content": text}]
        self.at(time_us, operations.add, said, user_id="u", infer=False, ids=["m"], **arguments)

    def known(self, moment_us: int, now_us: int = T + 100 * HOUR) -> list[str]:
        """What was known at a moment, listed and searched."""
        self.clock.time_us = now_us
        items = self.store.run(operations.get_all, "u", as_of=to_iso(moment_us))["results"]
        found = self.store.run(operations.search, "abc", "u", as_of=to_iso(moment_us))["results"]
        assert [item["id"] for item in found] == [item["id"] for item in items]
        assert [item["memory"] for item in found] == [item["memory"] for item in items]
        return [item["memory"] for item in items]


@pytest.fixture
def timed() -> Timed:
    return Timed()


@pytest.mark.parametrize(
    ("moment_us", "known"),
    [
        (T - 1, []),
        (T, ["first"]),
        (T + 1, ["first"]),
        (T + HOUR - 1, ["first"]),
        (T + HOUR, ["second"]),
        (T + 2 * HOUR - 1, ["second"]),
        (T + 2 * HOUR, []),
        (T + 3 * HOUR - 1, []),
        (T + 3 * HOUR, ["first"]),
        (T + 99 * HOUR, ["first"]),
    ],
)
def test_as_of_the_microsecond_of_a_change(timed: Timed, moment_us: int, known: list[str]) -> None:
    timed.add(T, "first")
    timed.at(T + HOUR, operations.update, "m", "second")
    timed.at(T + 2 * HOUR, operations.delete, "m")
    timed.at(T + 3 * HOUR, operations.restore, "m", 1)
    assert timed.known(moment_us) == known


@pytest.mark.parametrize(("moment_us", "known"), [(T + HOUR - 1, ["first"]), (T + HOUR, []), (T + HOUR + 1, [])])
def test_a_memory_expires_at_its_microsecond(timed: Timed, moment_us: int, known: list[str]) -> None:
    expires_at = datetime.fromtimestamp((T + HOUR) / 1_000_000, timezone.utc)
    timed.add(T, "first", expires_at=expires_at)
    assert timed.known(moment_us) == known
    timed.clock.time_us = moment_us
    assert [item["memory"] for item in timed.store.run(operations.get_all, "u")["results"]] == known
    assert [item["memory"] for item in timed.store.run(operations.search, "abc", "u")["results"]] == known
    if known:
        assert timed.store.run(operations.get, "m")["memory"] == "first"
        assert timed.store.run(operations.vacuum)["expired"] == 0
    else:
        with pytest.raises(NotFoundError):
            timed.store.run(operations.get, "m")
        assert timed.store.run(operations.vacuum)["expired"] == 1


def test_a_memory_that_expires_now_is_refused_and_one_microsecond_later_taken(timed: Timed) -> None:
    with pytest.raises(ValidationError):
        timed.add(T, "first", expires_at=to_iso(T))
    timed.add(T, "first", expires_at=to_iso(T + 1))
    assert timed.known(T) == ["first"]


def test_this_very_microsecond_is_no_future(timed: Timed) -> None:
    timed.add(T, "first")
    assert timed.known(T, now_us=T) == ["first"]
    with pytest.raises(ValidationError, match="future"):
        timed.known(T + 1, now_us=T)


@pytest.mark.parametrize("back_us", [0, 1, HOUR])
def test_a_clock_that_is_set_back_between_two_changes_keeps_their_order(timed: Timed, back_us: int) -> None:
    """Each change is recorded at least a microsecond after the one before, so that each version was once the known."""
    timed.add(T, "first")
    timed.at(T - back_us, operations.update, "m", "second")
    timed.at(T - back_us, operations.delete, "m")
    timed.at(T - back_us, operations.restore, "m", 1)
    timed.at(T - back_us, operations.update, "m", "fifth")
    assert [timed.known(T + n) for n in range(-1, 6)] == [
        [],
        ["first"],
        ["second"],
        [],
        ["first"],
        ["fifth"],
        ["fifth"],
    ]
    entries = timed.store.run(operations.history, "m")
    assert [(e["version"], e["event"]) for e in entries] == [
        *((1, "ADD"), (2, "UPDATE"), (3, "DELETE"), (4, "RESTORE"), (5, "UPDATE"))
    ]
    assert [e["updated_at"] for e in entries] == [None, *(to_iso(T + n) for n in range(1, 5))]


def test_a_deleted_memory_that_is_added_anew_while_the_clock_is_set_back_follows_its_deletion(timed: Timed) -> None:
    timed.add(T, "first")
    timed.at(T + 1, operations.delete, "m")
    timed.add(T - HOUR, "anew")
    assert [timed.known(T + n) for n in range(4)] == [["first"], [], ["anew"], ["anew"]]


# --- the timeline


def spans(timed: Timed, now_us: int) -> list[list[tuple[str, str, int, int]]]:
    """The versions of each memory of u, with hours from ``T`` on; 99 for ever."""
    timed.clock.time_us = now_us
    lives = timed.store.run(operations.timeline, "u").lives
    assert [life.start_us for life in lives] == [life.spans[0].start_us for life in lives]
    assert [life.end_us for life in lives] == [life.spans[-1].end_us for life in lives]
    hours = [[(span.memory, span.event, span.start_us - T, span.end_us - T) for span in life.spans] for life in lives]
    return [[(m, e, a // HOUR, 99 if b > 99 * HOUR else b // HOUR) for m, e, a, b in one] for one in hours]


def test_a_life_is_made_of_its_versions_and_gaps(timed: Timed) -> None:
    timed.add(T, "first")
    timed.at(T + HOUR, operations.update, "m", "second")
    assert spans(timed, T + 9 * HOUR) == [[("first", "ADD", 0, 1), ("second", "UPDATE", 1, 99)]]
    timed.at(T + 2 * HOUR, operations.delete, "m")
    assert spans(timed, T + 9 * HOUR) == [[("first", "ADD", 0, 1), ("second", "UPDATE", 1, 2)]]
    timed.at(T + 3 * HOUR, operations.restore, "m", 1)
    expected = [("first", "ADD", 0, 1), ("second", "UPDATE", 1, 2), ("first", "RESTORE", 3, 99)]
    assert spans(timed, T + 9 * HOUR) == [expected]
    lives = timed.store.run(operations.timeline, "u", limit=3)
    assert (lives.whose, lives.lines, lives.now_us) == ("u", 3, T + 9 * HOUR)
    assert [life.changed_us for life in lives.lives] == [T + 3 * HOUR]


def test_rows_of_interrupted_writes_are_no_part_of_a_life(timed: Timed) -> None:
    timed.add(T, "first")
    first = timed.store.live.rows["m"]
    timed.at(T + HOUR, operations.update, "m", "second")
    rows, past = timed.store.live.rows, timed.store.history.rows
    past["m:2"] = replace(rows["m"], id="m:2", valid_to=T + 5 * HOUR)
    past["m:3"] = replace(rows["m"], id="m:3", version=3, memory="never")
    past["m"] = replace(rows["m"], version=3, event="DELETE", memory="", valid_from=T + 5 * HOUR)
    past["gone:1"] = replace(first, id="gone:1")
    past["deleted"] = replace(first, id="deleted", version=2, event="DELETE", memory="")
    assert spans(timed, T + 9 * HOUR) == [[("first", "ADD", 0, 1), ("second", "UPDATE", 1, 99)]]


def test_a_life_whose_first_versions_were_erased_begins_when_it_was_added(timed: Timed) -> None:
    timed.add(T, "first")
    timed.at(T + HOUR, operations.update, "m", "second")
    del timed.store.history.rows["m:1"]
    assert spans(timed, T + 9 * HOUR) == [[("second", "UPDATE", 0, 99)]]


@pytest.mark.parametrize(("now_us", "end"), [(T + 2 * HOUR - 1, 99), (T + 2 * HOUR, 2), (T + 3 * HOUR, 2)])
def test_a_life_ends_when_it_expires(timed: Timed, now_us: int, end: int) -> None:
    timed.add(T, "first", expires_at=to_iso(T + 2 * HOUR))
    assert spans(timed, now_us) == [[("first", "ADD", 0, end)]]
    (life,) = timed.store.run(operations.timeline, "u").lives
    assert life.changed_us == (T if end == 99 else T + 2 * HOUR)


def test_what_was_changed_after_it_expired_lived_no_time(timed: Timed) -> None:
    timed.add(T, "first", expires_at=to_iso(T + HOUR))
    timed.at(T + 2 * HOUR, operations.delete, "m")
    timed.at(T + 3 * HOUR, operations.restore, "m", 1)
    assert spans(timed, T + 9 * HOUR) == [[("first", "ADD", 0, 1), ("first", "RESTORE", 3, 3)]]


def test_lives_are_in_the_order_in_which_they_began(timed: Timed) -> None:
    for number, memory_id in enumerate("bca"):
        said = [{"role": "user", "content": memory_id}]
        timed.at(T + (number + 1) // 2, operations.add, said, user_id="u", infer=False, ids=[memory_id])
    assert [life.id for life in timed.store.run(operations.timeline, "u").lives] == ["b", "a", "c"]
    assert timed.store.run(operations.timeline, "v").lives == ()
    assert timed.store.run(operations.timeline, "v").lines == 24
    with pytest.raises(ValidationError):
        timed.store.run(operations.timeline, "u", limit=0)
