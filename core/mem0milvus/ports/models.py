"""Embedding and language models, and how memories are found in what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mem0milvus.types import AssistantPolicy, LLMRequest, Vector

if TYPE_CHECKING:
    from mem0milvus.data.messages import Message


class EmbedderPort(Protocol):
    """The embedding model."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector of unit length for each text.

        Raises:
            EmbeddingError: the model failed, or did not answer with one vector of the right length for each text.
        """

    async def embed_query(self, text: str) -> Vector:
        """A vector of unit length for a question, by a model that embeds questions otherwise; else as ``embed``.

        Raises:
            EmbeddingError: as for ``embed``.
        """


class Extractor(Protocol):
    """What finds, in a conversation, the things worth remembering."""

    async def extract(self, messages: Sequence[Message]) -> list[Message]:
        """The memories to store, each as a message with the role and name of who said it.

        Raises:
            ExtractionError: it failed.
        """


class LLMPort(Protocol):
    """The language model."""

    async def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """Its answer, as it came.

        Raises:
            ExtractionError: the model failed.
        """


@dataclass(frozen=True, slots=True)
class Extraction:
    """How memories are found in what was said.

    Attributes:
        llm: the language model; None to have the rules do it.
        custom: the application's instructions to it, which ``prompt`` of one call replaces.
        includes: what alone is kept; nothing for everything.
        excludes: what is never kept.
        assistant: whether what an assistant said is remembered.
        related: how many known memories it is shown.
        keeps_raw: whether messages are kept as pending memories when it fails.
    """

    llm: LLMPort | None = None
    custom: str = ""
    includes: Sequence[str] = ()
    excludes: Sequence[str] = ()
    assistant: AssistantPolicy = "about_user"
    related: int = 10
    keeps_raw: bool = False
