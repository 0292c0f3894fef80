"""Checks of numbers given by a caller. A bool does not count as a number, although it is an int in Python.

Each check raises ``ValidationError``, with the argument's ``name`` in the message.
"""

from __future__ import annotations

from mem0milvus.data.quoting import shown
from mem0milvus.errors import ValidationError


def check_whole_number(value: object, name: str, *, least: int = 0, most: int | None = None) -> int:
    """Check a whole number. Both bounds are allowed values; with ``most=None``, there is no upper bound."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most):
        return value
    bound = "" if most is None else f" to {most:,}"
    raise ValidationError(f"{name} must be a whole number from {least}{bound}, not {shown(value)}.")


def check_number(value: object, name: str, *, least: float, most: float, unit: str = "") -> float:
    """Check a number. Both bounds are allowed values; ``unit`` is for the message, as in ``seconds``."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
        return value
    kind = f"number of {unit}" if unit else "number"
    raise ValidationError(f"{name} must be a {kind} from {least:g} to {most:g}, not {shown(value)}.")
