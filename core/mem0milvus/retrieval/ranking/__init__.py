"""Ranking of candidates: an order by fused scores, and an absolute relevance. Pure, no I/O.

**Order.** Similarity, read on the scale of the embedding model, and the share of the question's words are added. A word
weighs more if it is rare among the candidates. A memory gains if the question names its actor. Neighbours in the same
run lend part of their score, because an answer often follows the sentence that was found, and the run as a whole lends
some too; so does a better memory with common words to one that has more of the question. Of a question of several
sentences, the one that a memory answers best counts as much as the whole. The value of the order has no meaning of its
own: the best of hopeless candidates is still the best.

**Relevance.** From 0 to 1, by the question, or the sentence of it that it answers best, and one memory alone: their
similarity, the share of the question's words that the memory covers, the names that it lacks, and whether the question
is one that a memory could help with. A threshold applies to relevance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mem0milvus.retrieval.ranking.candidates import NEIGHBOUR_REACH, Asked, Candidate, Ranked, neighbour_positions
from mem0milvus.retrieval.ranking.presets import DEFAULT_PRESET, PRESETS, Preset, PresetName, check_preset
from mem0milvus.retrieval.ranking.relevance import DEFAULT_INJECTION_THRESHOLD, relevance

if TYPE_CHECKING:
    from mem0milvus.retrieval.ranking.calibration import Calibration
    from mem0milvus.types import Vector

__all__ = [
    "DEFAULT_INJECTION_THRESHOLD",
    "DEFAULT_PRESET",
    "NEIGHBOUR_REACH",
    "PRESETS",
    "Asked",
    "Candidate",
    "Preset",
    "PresetName",
    "Ranked",
    "check_preset",
    "neighbour_positions",
    "rank",
    "relevance",
]

#: Words for the person whom memories are about. Extraction writes "User likes tea.", so they distinguish nothing.
USER_NAMES = (
    "user", "nutzer", "nutzerin", "benutzer", "usuario", "usuaria", "utilisateur", "utilisatrice", "usuário", "usuária",
    "utente", "gebruiker", "użytkownik", "пользователь", "kullanıcı", "pengguna", "المستخدم", "사용자",
)  # fmt: skip


def rank(
    question: str,
    candidates: Sequence[Candidate],
    *,
    preset: PresetName = DEFAULT_PRESET,
    now_us: int = 0,
    scope_names: Iterable[str] = (),
    calibration: Calibration | None = None,
    vector: Vector | None = None,
    sentences: Sequence[Asked] = (),
) -> list[Ranked]:
    """Order candidates, best first; of equal scores the more similar one first, then the newer one.

    Args:
        question: the question.
        candidates: the memories found, and their neighbours.
        preset: a name of :data:`PRESETS`.
        now_us: the current time, in microseconds since 1970 UTC; used by presets with recency.
        scope_names: names that apply to every candidate, such as the user's id. Among Alice's memories the word "Alice"
            distinguishes nothing, so a memory without her name is not ranked lower.
        calibration: the scale of the embedding model's similarities; None for a generic one.
        vector: unit vector of the question, which tells a personal question from others; None without one.
        sentences: the sentences of a question that has several. A memory that answers one of them answers the question.

    Raises:
        KeyError: no preset has this name.
    """
    if not candidates:
        return []
    from mem0milvus.retrieval.ranking.calibration import GENERIC  # loads numpy
    from mem0milvus.retrieval.ranking.order import ordered

    return ordered(
        Asked(question, vector),
        sentences,
        candidates,
        PRESETS[preset],
        now_us=now_us,
        scope_names=[*scope_names, *USER_NAMES],
        calibration=calibration or GENERIC,
    )
