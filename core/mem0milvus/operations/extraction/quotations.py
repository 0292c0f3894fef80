"""Finding a quotation in messages, exactly or with a few differences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Characters of scripts without spaces between words (Thai, Lao, Burmese, Khmer, Japanese, Chinese): each is a unit.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNIT = f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+"

#: Separators between the parts of a quotation.
_GAP = re.compile(r"…|\.{3,}|\n")

#: A speaker before a quotation, as in ``user "Ann": …``.
_SPEAKER = re.compile(r"^[^:\n]{1,80}:\s*")

#: One unit in so many may differ: models correct spelling, and add or omit words.
UNITS_PER_ERROR = 5


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The end of a quotation: the number of the message, and the unit in it."""

    message: int
    unit: int


def units(text: str) -> list[str]:
    """Return the words of a text, case-folded and without punctuation; in scripts without spaces, its characters."""
    return re.findall(_UNIT, unicodedata.normalize("NFKC", text).casefold())


def find_quotation(quotation: str, said: Sequence[Sequence[str]]) -> list[Place]:
    """Return the place of each part of a quotation; an empty list if one of the parts is in no message.

    Args:
        quotation: one or more parts, separated by an ellipsis or a line break.
        said: the units of each message.
    """
    places = []
    for part in _GAP.split(quotation):
        if not units(part):
            continue
        place = _find_part(part, said)
        if place is None:
            return []
        places.append(place)
    return places


def _find_part(part: str, said: Sequence[Sequence[str]]) -> Place | None:
    whole = units(part)
    unnamed = units(_SPEAKER.sub("", part))
    for wanted in (whole, unnamed) if unnamed and unnamed != whole else (whole,):
        for number in reversed(range(len(said))):  # of equal statements, the last one is valid
            if (end := find_units(wanted, said[number])) is not None:
                return Place(number, end)
    return None


def find_units(wanted: Sequence[str], text: Sequence[str]) -> int | None:
    """Return the position in a text after a run of units that is nearly the one wanted; None if there is none."""
    return _end_of(wanted, text, 0) or (_end_of(wanted, text, len(wanted) // UNITS_PER_ERROR))


def _end_of(wanted: Sequence[str], text: Sequence[str], errors: int) -> int | None:
    """Search with at most so many errors, by bit vectors (Myers 1999, Journal of the ACM 46(3)): linear in the text."""
    places: dict[str, int] = {}
    for position, unit in enumerate(wanted):
        places[unit] = places.get(unit, 0) | 1 << position
    mask, last = (1 << len(wanted)) - 1, 1 << len(wanted) - 1
    plus, minus, distance = mask, 0, len(wanted)
    for end, unit in enumerate(text, 1):
        equal = places.get(unit, 0)
        vertical = equal | minus
        horizontal = (((equal & plus) + plus) ^ plus) | equal
        up = minus | (mask & ~(horizontal | plus))
        down = plus & horizontal
        distance += bool(up & last) - bool(down & last)
        up, down = up << 1 & mask, down << 1 & mask
        plus, minus = down | (mask & ~(vertical | up)), up & vertical
        if distance <= errors:
            return end
    return None


def contains_run(text: Sequence[str], source: Sequence[str], length: int) -> bool:
    """Return True if a text has so many consecutive units in common with a source."""
    return not set(_runs(source, length)).isdisjoint(_runs(text, length))


def _runs(units: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """Return the runs of so many consecutive units."""
    return zip(*(units[start:] for start in range(length)), strict=False)
