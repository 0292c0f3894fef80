"""Memories that several measurements fill and open: Milvus Lite or a server, the offline embedder."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.sentences import DIMS, USERS, sentence
from mem0milvus import Memory


def open_memory(url: str, dims: int = DIMS, **settings: Any) -> Memory:
    """Open a memory with the offline embedder; ``settings`` are those of ``vector_store.config``."""
    store = {"config": {"url": url, "collection_name": "bench", "embedding_model_dims": dims, **settings}}
    return Memory.from_config({"vector_store": store, "embedder": {"provider": "offline"}})


def fill(memory: Memory, rng: random.Random, rows: int, batch: int, *, flush: bool = False) -> list[str]:
    """Add memories, ``batch`` in a call, one user after the other, and return their ids.

    Args:
        memory: the memory.
        rng: chooses the words.
        rows: the number of memories.
        batch: the number of memories of one call.
        flush: search after each call: Milvus Lite is flushed before a search.
    """
    ids: list[str] = []
    while len(ids) < rows:
        said = [{"role": "user", "content": sentence(rng)} for _ in range(min(batch, rows - len(ids)))]
        added = memory.add(said, user_id=f"user{len(ids) // batch % USERS}", infer=False)
        ids += [change["id"] for change in added["results"]]
        if flush:
            memory.search("what did I say?", user_id="user0")
    return ids
