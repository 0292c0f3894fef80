"""What is ranked, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mem0milvus.types import Vector

#: Candidates this far from a hit in its run are fetched with it and lend it their score.
NEIGHBOUR_REACH: int = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory to be ranked."""

    id: str
    similarity: float | None  #: cosine of question and memory, -1..1; None when there is no vector
    words: Mapping[int, float] | None  #: stored lexical weights; None when words do not count
    actor: str = ""
    scope_run: str = ""  #: key of the run within its full scope; "" means no run, hence no neighbours
    seq: int = 0  #: position in its run, 0 or more
    observed_at_us: int = 0
    found: bool = True  #: False when fetched only as a neighbour
    vector: Vector | None = None  #: of length one; used by presets with diversity


class Ranked(NamedTuple):
    """A memory with its place."""

    id: str
    order: float  #: fused, normalised over the candidates: for sorting only
    relevance: float  #: 0..1, absolute
    parts: Mapping[str, float]  #: what both are made of


def neighbour_positions(hits: Iterable[tuple[str, int]], reach: int = NEIGHBOUR_REACH) -> list[tuple[str, int]]:
    """Which ``(scope_run, seq)`` to fetch around the hits: theirs left out, sorted, none below 0."""
    have = {(run, seq) for run, seq in hits if run}
    around = {(run, seq + step) for run, seq in have for step in range(-reach, reach + 1) if seq + step >= 0}
    return sorted(around - have)
