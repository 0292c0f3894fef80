"""The query of a search, prepared for a table, and the similarity of rows to it. For memories and for records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mem0milvus.data.limits import MAX_QUERY_BYTES
from mem0milvus.data.messages import utf8_length
from mem0milvus.data.quoting import shown
from mem0milvus.errors import ValidationError
from mem0milvus.ports import EmbedderPort, Probe, R, Table
from mem0milvus.retrieval.ranking import Asked
from mem0milvus.retrieval.text import query_weights
from mem0milvus.retrieval.text.sentences import sentences_of
from mem0milvus.types import SearchMode, Vector

#: The least number of candidates that each probe fetches for ranking. Fetching twice as many ranks no better.
CANDIDATES = 25


@dataclass(frozen=True, slots=True)
class Question:
    """A query with what its mode needs: its embedding (else None) and the weights of its words (else empty).

    Attributes:
        text: the query.
        mode: the mode of the search.
        vector: the embedding of the query.
        words: the weights of its words.
        sentences: the sentences of a query that has several, each with its embedding.
    """

    text: str
    mode: SearchMode
    vector: Vector | None
    words: Mapping[int, float]
    sentences: Sequence[Asked] = ()

    def probes(self) -> list[Probe]:
        """Return the searches to run: by embedding, also of each sentence, by words, or both."""
        vectors = [one for one in (self.vector, *(sentence.vector for sentence in self.sentences)) if one is not None]
        by_vector = [Probe("vector", vector) for vector in vectors]
        return by_vector + ([Probe("words", self.words)] if self.words else [])


@dataclass(frozen=True, slots=True)
class Closeness:
    """The closeness of a row to a query: cosine similarity (None in lexical mode), and the metric's own value."""

    similarity: float | None
    score: float


def check_query(query: object) -> str:
    """Return the text of a query; raise a ValidationError if it is not text, blank, too long, or not valid Unicode."""
    if not isinstance(query, str):
        raise ValidationError(f"query must be a text, not {type(query).__name__}.")
    if not query.strip():
        raise ValidationError("query is empty: there is nothing to look for.")
    if (length := utf8_length(query, "query")) > MAX_QUERY_BYTES:
        raise ValidationError(
            f"query is {length:,} bytes long in UTF-8; the maximum is {MAX_QUERY_BYTES:,}: search for a part of it."
        )
    return query


def check_threshold(threshold: object) -> None:
    """Raise a ValidationError if the threshold is not a relevance."""
    if threshold is None:
        return
    if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise ValidationError(f"threshold must be a relevance between 0 and 1, not {shown(threshold)}.")


async def prepare_question(
    table: Table[R], embedder: EmbedderPort, text: str, mode: SearchMode, *, sentences: bool = False
) -> Question:
    """Return the query as this mode searches for it; raise a ValidationError if the table does not support the mode.

    Args:
        table: the table to search.
        embedder: the embedding model.
        text: the query.
        mode: the mode of the search.
        sentences: whether to search for the sentences of the query as well.
    """
    if mode not in ("hybrid", "dense", "lexical"):
        raise ValidationError(f"mode={shown(mode)}; known are 'hybrid', 'dense' and 'lexical'.")
    if mode == "lexical" and not table.searches_words:
        raise ValidationError("mode='lexical' needs sparse vectors, which this Milvus does not have: use mode='dense'.")
    words = query_weights(text) if mode != "dense" and table.searches_words else {}
    parts = sentences_of(text) if sentences else []
    if mode == "lexical":
        return Question(text, mode, None, words, [Asked(part, None) for part in parts])
    vector, *others = await embedder.embed_queries([text, *parts])
    # A model that needs a request for each text has embedded the query alone.
    return Question(text, mode, vector, words, [Asked(*one) for one in zip(parts, others, strict=False)])


def measure_closeness(metric: str, question: Question, rows: Mapping[str, R]) -> dict[str, Closeness]:
    """Return the closeness of each row, computed from its stored vector or, in lexical mode, from its stored words.

    The distances of hits are not used: neighbours of a hit, and rows found by their words alone, have none.
    """
    if question.vector is None:
        return {key: Closeness(None, _overlap(question.words, row.words)) for key, row in rows.items()}
    if not rows:
        return {}
    import numpy as np

    vectors = np.asarray([row.vector for row in rows.values()], dtype=np.float32)
    query = np.asarray(question.vector, dtype=np.float32)
    cosines = vectors @ query
    scores = np.square(vectors - query).sum(axis=1) if metric == "L2" else cosines
    return {
        key: Closeness(float(cosine), float(score)) for key, cosine, score in zip(rows, cosines, scores, strict=True)
    }


def _overlap(query: Mapping[int, float], words: Mapping[int, float]) -> float:
    return sum(weight * words[token] for token, weight in query.items() if token in words)
