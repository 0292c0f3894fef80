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
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mem0milvus.text import Term, query_terms, words_of

#: The relevance from which a memory is worth showing to a model that did not ask for it.
DEFAULT_INJECTION_THRESHOLD: float = 0.5

#: Candidates this far from a hit in its run are fetched with it and lend it their score.
NEIGHBOUR_REACH: int = 2


@dataclass(frozen=True, slots=True)
class Preset:
    """The weights of the order, under a name."""

    similarity: float = 0.4
    lexical: float = 0.6
    actor: float = 0.3
    #: How much of a word in the memories 1, 2, ... places before it in its run a memory is read with. An
    #: answer takes up the words of what it answers, so what came before tells more than what follows.
    before: tuple[float, ...] = (0.7, 0.4)
    after: tuple[float, ...] = (0.4, 0.2)
    #: Share of their similarity and actor that neighbours at distance 1, 2, ... lend.
    lend: tuple[float, ...] = (0.1, 0.05)
    run: float = 0.3
    #: What the newest candidate gains over one a half-life older.
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
) -> list[Ranked]:
    """Order candidates, best first; equals by id."""
    weights = PRESETS[preset]
    terms = query_terms(question)
    hits = _hits(terms, candidates)
    around = _around(candidates)
    similarity = _normalised([c.similarity for c in candidates])
    lexical = _lexical(_weighted(terms, hits, candidates), around, weights)
    coverage = _coverage(terms, hits)
    named = _named(question, candidates)
    base = [
        weights.similarity * s + weights.lexical * x + weights.actor * a
        for s, x, a in zip(similarity, lexical, named, strict=True)
    ]
    near = _lent(base, around, weights.lend)
    runs = _from_runs([b + n for b, n in zip(base, near, strict=True)], candidates, weights.run)
    ranked = [
        Ranked(
            c.id, base[i] + near[i] + runs[i], relevance(c.similarity, coverage[i]),
            {"similarity": similarity[i], "lexical": lexical[i], "coverage": coverage[i],
             "actor": named[i], "neighbours": near[i], "run": runs[i]},
        )
        for i, c in enumerate(candidates)
    ]  # fmt: skip
    return sorted(ranked, key=lambda r: (-r.order, r.id))


def relevance(similarity: float | None, coverage: float) -> float:
    """absolute"""
    s = 0.0 if similarity is None else max(0.0, similarity)
    return min(1.0, (s + coverage) / 2)


def _normalised(values: Sequence[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low or 1.0
    return [0.0 if value is None else (value - low) / span for value in values]


# For each candidate: per term of the question, the tokens found in it.
_Hits = list[dict[int, list[tuple[int, float]]]]


def _hits(terms: Sequence[Term], candidates: Sequence[Candidate]) -> _Hits:
    """For each candidate, by the number of the term: its tokens that the memory has, with their shares."""
    wanted: dict[int, list[tuple[int, float]]] = {}
    for number, term in enumerate(terms):
        for token, share in term.keys:
            wanted.setdefault(token, []).append((number, share))
    keys = wanted.keys()
    found: _Hits = []
    for c in candidates:
        by_term: dict[int, list[tuple[int, float]]] = {}
        for token in keys & c.words.keys() if c.words else ():
            for number, share in wanted[token]:
                by_term.setdefault(number, []).append((token, share))
        found.append(by_term)
    return found


def _weighted(terms: Sequence[Term], hits: _Hits, candidates: Sequence[Candidate]) -> list[dict[int, float]]:
    """For each candidate: what each term counts in it, with the rarity of its tokens among the candidates."""
    frequency: Counter[int] = Counter()
    for by_term in hits:
        frequency.update({token for tokens in by_term.values() for token, _ in tokens})
    count = len(candidates)
    rarity = {token: math.log(1 + (count - df + 0.5) / (df + 0.5)) for token, df in frequency.items()}
    weighted = []
    for c, by_term in zip(candidates, hits, strict=True):
        words = c.words or {}
        weighted.append(
            {
                number: terms[number].worth * sum([share * rarity[token] * words[token] for token, share in tokens])
                for number, tokens in by_term.items()
            }
        )
    return weighted


def _lexical(
    weighted: Sequence[Mapping[int, float]], around: Sequence[Mapping[int, int]], weights: Preset
) -> list[float]:
    """Each candidate read together with its neighbours: per term the best, and over the best candidate."""
    steps = [(-i, share) for i, share in enumerate(weights.before, 1)]
    steps += [(i, share) for i, share in enumerate(weights.after, 1)]
    scores = []
    for own, near in zip(weighted, around, strict=True):
        best = dict(own)
        for step, share in steps:
            if step in near:
                for number, value in weighted[near[step]].items():
                    if share * value > best.get(number, 0.0):
                        best[number] = share * value
        scores.append(sum(best.values()))
    top = max(scores, default=0.0) or 1.0
    return [score / top for score in scores]


def _coverage(terms: Sequence[Term], hits: _Hits) -> list[float]:
    """The share of the question's weighted words that each candidate has."""
    total = math.fsum(term.worth for term in terms) or 1.0
    return [
        sum(terms[number].worth * sum(share for _, share in tokens) for number, tokens in by_term.items()) / total
        for by_term in hits
    ]


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
