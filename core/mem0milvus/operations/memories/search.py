"""Searching memories: candidates by embedding and by words, their neighbours in the run, and their ranking."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from mem0milvus.data.limits import MAX_TOP_K
from mem0milvus.data.memory_row import MemoryRow, to_item
from mem0milvus.data.notebook_tables import as_table
from mem0milvus.data.scope import Scope, require_scope
from mem0milvus.operations.memories.as_of import View, pages_as_of, read_view, search_as_of
from mem0milvus.operations.memories.found import Found
from mem0milvus.operations.memories.new_rows import scope_of
from mem0milvus.operations.memories.read import read_count
from mem0milvus.operations.memories.rerank import choose_reranker, rerank_found
from mem0milvus.operations.question import (
    CANDIDATES,
    Closeness,
    Question,
    check_query,
    check_threshold,
    measure_closeness,
    prepare_question,
)
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import Filter, all_of, any_in, any_of
from mem0milvus.retrieval.filters.scope_filters import exactly_in, in_scope, read_scope_and_filters
from mem0milvus.retrieval.indexing import lexical_weights, words_of_metadata_alone
from mem0milvus.retrieval.ranking import (
    DEFAULT_PRESET,
    Candidate,
    PresetName,
    check_preset,
    neighbour_positions,
    rank,
)
from mem0milvus.types import UNSET, Consistency, Moment, ScopeId, SearchItem, SearchMode, SearchResult

#: The number of results by default, as in Mem0's quickstart.
DEFAULT_TOP_K = 10

#: Separates the ids in the key of a run. No id contains it: control characters are refused.
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
    rerank: bool | None = None,
) -> SearchResult:
    """Return the memories of a scope that are most relevant to a query, best first."""
    text = check_query(query)
    scope, rest = read_scope_and_filters(user_id, agent_id, run_id, filters)
    require_scope(scope, "search")
    where = all_of(in_scope(scope), rest)
    count = cast("int", read_count(top_k, limit, DEFAULT_TOP_K, MAX_TOP_K))
    check_threshold(threshold)
    check_preset(preset)
    reranker = choose_reranker(ports.reranker, rerank)
    view = read_view(ports, as_of, consistency)
    question = await prepare_question(ports.live, ports.embedder, text, mode, sentences=True)
    found = await find(ports, view, where, question, scope, count, preset)
    kept = [one for one in found if threshold is None or one.ranked.relevance >= threshold]
    kept = await rerank_found(reranker, text, kept)
    results: SearchResult = {"results": [_to_result(one, explain) for one in kept[:count]]}
    return as_table(results)


async def find(
    ports: Ports,
    view: View,
    where: Filter | None,
    question: Question,
    scope: Scope,
    count: int,
    preset: PresetName = DEFAULT_PRESET,
) -> list[Found]:
    """Return the ranked candidates for a query, best first: at least ``count`` if the view has so many memories."""
    hits = await search_as_of(ports, view, question.probes(), where, max(CANDIDATES, count))
    found = {hit.row.id: hit.row for probe_hits in hits for hit in probe_hits}
    rows = {**await _neighbours(ports, view, where, found.values()), **found}
    closeness = measure_closeness(ports.metric, question, rows)
    ranked = rank(
        question.text,
        [_candidate(row, question, closeness[key]) for key, row in rows.items()],
        preset=preset,
        now_us=view.moment_us,
        scope_names=[name for name in (scope.user_id, scope.agent_id) if name],
        calibration=await ports.embedder.calibration() if rows and question.vector is not None else None,
        vector=question.vector,
        sentences=question.sentences,
    )
    return [Found(rows[one.id], one, closeness[one.id].score) for one in ranked]


async def _neighbours(
    ports: Ports, view: View, where: Filter | None, found: Collection[MemoryRow]
) -> dict[str, MemoryRow]:
    """Return the memories just before and after those found, in the same run of the same scope."""
    scopes = {_run_key(row): scope_of(row) for row in found}
    positions: dict[str, list[int]] = {}
    for run, position in neighbour_positions((_run_key(row), row.seq) for row in found):
        positions.setdefault(run, []).append(position)
    if not positions:
        return {}
    near = any_of(*(all_of(exactly_in(scopes[run]), any_in("seq", in_run)) for run, in_run in positions.items()))
    pages = pages_as_of(ports, view, all_of(where, near), vectors=True)
    return {row.id: row async for page in pages for row in page}


def _run_key(row: MemoryRow) -> str:
    """Return the key of a memory's run within its scope; "" for a memory without a run, which has no neighbours."""
    return _UNIT_SEPARATOR.join((row.user_id, row.agent_id, row.run_id)) if row.run_id else ""


def _candidate(row: MemoryRow, question: Question, closeness: Closeness) -> Candidate:
    return Candidate(
        id=row.id,
        similarity=closeness.similarity,
        # Without sparse vectors in the table, rows are read without words and the words are computed here.
        words=None if question.mode == "dense" else row.words or lexical_weights(row),
        metadata_words=words_of_metadata_alone(row, question.words),
        owner=row.user_id,
        actor=row.actor_id,
        role=row.role,
        scope_run=_run_key(row),
        seq=row.seq,
        observed_at_us=row.observed_at,
        vector=row.vector if len(row.vector) else None,
    )


def _to_result(found: Found, explain: bool) -> SearchItem:
    ranked = found.ranked
    item: dict[str, Any] = {**to_item(found.row), "score": found.score, "relevance": ranked.relevance}
    if explain:
        item["explain"] = {**ranked.parts, "order": ranked.order}
        if found.reranker_score is not None:
            item["explain"]["reranker"] = found.reranker_score
    return cast("SearchItem", item)
