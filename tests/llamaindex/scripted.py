"""Models that answer from a script and remember what they were asked, on LlamaIndex's own mock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM

from mem0milvus import LLMRequest


class Script:
    """A chat model's answers in turn, the last one again and again; and the prompts that it was given."""

    def __init__(self, answers: Iterable[str | ChatMessage | Exception] = ("Fine.",)) -> None:
        self.answers = list(answers)
        self.prompts: list[list[ChatMessage]] = []

    def __call__(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatMessage:
        self.prompts.append([message.model_copy(deep=True) for message in messages])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, ChatMessage) else ChatMessage(role="assistant", content=answer)

    def llm(self) -> MockFunctionCallingLLM:
        return MockFunctionCallingLLM(response_generator=self, is_chat_model=True)

    @property
    def last(self) -> str:
        """The last prompt as one text."""
        return "\n".join(f"{message.role.value}: {message.content}" for message in self.prompts[-1])


def calls(name: str, **arguments: Any) -> ChatMessage:
    """A model's message that calls one tool."""
    block = ToolCallBlock(tool_call_id="call-1", tool_name=name, tool_kwargs=arguments)
    return ChatMessage(role="assistant", blocks=[block])


class Extractor:
    """A language model of ``mem0milvus`` that finds one fact in each user message, and counts its calls."""

    identity = "scripted"

    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[LLMRequest] = []
        self.error = error

    def complete(self, request: LLMRequest) -> dict[str, Any]:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        new = request.user.partition("# New Messages")[2]
        changes = [
            {"evidence": text, "about": "user", "action": "ADD", "id": None, "memory": text, "happened_at": None}
            for text in re.findall(r'^user: "(.*)"$', new, re.MULTILINE)
            if not text.endswith("?")
        ]
        return {"changes": changes}


def system_texts(messages: Sequence[ChatMessage]) -> list[str]:
    return [str(message.content) for message in messages if message.role == MessageRole.SYSTEM]


def contents(messages: Sequence[ChatMessage]) -> list[str | None]:
    return [message.content for message in messages]


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def assistant(text: str) -> ChatMessage:
    return ChatMessage(role="assistant", content=text)
