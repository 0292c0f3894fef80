"""The text of a memory that is embedded, and the words under which it is indexed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import lru_cache

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.timestamps import from_us
from mem0milvus.retrieval.text import document_weights


def embedded_text(text: str, actor: str) -> str:
    """The text to embed for a memory: its actor, if known, and its text."""
    return f"{actor}: {text}" if actor else text


def lexical_weights(row: MemoryRow) -> dict[int, float]:
    """The words under which a memory is indexed: those of its text, actor, date and metadata.

    ``observed_at`` is indexed only if the caller gave it; a defaulted one equals ``created_at``.
    """
    given = row.observed_at != row.created_at
    return document_weights(
        row.memory,
        actor=row.actor_id,
        observed_at=from_us(row.observed_at) if given else None,
        extra=list(_texts(row.metadata)),
    )


def words_of_metadata_alone(row: MemoryRow, asked: Collection[int]) -> frozenset[int]:
    """The keys among those asked for that a memory has in its metadata and nowhere else."""
    in_metadata = {key for text in _texts(row.metadata) for key in _keys_of(text)}.intersection(asked)
    if not in_metadata:  # so for nearly all memories, which is why the words of the text are not looked at before
        return frozenset()
    return frozenset(in_metadata - lexical_weights(replace(row, metadata={})).keys())


@lru_cache(maxsize=4_096)  # metadata has few different texts, such as categories
def _keys_of(text: str) -> frozenset[int]:
    return frozenset(document_weights("", extra=[text]))


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
