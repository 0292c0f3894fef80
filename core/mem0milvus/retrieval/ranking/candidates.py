"""The input of ranking, ``Candidate`` and ``Asked``, and its output, ``Ranked``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mem0milvus.types import Vector

#: Memories up to this many positions before or after a hit in its run are fetched with it and lend it score.
NEIGHBOUR_REACH: int = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory to be ranked."""

    id: str
    similarity: float | None  #: cosine of question and memory, -1 to 1; None without a vector
    words: Mapping[int, float] | None  #: stored lexical weights; None to rank by similarity alone
    owner: str = ""  #: the user whose memory it is
    actor: str = ""
    role: str = ""  #: the role of its speaker; an assistant's statements are ranked lower
    scope_run: str = ""  #: key of the run within its full scope; "" for no run and so no neighbours
    seq: int = 0  #: position in its run, 0 or more
    observed_at_us: int = 0
    vector: Vector | None = (
        None  #: unit-length embedding; compared with sentences of the question, and to find repetitions and changes
    )
    metadata_words: frozenset[int] = frozenset()  #: keys of ``words`` from its metadata alone: they answer nothing


class Asked(NamedTuple):
    """A question, or a sentence of it."""

    text: str
    vector: Vector | None  #: its unit vector; None without one


class Ranked(NamedTuple):
    """A memory in its place in the order."""

    id: str
    order: float  #: fused score, normalised over the candidates: for sorting only
    relevance: float  #: 0 to 1, absolute
    parts: Mapping[str, float]  #: the parts of both, as ``explain=True`` shows them


def neighbour_positions(hits: Iterable[tuple[str, int]], reach: int = NEIGHBOUR_REACH) -> list[tuple[str, int]]:
    """The ``(scope_run, seq)`` within ``reach`` of the hits, without the hits themselves, sorted, none below 0."""
    have = {(run, seq) for run, seq in hits if run}
    around = {(run, seq + step) for run, seq in have for step in range(-reach, reach + 1) if seq + step >= 0}
    return sorted(around - have)
