"""What LlamaIndex's messages say: their text and tokens, the exchanges they make, and what fits into a prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ContentBlock,
    DocumentBlock,
    MessageRole,
    TextBlock,
)

#: Cuts a text into tokens: LlamaIndex's tokenizer hook.
Tokenizer = Callable[[str], Sequence[Any]]

#: What models charge for media is not told by its size. These are LlamaIndex's own estimates (``Memory``, 0.14).
MEDIA_TOKENS = 256
DOCUMENT_TOKENS = 2_048

#: Kinds of blocks, by name: early versions of llama-index-core 0.14 do not have their classes.
_THINKING, _TOOL_CALL = "thinking", "tool_call"

#: Roles in which a model speaks.
ASSISTANT_ROLES = (MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL)

#: Roles whose text stands above a conversation.
SYSTEM_ROLES = (MessageRole.SYSTEM, MessageRole.DEVELOPER)

#: What a ReAct agent writes before its answer, into the one message that it keeps of a turn.
_THOUGHT, _ANSWER = "Thought:", "Answer:"

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？؟।])|\n+")


def text_of(message: ChatMessage) -> str:
    """The text of a message without media, and without halves of surrogate pairs, which no store can keep."""
    texts = [block.text for block in message.blocks if isinstance(block, TextBlock) and block.text]
    return "\n".join(texts).encode(errors="replace").decode()


def count_tokens(messages: Iterable[ChatMessage], tokenizer: Tokenizer) -> int:
    """How many tokens messages take, about: text by the tokenizer, media by a flat estimate."""
    return sum(_message_tokens(message, tokenizer) for message in messages)


def _message_tokens(message: ChatMessage, tokenizer: Tokenizer) -> int:
    beside = len(tokenizer(str(message.additional_kwargs))) if message.additional_kwargs else 0
    return beside + sum(_block_tokens(block, tokenizer) for block in message.blocks)


def _block_tokens(block: ContentBlock, tokenizer: Tokenizer) -> int:
    if isinstance(block, TextBlock):
        return len(tokenizer(block.text))
    kind = _kind(block)
    if kind in (_THINKING, _TOOL_CALL):
        said = (getattr(block, name, None) for name in ("content", "tool_name", "tool_kwargs"))
        return sum(len(tokenizer(str(part))) for part in said if part)
    return DOCUMENT_TOKENS if isinstance(block, DocumentBlock) else MEDIA_TOKENS


def _kind(block: ContentBlock) -> str:
    return str(getattr(block, "block_type", ""))


def last_question(messages: Sequence[ChatMessage]) -> str:
    """The text of the last user message, or an empty text."""
    asked = (message for message in reversed(messages) if message.role == MessageRole.USER)
    return text_of(next(asked, ChatMessage(role=MessageRole.USER, blocks=[])))


def ends_exchange(message: ChatMessage) -> bool:
    """Whether a message is an answer, after which it is the user's turn: a model's text that calls no tool."""
    return message.role in ASSISTANT_ROLES and bool(text_of(message).strip()) and not calls_tools(message)


def calls_tools(message: ChatMessage) -> bool:
    """Whether a message calls tools, in blocks or as older integrations write it."""
    return any(_kind(block) == _TOOL_CALL for block in message.blocks) or bool(
        message.additional_kwargs.get("tool_calls")
    )


def finished_exchange(before: Sequence[ChatMessage], new: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages that new ones complete to an exchange: what came since the last answer, up to the newest one.

    Args:
        before: the messages before the new ones, as many as reach back to the last answer.
        new: the new ones.

    Returns:
        The messages, or none where no new one is an answer or no user has spoken.
    """
    last = _last_answer(new)
    if last is None:
        return []
    previous = _last_answer(before)
    open_ones = before if previous is None else before[previous + 1 :]
    exchange = [*open_ones, *new[: last + 1]]
    return exchange if any(m.role == MessageRole.USER for m in exchange) else []


def _last_answer(messages: Sequence[ChatMessage]) -> int | None:
    ends = [index for index, message in enumerate(messages) if ends_exchange(message)]
    return ends[-1] if ends else None


def said(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    """What users and models said, as ``Memory.add`` takes it. Tools, calls of them and system messages are left out."""
    spoken = []
    for message in messages:
        text = text_of(message)
        if message.role in ASSISTANT_ROLES:
            role, text = "assistant", "" if calls_tools(message) else _without_reasoning(text)
        elif message.role == MessageRole.USER:
            role = "user"
        else:
            continue
        if text.strip():
            spoken.append({"role": role, "content": text})
    return spoken


def worth_keeping(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    """As ``said``; nothing where no user said anything."""
    spoken = said(messages)
    return spoken if any(message["role"] == "user" for message in spoken) else []


def _without_reasoning(text: str) -> str:
    if text.startswith(_THOUGHT) and _ANSWER in text:
        return text.rpartition(_ANSWER)[2].strip()
    return text


def without_echo(
    memories: Sequence[Mapping[str, Any]], question: str, shown: Sequence[ChatMessage] = ()
) -> list[Mapping[str, Any]]:
    """The memories that tell something new.

    Args:
        memories: what was found.
        question: the current message. What only repeats its own sentences is no memory of it.
        shown: messages that stand in the prompt anyway. One that only waits for its extraction is left out.
    """
    asked = _sentences(question)
    waiting = {frozenset(_sentences(text_of(message))) for message in shown}
    return [
        memory
        for memory in memories
        if not (told := _sentences(str(memory["memory"]))) <= asked
        and not (memory.get("pending") and frozenset(told) in waiting)
    ]


def _sentences(text: str) -> set[str]:
    """The sentences of a text with their punctuation: "Do I play tennis?" does not say "I play tennis."."""
    return {plain for part in _SENTENCE_END.split(text.casefold()) if (plain := " ".join(part.split()))}


def with_system_text(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """The messages with a text in their one system message, behind what stands there, or in a new one before them.

    The messages that were given stay as they are.
    """
    if not text:
        return list(messages)
    for index, message in enumerate(messages):
        if message.role in SYSTEM_ROLES:
            joined = message.model_copy(update={"blocks": [*message.blocks, TextBlock(text=text)]})
            return [*messages[:index], joined, *messages[index + 1 :]]
    return [ChatMessage(role=MessageRole.SYSTEM, content=text), *messages]


def split_system(messages: Sequence[ChatMessage]) -> tuple[list[ChatMessage], list[ChatMessage]]:
    """System messages, and the conversation without them."""
    system = [message for message in messages if message.role in SYSTEM_ROLES]
    return system, [message for message in messages if message.role not in SYSTEM_ROLES]


def current_turn(conversation: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """The last user message and what follows it; without a user message, the last message."""
    starts = [index for index, message in enumerate(conversation) if message.role == MessageRole.USER]
    return conversation[starts[-1] :] if starts else conversation[-1:]


def latest_turns(conversation: Sequence[ChatMessage], max_tokens: int, tokenizer: Tokenizer) -> list[ChatMessage]:
    """The newest turns that fit, whole ones: a call of a tool is never parted from its result.

    Args:
        conversation: messages without system messages.
        max_tokens: what they may take. The current turn is given even where it takes more, so that the model's own
            error tells of it rather than a missing question.
        tokenizer: cuts texts into tokens.
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
