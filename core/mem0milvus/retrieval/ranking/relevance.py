"""The relevance of one memory to a question, independent of the other candidates."""

from __future__ import annotations

#: The relevance from which adapters put a memory before a model unasked (measured in ``docs/ranking.md``).
DEFAULT_INJECTION_THRESHOLD: float = 0.5

# Evidence is in standard deviations of similarity. A memory that has all words of the question has four of them, one
# that lacks its names loses two, and the last value has a relevance of a half.
_ALL_WORDS = 4.0
_NO_NAMES = 2.0
_HALF = 0.75


def relevance(
    similarity: float | None, coverage: float | None, *, missing_names: float = 0.0, personal: float = 0.0
) -> float:
    """Relevance: the degree to which a memory answers a question, from 0 without evidence towards 1.

    Args:
        similarity: the evidence of their similarity, by ``Calibration.evidence``; None without a vector.
        coverage: share of the question's words that the memory has, by worth; None to judge by similarity alone.
        missing_names: share of the question's names that the memory lacks.
        personal: the evidence of the question alone, by ``Calibration.personal``.
    """
    evidence = personal - _NO_NAMES * missing_names + _ALL_WORDS * (coverage or 0.0) + (similarity or 0.0)
    square = max(0.0, evidence) ** 2
    return square / (square + _HALF**2)
