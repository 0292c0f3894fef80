"""Conversations with questions, in LoCoMo's format (snap-research/locomo, CC BY-NC 4.0). Standard library only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
ADVERSARIAL = 5


@dataclass(frozen=True)
class Turn:
    """What one speaker said at once, under the id by which evidence names it."""

    key: str
    speaker: str
    text: str


@dataclass(frozen=True)
class Session:
    """One session: its number, when it took place, and what was said."""

    number: int
    when: datetime | None
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Question:
    """A question, its category, and the turns that hold its answer."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True)
class Conversation:
    """One conversation, and the questions about it that have evidence in it."""

    name: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]


def load(path: Path, count: int | None = None) -> list[Conversation]:
    """Read a file in LoCoMo's format; only the first ``count`` conversations, where that is given."""
    return [_conversation(item) for item in json.loads(path.read_text(encoding="utf-8"))[:count]]


def _conversation(item: Mapping[str, Any]) -> Conversation:
    sessions = tuple(_sessions(item["conversation"]))
    known = {turn.key for session in sessions for turn in session.turns}
    questions = []
    for asked in item["qa"]:
        # A few strings of the official file hold several ids, or a malformed one.
        evidence = {i for text in asked.get("evidence") or () for i in re.findall(r"D\d+:\d+", str(text))} & known
        if evidence:
            questions.append(Question(asked["question"], int(asked["category"]), frozenset(evidence)))
    return Conversation(str(item["sample_id"]), sessions, tuple(questions))


def _sessions(talk: Mapping[str, Any]) -> Iterator[Session]:
    for number in sorted(int(found[1]) for key in talk if (found := re.fullmatch(r"session_(\d+)", key))):
        turns = tuple(Turn(turn["dia_id"], turn["speaker"], turn["text"]) for turn in talk[f"session_{number}"])
        yield Session(number, _moment(talk.get(f"session_{number}_date_time", "")), turns)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y")
    except ValueError:
        return None
