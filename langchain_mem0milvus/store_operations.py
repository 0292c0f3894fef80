"""The operations of a LangGraph store, as requests to a record store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    get_text_at_path,
)

from langchain_mem0milvus.store_filters import StoreFilter, read_filter
from mem0milvus import (
    AsyncRecordStore,
    DeleteRecord,
    FoundRecord,
    GetRecord,
    ListNamespaces,
    PutRecord,
    RecordAnswer,
    RecordItem,
    RecordRequest,
    ValidationError,
)

#: The first label of all namespaces of a store, which separates its items from other records of the collection.
ROOT = "langgraph_store"

#: The results that a search requests at first (as fast as fewer) and at most (Milvus allows no larger limit).
FIRST_RANKED = 25
MAX_RANKED = 16_384

#: The most texts by which the record store indexes a record.
MAX_TEXTS = 256

_OPS = (GetOp, PutOp, SearchOp, ListNamespacesOp)


class StoreOperations:
    """Answers operations as if they came one after another. It indexes ``fields``, paths into values; None for none."""

    def __init__(self, fields: Sequence[str] | None) -> None:
        self._fields = fields

    async def answer(self, records: AsyncRecordStore, ops: Sequence[Op]) -> list[Result]:
        """Return the result of each operation. All namespaces and filters are checked before the first is executed."""
        for op in ops:
            _check(op)
        results: list[Result] = []
        for is_search, run in groupby(ops, lambda op: isinstance(op, SearchOp)):
            if is_search:
                results += [await self._search(records, cast("SearchOp", op)) for op in run]
            else:
                results += await self._batch(records, list(run))
        return results

    async def _batch(self, records: AsyncRecordStore, ops: Sequence[Op]) -> list[Result]:
        requests = [self._request(op) for op in ops]
        answers = iter(await records.batch([one for one in requests if one is not None]))
        return [_result(op, None if one is None else next(answers)) for op, one in zip(ops, requests, strict=True)]

    def _request(self, op: Op) -> RecordRequest | None:
        """Return the request to the record store; None for an operation that asks for nothing."""
        if isinstance(op, GetOp):
            return GetRecord(namespace=_rooted(op.namespace), key=op.key, refresh_ttl=op.refresh_ttl)
        if isinstance(op, ListNamespacesOp):
            return _namespaces_request(op) if op.limit else None
        assert isinstance(op, PutOp)  # noqa: S101  # the type checker cannot know what _check refused
        if op.value is None:
            return DeleteRecord(namespace=_rooted(op.namespace), key=op.key)
        return PutRecord(
            namespace=_rooted(op.namespace),
            key=op.key,
            value=op.value,
            text=self._texts(op.value, op.index),
            ttl_s=None if op.ttl is None else op.ttl * 60,
        )

    def _texts(self, value: Mapping[str, Any], index: object) -> list[str] | None:
        """Return the texts by which the item is indexed; None for no index."""
        if self._fields is None or index is False:
            return None
        paths = self._fields if index is None else _checked_paths(index)
        try:
            texts = dict.fromkeys(text for path in paths for text in get_text_at_path(value, path) if text.strip())
        except (TypeError, ValueError) as error:
            raise ValidationError(f"value cannot be stored as JSON: {error}.") from error
        if len(texts) > MAX_TEXTS:
            raise ValidationError(
                f"The fields {', '.join(paths)} of the value have {len(texts):,} texts, and at most {MAX_TEXTS} of an "
                "item are indexed: index fewer fields, or put the value as several items."
            )
        return list(texts) or None

    async def _search(self, records: AsyncRecordStore, op: SearchOp) -> list[SearchItem]:
        if not op.limit:
            return []
        wanted = read_filter(op.filter)
        namespace = _rooted(op.namespace_prefix)
        if self._fields is not None and op.query and op.query.strip():
            found = await _ranked(records, op.query, namespace, wanted, op.offset + op.limit)
            found = found[op.offset :]
        else:
            found = await _listed(records, namespace, wanted, op.limit, op.offset)
        expiring = [(one["namespace"], one["key"]) for one in found if "expires_at" in one]
        if op.refresh_ttl and expiring:
            await records.get_many(expiring, refresh_ttl=True)
        return [SearchItem(**_fields_of(one), score=one.get("relevance")) for one in found]


async def _ranked(
    records: AsyncRecordStore, query: str, namespace: Sequence[str], wanted: StoreFilter, most: int
) -> list[FoundRecord]:
    """Return items by their relevance to a query, then the items that are not indexed, if there are too few."""
    # The order of a search's results depends on its limit. So the limits grow in the same steps for every page, and
    # each search only adds results to those of the smaller limits: pages neither overlap nor leave gaps.
    kept: dict[tuple[object, str], FoundRecord] = {}
    asked = FIRST_RANKED
    while True:
        found = await records.search(query, namespace, filters=wanted.conditions, limit=asked)
        for one in found:
            if wanted.is_exact or wanted.matches(one["value"]):
                kept.setdefault((one["namespace"], one["key"]), one)
        if len(kept) >= most or len(found) < asked or asked == MAX_RANKED:
            break
        asked = min(asked * 4, MAX_RANKED)
    if len(kept) < most:
        for one in await _listed(records, namespace, wanted, most, 0):
            kept.setdefault((one["namespace"], one["key"]), one)
    return list(kept.values())[:most]


async def _listed(
    records: AsyncRecordStore, namespace: Sequence[str], wanted: StoreFilter, limit: int, offset: int
) -> list[FoundRecord]:
    """Return items in the order in which they were first put."""
    if wanted.is_exact:
        items = await records.list(namespace, prefix=True, filters=wanted.conditions, limit=limit, offset=offset)
    else:
        items = await records.list(namespace, prefix=True, filters=wanted.conditions)
        items = [item for item in items if wanted.matches(item["value"])][offset : offset + limit]
    return cast("list[FoundRecord]", items)


def _checked_paths(index: object) -> list[str]:
    if not isinstance(index, (list, tuple)) or not all(isinstance(path, str) for path in index):
        raise ValidationError(f"index must be a list of paths, as in ['text', 'tags[*]'], or False, not {index!r}.")
    return [*index]


def _check(op: Op) -> None:
    if not isinstance(op, _OPS):
        known = ", ".join(kind.__name__ for kind in _OPS)
        raise ValidationError(f"An operation must be one of {known}, not {type(op).__name__} {op!r}.")
    for labels in _namespaces_of(op):
        _check_labels(labels)
    if isinstance(op, PutOp) and not op.namespace:
        raise InvalidNamespaceError("namespace is empty: an item needs at least one label, as in ('notes', 'alice').")
    if isinstance(op, SearchOp):
        read_filter(op.filter)
    if isinstance(op, (SearchOp, ListNamespacesOp)) and (op.limit < 0 or op.offset < 0):
        raise ValidationError(f"limit and offset cannot be negative: {op.limit!r}, {op.offset!r}.")


def _namespaces_of(op: Op) -> list[Sequence[str]]:
    if isinstance(op, (GetOp, PutOp)):
        return [op.namespace]
    if isinstance(op, SearchOp):
        return [op.namespace_prefix]
    return [condition.path for condition in op.match_conditions or ()]


def _check_labels(labels: Sequence[object]) -> None:
    # LangGraph's own check, ``validate_op_namespace``, is missing in its older versions.
    for label in labels:
        if not isinstance(label, str) or not label or "." in label or "\x00" in label:
            raise InvalidNamespaceError(
                f"{label!r} in the namespace {tuple(labels)!r} is not a valid label: a label is a text, not empty, "
                "without a period or a NUL character."
            )


def _rooted(labels: Sequence[str]) -> tuple[str, ...]:
    return (ROOT, *labels)


def _namespaces_request(op: ListNamespacesOp) -> ListNamespaces:
    conditions: list[tuple[Any, Sequence[str]]] = []
    for match_type, path in op.match_conditions or ():
        if match_type == "prefix":
            conditions.append(("prefix", _rooted(path)))
        elif match_type == "suffix":
            # Without the prefix, a leading "*" of the suffix would match the root label, which is not the caller's.
            conditions += [("prefix", _rooted(["*"] * len(path))), ("suffix", tuple(path))]
        else:
            raise ValidationError(f"The match_type of a namespace must be 'prefix' or 'suffix', not {match_type!r}.")
    return ListNamespaces(
        prefix=(ROOT,),
        conditions=conditions,
        max_depth=None if op.max_depth is None else op.max_depth + 1,
        limit=op.limit,
        offset=op.offset,
    )


def _result(op: Op, answer: RecordAnswer) -> Result:
    if isinstance(op, ListNamespacesOp):
        return [labels[1:] for labels in cast("list[tuple[str, ...]]", answer or [])]
    if isinstance(op, GetOp) and answer is not None:
        return Item(**_fields_of(cast("RecordItem", answer)))
    return None


def _fields_of(item: RecordItem) -> dict[str, Any]:
    fields: dict[str, Any] = {name: item[name] for name in ("key", "value", "created_at", "updated_at")}
    return {**fields, "namespace": item["namespace"][1:]}
