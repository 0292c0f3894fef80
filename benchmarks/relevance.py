"""The calibration of ``relevance``: wrong results and right answers above each threshold.

Every question of a LoCoMo file is asked in its own conversation and in the next one of the file. The curve has the
share of questions for which the wrong conversation returns anything, and the share of right answers among the first ten
that are kept. The adapters' default threshold is chosen on this curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.conversations import ADVERSARIAL, Conversation
from benchmarks.locomo import Sources, store_turns
from mem0milvus import DEFAULT_INJECTION_THRESHOLD, Memory

TOP_K = 10
THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(5, 50))


@dataclass
class Observed:
    """Relevances of right answers, and the highest relevance of each question asked in the wrong conversation."""

    right: list[float]
    wrong: list[float]

    def at(self, threshold: float) -> dict[str, float]:
        """Return the two shares at a threshold."""
        return {
            "threshold": threshold,
            "wrong conversations that bring something": _share(self.wrong, threshold),
            "right answers kept": _share(self.right, threshold),
        }


def _share(values: Sequence[float], threshold: float) -> float:
    return round(sum(value >= threshold for value in values) / len(values), 4) if values else 0.0


def observe(conversations: Sequence[Conversation], config: Mapping[str, Any]) -> Observed:
    """Ask every question of categories 1 to 4 in the right and in a wrong conversation."""
    seen = Observed([], [])
    with Memory.from_config(config) as memory:
        sources: dict[str, Sources] = {one["name"]: store_turns(memory, one) for one in conversations}
        for place, conversation in enumerate(conversations):
            other = conversations[(place + 1) % len(conversations)]["name"]
            name = conversation["name"]
            for question in conversation["questions"]:
                if question["category"] == ADVERSARIAL:
                    continue
                for item in memory.search(question["text"], user_id=name, top_k=TOP_K)["results"]:
                    if sources[name][item["id"]].intersection(question["evidence"]):
                        seen.right.append(item["relevance"])
                if other != name:
                    found = memory.search(question["text"], user_id=other, top_k=TOP_K)["results"]
                    seen.wrong.append(max((item["relevance"] for item in found), default=0.0))
    return seen


def measure(conversations: Sequence[Conversation], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the curve, and the default threshold's point on it."""
    seen = observe(conversations, config)
    return {
        "default": seen.at(DEFAULT_INJECTION_THRESHOLD),
        "curve": [seen.at(threshold) for threshold in THRESHOLDS],
        "right answers": len(seen.right),
        "questions asked in the wrong place": len(seen.wrong),
    }
