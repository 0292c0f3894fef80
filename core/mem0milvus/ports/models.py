"""Ports of the models: embedding, extraction by rules or by a language model, and reranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mem0milvus.types import AssistantPolicy, LLMRequest, Vector

if TYPE_CHECKING:
    from mem0milvus.data.messages import Message
    from mem0milvus.retrieval.ranking.calibration import Calibration


class EmbedderPort(Protocol):
    """The embedding model.

    ``embed`` and ``embed_queries`` raise ``EmbeddingError`` if it fails, or does not return one vector of the right
    length for each text.
    """

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return a unit vector for each text."""

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        """Return vectors for a question and its sentences, which some models embed differently from memories.

        That of the first text is of unit length, and another one may be zeros. A model that would need a request for
        each text embeds the first one alone.
        """

    async def calibration(self) -> Calibration:
        """Return the scale of the model's similarities; a generic one if the model fails."""


class Extractor(Protocol):
    """Extraction of memories from a conversation, without a language model."""

    async def extract(self, messages: Sequence[Message]) -> list[Message]:
        """Return the memories to store, each as a message with the role and name of its speaker."""


class LLMPort(Protocol):
    """The language model."""

    async def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """Return the model's unchecked answer. Raises ``ExtractionError`` if the model failed."""


class RerankerPort(Protocol):
    """The reranker.

    Attributes:
        top_n: the most texts that it scores for one search.
    """

    top_n: int

    async def score(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """Return a finite score for each text, larger is better; None if the model failed, which is logged."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The model and the settings of extraction, named as in the configuration.

    Attributes:
        llm: the language model; None to extract by rules.
        custom: the application's instructions, which ``prompt`` of one call replaces.
        includes: the topics to remember; empty for all topics.
        excludes: topics never to remember.
        assistant: the statements of an assistant that are remembered.
        related: number of related memories that the language model is given.
        keeps_raw: whether messages are stored as pending memories if extraction fails.
    """

    llm: LLMPort | None = None
    custom: str = ""
    includes: Sequence[str] = ()
    excludes: Sequence[str] = ()
    assistant: AssistantPolicy = "about_user"
    related: int = 10
    keeps_raw: bool = False
