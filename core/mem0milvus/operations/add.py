"""Adding memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from mem0milvus.errors import ValidationError
from mem0milvus.filters import all_of, any_in
from mem0milvus.indexing import embedded_text, lexical_weights
from mem0milvus.messages import Message, check_metadata, read_messages
from mem0milvus.ports import Ports
from mem0milvus.records import Record, change_moment, closed, content_hash
from mem0milvus.scope import Scope, check_memory_id, read_scope, require_scope
from mem0milvus.timestamps import FOREVER_US, parse_moment
from mem0milvus.types import UNSET, AddResult, Change, Messages, Moment, ScopeId


@dataclass(frozen=True, slots=True)
class _Common:
    """What all memories of one ``add`` share, checked."""

    scope: Scope
    metadata: Mapping[str, Any]
    now_us: int
    observed_at: int | None
    expires_at: int


async def add(
    ports: Ports,
    messages: Messages,
    *,
    user_id: ScopeId = UNSET,
    agent_id: ScopeId = UNSET,
    run_id: ScopeId = UNSET,
    metadata: Mapping[str, Any] | None = None,
    infer: bool = True,
    timestamp: Moment | None = None,
    expires_at: Moment | None = None,
    ids: Sequence[str] | None = None,
) -> AddResult:
    """See ``Memory.add``."""
    spoken = read_messages(messages)
    common = _read_common(ports, read_scope(user_id, agent_id, run_id), metadata, timestamp, expires_at)
    named = _read_ids(ids)
    if infer:
        spoken = await _worth_remembering(ports, spoken, common.scope, named)
    if named is None:
        return await _write(ports, spoken, [str(uuid4()) for _ in spoken], common)
    if len(named) != len(spoken):
        raise ValidationError(
            f"ids names {len(named)} memories and there are {len(spoken)} to store"
            + (" after extraction; with infer=False, each message is one." if infer else ".")
        )
    return await ports.shield(_write_named(ports, spoken, named, common))


def _read_common(
    ports: Ports,
    scope: Scope,
    metadata: Mapping[str, Any] | None,
    timestamp: Moment | None,
    expires_at: Moment | None,
) -> _Common:
    require_scope(scope, "add")
    now_us = ports.clock.now_us()
    expires_us = FOREVER_US if expires_at is None else parse_moment(expires_at, "expires_at")
    if expires_us <= now_us:
        raise ValidationError(f"expires_at={expires_at!r} is not in the future.")
    observed_us = None if timestamp is None else parse_moment(timestamp, "timestamp")
    return _Common(scope, check_metadata(metadata), now_us, observed_us, expires_us)


def _read_ids(ids: Sequence[str] | None) -> list[str] | None:
    if ids is None:
        return None
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise ValidationError(f"ids must be a list of texts, not {type(ids).__name__}.")
    named = [check_memory_id(memory_id, f"ids[{index}]") for index, memory_id in enumerate(ids)]
    if len(set(named)) != len(named):
        twice = next(memory_id for memory_id in named if named.count(memory_id) > 1)
        raise ValidationError(f"ids holds {twice!r} twice.")
    return named


async def _worth_remembering(
    ports: Ports, spoken: list[Message], scope: Scope, named: list[str] | None
) -> list[Message]:
    """What the extractor finds, without what the scope has already. A retry by ids is told apart by the ids."""
    found = await ports.extractor.extract(spoken)
    if named is not None or not found:
        return found
    hashes = {content_hash(message.text): message for message in found}
    same = all_of(scope.exactly(), any_in("hash", list(hashes)))
    async for page in ports.live.pages(same, only=("hash",)):
        for record in page:
            hashes.pop(record.hash, None)
    return list(hashes.values())


async def _write(ports: Ports, spoken: Sequence[Message], ids: Sequence[str], common: _Common) -> AddResult:
    """Store new memories under ids that nobody has."""
    records = await _build(ports, spoken, ids, common)
    await ports.shield(ports.live.put(records))
    return _result(records)


async def _write_named(ports: Ports, spoken: Sequence[Message], ids: Sequence[str], common: _Common) -> AddResult:
    """Store memories under ids of the caller: those already there with the same text are passed over."""
    async with ports.locks.hold(ids):
        there = await ports.live.get(ids)
        _check_taken(spoken, ids, there, common.scope)
        missing = [(i, m) for i, m in zip(ids, spoken, strict=True) if i not in there]
        new_ids = [memory_id for memory_id, _ in missing]
        records = await _build(ports, [message for _, message in missing], new_ids, common)
        deleted = await ports.past.get(new_ids, vectors=True)
        if deleted:  # such a memory has a past under its id, and goes on from there
            records = [_after(record, deleted.get(record.id)) for record in records]
            ends = {record.id: record.valid_from for record in records}
            await ports.past.put([closed(gone, ends[memory_id]) for memory_id, gone in deleted.items()])
        await ports.live.put(records)
    return _result(records)


def _check_taken(spoken: Sequence[Message], ids: Sequence[str], there: Mapping[str, Record], scope: Scope) -> None:
    for memory_id, message in zip(ids, spoken, strict=True):
        record = there.get(memory_id)
        if record is None:
            continue
        if record.memory != message.text or Scope(record.user_id, record.agent_id, record.run_id) != scope:
            raise ValidationError(
                f"The id {memory_id!r} is taken by another memory. Use update({memory_id!r}, …) to change that one, "
                "or choose another id. Nothing was added."
            )


def _after(record: Record, tombstone: Record | None) -> Record:
    if tombstone is None:
        return record
    moment = change_moment(tombstone, record.valid_from)
    return replace(record, version=tombstone.version + 1, created_at=tombstone.created_at, valid_from=moment)


async def _build(ports: Ports, spoken: Sequence[Message], ids: Sequence[str], common: _Common) -> list[Record]:
    """The rows of new memories. A microsecond apart, so that they are read back in the order of the messages."""
    if not spoken:
        return []
    vectors = await ports.embedder.embed([embedded_text(message.text, message.name) for message in spoken])
    first = await _first_position(ports, common.scope, len(spoken))
    records = []
    for index, (message, memory_id, vector) in enumerate(zip(spoken, ids, vectors, strict=True)):
        moment = common.now_us + index
        observed = moment if common.observed_at is None else common.observed_at
        record = Record(
            id=memory_id,
            user_id=common.scope.user_id,
            agent_id=common.scope.agent_id,
            run_id=common.scope.run_id,
            actor_id=message.name,
            role=message.role,
            memory=message.text,
            hash=content_hash(message.text),
            metadata=common.metadata,
            created_at=moment,
            valid_from=moment,
            observed_at=observed,
            expires_at=common.expires_at,
            seq=first + index if common.scope.run_id else 0,
            vector=vector,
        )
        records.append(replace(record, words=lexical_weights(record)))
    return records


async def _first_position(ports: Ports, scope: Scope, count: int) -> int:
    """The position in its run of the first of some new memories."""
    if not scope.run_id:
        return 0
    last = -1
    if not ports.positions.knows(scope):
        # Stale by a moment will do: what this process wrote itself is known, and equal positions are told apart by id.
        async for page in ports.live.pages(scope.exactly(), only=("seq",), consistency="Bounded"):
            last = max(last, *(record.seq for record in page))
    return ports.positions.take(scope, count, at_least=last + 1)


def _result(records: Sequence[Record]) -> AddResult:
    results: list[Change] = [{"id": r.id, "memory": r.memory, "event": "ADD"} for r in records]
    return {"results": results, "relations": []}
