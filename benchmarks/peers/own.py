"""This library, as it is meant to be used: speakers, dates and runs have fields of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.conversations import Session
from benchmarks.peers.port import Settings
from mem0milvus import Memory


class OwnPeer:
    """See ``Peer``."""

    def __init__(self, settings: Settings) -> None:
        model = {
            "model": settings.model,
            "base_url": settings.embedder_url,
            "api_key": "unused",
            "embedding_dims": settings.dims,
        }
        self._memory = Memory.from_config({
            "vector_store": {"config": {"url": settings.store, "embedding_model_dims": settings.dims}},
            "embedder": {"provider": "openai", "config": model},
            "llm": _llm(settings),
        })  # fmt: skip
        self._keys: dict[str, str] = {}

    def remember(self, user: str, session: Session) -> None:
        """See ``Peer``."""
        turns = [turn for turn in session.turns if turn.text.strip()]
        messages = [
            {"role": "user", "content": turn.text, **({"name": turn.speaker} if turn.speaker else {})} for turn in turns
        ]
        added = self._memory.add(messages, user_id=user, infer=False, **_of(session))
        self._keys.update({change["id"]: turn.key for change, turn in zip(added["results"], turns, strict=True)})

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """See ``Peer``."""
        found = self._memory.search(question, user_id=user, top_k=top_k)["results"]
        return [frozenset({self._keys[item["id"]]}) for item in found]

    def extract(self, user: str, session: Session, messages: Sequence[dict[str, str]]) -> int:
        """See ``Extracting``."""
        return len(self._memory.add(messages, user_id=user, **_of(session))["results"])

    def close(self) -> None:
        """See ``Peer``."""
        self._memory.close()


def _of(session: Session) -> dict[str, Any]:
    """The run and the moment of a session, where it has them."""
    run = {"run_id": f"session_{session.number}"} if session.number else {}
    return {**run, **({"timestamp": session.when} if session.when else {})}


def _llm(settings: Settings) -> dict[str, Any]:
    if not settings.llm_model:
        return {"provider": "offline"}
    model = {"model": settings.llm_model, "base_url": settings.embedder_url, "api_key": "unused"}
    return {"provider": "openai", "config": model}
