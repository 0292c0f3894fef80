"""Conversations as sessions of dated messages, and the reader of LoCoMo files (snap-research/locomo, CC BY-NC 4.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mem0milvus.errors import ValidationError

#: LoCoMo's format of the date of a session, as in ``1:56 pm on 8 May, 2023``.
_DATE = "%I:%M %p on %d %B, %Y"

_SESSION = re.compile(r"session_(\d+)")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A message of a conversation."""

    name: str  #: its name in the file, as in ``D1:3``
    speaker: str  #: empty if the file names none
    spoken: str  #: the text
    caption: str = ""  #: the caption of a picture that was shared with it
    role: str = "user"  #: ``user`` or ``assistant``

    @property
    def text(self) -> str:
        """The text, with the caption of the picture."""
        picture = f"[shows a picture: {self.caption}]" if self.caption else ""
        return " ".join(part for part in (self.spoken, picture) if part)


@dataclass(frozen=True, slots=True)
class Session:
    """The messages of one run, and its time if the file has one."""

    run_id: str
    utterances: tuple[Utterance, ...]
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of one user."""

    user_id: str
    sessions: tuple[Session, ...]
    questions: Sequence[Mapping[str, Any]] = ()  #: LoCoMo's questions about it, as they are in the file

    @property
    def utterances(self) -> list[Utterance]:
        """All messages, in order."""
        return [utterance for session in self.sessions for utterance in session.utterances]

    @property
    def speakers(self) -> list[str]:
        """The speakers in the order of their first messages."""
        return list(dict.fromkeys(one.speaker for one in self.utterances if one.speaker))

    def memory_id(self, utterance: Utterance) -> str:
        """Return the id under which a message is stored. Memory ids may not contain a colon."""
        return f"{self.user_id}-{utterance.name}".replace(":", "-")


def read_locomo(samples: Sequence[object]) -> list[Conversation]:
    """Read the samples of a LoCoMo file. If one is malformed, raise a ValidationError that names the place."""
    conversations = [_read_sample(sample, f"sample {index}") for index, sample in enumerate(samples)]
    ids = [conversation.user_id for conversation in conversations]
    for user_id in ids:
        if ids.count(user_id) > 1:
            raise ValidationError(f"two samples have the sample_id {user_id!r}: give each its own.")
    return conversations


def _read_sample(sample: object, where: str) -> Conversation:
    if not isinstance(sample, dict) or not isinstance(sample.get("conversation"), dict):
        raise ValidationError(f'{where} has no "conversation" with sessions.')
    user_id = sample.get("sample_id")
    if not isinstance(user_id, (str, int)) or not str(user_id).strip():
        raise ValidationError(f'{where} has no "sample_id": it is needed to keep the samples apart.')
    where, content = f"sample {user_id}", sample["conversation"]
    numbers = sorted(int(match[1]) for key in content if (match := _SESSION.fullmatch(key)))
    sessions = tuple(_read_session(content, f"session_{number}", where) for number in numbers)
    conversation = Conversation(str(user_id), sessions, sample.get("qa") or ())
    ids = [conversation.memory_id(one) for one in conversation.utterances]
    for one in conversation.utterances:
        if ids.count(conversation.memory_id(one)) > 1:
            raise ValidationError(f"{where} has two turns with the dia_id {one.name!r}: give each its own.")
    return conversation


def _read_session(content: Mapping[str, Any], name: str, where: str) -> Session:
    turns, date = content[name], content.get(f"{name}_date_time")
    if not isinstance(turns, list):
        raise ValidationError(f"{where}, {name} must be a list of turns, not {turns!r}.")
    utterances = tuple(_read_turn(turn, f"{where}, {name}, turn {index}") for index, turn in enumerate(turns))
    try:
        return Session(name, utterances, None if date is None else datetime.strptime(str(date).strip(), _DATE))
    except ValueError as error:
        raise ValidationError(
            f'{where}, {name}_date_time is {date!r}; it must be a date like "1:56 pm on 8 May, 2023".'
        ) from error


def _read_turn(turn: object, where: str) -> Utterance:
    if not isinstance(turn, dict):
        raise ValidationError(f'{where} must be a dict {{"speaker", "dia_id", "text"}}, not {turn!r}.')
    for key in ("speaker", "dia_id"):
        if not isinstance(turn.get(key), str) or not turn[key].strip():
            raise ValidationError(f'{where}: "{key}" must be a text, not {turn.get(key)!r}.')
    spoken, caption = turn.get("text", ""), turn.get("blip_caption")
    caption = caption if isinstance(caption, str) and caption.strip() else ""
    if not isinstance(spoken, str) or not (spoken.strip() or caption):
        raise ValidationError(f'{where}: "text" must be a text that is not empty, not {turn.get("text")!r}.')
    return Utterance(turn["dia_id"], turn["speaker"], spoken.strip(), caption)
