"""Made-up memories, the same for the same seed. Standard library only."""

from __future__ import annotations

import random

#: The number of users of a store, and the length of vectors.
USERS = 100
DIMS = 384
WORDS = (  # noqa: SIM905
    "river mountain cat dog piano guitar tennis chess bread coffee tea garden school work exam flight train winter "
    "summer doctor sister brother cousin wedding birthday holiday novel film painting bicycle kitchen window market "
    "museum forest beach island bridge castle library office meeting lesson recipe soup cheese apple orange lemon"
).split()


def sentence(rng: random.Random) -> str:
    """Return a memory of about ten words."""
    return f"I told them about the {' and the '.join(rng.sample(WORDS, 4))} in {rng.randrange(1990, 2030)}."


def question(rng: random.Random) -> str:
    """Return a question about two of the words in memories."""
    return f"When did I talk about the {' and '.join(rng.sample(WORDS, 2))}?"
