"""Presets: the weights of the order, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from mem0milvus.data.quoting import shown
from mem0milvus.errors import ValidationError

#: ``balanced``: the memory that answers best comes first. ``recent``: newer memories gain. ``diverse``: a memory that
#: repeats a better result loses.
PresetName: TypeAlias = Literal["balanced", "recent", "diverse"]


@dataclass(frozen=True, slots=True)
class Preset:
    """The weights of the order, chosen on six data sets with each left out in turn (``docs/ranking.md``)."""

    #: Gain for each standard deviation of similarity above unrelated texts, divided by the natural logarithm of the
    #: number of candidates, which counts as 8 at the least and 150 at the most.
    similarity: float = 0.225
    #: Gain of a memory that has all words of the question.
    lexical: float = 1.0
    #: Tokens from which a memory is long: some forty words. Most statements of a person are shorter, most answers of an
    #: assistant longer.
    long: float = 150.0
    actor: float = 0.4
    #: Weights with which the words of the memories 1, 2, … positions before and after a memory in its run count as
    #: its own. An answer takes up the words of the question before it, so earlier memories weigh more than later ones.
    before: tuple[float, ...] = (0.7, 0.4)
    after: tuple[float, ...] = (0.4, 0.2)
    #: Shares of their score that neighbours at distance 1, 2, … lend.
    lend: tuple[float, ...] = (0.1, 0.05)
    #: Share of the weights of neighbours that applies to those of the same speaker: who speaks on, changes the subject.
    same_speaker: float = 0.3
    #: Share of the mean of the run's three best scores that each memory of the run gains.
    run: float = 0.3
    #: Share of the score of a better memory that one gains which continues it: it has common words, and others of the
    #: question.
    link: float = 0.4
    #: Share of the score that is that of the best sentence of the question, not of the question as a whole.
    sentence: float = 0.5
    #: Share of its score that a memory loses if it only asks a question: it answers nothing.
    asking: float = 0.1
    #: Share of its score that a statement of an assistant loses: what the user said is the better evidence.
    assistant: float = 0.2
    #: Gain of a memory observed now; half as much for one that is a half-life old.
    recency: float = 0.0
    half_life_days: float = 30.0
    #: Share of its score that a memory loses if it repeats a better one.
    diversity: float = 0.0


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "balanced": Preset(),
    "recent": Preset(recency=0.3),
    "diverse": Preset(diversity=0.7),
})  # fmt: skip
DEFAULT_PRESET: PresetName = "balanced"


def check_preset(preset: object) -> None:
    """Raise a ValidationError if there is no preset of this name."""
    if not isinstance(preset, str) or preset not in PRESETS:
        known = ", ".join(repr(name) for name in PRESETS)
        raise ValidationError(f"preset={shown(preset)} does not exist; use one of {known}.")
