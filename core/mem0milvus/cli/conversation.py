"""The reader of conversation files: lists of messages in OpenAI's format, and LoCoMo files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mem0milvus.cli.locomo import Conversation, Session, Utterance, read_locomo
from mem0milvus.cli.terminal import CommandError, CommandUsageError
from mem0milvus.data.messages import read_messages
from mem0milvus.errors import ValidationError

_FORMATS = (
    'a list of messages [{"role": "user", "content": "…"}, …], a dict with "messages", or a LoCoMo file: a list of '
    'samples with "conversation"'
)


def read_conversations(path: Path, only: str | None = None) -> list[Conversation]:
    """Read all conversations of a file, or only the one of the user ``only``."""
    content = _read_json(path)
    if isinstance(content, dict) and "messages" in content:
        content = content["messages"]
    elif isinstance(content, dict) and "conversation" in content:
        content = [content]
    if not isinstance(content, list):
        raise CommandError(f"{path} is JSON, but no conversation. It must be {_FORMATS}.")
    is_locomo = bool(content) and isinstance(content[0], dict) and "conversation" in content[0]
    try:
        found = read_locomo(content) if is_locomo else [_read_chat(content, path.stem)]
    except ValidationError as error:
        raise CommandError(f"{path}: {error}") from error
    if not any(conversation.utterances for conversation in found):
        raise CommandError(f"{path} is an empty conversation: there is nothing to remember in it.")
    chosen = [conversation for conversation in found if only in (None, conversation.user_id)]
    if not chosen:
        known = ", ".join(conversation.user_id for conversation in found)
        raise CommandUsageError(f"--user {only!r}: no such conversation in {path}. It has: {known}.")
    return chosen


def _read_json(path: Path) -> Any:
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise CommandUsageError(f"--conversation {str(path)!r} {problem}: name a JSON file.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is no text in UTF-8 (byte {error.start}): save it as JSON in UTF-8.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise CommandError(f"{path} is not valid JSON ({error}). It must be {_FORMATS}.") from error


def _read_chat(messages: Sequence[Any], user_id: str) -> Conversation:
    if messages:
        read_messages(messages)  # so that an error names the message by its place in the file
    utterances = (
        Utterance(str(place), message.name, message.text, role=message.role)
        for place, given in enumerate(messages)
        for message in read_messages([given])
    )
    return Conversation(user_id, (Session("chat", tuple(utterances)),))
