"""What is recalled before a model answers and kept after it, and what becomes of failures: for every framework."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mem0milvus.client.memory import AsyncMemory
from mem0milvus.errors import EmbeddingError, ExtractionError, Mem0MilvusError, StoreError, ValidationError
from mem0milvus.types import SearchItem

logger = logging.getLogger(__name__)

#: What becomes of a failure of the memory: it is logged and the chain or agent goes on, or it is raised.
OnError: TypeAlias = Literal["log", "raise"]

#: Counts the tokens of a text.
CountTokens: TypeAlias = Callable[[str], int]

#: What was said, as ``Memory.add`` takes it.
Said: TypeAlias = Sequence[Mapping[str, Any]]

#: A question is looked up by its end, where it is longer: that is what was asked. Characters.
MAX_QUESTION_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Recall:
    """Looking up what is worth showing to a model that did not ask for it.

    Attributes:
        top_k: the most memories.
        threshold: the least relevance, 0 to 1; None cuts nothing.
        filters: conditions, as for ``Memory.search``.
        on_error: what becomes of a failure.
    """

    top_k: int
    threshold: float | None
    filters: Mapping[str, Any] | None = None
    on_error: OnError = "log"

    async def find(self, memory: AsyncMemory, question: str, scope: Mapping[str, str]) -> Sequence[SearchItem]:
        """The memories that a question is about, best first; none for a blank one.

        Raises:
            ValidationError: the scope or a setting cannot be used.
            StoreError: Milvus failed, with ``on_error="raise"``.
            EmbeddingError: the embedding model failed, with ``on_error="raise"``.
        """
        if not question.strip():
            return []
        settings: dict[str, Any] = {"top_k": self.top_k, "threshold": self.threshold, "filters": self.filters, **scope}
        try:
            return (await memory.search(question[-MAX_QUESTION_CHARACTERS:], **settings))["results"]
        except (StoreError, EmbeddingError) as error:
            if self.on_error == "raise":
                raise
            log_failure("Memories could not be recalled, and the model answers without them", error)
            return []


@dataclass(frozen=True, slots=True)
class Keep:
    """Keeping what was said.

    Attributes:
        infer: whether what is worth remembering is extracted, or each message kept as it is.
        background: whether extraction happens after the call has returned.
        metadata: kept with each memory.
        on_error: what becomes of a failure.
    """

    infer: bool = True
    background: bool = True
    metadata: Mapping[str, Any] | None = None
    on_error: OnError = "log"

    async def add(self, memory: AsyncMemory, messages: Said, scope: Mapping[str, str]) -> None:
        """Keep the messages of a turn. When a model fails they are kept as they are and extracted later.

        Raises:
            Mem0MilvusError: with ``on_error="raise"``.
        """
        if not messages:
            return
        if self.on_error == "raise":
            await self._add(memory, messages, scope)
            return
        try:
            await self._add_or_keep_raw(memory, messages, scope)
        except Mem0MilvusError as error:
            log_failure("A turn could not be kept", error)

    async def _add_or_keep_raw(self, memory: AsyncMemory, messages: Said, scope: Mapping[str, str]) -> None:
        try:
            await self._add(memory, messages, scope)
        except (ExtractionError, EmbeddingError) as error:
            log_failure("A turn is kept as it is, to be extracted later", error)
            ids: dict[str, Any] = dict(scope)
            await memory.add(messages, metadata=self.metadata, background="durable", **ids)

    async def _add(self, memory: AsyncMemory, messages: Said, scope: Mapping[str, str]) -> None:
        # Only what is to be extracted is stored before it is put off; what is kept as it is, is kept at once.
        background: Literal["durable", False] = "durable" if self.background and self.infer else False
        ids: dict[str, Any] = dict(scope)
        await memory.add(messages, infer=self.infer, metadata=self.metadata, background=background, **ids)


def check_on_error(on_error: str) -> OnError:
    """Check how failures are to be treated.

    Raises:
        ValidationError: it is neither ``log`` nor ``raise``.
    """
    if on_error == "log" or on_error == "raise":
        return on_error  # type: ignore[return-value]
    raise ValidationError(f"on_error is 'log' or 'raise', not {on_error!r}.")


def log_failure(what: str, error: Mem0MilvusError) -> None:
    """Log a failure without what was said: an error's message may quote it."""
    logger.warning("%s: %s", what, type(error).__name__)
    logger.debug("The failure was this", exc_info=error)
