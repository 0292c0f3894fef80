"""Finding a quotation in what was said, as written or nearly so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

#: Scripts that put no spaces between words: each of their characters counts as a unit.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNIT = f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+"

#: What stands between parts of a quotation that were not said in one go.
_GAP = re.compile(r"…|\.{3,}|\n")

#: Who is quoted, as in ``user "Ann": …``, written before the quotation.
_SPEAKER = re.compile(r"^[^:\n]{1,80}:\s*")

#: One unit in so many may differ: a corrected slip, an added or a left-out word.
UNITS_PER_ERROR = 5


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was said: in which message, and up to which unit of it."""

    message: int
    unit: int


def units(text: str) -> list[str]:
    """The words of a text, folded, without punctuation; in scripts without spaces, its characters."""
    return re.findall(_UNIT, unicodedata.normalize("NFKC", text).casefold())


def find_quotation(quotation: str, said: Sequence[Sequence[str]]) -> list[Place]:
    """Where each part of a quotation stands; nothing when a part of it was never said.

    Args:
        quotation: parts of what was said, joined by an ellipsis.
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
        for number in reversed(range(len(said))):  # what was said last holds
            if (end := find_units(wanted, said[number])) is not None:
                return Place(number, end)
    return None


def find_units(wanted: Sequence[str], text: Sequence[str]) -> int | None:
    """The place in a text where some units end, in this order and nearly unbroken; None when they are not there."""
    return _end_of(wanted, text, 0) or (_end_of(wanted, text, len(wanted) // UNITS_PER_ERROR))


def _end_of(wanted: Sequence[str], text: Sequence[str], errors: int) -> int | None:
    """Approximate search with bit vectors (Myers 1999, Journal of the ACM 46(3)), in time linear in the text."""
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
    """Whether so many units of a text stand in a source, one after the other."""
    if len(text) < length:
        return False
    runs = {tuple(source[start : start + length]) for start in range(len(source) - length + 1)}
    return any(tuple(text[start : start + length]) in runs for start in range(len(text) - length + 1))
