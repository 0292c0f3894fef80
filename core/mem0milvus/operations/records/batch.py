"""Several requests to a record store in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby

from mem0milvus.data.namespaces import check_items
from mem0milvus.data.quoting import shown
from mem0milvus.data.record_types import (
    DeleteRecord,
    GetRecord,
    ListNamespaces,
    PutRecord,
    RecordAnswer,
    RecordRequest,
    SearchRecords,
)
from mem0milvus.errors import ValidationError
from mem0milvus.operations.records.list import list_namespaces
from mem0milvus.operations.records.read import get_many
from mem0milvus.operations.records.search import search
from mem0milvus.operations.records.write import write
from mem0milvus.ports import RecordPorts

_KINDS = (PutRecord, GetRecord, DeleteRecord, SearchRecords, ListNamespaces)


async def batch(ports: RecordPorts, requests: Sequence[RecordRequest]) -> list[RecordAnswer]:
    """Execute requests in order, consecutive ones of a kind together."""
    requests = check_items(requests, "requests", "requests")
    for request in requests:
        if not isinstance(request, _KINDS):
            known = ", ".join(kind.__name__ for kind in _KINDS)
            raise ValidationError(f"A request is one of {known}, not {type(request).__name__} {shown(request)}.")
    answers: list[RecordAnswer] = []
    for _, group in groupby(requests, _group):
        answers += await _answer(ports, list(group))
    return answers


def _group(request: RecordRequest) -> object:
    """Return a value that is equal for requests which one request to Milvus can answer."""
    if isinstance(request, GetRecord):
        return request.refresh_ttl
    return "write" if isinstance(request, (PutRecord, DeleteRecord)) else type(request)


async def _answer(ports: RecordPorts, group: Sequence[RecordRequest]) -> list[RecordAnswer]:
    writes = [request for request in group if isinstance(request, (PutRecord, DeleteRecord))]
    if writes:
        existed = await write(ports, writes)
        return [before if isinstance(one, DeleteRecord) else None for one, before in zip(writes, existed, strict=True)]
    gets = [request for request in group if isinstance(request, GetRecord)]
    if gets:
        keys = [(request.namespace, request.key) for request in gets]
        return [*await get_many(ports, keys, refresh_ttl=gets[0].refresh_ttl)]
    return [await _search(ports, one) for one in group if isinstance(one, (SearchRecords, ListNamespaces))]


async def _search(ports: RecordPorts, request: SearchRecords | ListNamespaces) -> RecordAnswer:
    arguments = {field.name: getattr(request, field.name) for field in fields(request)}
    operation = list_namespaces if isinstance(request, ListNamespaces) else search
    return await operation(ports, **arguments)
