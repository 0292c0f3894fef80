"""The relevance of one memory to a question, independent of the other candidates."""

from __future__ import annotations

#: The relevance from which adapters put a memory before a model unasked (measured in ``docs/ranking.md``).
DEFAULT_INJECTION_THRESHOLD: float = 0.33

# Typical cosines of two unrelated texts and of two texts with the same meaning; linear between. Measured with
# all-MiniLM-L6-v2 and with hashed words.
UNRELATED = 0.35
SAME = 0.85


def relevance(similarity: float | None, coverage: float | None) -> float:
    """Relevance: the degree to which a memory answers a question, from 0 to 1.

    The question's words that the memory covers count in full. Similarity makes up for at most half of the rest: similar
    texts have the same subject, but not necessarily the answer.

    Args:
        similarity: cosine of question and memory; None without a vector.
        coverage: share of the question's words that the memory has, by worth; None to judge by similarity alone.
    """
    if similarity is None:
        return coverage or 0.0
    alike = min(1.0, max(0.0, (similarity - UNRELATED) / (SAME - UNRELATED)))
    if coverage is None:
        return alike
    return 1 - (1 - coverage) * (1 - alike / 2)
