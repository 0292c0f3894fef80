"""Several requests, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby

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
    """See ``RecordStore.batch``."""
    for request in requests:
        if not isinstance(request, _KINDS):
            known = ", ".join(kind.__name__ for kind in _KINDS)
            raise ValidationError(f"A request is one of {known}, not {type(request).__name__} {request!r}.")
    answers: list[RecordAnswer] = []
    for _, run in groupby(requests, _together):
        answers += await _answer(ports, list(run))
    return answers


def _together(request: RecordRequest) -> tuple[str, bool]:
    """What requests in a row have in common that can be answered by one trip to the store."""
    if isinstance(request, (PutRecord, DeleteRecord)):
        return "write", False
    if isinstance(request, GetRecord):
        return "get", request.refresh_ttl
    return type(request).__name__, False


async def _answer(ports: RecordPorts, run: Sequence[RecordRequest]) -> list[RecordAnswer]:
    writes = [request for request in run if isinstance(request, (PutRecord, DeleteRecord))]
    if writes:
        there = await write(ports, writes)
        return [was if isinstance(one, DeleteRecord) else None for one, was in zip(writes, there, strict=True)]
    gets = [request for request in run if isinstance(request, GetRecord)]
    if gets:
        keys = [(request.namespace, request.key) for request in gets]
        return [*await get_many(ports, keys, refresh_ttl=gets[0].refresh_ttl)]
    return [await _look(ports, one) for one in run if isinstance(one, (SearchRecords, ListNamespaces))]


async def _look(ports: RecordPorts, request: SearchRecords | ListNamespaces) -> RecordAnswer:
    arguments = {field.name: getattr(request, field.name) for field in fields(request)}
    if isinstance(request, ListNamespaces):
        return await list_namespaces(ports, **arguments)
    return await search(ports, **arguments)
