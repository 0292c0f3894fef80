"""LlamaIndex's messages: their text and tokens, complete turns, and the messages that fit into a prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ContentBlock, DocumentBlock, MessageRole, TextBlock

#: Splits a text into tokens: LlamaIndex's ``tokenizer_fn``.
Tokenizer = Callable[[str], Sequence[Any]]

#: Tokens of media, which do not depend on its size in bytes: the defaults of LlamaIndex's ``Memory`` (0.14.25).
MEDIA_TOKENS = 256
DOCUMENT_TOKENS = 2_048

#: ``block_type`` of blocks whose classes early versions of llama-index-core 0.14 do not have.
_THINKING, _TOOL_CALL = "thinking", "tool_call"

#: Roles of a model's messages.
ASSISTANT_ROLES = (MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL)

#: Roles of instructions to the model.
SYSTEM_ROLES = (MessageRole.SYSTEM, MessageRole.DEVELOPER)

#: A ReAct agent stores its reasoning and its answer in one message, under these labels.
_THOUGHT, _ANSWER = "Thought:", "Answer:"


def text_of(message: ChatMessage) -> str:
    """Return the text of a message, without halves of surrogate pairs, which are not valid UTF-8."""
    texts = [block.text for block in message.blocks if isinstance(block, TextBlock) and block.text]
    return "\n".join(texts).encode(errors="replace").decode()


def count_tokens(messages: Iterable[ChatMessage], tokenizer: Tokenizer) -> int:
    """Return the tokens of messages: of text by the tokenizer, of media by a fixed estimate."""
    tokens = 0
    for message in messages:
        if message.additional_kwargs:
            tokens += len(tokenizer(str(message.additional_kwargs)))
        tokens += sum(_block_tokens(block, tokenizer) for block in message.blocks)
    return tokens


def _block_tokens(block: ContentBlock, tokenizer: Tokenizer) -> int:
    if isinstance(block, TextBlock):
        return len(tokenizer(block.text))
    kind = _kind(block)
    if kind in (_THINKING, _TOOL_CALL):
        parts = (getattr(block, name, None) for name in ("content", "tool_name", "tool_kwargs"))
        return sum(len(tokenizer(str(part))) for part in parts if part)
    return DOCUMENT_TOKENS if isinstance(block, DocumentBlock) else MEDIA_TOKENS


def _kind(block: ContentBlock) -> str:
    return str(getattr(block, "block_type", ""))


def last_question(messages: Sequence[ChatMessage]) -> str:
    """Return the text of the last user message, or an empty text."""
    return next((text_of(message) for message in reversed(messages) if message.role == MessageRole.USER), "")


def ends_turn(message: ChatMessage) -> bool:
    """Return whether a message is the answer to the user: a model's text that calls no tool."""
    return message.role in ASSISTANT_ROLES and bool(text_of(message).strip()) and not calls_tools(message)


def calls_tools(message: ChatMessage) -> bool:
    """Return whether a message calls tools, in blocks or, as older integrations write it, in ``additional_kwargs``."""
    return any(_kind(block) == _TOOL_CALL for block in message.blocks) or bool(
        message.additional_kwargs.get("tool_calls")
    )


def completed_turn(before: Sequence[ChatMessage], new: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the messages of the turn that new messages complete: those after the last answer, up to the newest one.

    ``before`` are the messages before the new ones, at least back to the last answer. No turn is complete without an
    answer among the new messages and a user message.
    """
    last = _last_answer(new)
    if last is None:
        return []
    previous = _last_answer(before)
    unanswered = before if previous is None else before[previous + 1 :]
    turn = [*unanswered, *new[: last + 1]]
    return turn if any(message.role == MessageRole.USER for message in turn) else []


def _last_answer(messages: Sequence[ChatMessage]) -> int | None:
    ends = [index for index, message in enumerate(messages) if ends_turn(message)]
    return ends[-1] if ends else None


def to_dicts(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    """Return the texts of users and models as ``Memory.add`` takes them; none if no user wrote a text.

    Tools' output, messages that call tools and system messages are left out.
    """
    dicts: list[dict[str, Any]] = []
    for message in messages:
        text = text_of(message)
        if message.role in ASSISTANT_ROLES:
            role, text = "assistant", "" if calls_tools(message) else _without_reasoning(text)
        elif message.role == MessageRole.USER:
            role = "user"
        else:
            continue
        if text.strip():
            dicts.append({"role": role, "content": text})
    return dicts if any(message["role"] == "user" for message in dicts) else []


def _without_reasoning(text: str) -> str:
    if text.startswith(_THOUGHT) and _ANSWER in text:
        return text.rpartition(_ANSWER)[2].strip()
    return text


def asked_before(messages: Sequence[ChatMessage], question: str) -> list[str]:
    """Return the texts of the user's messages before a question, oldest first."""
    asked = [text_of(message) for message in messages if message.role == MessageRole.USER]
    return asked[:-1] if asked and asked[-1] == question else asked


def with_system_text(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """Return the messages with a text at the end of the first system message, or in a new one before them all.

    The given messages are not changed.
    """
    if not text:
        return list(messages)
    for index, message in enumerate(messages):
        if message.role in SYSTEM_ROLES:
            joined = message.model_copy(update={"blocks": [*message.blocks, TextBlock(text=text)]})
            return [*messages[:index], joined, *messages[index + 1 :]]
    return [ChatMessage(role=MessageRole.SYSTEM, content=text), *messages]


def split_system(messages: Sequence[ChatMessage]) -> tuple[list[ChatMessage], list[ChatMessage]]:
    """Return the system messages, and the conversation without them."""
    system = [message for message in messages if message.role in SYSTEM_ROLES]
    return system, [message for message in messages if message.role not in SYSTEM_ROLES]


def current_turn(conversation: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """Return the last user message and the messages after it; without a user message, the last message."""
    starts = [index for index, message in enumerate(conversation) if message.role == MessageRole.USER]
    return conversation[starts[-1] :] if starts else conversation[-1:]


def latest_turns(conversation: Sequence[ChatMessage], max_tokens: int, tokenizer: Tokenizer) -> list[ChatMessage]:
    """Return the newest turns of a conversation without system messages that fit into ``max_tokens``.

    Turns are kept whole: models refuse a tool's result without its call. The current turn is returned even if it does
    not fit: the model's own error about its length is clearer than an answer without the question.
    """
    start = len(conversation) - len(current_turn(conversation))
    left = max_tokens - count_tokens(conversation[start:], tokenizer)
    for index in range(start - 1, -1, -1):
        left -= count_tokens([conversation[index]], tokenizer)
        if left < 0:
            break
        if conversation[index].role == MessageRole.USER or index == 0:
            start = index
    return list(conversation[start:])
