"""A question, ready to be looked up, and how close rows are to it. For memories and for records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mem0milvus.data.messages import utf8_length
from mem0milvus.errors import ValidationError
from mem0milvus.ports import EmbedderPort, Probe, R, Table
from mem0milvus.retrieval.text import query_weights
from mem0milvus.types import SearchMode, Vector

#: How many rows each search brings in to be ranked, or as many as are asked for. Twice as many rank no better.
CANDIDATES = 25


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its embedding and its weighted words, each where the mode asks for it."""

    text: str
    mode: SearchMode
    vector: Vector | None
    words: Mapping[int, float]

    def probes(self) -> list[Probe]:
        """What to look rows up by."""
        by_meaning = [] if self.vector is None else [Probe("vector", self.vector)]
        return by_meaning + ([Probe("words", self.words)] if self.words else [])


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close a row is to the question: cosine, and the metric's own value."""

    similarity: float | None
    score: float


def check_query(query: object) -> str:
    """Check the text of a question.

    Raises:
        ValidationError: it is no text, or blank, or not valid Unicode.
    """
    if not isinstance(query, str):
        raise ValidationError(f"query must be a text, not {type(query).__name__}.")
    if not query.strip():
        raise ValidationError("query is empty: there is nothing to look for.")
    utf8_length(query, "query")
    return query


def check_threshold(threshold: object) -> None:
    """Raise a ValidationError when the threshold is no relevance."""
    if threshold is None:
        return
    if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise ValidationError(f"threshold is a relevance and lies between 0 and 1, not {threshold!r}.")


async def prepare(table: Table[R], embedder: EmbedderPort, text: str, mode: SearchMode) -> Question:
    """The question as this mode looks it up in this table.

    Raises:
        ValidationError: there is no such mode, or not here.
        EmbeddingError: the embedding model failed.
    """
    if mode not in ("hybrid", "dense", "lexical"):
        raise ValidationError(f"mode={mode!r}; known are 'hybrid', 'dense' and 'lexical'.")
    if mode == "lexical" and not table.searches_words:
        raise ValidationError("mode='lexical' needs sparse vectors, which this Milvus does not have: use mode='dense'.")
    vector = None if mode == "lexical" else await embedder.embed_query(text)
    words = query_weights(text) if mode != "dense" and table.searches_words else {}
    return Question(text, mode, vector, words)


def measure(metric: str, question: Question, rows: Mapping[str, R]) -> dict[str, Closeness]:
    """Each row's closeness, exactly, from its stored vector; where none was asked for, from its stored words."""
    if question.vector is None:
        return {key: Closeness(None, _overlap(question.words, row.words)) for key, row in rows.items()}
    if not rows:
        return {}
    import numpy as np

    vectors = np.asarray([row.vector for row in rows.values()], dtype=np.float32)
    asked = np.asarray(question.vector, dtype=np.float32)
    cosines = vectors @ asked
    scores = np.square(vectors - asked).sum(axis=1) if metric == "L2" else cosines
    return {
        key: Closeness(float(cosine), float(score)) for key, cosine, score in zip(rows, cosines, scores, strict=True)
    }


def _overlap(asked: Mapping[int, float], words: Mapping[int, float]) -> float:
    return sum(weight * words[token] for token, weight in asked.items() if token in words)
