"""Values of a caller in messages, at a length that can be read."""

from __future__ import annotations

#: The most characters of a value that a message shows.
MAX_SHOWN = 80


def shown(value: object) -> str:
    """Return the ``repr`` of a value for a message; of a long one the beginning, and how long it is.

    Example:
        >>> shown("alice")
        "'alice'"
    """
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a repr of others may raise anything; that of a huge int does
        return f"<{type(value).__name__} without a repr: {type(error).__name__}>"
    return shortened(text)


def shortened(text: str) -> str:
    """Return a text for a message; of a long one the beginning, and how long it is."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text):,} characters)"
