"""Reranking: the best results of a search, ordered anew by a model that reads the question and a memory together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mem0milvus.data.quoting import shown
from mem0milvus.errors import ValidationError
from mem0milvus.operations.memories.found import Found
from mem0milvus.ports import RerankerPort


def choose_reranker(configured: RerankerPort | None, wanted: object) -> RerankerPort | None:
    """Return the reranker of a search with ``rerank=wanted``, or None.

    Raises:
        ValidationError: ``wanted`` is not True, False or None, or it is True and there is no reranker.
    """
    if wanted is not None and not isinstance(wanted, bool):
        raise ValidationError(f"rerank must be True, False or None, not {shown(wanted)}.")
    if wanted and configured is None:
        raise ValidationError(
            "rerank=True needs a reranker, and none is configured: set `reranker` in the configuration, or give "
            "Memory.from_config(config, reranker=…) an object with `score(query, texts)`."
        )
    return None if wanted is False else configured


async def rerank_found(reranker: RerankerPort | None, query: str, found: Sequence[Found]) -> list[Found]:
    """Return search results with the best ``top_n`` in the order of the reranker, and the rest after them.

    Results with equal scores keep their order; if the reranker fails, all do.
    """
    if reranker is None or not found:
        return list(found)
    best, rest = found[: reranker.top_n], found[reranker.top_n :]
    scores = await reranker.score(query, [one.row.memory for one in best])
    if scores is None:
        return list(found)
    ordered = sorted(zip(best, scores, strict=True), key=lambda pair: -pair[1])
    return [*(replace(one, reranker_score=score) for one, score in ordered), *rest]
