"""Ranking of candidates: the order by fused scores, and beside it an absolute relevance. Pure, no I/O.

**Order.** Similarity and lexical score are each normalised over the candidates and added. The lexical score
weighs a word by its rarity among the candidates. A memory by the actor whom the question names gets a boost,
neighbours in the same run lend part of their score (an answer stands beside what it answers), and so does
the run as a whole. This order means nothing by itself: the best of hopeless candidates is still the best.

**Relevance.** From 0 to 1, of the question and one memory alone: how much of the question's words the memory
covers and how similar the two are. It is what a threshold can be held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mem0milvus.text import ASKS, Term, query_terms
from mem0milvus.text.words import words_of

#: The relevance from which a memory is worth showing to a model that did not ask for it.
DEFAULT_INJECTION_THRESHOLD: float = 0.33

#: Candidates this far from a hit in its run are fetched with it and lend it their score.
NEIGHBOUR_REACH: int = 2

# Cosines of texts that have nothing in common but their kind, and of two ways to say the same: the linear
# scale between them. Measured with all-MiniLM-L6-v2 and with hashed words.
_UNRELATED = 0.35
_SAME = 0.85

_HALF_LIFE_US = 30 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Preset:
    """The weights of the order, under a name."""

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
    #: What a memory of this moment gains; one of thirty days ago gains half as much.
    recency: float = 0.0
    #: What a memory that only asks loses of its score: it answers nothing.
    asking: float = 0.1


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "balanced": Preset(),
    "recent": Preset(recency=0.3),
})  # fmt: skip
DEFAULT_PRESET = "balanced"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory to be ranked."""

    id: str
    similarity: float | None  #: cosine of question and memory, -1..1; None when there is no vector
    words: Mapping[int, float] | None  #: stored lexical weights; None when words do not count
    actor: str = ""
    scope_run: str = ""  #: key of the run within its full scope; "" means no run, hence no neighbours
    seq: int = 0  #: position in its run
    observed_at_us: int = 0
    found: bool = True  #: False when fetched only as a neighbour


@dataclass(frozen=True, slots=True)
class Ranked:
    """A memory with its place."""

    id: str
    order: float  #: fused, normalised over the candidates: for sorting only
    relevance: float  #: 0..1, absolute
    parts: Mapping[str, float] = field(default_factory=dict)  #: what both are made of


def rank(
    question: str,
    candidates: Sequence[Candidate],
    *,
    preset: str = DEFAULT_PRESET,
    now_us: int = 0,
    scope_names: Iterable[str] = (),
) -> list[Ranked]:
    """Order candidates, best first; equals by id.

    Args:
        question: what is asked.
        candidates: what was found, and its neighbours.
        preset: a name of :data:`PRESETS`.
        now_us: the moment of asking, in microseconds since 1970; used by presets with recency.
        scope_names: names that hold for every candidate, such as the user's id. Asked within Alice's
            memories, "Alice" says nothing, and a memory that leaves her name out lacks nothing.

    Raises:
        KeyError: there is no such preset.
    """
    weights = PRESETS[preset]
    candidates = sorted(candidates, key=lambda c: c.id)  # whatever the order they came in
    asked = _asked(query_terms(question, without=scope_names))
    hits = asked.hits(candidates)
    around = _around(candidates)
    parts = _parts(asked, hits)
    coverage = _coverage(asked, parts)
    similarity = _normalised([c.similarity for c in candidates])
    lexical = _lexical(parts, _rarities(asked, parts), around, weights)
    named = _named(question, candidates)
    base = [
        (weights.similarity * similarity[i] + weights.lexical * lexical[i] + weights.actor * named[i])
        * (1 - weights.asking if c.words and ASKS in c.words else 1.0)
        + (weights.recency * _recency(c, now_us) if weights.recency else 0.0)
        for i, c in enumerate(candidates)
    ]
    near = _lent(base, around, weights.lend)
    runs = _from_runs([b + n for b, n in zip(base, near, strict=True)], candidates, weights.run)
    ranked = [
        Ranked(
            c.id,
            base[i] + near[i] + runs[i],
            relevance(c.similarity, None if c.words is None else coverage[i]),
            {
                "similarity": similarity[i],
                "lexical": lexical[i],
                "coverage": coverage[i],
                "actor": named[i],
                "neighbours": near[i],
                "run": runs[i],
            },
        )
        for i, c in enumerate(candidates)
    ]
    ranked.sort(key=lambda r: -r.order)  # equals stay in the order of their ids
    return ranked


def relevance(similarity: float | None, coverage: float | None) -> float:
    """How well a memory answers a question, from 0 to 1, whatever else was found.

    What the memory covers of the question's words counts in full; of what it leaves open, similarity makes
    up at most half: alike texts are about the same thing, they need not have the answer.

    Args:
        similarity: cosine of the two; None when there is no vector.
        coverage: share of the question's words that the memory has, by worth; None when words do not count.
    """
    if similarity is None:
        return coverage or 0.0
    alike = min(1.0, max(0.0, (similarity - _UNRELATED) / (_SAME - _UNRELATED)))
    if coverage is None:
        return alike
    return 1 - (1 - coverage) * (1 - alike / 2)


def _recency(candidate: Candidate, now_us: int) -> float:
    """1 for now, one half for a half-life ago."""
    return float(0.5 ** (max(0, now_us - candidate.observed_at_us) / _HALF_LIFE_US))


