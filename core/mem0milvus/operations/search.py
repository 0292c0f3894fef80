"""Finding the memories that a question is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mem0milvus.errors import ValidationError
from mem0milvus.filters import Filter, all_of, any_in, any_of, equals
from mem0milvus.indexing import lexical_weights
from mem0milvus.limits import MAX_TOP_K
from mem0milvus.messages import utf8_length
from mem0milvus.operations import visible
from mem0milvus.operations.read import read_count
from mem0milvus.ports import Ports, Probe, Vector
from mem0milvus.ranking import Candidate, Ranked, neighbour_positions, rank
from mem0milvus.records import Record, to_item
from mem0milvus.scope import read_scope_and_filters, require_scope
from mem0milvus.text import query_weights
from mem0milvus.types import UNSET, Consistency, Moment, ScopeId, SearchItem, SearchMode, SearchResult

#: How many memories each search brings in to be ranked, or as many as are asked for. Twice as many rank no better.
CANDIDATES = 25

#: Results where nothing else is asked for, as in Mem0's quickstart.
DEFAULT_TOP_K = 10

#: Stands between the ids in the key of a run; no id can contain it.
_UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class _Question:
    """A question, ready to be looked up: its embedding and its weighted words, each where the mode asks for it."""

    text: str
    mode: SearchMode
    vector: Vector | None
    words: Mapping[int, float]

    def probes(self) -> list[Probe]:
        by_meaning = [] if self.vector is None else [Probe("vector", self.vector)]
        return by_meaning + ([Probe("words", self.words)] if self.words else [])


async def search(
    ports: Ports,
    query: str,
    user_id: ScopeId = UNSET,
    *,
    agent_id: ScopeId = UNSET,
    run_id: ScopeId = UNSET,
    filters: Mapping[str, Any] | None = None,
    top_k: int | None = None,
    limit: int | None = None,
    threshold: float | None = None,
    as_of: Moment | None = None,
    mode: SearchMode = "hybrid",
    consistency: Consistency | None = None,
    explain: bool = False,
) -> SearchResult:
    """See ``Memory.search``."""
    text = _check_query(query)
    scope, rest = read_scope_and_filters(user_id, agent_id, run_id, filters)
    require_scope(scope, "search")
    where = all_of(scope.as_filter(), rest)
    count = cast("int", read_count(top_k, limit, DEFAULT_TOP_K, MAX_TOP_K))
    _check_threshold(threshold)
    view = visible.read_view(ports, as_of, consistency)
    question = await _prepare(ports, text, mode)
    hits = await visible.search(ports, view, question.probes(), where, max(CANDIDATES, count))
    found = {hit.record.id: hit.record for one in hits for hit in one}
    records = {**await _neighbours(ports, view, where, found.values()), **found}
    closeness = _measure(ports.metric, question, records)
    candidates = [_candidate(r, question, closeness[key], key in found) for key, r in records.items()]
    names = (scope.user_id, scope.agent_id)
    ranked = rank(text, candidates, now_us=view.moment_us, scope_names=[name for name in names if name])
    kept = [one for one in ranked if threshold is None or one.relevance >= threshold]
    return {"results": [_to_result(records[r.id], r, closeness[r.id].score, explain) for r in kept[:count]]}


def _check_query(query: object) -> str:
    if not isinstance(query, str):
        raise ValidationError(f"query must be a text, not {type(query).__name__}.")
    if not query.strip():
        raise ValidationError("query is empty: there is nothing to look for.")
    utf8_length(query, "query")
    return query


def _check_threshold(threshold: object) -> None:
    if threshold is None:
        return
    if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise ValidationError(f"threshold is a relevance and lies between 0 and 1, not {threshold!r}.")


async def _prepare(ports: Ports, text: str, mode: SearchMode) -> _Question:
    if mode not in ("hybrid", "dense", "lexical"):
        raise ValidationError(f"mode={mode!r}; known are 'hybrid', 'dense' and 'lexical'.")
    if mode == "lexical" and not ports.live.searches_words:
        raise ValidationError("mode='lexical' needs sparse vectors, which this Milvus does not have: use mode='dense'.")
    vector = None if mode == "lexical" else (await ports.embedder.embed([text]))[0]
    words = query_weights(text) if mode != "dense" and ports.live.searches_words else {}
    return _Question(text, mode, vector, words)


async def _neighbours(
    ports: Ports, view: visible.View, where: Filter | None, found: Iterable[Record]
) -> dict[str, Record]:
    """The memories that stand just before and after those found, in the same run of the same scope."""
    there = {(_run_key(record), record.seq) for record in found if record.run_id}
    wanted: dict[str, list[int]] = {}
    for run, position in neighbour_positions(there):
        wanted.setdefault(run, []).append(position)
    if not wanted:
        return {}
    places = any_of(*(_places(run, positions) for run, positions in wanted.items()))
    beside: dict[str, Record] = {}
    async for page in visible.pages(ports, view, all_of(where, places), vectors=True):
        beside.update((record.id, record) for record in page)
    return beside


def _run_key(record: Record) -> str:
    if not record.run_id:
        return ""
    return _UNIT_SEPARATOR.join((record.user_id, record.agent_id, record.run_id))


def _places(run: str, positions: Sequence[int]) -> Filter | None:
    user_id, agent_id, run_id = run.split(_UNIT_SEPARATOR)
    return all_of(
        equals("run_id", run_id),
        equals("user_id", user_id),
        equals("agent_id", agent_id),
        any_in("seq", positions),
    )


@dataclass(frozen=True, slots=True)
class _Closeness:
    """How close a memory is to the question: cosine, and the metric's own value."""

    similarity: float | None
    score: float


def _measure(metric: str, question: _Question, records: Mapping[str, Record]) -> dict[str, _Closeness]:
    """Each memory's closeness, exactly, from its stored vector; without one, from its stored words."""
    if question.vector is None:
        return {key: _Closeness(None, _overlap(question.words, record)) for key, record in records.items()}
    if not records:
        return {}
    import numpy as np

    vectors = np.asarray([record.vector for record in records.values()], dtype=np.float32)
    asked = np.asarray(question.vector, dtype=np.float32)
    cosines = vectors @ asked
    scores = np.square(vectors - asked).sum(axis=1) if metric == "L2" else cosines
    return {
        key: _Closeness(float(cosine), float(score))
        for key, cosine, score in zip(records, cosines, scores, strict=True)
    }


def _overlap(words: Mapping[int, float], record: Record) -> float:
    return sum(weight * record.words[token] for token, weight in words.items() if token in record.words)


def _candidate(record: Record, question: _Question, closeness: _Closeness, found: bool) -> Candidate:
    return Candidate(
        id=record.id,
        similarity=closeness.similarity,
        words=None if question.mode == "dense" else record.words or lexical_weights(record),
        actor=record.actor_id,
        scope_run=_run_key(record),
        seq=record.seq,
        observed_at_us=record.observed_at,
        found=found,
    )


def _to_result(record: Record, ranked: Ranked, score: float, explain: bool) -> SearchItem:
    item: dict[str, Any] = {**to_item(record), "score": score, "relevance": ranked.relevance}
    if explain:
        item["explain"] = {**ranked.parts, "order": ranked.order}
    return cast("SearchItem", item)
