"""How the changes of a turn are written, at once or later: their times, texts that are known, failures and limits.

The tables are those of ``tests/reference.py``, with a clock and a language model that the test sets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import (
    EmbeddingError,
    ExtractionError,
    LLMRequest,
    PartialWriteError,
    StoreError,
    StoreUnavailableError,
    operations,
)
from mem0milvus.data.limits import MAX_PENDING_BYTES
from mem0milvus.data.messages import Message
from mem0milvus.data.timestamps import FOREVER_US, to_iso
from mem0milvus.operations.extraction.pending import MOST_FAILURES
from mem0milvus.operations.question import CANDIDATES
from mem0milvus.ports import Extraction
from tests.openai_server import change
from tests.reference import Letters, Store

T = 1_700_000_000_000_000
HOUR = 3_600_000_000
YEAR_2020 = 1_577_836_800_000_000


class Model:
    """Proposes the changes it is told, or fails."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.down = False
        self.asked: list[str] = []
        self.act: Callable[[], None] = lambda: None

    async def complete(self, request: LLMRequest) -> Mapping[str, Any]:
        self.asked.append(request.user)
        self.act()
        if self.down:
            raise ExtractionError("down")
        return {"changes": self.changes}


class SetClock:
    """Says the time that it was set to."""

    time_us = T

    def now_us(self) -> int:
        return self.time_us


class Turns:
    """An empty store with a language model, and steps that fail when they are told to."""

    def __init__(self) -> None:
        self.model = Model()
        self.clock = SetClock()
        self.failures: dict[str, Exception] = {}
        self.store = Store(self._hook)
        self.live, self.history = self.store.live.rows, self.store.history.rows
        self.extract_with()

    def _hook(self, step: str, moment: str) -> None:
        if moment == "before" and step in self.failures:
            raise self.failures[step]

    def extract_with(self, **settings: Any) -> None:
        extraction = Extraction(**{"llm": self.model, "keeps_raw": True, **settings})
        self.store.ports = replace(self.store.ports, clock=self.clock, extraction=extraction)

    def add(self, said: str = "I live in Rome.", **arguments: Any) -> Any:
        return self.store.run(operations.add, said, user_id="u", **arguments)

    def keep(self, memory_id: str, text: str, **arguments: Any) -> None:
        said = [{"role": "user", "content": text}]
        self.store.run(operations.add, said, user_id="u", infer=False, ids=[memory_id], **arguments)

    def shown(self) -> list[str]:
        """The memories that the model was shown when it was last asked."""
        return [json.loads(line.partition(": ")[2]) for line in self.model.asked[-1].split("\n\n")[0].splitlines()[1:]]

    def process(self) -> Any:
        return self.store.run(operations.process_pending)

    def texts(self) -> list[str]:
        return [item["memory"] for item in self.store.run(operations.get_all, "u")["results"]]


@pytest.fixture
def turns() -> Turns:
    return Turns()


ROME = change("ADD", "User lives in Rome.", "I live in Rome")


# --- times


@pytest.mark.parametrize(("thinks_us", "known_from_us"), [(HOUR, T + HOUR), (1, T + 1), (0, T), (-HOUR, T)])
def test_a_memory_is_known_from_when_the_model_has_answered(turns: Turns, thinks_us: int, known_from_us: int) -> None:
    """A clock that is set back meanwhile does not make it older than the question."""
    turns.model.changes = [ROME]
    turns.model.act = lambda: setattr(turns.clock, "time_us", T + thinks_us)
    turns.add()
    (row,) = turns.live.values()
    assert (row.created_at, row.valid_from, row.observed_at) == (known_from_us, known_from_us, known_from_us)


@pytest.mark.parametrize(
    ("known", "happened_at", "said", "observed_us"),
    [
        ({}, None, {}, T),
        ({"timestamp": to_iso(T - HOUR)}, None, {}, T + HOUR),
        ({}, None, {"timestamp": to_iso(T - 2 * HOUR)}, T - 2 * HOUR),
        ({"timestamp": to_iso(T - HOUR)}, None, {"timestamp": to_iso(T - 2 * HOUR)}, T - 2 * HOUR),
        ({}, "2020", {}, YEAR_2020),
        ({"timestamp": to_iso(T - HOUR)}, "2020-01", {"timestamp": to_iso(T - 2 * HOUR)}, YEAR_2020),
    ],
)
def test_an_update_is_of_when_it_happened_or_was_said(
    turns: Turns, known: dict[str, Any], happened_at: str | None, said: dict[str, Any], observed_us: int
) -> None:
    """Of a memory for which neither was ever told, it stays when the memory was stored."""
    turns.keep("m", "User lives in Oslo.", **known)
    turns.clock.time_us = T + HOUR
    turns.model.changes = [change("UPDATE", "User lives in Rome.", "I live in Rome", "1", happened_at=happened_at)]
    turns.add(**said)
    row = turns.live["m"]
    assert (row.memory, row.valid_from, row.observed_at) == ("User lives in Rome.", T + HOUR, observed_us)


