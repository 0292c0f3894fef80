"""What is asked of every library that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.conversations import Session, Turn


@dataclass(frozen=True)
class Settings:
    """Where memories lie, and the embedding model that everybody uses."""

    folder: Path
    embedder_url: str
    model: str
    dims: int
    llm_model: str = ""  #: on the same server; "" where no language model takes part

    @property
    def store(self) -> str:
        """The Milvus Lite file."""
        return str(self.folder / "peer.db")


class Peer(Protocol):
    """A library, opened on an empty store."""

    def remember(self, user: str, session: Session) -> None:
        """Store the turns of a session as they are, without a language model."""
        ...

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """The keys of the turns found, best first. A text that was said twice stands for both turns."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class Extracting(Peer, Protocol):
    """A library that has a language model pick what is worth remembering."""

    def extract(self, user: str, session: Session, messages: Sequence[dict[str, str]]) -> int:
        """Remember what matters in the messages of a session. Returns how many memories changed."""
        ...


def dated(session: Session, turn: Turn) -> str:
    """A turn with who said it and when, for libraries that keep a text and nothing beside it."""
    said = f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text
    return f"[{session.when.day} {session.when:%B %Y}] {said}" if session.when else said


class Texts:
    """The keys of turns by what was stored of them."""

    def __init__(self) -> None:
        self._keys: dict[str, set[str]] = {}

    def add(self, text: str, key: str) -> None:
        """Note what a turn was stored as."""
        self._keys.setdefault(text, set()).add(key)

    def of(self, text: str) -> frozenset[str]:
        """The keys of the turns that were stored as this.

        Raises:
            KeyError: nothing was.
        """
        return frozenset(self._keys[text])
