"""Ranking of candidates: the order by fused scores, and beside it an absolute relevance. Pure, no I/O.

**Order.** Similarity and lexical score are each normalised over the candidates and added. The lexical score
weighs a word by its rarity among the candidates. A memory by the actor whom the question names gets a boost,
neighbours in the same run lend part of their score (an answer stands beside what it answers), and so does
the run as a whole. This order means nothing by itself: the best of hopeless candidates is still the best.

**Relevance.** From 0 to 1, of the question and one memory alone: how much of the question's words the memory
covers and how similar the two are. It is what a threshold can be held against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mem0milvus.retrieval.ranking.candidates import NEIGHBOUR_REACH, Candidate, Ranked, neighbour_positions
from mem0milvus.retrieval.ranking.presets import DEFAULT_PRESET, PRESETS, Preset, PresetName, check_preset
from mem0milvus.retrieval.ranking.relevance import DEFAULT_INJECTION_THRESHOLD, relevance

__all__ = [
    "DEFAULT_INJECTION_THRESHOLD",
    "DEFAULT_PRESET",
    "NEIGHBOUR_REACH",
    "PRESETS",
    "Candidate",
    "Preset",
    "PresetName",
    "Ranked",
    "check_preset",
    "neighbour_positions",
    "rank",
    "relevance",
]


def rank(
    question: str,
    candidates: Sequence[Candidate],
    *,
    preset: PresetName = DEFAULT_PRESET,
    now_us: int = 0,
    scope_names: Iterable[str] = (),
) -> list[Ranked]:
    """Order candidates, best first; equals by id.

    Args:
        question: what is asked.
        candidates: what was found, and its neighbours.
        preset: a name of :data:`PRESETS`.
        now_us: the moment of asking, in microseconds since 1970; used by presets with recency.
        scope_names: names that hold for every candidate, such as the user's id. Asked within Alice's
            memories, "Alice" says nothing, and a memory that leaves her name out lacks nothing.

    Raises:
        KeyError: there is no such preset.
    """
    from mem0milvus.retrieval.ranking.order import ordered  # loads numpy

    weights = PRESETS[preset]
    return ordered(question, candidates, weights, now_us=now_us, scope_names=scope_names) if candidates else []
