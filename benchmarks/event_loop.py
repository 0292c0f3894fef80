"""Concurrent adds in one event loop: their duration, and the longest time that the loop is blocked meanwhile.

The models are those of a server with OpenAI's API, which should answer as slowly as real models do. The store is Milvus
Lite in a temporary folder. In the first round nothing is cached, and only modules needed for opening are imported.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

from mem0milvus import AsyncMemory

TICK_S = 0.002
ROUNDS = 3

Row = dict[str, float]


def measure(folder: Path, url: str, model: str, embedding_model: str, dims: int, adds: int = 100) -> dict[str, Row]:
    """Return by round the seconds for all adds, the longest gap, and the number of gaps over 50 ms."""
    return asyncio.run(_measure(folder, url, model, embedding_model, dims, adds))


async def _measure(folder: Path, url: str, model: str, embedding_model: str, dims: int, adds: int) -> dict[str, Row]:
    access = {"base_url": url, "api_key": "unused"}
    store = {"url": str(folder / "loop.db"), "embedding_model_dims": dims}
    config = {
        "vector_store": {"config": store},
        "embedder": {"provider": "openai", "config": {"model": embedding_model, "embedding_dims": dims, **access}},
        "llm": {"provider": "openai", "config": {"model": model, **access}},
    }
    async with AsyncMemory.from_config(config) as memory:
        return {f"round {number + 1}": await _round(memory, number, adds) for number in range(ROUNDS)}


async def _round(memory: AsyncMemory, number: int, adds: int) -> Row:
    gaps_s: list[float] = []
    watch = asyncio.ensure_future(_watch(gaps_s))
    started = time.perf_counter()
    said = [f"In round {number} I told you fact {one} about my garden." for one in range(adds)]
    await asyncio.gather(*(memory.add(text, user_id=f"u{one}") for one, text in enumerate(said)))
    took_s = time.perf_counter() - started
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    return {
        "seconds": round(took_s, 2),
        "longest_gap_ms": round(max(gaps_s) * 1e3, 1),
        "gaps_over_50_ms": sum(gap > 0.05 for gap in gaps_s),
    }


async def _watch(gaps_s: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(TICK_S)
        gaps_s.append(time.perf_counter() - started - TICK_S)
