"""The parts by which servers differ: what a version can do, how fresh a read must be, the order of pages."""

from __future__ import annotations

import pytest

from mem0milvus import StoreError
from mem0milvus.milvus.capabilities import LITE, Capabilities, of_server
from mem0milvus.milvus.freshness import WriteClock, clock_of, read_arguments
from mem0milvus.milvus.table import _check_order
from mem0milvus.retrieval import filters


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v2.3.5-lite", Capabilities(words=False, partition_key=False, dialect=filters.SERVER_2_3)),
        ("2.3.22", Capabilities(words=False, partition_key=False, dialect=filters.SERVER_2_3)),
        ("v2.4.1-gpu", Capabilities()),
        ("v2.10.0", Capabilities()),
        ("Zilliz Cloud Vector Database (Compatible with Milvus 2.5)", Capabilities()),
        ("unknown", Capabilities()),
        ("milvus_lite 3.2.2", LITE),
    ],
)
def test_what_a_server_can_do_is_told_by_its_version(version: str, expected: Capabilities) -> None:
    assert of_server(version) == expected


def test_the_servers_time_is_asked_once_after_each_write() -> None:
    clock, asked = WriteClock(), []

    def ask() -> int:
        asked.append(True)
        return 100 * len(asked)

    assert [clock.moment(ask) for _ in range(3)] == [100, 100, 100], "opening counts as a write"
    clock.wrote()
    clock.wrote()
    assert [clock.moment(ask) for _ in range(3)] == [200, 200, 200]
    assert len(asked) == 2


def test_a_write_during_the_question_is_not_taken_as_covered() -> None:
    clock = WriteClock()

    def ask_while_something_is_written() -> int:
        clock.wrote()
        return 1

    assert clock.moment(ask_while_something_is_written) == 1
    assert clock.moment(lambda: 2) == 2


def test_only_session_asks_for_the_time_and_strong_takes_its_place_where_there_is_none() -> None:
    def refuse() -> None:
        return None

    clock = WriteClock()
    assert read_arguments("Session", clock, lambda: 7) == {
        "consistency_level": "Customized",
        "guarantee_timestamp": 7,
    }
    clock.wrote()
    assert read_arguments("Session", clock, refuse) == {"consistency_level": "Strong"}
    assert read_arguments("Session", clock, lambda: 9)["guarantee_timestamp"] == 9, "it is asked again"
    for level in ("Strong", "Bounded", "Eventually"):
        assert read_arguments(level, clock, refuse) == {"consistency_level": level}  # type: ignore[arg-type]


def test_a_collection_has_one_clock_in_the_process() -> None:
    assert clock_of("http://a", "", "c") is clock_of("http://a", "", "c")
    assert clock_of("http://a", "", "c") is not clock_of("http://a", "other", "c")


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["x", "y", "w"], [""]])
def test_a_page_that_is_out_of_order_is_refused(keys: list[str]) -> None:
    with pytest.raises(StoreError, match="out of the order"):
        _check_order([{"id": key} for key in keys], "")


def test_a_page_goes_on_after_the_last_key() -> None:
    _check_order([{"id": "b"}, {"id": "é"}, {"id": "日"}, {"id": "😀"}], "a")
    with pytest.raises(StoreError):
        _check_order([{"id": "a"}], "a")
