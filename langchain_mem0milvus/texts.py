"""What was said, as text: of messages, of content in parts, and of what chains take and give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

#: A message as ``Memory.add`` takes it.
Said = dict[str, Any]


def text_of(value: object) -> str:
    """The text of a value that stands among the inputs or outputs of a chain.

    Of a message or of content in parts it is the text parts, of a list the texts of its items; what has no text in it
    (an image, an agent's action) is passed over. Any other value is written as Python writes it.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _valid(value)
    if isinstance(value, BaseMessage):
        return _valid(str(value.text))
    if isinstance(value, Mapping):
        text = value.get("text", value.get("content", ""))
        return text_of(text) if isinstance(text, (str, list)) else ""
    if isinstance(value, (list, tuple)):
        return "\n".join(text for text in map(_item_text, value) if text)
    return _valid(str(value))


def _item_text(value: object) -> str:
    return text_of(value) if isinstance(value, (str, BaseMessage, Mapping)) else ""


def _valid(text: str) -> str:
    """The text without halves of surrogate pairs, which no store can keep."""
    return text.encode(errors="replace").decode()


def said(role: str, text: str, name: str | None = None) -> list[Said]:
    """One message as ``Memory.add`` takes it, or none where there is no text."""
    if not text.strip():
        return []
    return [{"role": role, "content": text, **({"name": name} if name and name.isprintable() else {})}]


def last_question(messages: Sequence[BaseMessage]) -> str:
    """The text of what the user said last: the last human message, and those just before it."""
    return "\n".join(filter(None, map(text_of, _asked(messages)))).strip()


def last_exchange(messages: Sequence[BaseMessage]) -> list[Said]:
    """What the user said last and the last text that the model answered, as ``Memory.add`` takes it.

    Calls of tools and their results are passed over.
    """
    asked = _asked(messages)
    if not asked:
        return []
    answers = takewhile(lambda message: not isinstance(message, HumanMessage), reversed(messages))
    answer = next((m for m in answers if isinstance(m, AIMessage) and text_of(m).strip()), None)
    return [*_said_by("user", asked), *(_said_by("assistant", [answer]) if answer else [])]


def _said_by(role: str, messages: Iterable[BaseMessage]) -> list[Said]:
    return [one for message in messages for one in said(role, text_of(message), message.name)]


def _asked(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The last human message and those that stand just before it, in order."""
    ends = [index for index, message in enumerate(messages) if isinstance(message, HumanMessage)]
    if not ends:
        return []
    before = takewhile(lambda message: isinstance(message, HumanMessage), reversed(messages[: ends[-1] + 1]))
    return list(before)[::-1]
