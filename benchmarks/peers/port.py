"""The interface through which every library is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from benchmarks.conversations import Session, Utterance


@dataclass(frozen=True)
class Settings:
    """The folder of the store and the models, the same for every library."""

    folder: Path
    embedder_url: str
    model: str
    dims: int
    llm_model: str = ""  #: on the same server; "" for no language model

    @property
    def store(self) -> str:
        """The Milvus Lite file."""
        return str(self.folder / "peer.db")


class Peer(Protocol):
    """A library, opened on an empty store."""

    def remember(self, user: str, session: Session) -> None:
        """Store the utterances of a session unchanged, without a language model."""
        ...

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """Return the names of the utterances found, best first; a text that was said twice has two names."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class Extracting(Peer, Protocol):
    """A library that extracts memories with a language model."""

    def extract(self, user: str, session: Session, messages: Sequence[dict[str, str]]) -> int:
        """Extract memories from the messages of a session; return the number of memories that changed."""
        ...


def dated(session: Session, one: Utterance) -> str:
    """Return an utterance with its speaker and date, for libraries that store nothing but a text."""
    said = f"{one['speaker']}: {one['text']}" if one["speaker"] else one["text"]
    if not session["time"]:
        return said
    day = datetime.fromisoformat(session["time"])
    return f"[{day.day} {day:%B %Y}] {said}"


class Texts:
    """The names of utterances by their stored texts."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def add(self, text: str, name: str) -> None:
        """Record the stored text of an utterance."""
        self._names.setdefault(text, set()).add(name)

    def of(self, text: str) -> frozenset[str]:
        """Return the names of the utterances that were stored as ``text``."""
        return frozenset(self._names[text])
