"""Checked messages: a text, a message or a list of messages in OpenAI's format.

Each check raises ``ValidationError``, with the argument's ``name`` in the message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mem0milvus.data.limits import MAX_MEMORY_BYTES, MAX_METADATA_BYTES
from mem0milvus.data.quoting import shown
from mem0milvus.data.scope import check_id
from mem0milvus.errors import ValidationError
from mem0milvus.types import Messages

#: Roles whose messages may be remembered. System prompts and the output of tools are not statements of the speakers.
SPEAKERS = ("user", "assistant")

#: Roles whose messages are ignored.
SILENT = ("system", "developer", "tool", "function")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a user or an assistant. ``name`` is the speaker's name, if known."""

    role: str
    text: str
    name: str = ""


def read_messages(messages: Messages) -> list[Message]:
    """Check messages and return those that can be remembered, in order.

    A text is a message of the user. If the content of a message is a list of parts, its text parts are joined by line
    breaks. Ignored are messages of the roles in ``SILENT``, parts that are not text, messages that contain only such
    parts, and messages of an assistant that only call tools.
    """
    if isinstance(messages, str):
        return [Message("user", check_text(messages, "messages"))]
    given = [messages] if isinstance(messages, Mapping) else messages
    if not isinstance(given, Sequence) or isinstance(given, (bytes, bytearray)):
        raise ValidationError(
            "messages must be a text, a message like {'role': 'user', 'content': 'text'}, or a list of such "
            f"messages, not {type(messages).__name__}."
        )
    if not given:
        raise ValidationError("messages is an empty list: there is nothing to add.")
    read = (_read_message(message, f"messages[{index}]") for index, message in enumerate(given))
    return [message for message in read if message is not None]


def _read_message(message: object, where: str) -> Message | None:
    if not isinstance(message, Mapping):
        raise ValidationError(
            f"{where} must be a dict like {{'role': 'user', 'content': 'text'}}, not "
            f"{type(message).__name__}. To store several texts, give each its role."
        )
    role = message.get("role")
    if role in SILENT:
        return None
    if role not in SPEAKERS:
        raise ValidationError(f"{where} has the role {shown(role)}; known are {', '.join(SPEAKERS + SILENT)}.")
    content = message.get("content")
    if isinstance(content, Sequence) and not isinstance(content, (str, bytes, bytearray)):
        content = "\n".join(text for part in content if (text := _part_text(part, where))) or None
        if content is None:
            return None  # only images and the like
    if content is None and role == "assistant":
        return None  # it only calls tools
    name = message.get("name")
    return Message(
        str(role),
        check_text(content, f"{where}['content']"),
        check_id(name, f"{where}['name']") if name else "",
    )


def _part_text(part: object, where: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise ValidationError(f"{where}['content'] contains a {type(part).__name__}; its parts must be texts or dicts.")
    text = part.get("text")
    return text if isinstance(text, str) else ""


def check_text(text: object, name: str) -> str:
    """Check that the text of a memory is neither blank nor too long, and valid Unicode."""
    if not isinstance(text, str):
        raise ValidationError(f"{name} must be a text, not {type(text).__name__}.")
    if not text.strip():
        raise ValidationError(f"{name} is empty: there is nothing to remember.")
    length = utf8_length(text, name)
    if length > MAX_MEMORY_BYTES:
        raise ValidationError(
            f"{name} is {length:,} bytes long in UTF-8; the maximum of a memory is {MAX_MEMORY_BYTES:,}: "
            "split it into several memories."
        )
    return text


def check_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check metadata and return it as it will be read back, with tuples as lists."""
    return {} if metadata is None else check_json(metadata, "metadata")


def check_json(value: object, name: str) -> dict[str, Any]:
    """Check a dict to be stored as JSON and return it as it will be read back, with tuples as lists.

    A dict is refused if a key is not text, if it is too large, or if JSON or Milvus cannot store a value.
    """
    if not isinstance(value, Mapping):
        raise ValidationError(f"{name} must be a dict, not {type(value).__name__}.")
    try:
        _check_inside(value, name)
        # Without allow_nan=False, json.dumps would write NaN and Infinity, which are not JSON.
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            raise
        raise ValidationError(
            f"{name} cannot be stored as JSON: {error}. Use texts, numbers, booleans, lists and dicts; "
            "write a timestamp as ISO 8601 text."
        ) from error
    if (length := utf8_length(text, name)) > MAX_METADATA_BYTES:
        raise ValidationError(f"{name} is {length:,} bytes long as JSON; the maximum is {MAX_METADATA_BYTES:,}.")
    return cast("dict[str, Any]", json.loads(text))


def _check_inside(value: object, where: str) -> None:
    """Refuse keys that are not text, of which ``json.dumps`` would make text, and integers of more than 64 bits."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValidationError(f"{where} has the key {shown(key)}: keys must be texts.")
            _check_inside(inner, f"{where}[{shown(key)}]")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _check_inside(inner, f"{where}[{index}]")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValidationError(f"{where} is a whole number beyond 64 bits: store it as text.")


def utf8_length(text: str, name: str) -> int:
    """Return the length in bytes of UTF-8, which cannot encode half of a surrogate pair."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise ValidationError(
            f"{name} is not valid Unicode: it contains half of a surrogate pair at position {error.start}."
        ) from error