@pytest.mark.parametrize(
    ("known_us", "given_us", "expires_us"),
    [(None, None, FOREVER_US), (T + 9 * HOUR, None, T + 9 * HOUR), (None, T + 5 * HOUR, T + 5 * HOUR),
     (T + 9 * HOUR, T + 5 * HOUR, T + 5 * HOUR)],
)  # fmt: skip
def test_an_updated_memory_expires_as_before_unless_told_otherwise(
    turns: Turns, known_us: int | None, given_us: int | None, expires_us: int
) -> None:
    turns.keep("m", "User lives in Oslo.", expires_at=known_us and to_iso(known_us))
    turns.model.changes = [change("UPDATE", "User lives in Rome.", "I live in Rome", "1")]
    turns.add(expires_at=given_us and to_iso(given_us))
    assert (turns.live["m"].memory, turns.live["m"].expires_at) == ("User lives in Rome.", expires_us)


# --- the memories that are shown to the model


def test_the_most_relevant_memories_are_shown_first(turns: Turns) -> None:
    """Each message is searched for, and what is relevant to one of them is relevant."""
    turns.keep("a", "tea and dogs")
    turns.keep("b", "Rome is where they live now")
    turns.keep("c", "violin lessons")
    said = [{"role": "user", "content": text} for text in ("violin lessons", "Rome is big")]
    turns.store.run(operations.add, said, user_id="u")
    assert turns.shown() == ["violin lessons", "Rome is where they live now", "tea and dogs"]


def test_of_memories_that_are_hardly_relevant_the_more_relevant_is_shown_first(turns: Turns) -> None:
    turns.keep("a", "hhh hhhh")
    turns.keep("b", "violin hhh")
    turns.add(" ".join(f"a{number}a" for number in range(30)) + " violin")
    assert turns.shown() == ["violin hhh", "hhh hhhh"]


@pytest.mark.parametrize("searches_words", [True, False])
def test_a_memory_is_shown_for_its_words_if_the_store_searches_words(turns: Turns, searches_words: bool) -> None:
    for number in range(CANDIDATES):
        turns.keep(f"m{number}", "a" * (number + 1))
    turns.keep("far", "violin hhhhh")
    turns.store.live.searches_words = searches_words
    turns.extract_with(related=CANDIDATES)
    turns.add("violin aaaaa" + "".join(4 * letter for letter in "bcdefgh"))  # a little closer to a than to h
    assert ("violin hhhhh" in turns.shown()) is searches_words


def test_a_memory_that_is_too_long_is_not_shown(turns: Turns) -> None:
    turns.keep("a", "a" * 2_000)
    turns.keep("b", "b" * 2_001)
    turns.add("ab")
    assert turns.shown() == ["a" * 2_000]


@pytest.mark.parametrize(
    ("count", "questions"),
    [(1, ["0"]), (3, ["0", "1", "2"]), (4, ["0", "1", "2", "3"]), (6, ["0", "1\n2", "3", "4\n5"])],
)
def test_a_turn_is_searched_for_in_at_most_four_parts(turns: Turns, count: int, questions: list[str]) -> None:
    embedded: list[list[str]] = []

    class Noting(Letters):
        async def embed(self, texts: Sequence[str]) -> list[Any]:
            embedded.append(list(texts))
            return await super().embed(texts)

    turns.store.ports = replace(turns.store.ports, embedder=Noting(lambda step, moment: None))
    turns.store.run(operations.add, [{"role": "user", "content": str(n)} for n in range(count)], user_id="u")
    assert embedded[0] == questions
    turns.add("a" * 2_001)
    assert "a" * 2_000 in [text for texts in embedded for text in texts], "of a long part, the beginning"


# --- texts that are known


def test_a_text_that_is_known_but_was_not_shown_to_the_model_is_rejected(turns: Turns) -> None:
    turns.keep("m", "User lives in Rome.")
    turns.extract_with(related=0)
    turns.model.changes = [ROME]
    result = turns.add()
    assert (result["results"], [one["reason"] for one in result["rejected"]]) == ([], ["it is known already"])
    assert list(turns.live) == ["m"]


def test_a_text_that_is_extracted_twice_is_one_memory(turns: Turns) -> None:
    class Repeating:
        async def extract(self, messages: Sequence[Message]) -> list[Message]:
            return [*messages, *messages]

    turns.extract_with(llm=None)
    turns.store.ports = replace(turns.store.ports, extractor=Repeating())
    assert len(turns.add()["results"]) == 1
    assert turns.texts() == ["I live in Rome."]


# --- failures


