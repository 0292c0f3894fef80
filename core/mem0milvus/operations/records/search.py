"""Finding records by what their texts mean and say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from mem0milvus.data.limits import MAX_TOP_K
from mem0milvus.data.namespaces import read_namespace, record_id_of
from mem0milvus.data.record_row import RecordRow, to_item
from mem0milvus.data.record_types import FoundRecord, FoundRecords, Namespace
from mem0milvus.errors import ValidationError
from mem0milvus.operations.question import CANDIDATES, Question, check_query, check_threshold, measure, prepare
from mem0milvus.operations.records.list import listed
from mem0milvus.operations.records.read import check_window, refreshed
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
    """See ``RecordStore.search``."""
    path = read_namespace(namespace_prefix, "namespace_prefix", may_be_empty=True)
    where = all_of(within_namespace(path), parse_value_filters(filters))
    _check(query, limit, offset, threshold)
    level = consistency or ports.consistency
    if query is None:
        rows = await listed(ports, where, limit=limit, offset=offset, consistency=level)
        later = await refreshed(ports, rows) if refresh_ttl else {}
        return [_found(later.get(row.id, row)) for row in rows]
    question = await prepare(ports.rows, ports.embedder, check_query(query), mode)
    near = await _candidates(ports, question, where, offset + limit, level)
    closeness = measure(ports.metric, question, near)
    ranked = rank(question.text, [_candidate(row, question, closeness[i].similarity) for i, row in near.items()])
    best = _best([one for one in ranked if threshold is None or one.relevance >= threshold])[offset : offset + limit]
    later = await refreshed(ports, [near[one.id] for one in best]) if refresh_ttl else {}
    return [
        _found(later.get(record_id_of(one.id), near[one.id]), score=closeness[one.id].score, relevance=one.relevance)
        for one in best
    ]


def _check(query: str | None, limit: int, offset: int, threshold: float | None) -> None:
    check_window(limit, offset)
    check_threshold(threshold)
    if query is None and threshold is not None:
        raise ValidationError(f"threshold={threshold!r} needs a query: without one, nothing is more relevant.")
    if limit is None or (query is not None and limit + offset > MAX_TOP_K):
        raise ValidationError(f"limit and offset of a search make at most {MAX_TOP_K:,} together.")


async def _candidates(
    ports: RecordPorts, question: Question, where: Filter | None, wanted: int, consistency: Consistency
) -> dict[str, RecordRow]:
    """The rows nearest to the question, of as many records as are wanted, by their keys."""
    fetched = max(CANDIDATES, wanted)
    findable = all_of(where, at_least("parts", 1), greater_than("expires_at", ports.clock.now_us()))
    while True:
        hits = await ports.rows.search(question.probes(), findable, limit=fetched, consistency=consistency)
        rows = await _current(ports, {hit.row.id: hit.row for one in hits for hit in one})
        more = fetched < MAX_TOP_K and any(len(one) == fetched for one in hits)
        if not more or len({record_id_of(key) for key in rows}) >= wanted:
            return rows
        fetched = min(fetched * 4, MAX_TOP_K)


async def _current(ports: RecordPorts, rows: Mapping[str, RecordRow]) -> dict[str, RecordRow]:
    """The rows that the last change of their records wrote."""
    firsts = {key: row for key, row in rows.items() if not row.part}
    firsts |= await ports.rows.get({record_id_of(key) for key in rows} - firsts.keys())
    changes = {key: row.updated_at for key, row in firsts.items()}
    return {key: row for key, row in rows.items() if changes.get(record_id_of(key)) == row.updated_at}


def _candidate(row: RecordRow, question: Question, similarity: float | None) -> Candidate:
    """The row to be ranked. A vector without a text has no words that could count."""
    words = None if question.mode == "dense" or not row.text else row.words or document_weights(row.text)
    return Candidate(id=row.id, similarity=similarity, words=words, observed_at_us=row.updated_at)


def _best(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Each record once, with the best of its texts."""
    best: dict[str, Ranked] = {}
    for one in ranked:
        best.setdefault(record_id_of(one.id), one)
    return list(best.values())


def _found(row: RecordRow, **how: float) -> FoundRecord:
    return cast("FoundRecord", {**to_item(row), **how})
