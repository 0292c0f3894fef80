"""mem0milvus as it is meant to be used: speakers, dates and runs have fields of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import locomo
from benchmarks.conversations import Session
from benchmarks.peers.port import Settings
from mem0milvus import Memory


class OwnPeer:
    """See ``Peer``."""

    def __init__(self, settings: Settings) -> None:
        access = {"base_url": settings.embedder_url, "api_key": "unused"}
        llm: dict[str, Any] = {"provider": "offline"}
        if settings.llm_model:
            llm = {"provider": "openai", "config": {"model": settings.llm_model, **access}}
        model = {"model": settings.model, "embedding_dims": settings.dims, **access}
        self._memory = Memory.from_config({
            "vector_store": {"config": {"url": settings.store, "embedding_model_dims": settings.dims}},
            "embedder": {"provider": "openai", "config": model},
            "llm": llm,
        })  # fmt: skip
        self._sources: locomo.Sources = {}

    def remember(self, user: str, session: Session) -> None:
        """See ``Peer``."""
        self._sources |= locomo.store_session(self._memory, user, session)

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """See ``Peer``."""
        return [frozenset(one) for one in locomo.search(self._memory, self._sources, user, question, top_k=top_k)]

    def extract(self, user: str, session: Session, messages: Sequence[dict[str, str]]) -> int:
        """See ``Extracting``."""
        return len(self._memory.add(messages, user_id=user, **locomo.run_of(session))["results"])

    def close(self) -> None:
        """See ``Peer``."""
        self._memory.close()
