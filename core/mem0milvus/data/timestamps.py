"""Timestamps: microseconds since 1970 UTC in the store, ISO 8601 text in results."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from mem0milvus.data.quoting import shortened, shown
from mem0milvus.errors import ValidationError

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

#: The value of ``valid_to`` and ``expires_at`` that means "no end": the last microsecond of the year 9999.
FOREVER_US = 253_402_300_799_999_999

#: The first timestamp that can be stored: the start of the year 1.
EARLIEST_US = -62_135_596_800_000_000


def to_us(moment: datetime) -> int:
    """Convert to microseconds since 1970 UTC. A datetime without an offset is in UTC."""
    if moment.utcoffset() is None:  # also with a tzinfo that does not know its offset
        moment = moment.replace(tzinfo=timezone.utc)
    # Only whole numbers: ``moment.timestamp()`` is a float, which cannot represent every microsecond.
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(moment_us: int) -> datetime:
    """Convert to a datetime in UTC."""
    return EPOCH + timedelta(microseconds=moment_us)


def to_iso(moment_us: int) -> str:
    """Convert to ISO 8601 text with an offset, as in ``2026-01-31T12:00:00.000000+00:00``."""
    return from_us(moment_us).isoformat(timespec="microseconds")


def parse_moment(value: object, name: str) -> int:
    """Return the microseconds since 1970 UTC of a timestamp given by a user.

    It is a ``datetime``, ISO 8601 text (also with ``Z``), or a number of seconds since 1970 UTC, in the years 1 to
    9999. Without an offset it is in UTC.
    """
    try:
        if isinstance(value, datetime):
            return to_us(value)
        if isinstance(value, str):
            return to_us(datetime.fromisoformat(_normalised(value)))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return to_us(EPOCH + timedelta(seconds=value))
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"{name}={shown(value)} is not a point in time: {shortened(str(error))}.") from error
    raise ValidationError(
        f"{name} must be a datetime, ISO 8601 text or seconds since 1970, not {type(value).__name__} {shown(value)}."
    )


def _normalised(text: str) -> str:
    """Replace a final ``Z``, which ``datetime.fromisoformat`` of Python 3.10 does not accept."""
    text = text.strip()
    return text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text
