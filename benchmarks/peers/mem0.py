"""mem0ai on Milvus Lite, unmodified, with telemetry off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.conversations import Session
from benchmarks.peers.port import Settings, dated


class Mem0Peer:
    """See ``Peer``. Vectors are compared by cosine, which serves Mem0 better than its default, L2."""

    def __init__(self, settings: Settings) -> None:
        os.environ["MEM0_TELEMETRY"] = "False"
        os.environ["MEM0_DIR"] = str(settings.folder)
        from mem0 import Memory

        self._memory: Any = Memory.from_config(_config(settings))

    def remember(self, user: str, session: Session) -> None:
        """See ``Peer``."""
        for one in session["utterances"]:
            self._memory.add(dated(session, one), user_id=user, metadata={"turn": one["name"]}, infer=False)

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """See ``Peer``."""
        found = self._memory.search(question, top_k=top_k, filters={"user_id": user})["results"]
        return [frozenset({item["metadata"]["turn"]}) for item in found]

    def extract(self, user: str, session: Session, messages: Sequence[dict[str, str]]) -> int:
        """See ``Extracting``."""
        added = self._memory.add(list(messages), user_id=user, metadata={"session": session["name"]})
        return len(added["results"])

    def close(self) -> None:
        """See ``Peer``."""
        self._memory.close()
        self._memory.vector_store.client.close()


def _config(settings: Settings) -> dict[str, Any]:
    client = {"api_key": "unused", "openai_base_url": settings.embedder_url}
    store = {
        "collection_name": "peer",
        "embedding_model_dims": settings.dims,
        "url": settings.store,
        "metric_type": "COSINE",
    }
    return {
        "vector_store": {"provider": "milvus", "config": store},
        "embedder": {
            "provider": "openai",
            "config": {"model": settings.model, "embedding_dims": settings.dims, **client},
        },
        "llm": {"provider": "openai", "config": {"model": settings.llm_model or "unused", **client}},
        "history_db_path": str(Path(settings.folder) / "history.db"),
    }
