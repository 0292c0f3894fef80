"""Searching records by the meaning and the words of their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from mem0milvus.data.limits import MAX_TOP_K
from mem0milvus.data.namespaces import read_namespace, record_id_of
from mem0milvus.data.quoting import shown
from mem0milvus.data.record_row import RecordRow, to_item
from mem0milvus.data.record_types import FoundRecord, FoundRecords, Namespace
from mem0milvus.errors import ValidationError
from mem0milvus.operations.question import (
    CANDIDATES,
    Question,
    check_query,
    check_threshold,
    measure_closeness,
    prepare_question,
)
from mem0milvus.operations.records.list import list_rows
from mem0milvus.operations.records.read import check_window, refresh
from mem0milvus.ports import RecordPorts
from mem0milvus.retrieval.filters import Filter, all_of, at_least, greater_than, parse_value_filters
from mem0milvus.retrieval.filters.scope_filters import within_namespace
from mem0milvus.retrieval.ranking import Candidate, Ranked, rank
from mem0milvus.retrieval.text import document_weights
from mem0milvus.types import Consistency, SearchMode


async def search(
    ports: RecordPorts,
    query: str | None,
    namespace_prefix: Namespace,
    *,
    filters: Mapping[str, Any] | None = None,
    limit: int = 10,
    offset: int = 0,
    threshold: float | None = None,
    mode: SearchMode = "hybrid",
    refresh_ttl: bool = False,
    consistency: Consistency | None = None,
) -> FoundRecords:
    """Return the records within a namespace that are most relevant to a query, or all in order without one."""
    path = read_namespace(namespace_prefix, "namespace_prefix", may_be_empty=True)
    where = all_of(within_namespace(path), parse_value_filters(filters))
    _check(query, limit, offset, threshold)
    if query is None:
        rows = await list_rows(ports, where, limit, offset, consistency=consistency)
        refreshed = await refresh(ports, rows) if refresh_ttl else {}
        return [_to_result(refreshed.get(row.id, row)) for row in rows]
    question = await prepare_question(ports.rows, ports.embedder, check_query(query), mode)
    near = await _candidates(ports, question, where, offset + limit, consistency or ports.consistency)
    closeness = measure_closeness(ports.metric, question, near)
    ranked = rank(
        question.text,
        [_candidate(row, question, closeness[i].similarity) for i, row in near.items()],
        calibration=await ports.embedder.calibration() if near and question.vector is not None else None,
    )
    relevant = [one for one in ranked if threshold is None or one.relevance >= threshold]
    best = _best_texts(relevant)[offset : offset + limit]
    refreshed = await refresh(ports, [near[one.id] for one in best]) if refresh_ttl else {}
    return [
        _to_result(
            refreshed.get(record_id_of(one.id), near[one.id]), score=closeness[one.id].score, relevance=one.relevance
        )
        for one in best
    ]


def _check(query: str | None, limit: int, offset: int, threshold: float | None) -> None:
    check_window(limit, offset)
    check_threshold(threshold)
    if query is None and threshold is not None:
        raise ValidationError(f"threshold={shown(threshold)} needs a query: without one, records have no relevance.")
    if limit is None or (query is not None and limit + offset > MAX_TOP_K):
        raise ValidationError(
            f"limit={shown(limit)} and offset={shown(offset)} of a search: the sum must be at most {MAX_TOP_K:,}."
        )


async def _candidates(
    ports: RecordPorts, question: Question, where: Filter | None, wanted: int, consistency: Consistency
) -> dict[str, RecordRow]:
    """Return the rows nearest to a query by id, from at least as many records as are wanted if there are so many.

    A record has a row for each of its texts, so the nearest rows may belong to few records: fetch more until they do
    not.
    """
    fetched = max(CANDIDATES, wanted)
    searchable = all_of(where, at_least("parts", 1), greater_than("expires_at", ports.clock.now_us()))
    while True:
        hits = await ports.rows.search(question.probes(), searchable, limit=fetched, consistency=consistency)
        rows = await _current(ports, {hit.row.id: hit.row for probe_hits in hits for hit in probe_hits})
        more = fetched < MAX_TOP_K and any(len(probe_hits) == fetched for probe_hits in hits)
        if not more or len({record_id_of(key) for key in rows}) >= wanted:
            return rows
        fetched = min(fetched * 4, MAX_TOP_K)


async def _current(ports: RecordPorts, rows: Mapping[str, RecordRow]) -> dict[str, RecordRow]:
    """Drop the rows that an interrupted write has left from an earlier state of their record."""
    firsts = {key: row for key, row in rows.items() if not row.part}
    firsts |= await ports.rows.get({record_id_of(key) for key in rows} - firsts.keys())
    updated_at = {key: row.updated_at for key, row in firsts.items()}
    return {key: row for key, row in rows.items() if updated_at.get(record_id_of(key)) == row.updated_at}


def _candidate(row: RecordRow, question: Question, similarity: float | None) -> Candidate:
    # A row with a vector and no text has only the placeholder that Milvus requires as its words.
    words = None if question.mode == "dense" or not row.text else row.words or document_weights(row.text)
    return Candidate(id=row.id, similarity=similarity, words=words, observed_at_us=row.updated_at)


def _best_texts(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Keep the best text of each record."""
    best: dict[str, Ranked] = {}
    for one in ranked:
        best.setdefault(record_id_of(one.id), one)
    return list(best.values())


def _to_result(row: RecordRow, **ranking: float) -> FoundRecord:
    return cast("FoundRecord", {**to_item(row), **ranking})
