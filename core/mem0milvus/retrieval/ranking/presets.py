"""The weights of the order, under names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from mem0milvus.errors import ValidationError

#: ``balanced``: what answers the question best. ``recent``: newer memories gain. ``diverse``: what repeats a
#: better result loses.
PresetName: TypeAlias = Literal["balanced", "recent", "diverse"]


@dataclass(frozen=True, slots=True)
class Preset:
    """The weights of the order. Tuned on the development half of LoCoMo, with and without a model."""

    similarity: float = 0.35
    lexical: float = 0.65
    actor: float = 0.3
    #: How much of a word in the memories 1, 2, ... places before it in its run a memory is read with. An
    #: answer takes up the words of what it answers, so what came before tells more than what follows.
    before: tuple[float, ...] = (0.7, 0.4)
    after: tuple[float, ...] = (0.4, 0.2)
    #: Share of their own score that neighbours at distance 1, 2, ... lend.
    lend: tuple[float, ...] = (0.1, 0.05)
    #: Share of the mean of its run's three best that every memory of the run gains.
    run: float = 0.3
    #: What a memory that only asks loses of its score: it answers nothing.
    asking: float = 0.1
    #: What a memory of this moment gains; one that is a half-life old gains half as much.
    recency: float = 0.0
    half_life_days: float = 30.0
    #: Share of its score that a memory loses when it says the same as a better one.
    diversity: float = 0.0


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "balanced": Preset(),
    "recent": Preset(recency=0.3),
    "diverse": Preset(diversity=0.7),
})  # fmt: skip
DEFAULT_PRESET: PresetName = "balanced"


def check_preset(preset: object) -> None:
    """Raise a ValidationError when there is no preset of this name."""
    if not isinstance(preset, str) or preset not in PRESETS:
        known = ", ".join(repr(name) for name in PRESETS)
        raise ValidationError(f"preset={preset!r}; known are {known}.")
