"""The text of messages, of content in parts, and of a chain's inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile, takewhile
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage


def text_of(value: object) -> str:
    """Return the text of a value among the inputs or outputs of a chain.

    For a message or content in parts, the text parts; for a list, the texts of its items. Items without text (an image,
    an agent's action) are skipped. Any other value is converted by ``str``.
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
        # An AgentExecutor with return_intermediate_steps passes (action, observation) pairs among its outputs: only
        # what is certainly text is taken from a list.
        texts = (text_of(item) for item in value if isinstance(item, (str, BaseMessage, Mapping)))
        return "\n".join(filter(None, texts))
    return _valid(str(value))


def _valid(text: str) -> str:
    """Replace lone halves of surrogate pairs, which are not valid UTF-8, so that no store accepts them."""
    return text.encode(errors="replace").decode()


def message_dicts(role: str, text: str, name: str | None = None) -> list[dict[str, Any]]:
    """Return one message as ``Memory.add`` takes it, or an empty list for a blank text."""
    if not text.strip():
        return []
    return [{"role": role, "content": text, **({"name": name} if name and name.isprintable() else {})}]


def last_question(messages: Sequence[BaseMessage]) -> str:
    """Return the text of the last human message and of the human messages directly before it."""
    return "\n".join(filter(None, map(text_of, _last_human_messages(messages)))).strip()


def asked_before(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the texts of the human messages before those of ``last_question``, oldest first."""
    asked = [text_of(message) for message in messages if isinstance(message, HumanMessage)]
    return asked[: len(asked) - len(_last_human_messages(messages))]


def last_turn(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return the last human messages and the model's last text after them, as ``Memory.add`` takes them.

    Tool calls and their results are left out.
    """
    asked = _last_human_messages(messages)
    if not asked:
        return []
    answers = takewhile(lambda message: not isinstance(message, HumanMessage), reversed(messages))
    answer = next((m for m in answers if isinstance(m, AIMessage) and text_of(m).strip()), None)
    return [*_to_dicts("user", asked), *(_to_dicts("assistant", [answer]) if answer else [])]


def _to_dicts(role: str, messages: Iterable[BaseMessage]) -> list[dict[str, Any]]:
    return [one for message in messages for one in message_dicts(role, text_of(message), message.name)]


def _last_human_messages(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the last human message and those directly before it, in order."""
    from_end = dropwhile(lambda message: not isinstance(message, HumanMessage), reversed(messages))
    return list(takewhile(lambda message: isinstance(message, HumanMessage), from_end))[::-1]
