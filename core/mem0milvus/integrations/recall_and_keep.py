"""Recall before a model answers and storage afterwards, with the same handling of failures in every framework."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mem0milvus.client.memory import AsyncMemory
from mem0milvus.data.quoting import shown
from mem0milvus.errors import EmbeddingError, ExtractionError, Mem0MilvusError, StoreError, ValidationError
from mem0milvus.integrations.conversation import questions_of, without_echo
from mem0milvus.types import Messages, SearchItem

logger = logging.getLogger(__name__)

#: How a failure of the memory is handled: log it and let the chain or agent continue, or raise it.
OnError: TypeAlias = Literal["log", "raise"]

#: Counts the tokens of a text.
CountTokens: TypeAlias = Callable[[str], int]

#: Only the end of a longer question is searched: the request usually follows the material it is about. Characters.
MAX_QUESTION_CHARACTERS = 4_000


#: The most memories of one search of which the debug log says why they were found or left out.
LOGGED = 20


@dataclass(frozen=True, slots=True)
class Recall:
    """Settings of the search that finds memories for a prompt.

    Attributes:
        top_k: the maximum number of memories.
        threshold: the minimum relevance, 0 to 1; None sets no minimum.
        filters: conditions, as for ``Memory.search``.
        on_error: ``log`` a failure and continue, or ``raise`` it.
    """

    top_k: int
    threshold: float | None
    filters: Mapping[str, Any] | None = None
    on_error: OnError = "log"

    async def find(
        self,
        memory: AsyncMemory,
        question: str,
        scope: Mapping[str, str],
        *,
        before: Sequence[str] = (),
        shown: Sequence[str] = (),
    ) -> Sequence[SearchItem]:
        """Find the memories that are relevant to a question, most relevant first; none for a blank question.

        Args:
            memory: the memory to search.
            question: the user's last message.
            scope: the ids to search in.
            before: the user's earlier messages, oldest first. A question with hardly a word of its own, such as "And
                when?", is searched for together with the last of them.
            shown: the texts of messages that the prompt has anyway; memories that only repeat one are left out.

        Raises:
            ValidationError: the scope or a setting is invalid.
            StoreError: Milvus failed, with ``on_error="raise"``.
            EmbeddingError: the embedding model failed, with ``on_error="raise"``.
        """
        if not question.strip():
            return []
        settings: dict[str, Any] = {"top_k": self.top_k, "threshold": self.threshold, "filters": self.filters, **scope}
        found: dict[str, SearchItem] = {}
        try:
            for text in questions_of(question[-MAX_QUESTION_CHARACTERS:], before):
                for item in (await memory.search(text, **settings))["results"]:
                    found.setdefault(item["id"], item)
                if logger.isEnabledFor(logging.DEBUG):
                    await self._log_choice(memory, text, settings)
        except (StoreError, EmbeddingError) as error:
            if self.on_error == "raise":
                raise
            log_failure("Memories could not be recalled, and the model answers without them", error)
        return without_echo(found.values(), question, shown)[: self.top_k]

    async def _log_choice(self, memory: AsyncMemory, question: str, settings: Mapping[str, Any]) -> None:
        """Log why the best memories are found or left out: id and relevance, never the text.

        It searches once more, without a reranker: that may be a service that is paid for, and changes no relevance.
        """
        without = {**settings, "threshold": None, "top_k": max(LOGGED, self.top_k), "rerank": False}
        for place, item in enumerate((await memory.search(question, **without))["results"], 1):
            below = self.threshold is not None and item["relevance"] < self.threshold
            outcome = "below the threshold" if below else "beyond top_k" if place > self.top_k else "found"
            logger.debug("Memory %s: place %d, relevance %.3f, %s", item["id"], place, item["relevance"], outcome)


@dataclass(frozen=True, slots=True)
class Keep:
    """Settings with which the messages of a turn are stored.

    Attributes:
        infer: extract memories from the messages; False stores each message verbatim.
        background: extract after the call has returned.
        metadata: stored with each memory.
        on_error: ``log`` a failure and continue, or ``raise`` it.
    """

    infer: bool = True
    background: bool = True
    metadata: Mapping[str, Any] | None = None
    on_error: OnError = "log"

    async def add(self, memory: AsyncMemory, messages: Messages, scope: Mapping[str, str]) -> None:
        """Store the messages of a turn. If a model fails, store them pending, to be extracted later.

        Raises:
            Mem0MilvusError: any failure, with ``on_error="raise"``.
        """
        if not messages:
            return
        try:
            await self._add_or_defer(memory, messages, scope)
        except Mem0MilvusError as error:
            if self.on_error == "raise":
                raise
            log_failure("A turn could not be stored", error)

    async def _add_or_defer(self, memory: AsyncMemory, messages: Messages, scope: Mapping[str, Any]) -> None:
        # With infer=True, store the messages durably and extract later. With infer=False there is nothing to defer.
        background: Literal["durable", False] = "durable" if self.background and self.infer else False
        try:
            await memory.add(messages, infer=self.infer, metadata=self.metadata, background=background, **scope)
        except (ExtractionError, EmbeddingError) as error:
            if self.on_error == "raise":
                raise
            log_failure("A turn is stored pending, to be extracted later", error)
            await memory.add(messages, metadata=self.metadata, background="durable", **scope)


def check_on_error(on_error: str) -> OnError:
    """Check the ``on_error`` that a caller gave.

    Raises:
        ValidationError: it is neither ``log`` nor ``raise``.
    """
    if on_error == "log" or on_error == "raise":
        return on_error  # type: ignore[return-value]
    raise ValidationError(f"on_error must be 'log' or 'raise', not {shown(on_error)}.")


def log_failure(event: str, error: Mem0MilvusError) -> None:
    """Log a failure without its message, which may quote the user's text; the whole error is logged at DEBUG."""
    logger.warning("%s: %s", event, type(error).__name__)
    logger.debug("The failure was this", exc_info=error)
