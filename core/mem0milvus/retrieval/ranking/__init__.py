"""Ranking of candidates: an order by fused scores, and an absolute relevance. Pure, no I/O.

**Order.** Similarity and lexical score are each normalised over the candidates and added. The lexical score weighs a
word by its rarity among the candidates. A memory gains if the question names its actor. Neighbours in the same run lend
part of their score, because an answer often follows the sentence that was found, and the run as a whole lends some too.
The value of the order has no meaning of its own: the best of hopeless candidates is still the best.

**Relevance.** From 0 to 1, by the question and one memory alone: the share of the question's words that the memory
covers, and the similarity of the two. A threshold applies to relevance.
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
    """Order candidates, best first; equal scores by id.

    Args:
        question: the question.
        candidates: the memories found, and their neighbours.
        preset: a name of :data:`PRESETS`.
        now_us: the current time, in microseconds since 1970 UTC; used by presets with recency.
        scope_names: names that apply to every candidate, such as the user's id. Among Alice's memories the word "Alice"
            distinguishes nothing, so a memory without her name is not ranked lower.

    Raises:
        KeyError: no preset has this name.
    """
    from mem0milvus.retrieval.ranking.order import ordered  # loads numpy

    weights = PRESETS[preset]
    return ordered(question, candidates, weights, now_us=now_us, scope_names=scope_names) if candidates else []
