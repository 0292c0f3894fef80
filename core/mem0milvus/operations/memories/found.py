"""A result of a search, before it becomes an item."""

from __future__ import annotations

from dataclasses import dataclass

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.retrieval.ranking import Ranked


@dataclass(frozen=True, slots=True)
class Found:
    """A memory found by a search, its rank, and the metric's own value for it."""

    row: MemoryRow
    ranked: Ranked
    score: float
    reranker_score: float | None = None
