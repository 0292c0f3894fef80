"""LoCoMo's conversations and questions as JSON values, which the workers of other libraries are given as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from mem0milvus.cli import locomo

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
ADVERSARIAL = 5


class Utterance(TypedDict):
    """A message of one speaker, under the name by which evidence refers to it."""

    name: str
    speaker: str
    text: str


class Session(TypedDict):
    """The messages of one session; ``time`` is ISO 8601 text."""

    name: str
    time: str | None
    utterances: list[Utterance]


class Question(TypedDict):
    """A question, its category, and the names of the utterances that answer it."""

    text: str
    category: int
    evidence: list[str]


class Conversation(TypedDict):
    """A conversation and the questions that have evidence in it."""

    name: str
    sessions: list[Session]
    questions: list[Question]


def load(path: Path, count: int | None = None) -> list[Conversation]:
    """Read the first ``count`` conversations of a LoCoMo file, or all."""
    from mem0milvus.cli.locomo import read_locomo  # here: the environments of other libraries lack mem0milvus

    samples = read_locomo(json.loads(path.read_text(encoding="utf-8"))[:count])
    return [_conversation(sample) for sample in samples]


def _conversation(sample: locomo.Conversation) -> Conversation:
    sessions: list[Session] = [
        {
            "name": session.run_id,
            "time": session.time.isoformat() if session.time else None,
            "utterances": [
                {"name": said.name, "speaker": said.speaker, "text": said.spoken}
                for said in session.utterances
                if said.spoken
            ],
        }
        for session in sample.sessions
    ]
    known = {said.name for said in sample.utterances}
    questions: list[Question] = []
    for asked in sample.questions:
        # A few strings of the official file hold several ids, or a malformed one.
        evidence = {name for text in asked.get("evidence") or () for name in re.findall(r"D\d+:\d+", str(text))} & known
        if evidence:
            category = int(asked["category"])
            questions.append({"text": asked["question"], "category": category, "evidence": sorted(evidence)})
    return {"name": sample.user_id, "sessions": sessions, "questions": questions}
