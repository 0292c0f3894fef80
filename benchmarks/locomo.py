"""Retrieval on LoCoMo (snap-research/locomo, CC BY-NC 4.0): which turns hold the answer to a question.

Each turn is stored as one memory as it is: one user per conversation, one run per session, the speaker as ``name``, the
session's date as ``timestamp``. Each question with evidence is searched with ``top_k=20`` and no threshold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.metrics import average, score
from mem0milvus import Memory

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}


@dataclass(frozen=True)
class Question:
    """A question, its category, and the turns that hold its answer."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True)
class Session:
    """One session: its number, when it took place, and its turns as ``(id, speaker, text)``."""

    number: int
    when: datetime | None
    turns: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Conversation:
    """One conversation with its questions."""

    name: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]


def load(path: Path) -> list[Conversation]:
    """Read a file in LoCoMo's format."""
    return [_conversation(item) for item in json.loads(path.read_text(encoding="utf-8"))]


def _conversation(item: Mapping[str, Any]) -> Conversation:
    sessions = tuple(_sessions(item["conversation"]))
    known = {turn_id for session in sessions for turn_id, _, _ in session.turns}
    questions = []
    for asked in item["qa"]:
        # A few strings of the official file hold several ids, or a malformed one.
        evidence = {i for text in asked.get("evidence") or () for i in re.findall(r"D\d+:\d+", str(text))} & known
        if evidence:
            questions.append(Question(asked["question"], int(asked["category"]), frozenset(evidence)))
    return Conversation(str(item["sample_id"]), sessions, tuple(questions))


def _sessions(talk: Mapping[str, Any]) -> Iterator[Session]:
    for number in sorted(int(found[1]) for key in talk if (found := re.fullmatch(r"session_(\d+)", key))):
        turns = tuple((turn["dia_id"], turn["speaker"], turn["text"]) for turn in talk[f"session_{number}"])
        yield Session(number, _moment(talk.get(f"session_{number}_date_time", "")), turns)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y")
    except ValueError:
        return None


def store(memory: Memory, conversation: Conversation) -> dict[str, str]:
    """Store a conversation's turns. Returns the turn's id by the memory's."""
    turn_of: dict[str, str] = {}
    for session in conversation.sessions:
        spoken = [
            {"role": "user", "name": speaker, "content": text} for _, speaker, text in session.turns if text.strip()
        ]
        ids = [turn_id for turn_id, _, text in session.turns if text.strip()]
        added = memory.add(
            spoken,
            user_id=conversation.name,
            run_id=f"session_{session.number}",
            infer=False,
            **({} if session.when is None else {"timestamp": session.when}),
        )
        turn_of.update({change["id"]: turn for change, turn in zip(added["results"], ids, strict=True)})
    return turn_of


def run(data: Path, config: Mapping[str, Any], mode: str = "hybrid") -> dict[str, Any]:
    """Store every conversation, ask every question, and average by category."""
    scores: list[tuple[int, dict[str, float]]] = []
    with Memory.from_config(config) as memory:
        for conversation in load(data):
            turn_of = store(memory, conversation)
            for question in conversation.questions:
                found = memory.search(question.text, user_id=conversation.name, top_k=20, mode=mode)["results"]
                ranked = [turn_of[item["id"]] for item in found]
                scores.append((question.category, score(ranked, question.evidence)))
    report: dict[str, Any] = {
        "1-4": average(one for category, one in scores if category != 5),
        "1-5": average(one for _, one in scores),
    }
    for number, name in CATEGORIES.items():
        report[name] = average(one for category, one in scores if category == number)
    return report
