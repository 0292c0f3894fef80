"""Reading conversations from JSON: lists of messages as OpenAI has them, and files of the LoCoMo benchmark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mem0milvus.cli.terminal import CommandError, CommandUsageError

#: How LoCoMo writes the moment of a session: ``1:56 pm on 8 May, 2023``.
LOCOMO_DATE = "%I:%M %p on %d %B, %Y"

#: Roles whose messages the library remembers, and those that it passes over.
_HEARD = ("user", "assistant")
_PASSED_OVER = ("system", "developer", "tool", "function")

_SESSION = re.compile(r"session_(\d+)")

_SHAPES = (
    'a list of messages [{"role": "user", "content": "…"}, …], a dict with "messages", or a LoCoMo file: a list of '
    'samples with "conversation"'
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that was said.

    Attributes:
        name: what the file calls it, as in ``D1:3``.
        memory_id: the id that it is stored under, the same each time.
        speaker: who said it; empty where the file does not tell.
        message: what ``Memory.add`` takes.
    """

    name: str
    memory_id: str
    speaker: str
    message: Mapping[str, str]

    @property
    def text(self) -> str:
        """What was said."""
        return self.message["content"]


@dataclass(frozen=True, slots=True)
class Session:
    """Turns that belong together, and when they were said, where the file tells."""

    run_id: str
    turns: tuple[Turn, ...]
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation: the memories of one user."""

    user_id: str
    sessions: tuple[Session, ...]

    @property
    def turns(self) -> list[Turn]:
        """All turns, in order."""
        return [turn for session in self.sessions for turn in session.turns]

    @property
    def speakers(self) -> list[str]:
        """Who speaks, in the order of their first turns."""
        return list(dict.fromkeys(turn.speaker for turn in self.turns if turn.speaker))


def read_conversations(path: Path, only: str | None = None) -> list[Conversation]:
    """Read a file.

    Args:
        path: the file.
        only: take this conversation alone.

    Raises:
        CommandUsageError: there is no such file, or no conversation ``only`` in it.
        CommandError: the file holds no conversation; the message says where it is wrong.
    """
    content = _read_json(path)
    if isinstance(content, dict) and "messages" in content:
        content = content["messages"]
    elif isinstance(content, dict) and "conversation" in content:
        content = [content]
    if not isinstance(content, list):
        raise CommandError(f"{path} is JSON, but no conversation. It must be {_SHAPES}.")
    is_locomo = bool(content) and isinstance(content[0], dict) and "conversation" in content[0]
    try:
        found = _read_samples(content) if is_locomo else [_read_chat(content, path.stem)]
    except CommandError as error:
        raise CommandError(f"{path}: {error}") from error
    if not any(conversation.turns for conversation in found):
        raise CommandError(f"{path} is an empty conversation: there is nothing to remember in it.")
    return found if only is None else [_choose(found, only, path)]


def _choose(conversations: Sequence[Conversation], user_id: str, path: Path) -> Conversation:
    for conversation in conversations:
        if conversation.user_id == user_id:
            return conversation
    known = ", ".join(conversation.user_id for conversation in conversations)
    raise CommandUsageError(f"--user {user_id!r}: no such conversation in {path}. It has: {known}.")


def _read_json(path: Path) -> Any:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CommandUsageError(f"--conversation {str(path)!r} {what}: name a JSON file.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is no text in UTF-8 (byte {error.start}): save it as JSON in UTF-8.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise CommandError(f"{path} is not valid JSON ({error}). It must be {_SHAPES}.") from error


def _memory_id(user_id: str, name: str) -> str:
    """The id of a turn's memory. No id of a memory may contain a colon."""
    return f"{user_id}-{name}".replace(":", "-")


# A list of messages


def _read_chat(messages: list[Any], user_id: str) -> Conversation:
    read = (_read_message(message, index, user_id) for index, message in enumerate(messages))
    return Conversation(user_id, (Session("chat", tuple(turn for turn in read if turn is not None)),))


