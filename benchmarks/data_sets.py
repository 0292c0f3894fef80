"""The data sets of the measurements of ranking, in one shape: users with what they said, and what is asked of it.

Files are JSON Lines, UTF-8, one user a line.

- **Natural** facts: ``{"persona", "lang", "memories": [{"id", "text"}], "questions": [{"q", "answer": [id]}],
  "offtopic": [prompt], "contradictions": [{"older": id, "newer": id, "q"}]}``. Memories are in the order in which they
  were said. No memory helps with a prompt of ``offtopic``. ``contradictions`` may be missing; each names two memories
  of which the newer one holds, and a question that both seem to answer.
- **Multilingual**: ``{"lang", "memories", "questions"}``, likewise.
- **Conversations**: ``{"name", "sessions": [{"key", "when", "turns": [{"id", "role", "name", "text"}]}], "questions":
  [{"q", "kind", "evidence": [id]}]}``; ``when`` is ISO 8601 or null, ``name`` of a turn may be missing.

LoCoMo is read in its official format. Answers that name no memory are dropped, and so are questions without an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks import conversations
from benchmarks.conversations import ADVERSARIAL, CATEGORIES


@dataclass(frozen=True)
class Turn:
    """A message, stored as one memory, under the id by which answers refer to it."""

    id: str
    text: str
    role: str = "user"
    speaker: str = ""


@dataclass(frozen=True)
class Session:
    """Turns stored in one call, in one run if it has a key, said at one time if that is known (ISO 8601)."""

    turns: Sequence[Turn]
    key: str | None = None
    when: str | None = None


@dataclass(frozen=True)
class Question:
    """A question, its kind, and the ids that answer it."""

    text: str
    kind: str
    answers: frozenset[str]


@dataclass(frozen=True)
class Contradiction:
    """Two memories that contradict each other, by id, and a question that both seem to answer."""

    older: str
    newer: str
    text: str


@dataclass(frozen=True)
class User:
    """A user with memories, and what is asked of them. ``language`` is empty if the data does not tell."""

    name: str
    sessions: Sequence[Session]
    questions: Sequence[Question]
    language: str = ""
    offtopic: Sequence[str] = ()
    contradictions: Sequence[Contradiction] = ()


def read_natural(path: Path, limit: int | None = None) -> list[User]:
    """Read the first ``limit`` personas, or all. Each memory is a call of its own, so that it has a time of its own."""
    return [_persona(line) for line in _lines(path, limit)]


def read_natural_in_passing(path: Path, limit: int | None = None) -> list[User]:
    """Read personas who say something else first: each question and each prompt follows an off-topic prompt."""
    return [_in_passing(user) for user in read_natural(path, limit)]


def _in_passing(user: User) -> User:
    if not user.offtopic:
        return user
    before = cycle(user.offtopic)
    questions = [replace(one, text=f"{next(before)}\n{one.text}") for one in user.questions]
    later = [*user.offtopic[1:], user.offtopic[0]]
    offtopic = [f"{first}\n{second}" for first, second in zip(user.offtopic, later, strict=True)]
    return replace(user, questions=questions, offtopic=offtopic)


def read_multilingual(path: Path, limit: int | None = None) -> list[User]:
    """Read the first ``limit`` languages, or all; the memories of each are stored in one call."""
    return [
        User(line["lang"], [Session(_memories(line))], _questions(line), line["lang"]) for line in _lines(path, limit)
    ]


def read_conversations(path: Path, limit: int | None = None) -> list[User]:
    """Read the first ``limit`` conversations, or all."""
    return [_conversation(line) for line in _lines(path, limit)]


def read_locomo(path: Path, limit: int | None = None) -> list[User]:
    """Read the first ``limit`` conversations of a LoCoMo file, or all, with the questions of categories 1 to 4."""
    return [_locomo(one) for one in conversations.load(path, limit)]


def _lines(path: Path, limit: int | None) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from islice((json.loads(line) for line in file if line.strip()), limit)


def _persona(line: Mapping[str, Any]) -> User:
    return User(
        name=line["persona"],
        sessions=[Session([turn]) for turn in _memories(line)],
        questions=_questions(line),
        language=line["lang"],
        offtopic=line.get("offtopic", ()),
        contradictions=[
            Contradiction(pair["older"], pair["newer"], pair["q"]) for pair in line.get("contradictions", ())
        ],
    )


def _memories(line: Mapping[str, Any]) -> list[Turn]:
    return [Turn(one["id"], one["text"]) for one in line["memories"]]


def _questions(line: Mapping[str, Any]) -> list[Question]:
    asked = ((one["q"], line["lang"], one["answer"]) for one in line["questions"])
    return _answered(asked, {one["id"] for one in line["memories"]})


def _answered(asked: Iterable[tuple[str, str, Iterable[str]]], known: set[str]) -> list[Question]:
    questions = (Question(text, kind, frozenset(answers) & known) for text, kind, answers in asked)
    return [question for question in questions if question.answers]


def _conversation(line: Mapping[str, Any]) -> User:
    sessions = [
        Session(
            [Turn(one["id"], one["text"], one["role"], one.get("name") or "") for one in session["turns"]],
            session["key"],
            session["when"],
        )
        for session in line["sessions"]
    ]
    known = {turn.id for session in sessions for turn in session.turns}
    asked = ((one["q"], str(one["kind"]), one["evidence"]) for one in line["questions"])
    return User(line["name"], sessions, _answered(asked, known))


def _locomo(talk: conversations.Conversation) -> User:
    sessions = [
        Session(
            [Turn(said["name"], said["text"], speaker=said["speaker"]) for said in session["utterances"]],
            session["name"],
            session["time"],
        )
        for session in talk["sessions"]
    ]
    questions = [
        Question(asked["text"], CATEGORIES[asked["category"]], frozenset(asked["evidence"]))
        for asked in talk["questions"]
        if asked["category"] != ADVERSARIAL
    ]
    return User(talk["name"], sessions, questions)
