"""What a memory is found by: the text that is embedded, and the weighted words."""

from __future__ import annotations

from collections.abc import Iterator

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.timestamps import from_us
from mem0milvus.retrieval.text import document_weights


def embedded_text(text: str, actor: str) -> str:
    """What is embedded for a memory: who said it, where that is known, and what."""
    return f"{actor}: {text}" if actor else text


def lexical_weights(record: MemoryRow) -> dict[int, float]:
    """The words that a memory is found by: of its text, who said it, when, and the texts in its metadata.

    A moment that nobody told is the moment of storing, and no word of the memory.
    """
    told = record.observed_at != record.created_at
    return document_weights(
        record.memory,
        actor=record.actor_id,
        observed_at=from_us(record.observed_at) if told else None,
        extra=list(_texts(record.metadata)),
    )


def _texts(value: object) -> Iterator[str]:
    """The texts in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