def _normalised(values: Sequence[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low or 1.0
    return [0.0 if value is None else (value - low) / span for value in values]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question's words in the form that is quick to score with."""

    worths: list[float]  # of each term
    term_of: dict[int, int]  # key to the number of its term
    share_of: dict[int, float]  # key to its share of the term

    def hits(self, candidates: Sequence[Candidate]) -> list[set[int]]:
        """The keys of the question that each candidate has."""
        keys = self.term_of.keys()
        return [keys & c.words.keys() if c.words else set() for c in candidates]


def _asked(terms: Sequence[Term]) -> _Asked:
    """A key that several terms have goes to the one it is worth most in; the rest of a term makes it whole."""
    owners: dict[int, tuple[float, int, float]] = {}
    for number, term in enumerate(terms):
        for key, share in term.keys:
            owners[key] = max(owners.get(key, (0.0, 0, 0.0)), (term.worth * share, number, share))
    totals = [0.0] * len(terms)
    for _, number, share in owners.values():
        totals[number] += share
    return _Asked(
        [term.worth if total else 0.0 for term, total in zip(terms, totals, strict=True)],
        {key: number for key, (_, number, _) in owners.items()},
        {key: share / totals[number] for key, (_, number, share) in owners.items()},
    )


def _parts(asked: _Asked, hits: Sequence[set[int]]) -> list[dict[int, float]]:
    """For each candidate: how much of each term it has, 0 to 1."""
    term_of, share_of = asked.term_of, asked.share_of
    parts = []
    for found in hits:
        by_term: dict[int, float] = {}
        for key in found:
            term = term_of[key]
            by_term[term] = by_term.get(term, 0.0) + share_of[key]
        parts.append(by_term)
    return parts


def _rarities(asked: _Asked, parts: Sequence[Mapping[int, float]]) -> list[float]:
    """The worth of each term times its rarity among the candidates (the inverse frequency of BM25)."""
    frequency = [0.0] * len(asked.worths)
    for by_term in parts:
        for term, part in by_term.items():
            frequency[term] += part * part
    count = len(parts)
    return [
        worth * math.log(1 + (count - df + 0.5) / (df + 0.5)) for worth, df in zip(asked.worths, frequency, strict=True)
    ]


def _coverage(asked: _Asked, parts: Sequence[Mapping[int, float]]) -> list[float]:
    """The share of the question's words, by worth, that each candidate has. Half a word counts a quarter."""
    worths, whole = asked.worths, math.fsum(asked.worths) or 1.0
    return [sum([worths[term] * part * part for term, part in by_term.items()]) / whole for by_term in parts]


def _lexical(
    parts: Sequence[Mapping[int, float]],
    rarities: Sequence[float],
    around: Sequence[Mapping[int, int]],
    weights: Preset,
) -> list[float]:
    """Each candidate read together with its neighbours: the most of each term; over the best candidate."""
    shares = {-i: share for i, share in enumerate(weights.before, 1)}
    shares |= dict(enumerate(weights.after, 1))
    scores = []
    for own, near in zip(parts, around, strict=True):
        most = dict(own)
        for step, i in near.items():
            share = shares.get(step, 0.0)
            for term, part in parts[i].items():
                if share * part > most.get(term, 0.0):
                    most[term] = share * part
        scores.append(sum([rarities[term] * part for term, part in most.items()]))
    top = max(scores, default=0.0) or 1.0
    return [score / top for score in scores]


def _around(candidates: Sequence[Candidate]) -> list[dict[int, int]]:
    """For each candidate: which candidates stand how many places from it in its run."""
    at = {(c.scope_run, c.seq): i for i, c in enumerate(candidates) if c.scope_run}
    steps = [step for step in range(-NEIGHBOUR_REACH, NEIGHBOUR_REACH + 1) if step]
    return [
        {s: at[c.scope_run, c.seq + s] for s in steps if (c.scope_run, c.seq + s) in at} if c.scope_run else {}
        for c in candidates
    ]


def _named(question: str, candidates: Sequence[Candidate]) -> list[float]:
    asked = {word.text for word in words_of(question)}
    names: dict[str, float] = {}
    for c in candidates:
        if c.actor not in names:
            names[c.actor] = float(any(word.text in asked for word in words_of(c.actor)))
    return [names[c.actor] for c in candidates]


def _lent(scores: Sequence[float], around: Sequence[Mapping[int, int]], shares: Sequence[float]) -> list[float]:
    """What neighbours lend of their own scores."""
    return [sum(shares[abs(step) - 1] * scores[i] for step, i in near.items()) for near in around]


def _from_runs(scores: Sequence[float], candidates: Sequence[Candidate], share: float) -> list[float]:
    runs: dict[str, list[float]] = {}
    for c, score in zip(candidates, scores, strict=True):
        if c.scope_run:
            runs.setdefault(c.scope_run, []).append(score)
    gains = {run: share * sum(sorted(values, reverse=True)[:3]) / 3 for run, values in runs.items()}
    return [gains.get(c.scope_run, 0.0) for c in candidates]


def neighbour_positions(hits: Iterable[tuple[str, int]], reach: int = NEIGHBOUR_REACH) -> list[tuple[str, int]]:
    """Which ``(scope_run, seq)`` to fetch around the hits: theirs left out, sorted, none below 0."""
    have = {(run, seq) for run, seq in hits if run}
    around = {(run, seq + step) for run, seq in have for step in range(-reach, reach + 1) if seq + step >= 0}
    return sorted(around - have)