def test_an_update_whose_old_version_cannot_be_kept_is_not_made(turns: Turns) -> None:
    turns.keep("m", "User lives in Oslo.")
    turns.model.changes = [change("UPDATE", "User lives in Rome.", "I live in Rome", "1")]
    refused = PartialWriteError("in part", written=["m:1"], not_written=[])
    refused.__cause__ = StoreError("disk full")
    turns.failures["history.put"] = refused
    with pytest.raises(StoreError, match="Nothing was added: disk full") as caught:
        turns.add()
    assert not isinstance(caught.value, PartialWriteError)
    assert turns.texts() == ["User lives in Oslo."]


def test_a_message_that_cannot_be_embedded_is_kept_with_a_unit_vector(turns: Turns) -> None:
    turns.failures["embedder.embed"] = EmbeddingError("down")
    said = [{"role": "user", "content": text} for text in ("I live in Rome.", "I have a dog.")]
    kept = turns.store.run(operations.add, said, user_id="u")
    assert kept["extraction_error"] == "down"
    assert sorted(row.memory for row in turns.live.values()) == ["I have a dog.", "I live in Rome."]
    for row in turns.live.values():
        assert len(row.vector) == turns.store.ports.dims
        assert sum(x * x for x in row.vector) == pytest.approx(1)


def _ids_to_keep(size: int) -> list[str]:
    """Ids with which the state of a pending message is so many bytes long."""
    state = f'{{"turn": "{"0" * 36}", "prompt": "", "ids": [], "done": false, "remove": {{}}}}'
    left = size - len(state) + len(", ")
    ids = [f"{number:04}" + "é" * 100 for number in range(left // 208)]  # 204 bytes each, with two quotes and ", "
    return [*ids[:-1], ids[-1] + "x" * (left % 208)]


def test_what_is_too_much_to_keep_fails_at_once(turns: Turns) -> None:
    turns.model.down = True
    with pytest.raises(ExtractionError, match="down"):
        turns.add(ids=_ids_to_keep(MAX_PENDING_BYTES + 1))
    assert turns.live == {}
    turns.add(ids=_ids_to_keep(MAX_PENDING_BYTES))
    (row,) = turns.live.values()
    assert len(row.pending.encode()) == MAX_PENDING_BYTES


# --- pending turns


@pytest.mark.parametrize(
    ("fails", "asked"),
    [("xxxxx", 3), ("xx.xx.", 6), (".xxx.", 4), ("..xx.", 5), (".xx.", 4), ("x.xx.xxx.", 8), ("", 0)],
)
def test_so_many_failures_in_a_row_end_the_processing(turns: Turns, fails: str, asked: int) -> None:
    assert MOST_FAILURES == 3
    turns.model.down = True
    for number in range(len(fails)):
        turns.clock.time_us = T + number
        turns.add(f"I have {number} dogs.")
    turns.model.asked.clear()
    turns.model.act = lambda: setattr(turns.model, "down", fails[len(turns.model.asked) - 1] == "x")
    if "." in fails[:asked] or not fails:
        outcome = turns.process()
        assert (outcome["processed"], len(outcome["failed"])) == (fails[:asked].count("."), fails[:asked].count("x"))
    else:
        with pytest.raises(ExtractionError):
            turns.process()
    assert len(turns.model.asked) == asked


@pytest.mark.parametrize(("late_us", "texts"), [(-1, ["User lives in Rome."]), (0, []), (1, [])])
def test_a_pending_message_that_expires_at_this_very_microsecond_is_dropped(
    turns: Turns, late_us: int, texts: list[str]
) -> None:
    turns.model.down = True
    turns.add(expires_at=to_iso(T + HOUR))
    turns.model.down, turns.model.changes = False, [ROME]
    turns.clock.time_us = T + HOUR + late_us
    turns.process()
    assert [row.memory for row in turns.live.values()] == texts


def test_what_is_rejected_of_a_pending_turn_is_told_when_it_is_processed(turns: Turns) -> None:
    turns.model.down = True
    turns.add()
    turns.keep("m", "User has a dog.")
    turns.extract_with(related=0)
    lie, known = change("ADD", "User is rich.", "I am rich"), change("ADD", "User has a dog.", "I live in Rome")
    turns.model.down, turns.model.changes = False, [ROME, lie, known]
    outcome = turns.process()
    assert [one["memory"] for one in outcome["results"]] == ["User lives in Rome."]
    assert [one["memory"] for one in outcome["rejected"]] == ["User is rich.", "User has a dog."]


def test_a_turn_that_is_written_is_not_extracted_again_even_if_the_clock_is_set_back(turns: Turns) -> None:
    turns.model.down = True
    turns.add()
    turns.model.down, turns.model.changes = False, [ROME]
    turns.failures["history.remove"] = StoreUnavailableError("gone")
    with pytest.raises(StoreUnavailableError):
        turns.process()
    turns.failures.clear()
    turns.clock.time_us = T - HOUR
    asked = len(turns.model.asked)
    assert turns.process() == {"results": [], "rejected": [], "processed": 0, "failed": []}
    assert (len(turns.model.asked), turns.texts()) == (asked, ["User lives in Rome."])
    assert not [row for row in turns.live.values() if row.pending]
