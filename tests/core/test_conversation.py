"""What is searched for in a conversation, what is left out because the prompt says it anyway, and what is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from mem0milvus import AsyncMemory, Recall
from mem0milvus.integrations.conversation import questions_of, without_echo
from tests.conftest import Config

LESSONS = "Let us talk about my cello lessons."


@pytest.mark.parametrize(
    ("question", "before", "searched"),
    [
        # It has one word of its own at most: what was said before is searched for first.
        (
            "Who gives them, and when?",
            [LESSONS],
            [f"{LESSONS}\nWho gives them, and when?", "Who gives them, and when?"],
        ),
        ("And when?", ["a", "b", "c"], ["b\nc\nAnd when?", "And when?"]),
        ("And when?", ["a", " ", "b"], ["b\nAnd when?", "And when?"]),
        ("And when?", ["x" * 600], ["x" * 500 + "\nAnd when?", "And when?"]),
        ("什么时候？", ["我的大提琴课"], ["我的大提琴课\n什么时候？", "什么时候？"]),
        # Two words, or nothing before it: it stands alone.
        ("Which wine goes with fish?", [LESSONS], ["Which wine goes with fish?"]),
        ("And when?", [], ["And when?"]),
        ("And when?", ["", "  "], ["And when?"]),
        ("我的大提琴课是星期几？", ["你好"], ["我的大提琴课是星期几？"]),
    ],
)
def test_a_question_without_words_of_its_own_is_searched_for_with_what_it_refers_to(
    question: str, before: Sequence[str], searched: Sequence[str]
) -> None:
    assert questions_of(question, before) == searched


@pytest.mark.parametrize(
    ("memory", "question", "shown", "kept"),
    [
        ("I keep bees.", "I keep bees. What do they need?", [], False),
        ("I keep bees.", "What do bees need?", ["I keep bees."], False),
        ("I keep bees. They are calm.", "x", ["They are calm. I keep bees."], False),
        ("I keep bees.", "Do I keep bees?", [], True),
        ("I keep bees.", "x", ["I keep bees. They are calm."], True),
        ("Is it so?", "It is so.", [], True),
    ],
)
def test_a_memory_that_the_prompt_says_anyway_is_left_out(
    memory: str, question: str, shown: Sequence[str], kept: bool
) -> None:
    item: Any = {"id": "1", "memory": memory}
    assert without_echo([item], question, shown) == ([item] if kept else [])


def test_recall_finds_what_a_question_refers_to(config: Config) -> None:
    async def run() -> tuple[list[str], list[str], list[str]]:
        async with AsyncMemory.from_config(config) as memory:
            await memory.add("Mrs. Novak gives me cello lessons on Mondays.", user_id="u", infer=False)
            await memory.add("I keep bees.", user_id="u", infer=False)
            recall, scope = Recall(5, 0.5), {"user_id": "u"}
            alone = await recall.find(memory, "Who gives them?", scope)
            after = await recall.find(memory, "And when?", scope, before=[LESSONS])
            shown = await recall.find(memory, "Do I keep bees?", scope, shown=["I keep bees."])
            return tuple([item["memory"] for item in found] for found in (alone, after, shown))  # type: ignore[return-value]

    _, after, shown = asyncio.run(run())
    assert after == ["Mrs. Novak gives me cello lessons on Mondays."]
    assert shown == []


def test_recall_returns_no_more_than_top_k(config: Config) -> None:
    async def run() -> int:
        async with AsyncMemory.from_config(config) as memory:
            for day in ("Monday", "Tuesday", "Friday"):
                await memory.add(f"I have cello lessons on {day}.", user_id="u", infer=False)
            return len(await Recall(2, None).find(memory, "And when?", {"user_id": "u"}, before=[LESSONS]))

    assert asyncio.run(run()) == 2


def test_a_debug_log_says_why_a_memory_is_found_or_left_out(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    ids: dict[str, str] = {}

    async def run(level: int, top_k: int) -> list[str]:
        caplog.clear()
        async with AsyncMemory.from_config(config) as memory:
            for text in ("I keep bees in the garden.", "I keep bees.", "My car is red."):
                if level == logging.DEBUG:
                    added = await memory.add(text, user_id="u", infer=False)
                    ids[text] = added["results"][0]["id"]
            with caplog.at_level(level, "mem0milvus.integrations.recall_and_keep"):
                await Recall(top_k, 0.5).find(memory, "Do I keep bees in the garden?", {"user_id": "u"})
        return [line for line in caplog.messages if line.startswith("Memory ")]

    lines = asyncio.run(run(logging.DEBUG, 1))
    outcomes = {line.split(":")[0].removeprefix("Memory "): line.rpartition(", ")[2] for line in lines}
    assert outcomes == {
        ids["I keep bees in the garden."]: "found",
        ids["I keep bees."]: "beyond top_k",
        ids["My car is red."]: "below the threshold",
    }
    assert "bees" not in caplog.text
    assert "car" not in caplog.text
    assert not asyncio.run(run(logging.INFO, 1))
