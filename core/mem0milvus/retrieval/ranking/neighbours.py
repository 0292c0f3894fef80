"""The candidates around each candidate in its run, computed on NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mem0milvus.retrieval.ranking.candidates import NEIGHBOUR_REACH, Candidate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Indexes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of candidates.

    Attributes:
        at: for each distance in a run (-2 to 2, without 0), the index of the candidate at that distance from each
            candidate. The number of candidates, an index past the end, stands for "no such candidate".
        speakers: a number for the speaker of each candidate, and one more for no candidate.
    """

    at: Mapping[int, Indexes]
    speakers: Indexes

    def share(self, step: int, same_speaker: float) -> Array:
        """For each candidate, ``same_speaker`` if the neighbour at this distance has the same speaker, else 1."""
        same = self.speakers[self.at[step]] == self.speakers[:-1]
        return np.where(same, same_speaker, 1.0)

    def gain(self, scores: Array, shares: Sequence[float], same_speaker: float) -> Array:
        """The sum of the shares of their scores that the neighbours of each candidate lend it."""
        padded = np.append(np.maximum(scores, 0.0), 0.0)  # a missing neighbour lends nothing
        gain = np.zeros(len(scores))
        for step, indexes in self.at.items():
            if abs(step) <= len(shares):
                gain += shares[abs(step) - 1] * self.share(step, same_speaker) * padded[indexes]
        return gain


def find_neighbours(candidates: Sequence[Candidate], runs: Indexes) -> Neighbours:
    """Find the neighbours of each candidate by binary search in one sorted array of positions.

    Each run gets its own section of one number line. The sections are further apart than neighbours can be, so the last
    memory of one run is never the neighbour of the first memory of the next.
    """
    positions = np.array([c.seq for c in candidates])
    places = runs * (positions.max() + 2 * NEIGHBOUR_REACH + 1) + positions
    order = np.argsort(places, kind="stable")
    sorted_places = places[order]
    at = {}
    for step in (*range(-NEIGHBOUR_REACH, 0), *range(1, NEIGHBOUR_REACH + 1)):
        found = np.minimum(np.searchsorted(sorted_places, places + step), len(order) - 1)
        exists = (sorted_places[found] == places + step) & (runs > 0)
        at[step] = np.where(exists, order[found], len(order))
    numbers: dict[tuple[str, str], int] = {}
    speakers = [numbers.setdefault((c.actor, c.role), len(numbers)) for c in candidates]
    return Neighbours(at, np.array([*speakers, -1]))


def run_numbers(candidates: Sequence[Candidate]) -> Indexes:
    """Number the runs from 1; 0 for a candidate without a run."""
    numbers = {"": 0}
    return np.array([numbers.setdefault(c.scope_run, len(numbers)) for c in candidates])


def run_mean(scores: Array, runs: Indexes) -> Array:
    """The mean of the three best scores in the run of each candidate; in a shorter run, missing scores count 0."""
    order = np.lexsort((-scores, runs))
    sorted_runs = runs[order]
    rank_in_run = np.arange(len(order)) - np.searchsorted(sorted_runs, sorted_runs)
    best = (rank_in_run < 3) & (sorted_runs > 0)
    sums = np.bincount(sorted_runs[best], scores[order[best]], minlength=int(runs.max()) + 1)
    return sums[runs] / 3