def _read_message(message: object, index: int, user_id: str) -> Turn | None:
    """A message that is remembered; None for one that is passed over, as ``Memory.add`` would."""
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise CommandError(f'{where} is {_kind(message)}; it must be a dict {{"role": "user", "content": "…"}}.')
    role = message.get("role")
    if role in _PASSED_OVER:
        return None
    if role not in _HEARD:
        raise CommandError(f"{where} has the role {role!r}; known are {', '.join(_HEARD + _PASSED_OVER)}.")
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(_texts(content))
        if not content:
            return None
    if content is None and role == "assistant":
        return None
    if not isinstance(content, str) or not content.strip():
        raise CommandError(f'{where} has no text: "content" is {_kind(content)}. Give it a text, or take it out.')
    speaker = message.get("name") or ""
    if not isinstance(speaker, str):
        raise CommandError(f'{where}: "name" is {_kind(speaker)}; it must be a text.')
    named = {"name": speaker} if speaker else {}
    return Turn(str(index), _memory_id(user_id, str(index)), speaker, {"role": role, "content": content, **named})


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str) and text:
            yield text


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "a text" if value.strip() else "an empty text"
    names = {dict: "a dict", list: "a list", int: "a number", float: "a number", bool: "a boolean"}
    return names.get(type(value), "missing")


# LoCoMo


def _read_samples(samples: list[Any]) -> list[Conversation]:
    conversations = [_read_sample(sample, f"sample {index}") for index, sample in enumerate(samples)]
    ids = [conversation.user_id for conversation in conversations]
    for user_id in ids:
        if ids.count(user_id) > 1:
            raise CommandError(f"two samples have the sample_id {user_id!r}: give each its own.")
    return conversations


def _read_sample(sample: object, where: str) -> Conversation:
    if not isinstance(sample, dict) or not isinstance(sample.get("conversation"), dict):
        raise CommandError(f'{where} has no "conversation" with sessions.')
    user_id = sample.get("sample_id")
    if not isinstance(user_id, (str, int)) or not str(user_id).strip():
        raise CommandError(f'{where} has no "sample_id": it is needed to keep the samples apart.')
    where, user_id, talk = f"sample {user_id}", str(user_id), sample["conversation"]
    numbers = sorted(int(match[1]) for key in talk if (match := _SESSION.fullmatch(key)))
    conversation = Conversation(user_id, tuple(_read_session(talk, f"session_{n}", user_id, where) for n in numbers))
    ids = [turn.memory_id for turn in conversation.turns]
    if len(set(ids)) != len(ids):
        twice = next(turn for turn in conversation.turns if ids.count(turn.memory_id) > 1)
        raise CommandError(f"{where} has two turns with the dia_id {twice.name!r}: give each its own.")
    return conversation


def _read_session(talk: Mapping[str, Any], name: str, user_id: str, where: str) -> Session:
    turns = talk[name]
    if not isinstance(turns, list):
        raise CommandError(f"{where}, {name} is {_kind(turns)}; it must be a list of turns.")
    read = tuple(_read_turn(turn, user_id, f"{where}, {name}, turn {index}") for index, turn in enumerate(turns))
    return Session(name, read, _read_moment(talk.get(f"{name}_date_time"), f"{where}, {name}_date_time"))


def _read_moment(text: object, where: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(str(text).strip(), LOCOMO_DATE)
    except ValueError as error:
        raise CommandError(f'{where} is {text!r}; it must be a date like "1:56 pm on 8 May, 2023".') from error


def _read_turn(turn: object, user_id: str, where: str) -> Turn:
    if not isinstance(turn, dict):
        raise CommandError(f'{where} is {_kind(turn)}; it must be a dict {{"speaker", "dia_id", "text"}}.')
    for key in ("speaker", "dia_id"):
        if not isinstance(turn.get(key), str) or not turn[key].strip():
            raise CommandError(f'{where}: "{key}" is {_kind(turn.get(key))}; it must be a text.')
    spoken, caption = turn.get("text", ""), turn.get("blip_caption")
    seen = f"[shows a picture: {caption}]" if isinstance(caption, str) and caption.strip() else ""
    if not isinstance(spoken, str) or not (spoken.strip() or seen):
        raise CommandError(f'{where}: "text" is {_kind(turn.get("text"))}; it must say something.')
    text = " ".join(part for part in (spoken.strip(), seen) if part)
    name, speaker = turn["dia_id"], turn["speaker"]
    return Turn(name, _memory_id(user_id, name), speaker, {"role": "user", "content": text, "name": speaker})
