"""Finding the memories that a question is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mem0milvus.data.limits import MAX_TOP_K
from mem0milvus.data.memory_row import MemoryRow, to_item
from mem0milvus.data.notebook_tables import as_table
from mem0milvus.data.scope import Scope, require_scope
from mem0milvus.operations.memories import as_of as visible
from mem0milvus.operations.memories.read import read_count
from mem0milvus.operations.question import (
    CANDIDATES,
    Closeness,
    Question,
    check_query,
    check_threshold,
    measure,
    prepare,
)
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import Filter, all_of, any_in, any_of, equals
from mem0milvus.retrieval.filters.scope_filters import in_scope, read_scope_and_filters
from mem0milvus.retrieval.indexing import lexical_weights
from mem0milvus.retrieval.ranking import (
    DEFAULT_PRESET,
    Candidate,
    PresetName,
    Ranked,
    check_preset,
    neighbour_positions,
    rank,
)
from mem0milvus.types import UNSET, Consistency, Moment, ScopeId, SearchItem, SearchMode, SearchResult

#: Results where nothing else is asked for, as in Mem0's quickstart.
DEFAULT_TOP_K = 10

#: Stands between the ids in the key of a run; no id can contain it.
_UNIT_SEPARATOR = "\x1f"


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
    preset: PresetName = DEFAULT_PRESET,
    consistency: Consistency | None = None,
    explain: bool = False,
) -> SearchResult:
    """See ``Memory.search``."""
    text = check_query(query)
    scope, rest = read_scope_and_filters(user_id, agent_id, run_id, filters)
    require_scope(scope, "search")
    where = all_of(in_scope(scope), rest)
    count = cast("int", read_count(top_k, limit, DEFAULT_TOP_K, MAX_TOP_K))
    check_threshold(threshold)
    check_preset(preset)
    view = visible.read_view(ports, as_of, consistency)
    question = await prepare(ports.live, ports.embedder, text, mode)
    found = await find(ports, view, where, question, scope, count, preset)
    kept = [one for one in found if threshold is None or one.ranked.relevance >= threshold]
    results: SearchResult = {"results": [_to_result(one, explain) for one in kept[:count]]}
    return as_table(results)


@dataclass(frozen=True, slots=True)
class Found:
    """A memory that a question is about, its place, and the metric's own value."""

    row: MemoryRow
    ranked: Ranked
    score: float


async def find(
    ports: Ports,
    view: visible.View,
    where: Filter | None,
    question: Question,
    scope: Scope,
    count: int,
    preset: PresetName = DEFAULT_PRESET,
) -> list[Found]:
    """The memories in view that a question is about, best first: at least ``count``, where there are so many."""
    hits = await visible.search(ports, view, question.probes(), where, max(CANDIDATES, count))
    found = {hit.row.id: hit.row for one in hits for hit in one}
    records = {**await _neighbours(ports, view, where, found.values()), **found}
    closeness = measure(ports.metric, question, records)
    candidates = [_candidate(r, question, closeness[key], key in found) for key, r in records.items()]
    names = [name for name in (scope.user_id, scope.agent_id) if name]
    ranked = rank(question.text, candidates, preset=preset, now_us=view.moment_us, scope_names=names)
    return [Found(records[one.id], one, closeness[one.id].score) for one in ranked]


async def _neighbours(
    ports: Ports, view: visible.View, where: Filter | None, found: Iterable[MemoryRow]
) -> dict[str, MemoryRow]:
    """The memories that stand just before and after those found, in the same run of the same scope."""
    there = {(_run_key(record), record.seq) for record in found if record.run_id}
    wanted: dict[str, list[int]] = {}
    for run, position in neighbour_positions(there):
        wanted.setdefault(run, []).append(position)
    if not wanted:
        return {}
    places = any_of(*(_places(run, positions) for run, positions in wanted.items()))
    beside: dict[str, MemoryRow] = {}
    async for page in visible.pages(ports, view, all_of(where, places), vectors=True):
        beside.update((record.id, record) for record in page)
    return beside


def _run_key(record: MemoryRow) -> str:
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


def _candidate(record: MemoryRow, question: Question, closeness: Closeness, found: bool) -> Candidate:
    return Candidate(
        id=record.id,
        similarity=closeness.similarity,
        words=None if question.mode == "dense" else record.words or lexical_weights(record),
        actor=record.actor_id,
        scope_run=_run_key(record),
        seq=record.seq,
        observed_at_us=record.observed_at,
        found=found,
        vector=record.vector if len(record.vector) else None,
    )


def _to_result(found: Found, explain: bool) -> SearchItem:
    ranked = found.ranked
    item: dict[str, Any] = {**to_item(found.row), "score": found.score, "relevance": ranked.relevance}
    if explain:
        item["explain"] = {**ranked.parts, "order": ranked.order}
    return cast("SearchItem", item)
