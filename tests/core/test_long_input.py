"""Input that is far too long: queries have a limit, words of any length are analysed in time, messages stay short."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mem0milvus import FilterError, Memory, NotFoundError, RecordStore, ValidationError, cut_query
from mem0milvus.data.limits import MAX_QUERY_BYTES
from mem0milvus.data.quoting import MAX_SHOWN, shown
from mem0milvus.integrations.agent_tools import MemoryTools
from mem0milvus.integrations.sync_async_bridge import Faces
from mem0milvus.retrieval.text import document_weights, query_weights
from mem0milvus.retrieval.text.words import stem
from tests.conftest import Config

HUGE = "x" * 140_000
REFUSED = r"query is 65,536 bytes long in UTF-8; the maximum is 65,535"


def test_a_query_has_a_limit(memory: Any) -> None:
    with pytest.raises(ValidationError, match=REFUSED):
        memory.search("x" * 65_536, user_id="u")
    with pytest.raises(ValidationError, match="131,070 bytes"):
        memory.search("é" * 65_535, user_id="u")
    assert memory.search("x" * 65_535, user_id="u")["results"] == []


def test_a_query_for_records_has_a_limit(config: Config) -> None:
    with RecordStore.from_config(config) as store, pytest.raises(ValidationError, match=REFUSED):
        store.search("x" * 65_536, ("a",))


@pytest.mark.parametrize("part", ["abcdefghij", "ingeding", "αβγδεζηθ", "مرحباعلي", "नमस्ते", "абвгде", "안녕", "天地"])
def test_a_word_of_any_length_is_analysed_in_time(part: str) -> None:
    word = part * (MAX_QUERY_BYTES // len(part.encode()))
    query_weights("warm up")
    started = time.process_time()
    assert query_weights(word)
    assert document_weights(word)
    assert time.process_time() - started < 1


def test_only_what_can_be_a_word_has_a_stem() -> None:
    assert stem("walk" * 63 + "ing", "en") == "walk" * 63
    assert stem("walk" * 64 + "ing", "en") == "walk" * 64 + "ing"


def test_the_end_of_a_long_question_is_searched() -> None:
    assert cut_query(" Which tea? ").strip() == "Which tea?"
    assert cut_query("é" * 50_000 + " Which tea?  \n").endswith("é Which tea?")
    assert MAX_QUERY_BYTES - 2 < len(cut_query("é" * 50_000 + "a").encode()) <= MAX_QUERY_BYTES
    assert cut_query("x\ud800") == "x\ud800", "what is not valid is refused by the search"


def test_tools_search_for_the_end_of_a_long_question(config: Config) -> None:
    tools = MemoryTools({"user_id": "u"})
    with Memory.from_config(config) as opened:
        found = Faces(opened).run(lambda memory: tools.search(memory, HUGE))
    assert found == "Nothing is remembered about that."


CALLS = [
    lambda m: m.get(HUGE),
    lambda m: m.get("x:" + HUGE),
    lambda m: m.search("q", user_id=HUGE),
    lambda m: m.search("q", user_id=[HUGE]),
    lambda m: m.search("q", user_id="u", mode=HUGE),
    lambda m: m.search("q", user_id="u", consistency=HUGE),
    lambda m: m.search("q", user_id="u", as_of=HUGE),
    lambda m: m.search("q", user_id="u", as_of=[HUGE]),
    lambda m: m.search("q", user_id="u", top_k=HUGE),
    lambda m: m.search("q", user_id="u", top_k=10**5_000),
    lambda m: m.search("q", user_id="u", threshold=HUGE),
    lambda m: m.search("q", user_id="u", rerank=HUGE),
    lambda m: m.search("q", user_id="u", filters={HUGE: {"gtee": 1}}),
    lambda m: m.search("q", user_id="u", filters={"a": {HUGE: 1}}),
    lambda m: m.search("q", user_id="u", filters={"a": {"in": HUGE}}),
    lambda m: m.search("q", user_id="u", filters={HUGE: [[]]}),
    lambda m: m.search("q", user_id="u", filters={"AND": HUGE}),
    lambda m: m.search("q", user_id="u", filters=HUGE),
    lambda m: m.search("q", user_id="u", filters={"a": 10**5_000}),
    lambda m: m.add([{"role": HUGE, "content": "x"}], user_id="u"),
    lambda m: m.add("x", user_id="u", metadata={HUGE: {1: 1}}),
    lambda m: m.add("x", user_id="u", metadata={"a": {(HUGE,): 1}}),
    lambda m: m.add("x", user_id="u", prompt=[HUGE]),
    lambda m: m.add("x", user_id="u", background=HUGE),
    lambda m: m.add("x", user_id="u", timestamp=HUGE),
    lambda m: m.add("x", user_id="u", ids=[HUGE]),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_messages_about_long_values_are_short(shared_memory: Any, number: int) -> None:
    with pytest.raises((ValidationError, NotFoundError, FilterError)) as caught:
        CALLS[number](shared_memory)
    assert len(str(caught.value)) < 600


def test_a_long_value_is_cut_with_its_length() -> None:
    assert shown("a" * (MAX_SHOWN - 2)) == repr("a" * (MAX_SHOWN - 2))
    assert shown("a" * 1_000) == "'" + "a" * (MAX_SHOWN - 1) + "… (1,002 characters)"
    assert shown(Broken()) == "<Broken without a repr: KeyError>"


class Broken:
    def __repr__(self) -> str:
        raise KeyError
