"""The parts by which servers differ: what a version can do, how fresh a read must be, the order of pages."""

from __future__ import annotations

import pytest

from mem0milvus import StoreError
from mem0milvus.milvus.capabilities import LITE, Capabilities, of_server
from mem0milvus.milvus.paging import KeyOrderPaging
from mem0milvus.milvus.read_timestamps import WriteTimestamp, read_arguments, write_timestamp
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
    clock, asked = WriteTimestamp(), []

    def ask() -> int:
        asked.append(True)
        return 100 * len(asked)

    assert [clock.get(ask) for _ in range(3)] == [100, 100, 100], "opening counts as a write"
    clock.note_write()
    clock.note_write()
    assert [clock.get(ask) for _ in range(3)] == [200, 200, 200]
    assert len(asked) == 2


def test_a_write_during_the_question_is_not_taken_as_covered() -> None:
    clock = WriteTimestamp()

    def ask_while_something_is_written() -> int:
        clock.note_write()
        return 1

    assert clock.get(ask_while_something_is_written) == 1
    assert clock.get(lambda: 2) == 2


def test_only_session_asks_for_the_time_and_strong_takes_its_place_where_there_is_none() -> None:
    def refuse() -> None:
        return None

    clock = WriteTimestamp()
    assert read_arguments("Session", clock, lambda: 7) == {
        "consistency_level": "Customized",
        "guarantee_timestamp": 7,
    }
    clock.note_write()
    assert read_arguments("Session", clock, refuse) == {"consistency_level": "Strong"}
    assert read_arguments("Session", clock, lambda: 9)["guarantee_timestamp"] == 9, "it is asked again"
    for level in ("Strong", "Bounded", "Eventually"):
        assert read_arguments(level, clock, refuse) == {"consistency_level": level}  # type: ignore[arg-type]


def test_a_collection_has_one_clock_in_the_process() -> None:
    assert write_timestamp("http://a", "", "c") is write_timestamp("http://a", "", "c")
    assert write_timestamp("http://a", "", "c") is not write_timestamp("http://a", "other", "c")


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "b", "a"], ["x", "y", "w"], [""]])
def test_a_page_that_is_out_of_order_is_refused(keys: list[str]) -> None:
    with pytest.raises(StoreError, match="out of the order"):
        KeyOrderPaging("", 10, lite=True).accept([{"id": key} for key in keys])


def test_a_page_goes_on_after_the_last_key() -> None:
    paging = KeyOrderPaging("n > 3", 5, lite=False)
    paging.accept([{"id": "a"}, {"id": "b"}, {"id": "é"}, {"id": "日"}, {"id": "😀"}])
    assert paging.more
    assert paging.arguments == {"filter": '(n > 3) and id > "😀"', "limit": 5}
    with pytest.raises(StoreError):
        paging.accept([{"id": "😀"}])


def test_a_row_that_comes_twice_is_returned_once_and_a_page_that_is_not_full_is_the_last() -> None:
    paging = KeyOrderPaging("", 4, lite=True)
    rows = [{"id": "a"}, {"id": "a"}, {"id": "b"}, {"id": "b"}]
    assert paging.accept(rows) == [{"id": "a"}, {"id": "b"}]
    assert paging.more, "as many rows came as were asked for"
    assert paging.accept([{"id": "c"}]) == [{"id": "c"}]
    assert not paging.more
