"""How well a memory answers a question, whatever else was found."""

from __future__ import annotations

#: The relevance from which a memory is worth showing to a model that did not ask for it.
DEFAULT_INJECTION_THRESHOLD: float = 0.33

# Cosines of texts that have nothing in common but their kind, and of two ways to say the same: the linear
# scale between them. Measured with all-MiniLM-L6-v2 and with hashed words.
UNRELATED = 0.35
SAME = 0.85


def relevance(similarity: float | None, coverage: float | None) -> float:
    """How well a memory answers a question, from 0 to 1.

    What the memory covers of the question's words counts in full; of what it leaves open, similarity makes
    up at most half: alike texts are about the same thing, they need not have the answer.

    Args:
        similarity: cosine of the two; None when there is no vector.
        coverage: share of the question's words that the memory has, by worth; None when words do not count.
    """
    if similarity is None:
        return coverage or 0.0
    alike = min(1.0, max(0.0, (similarity - UNRELATED) / (SAME - UNRELATED)))
    if coverage is None:
        return alike
    return 1 - (1 - coverage) * (1 - alike / 2)
