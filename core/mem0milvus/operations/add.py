"""Adding memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from mem0milvus.data.limits import MAX_PROMPT_BYTES
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message, check_metadata, read_messages, utf8_length
from mem0milvus.data.notebook_tables import as_table
from mem0milvus.data.scope import Scope, check_memory_id, read_scope, require_scope
from mem0milvus.data.timestamps import FOREVER_US, parse_moment
from mem0milvus.errors import ValidationError
from mem0milvus.operations.extraction.pending import extract_aside, infer_or_keep, put_aside
from mem0milvus.operations.memories.new_rows import Draft, Turn, build, continue_past, embed
from mem0milvus.ports import Job, Ports
from mem0milvus.types import UNSET, AddResult, Background, Change, FlushOutcome, Messages, Moment, ScopeId


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
    prompt: str | None = None,
    ids: Sequence[str] | None = None,
    background: Background = None,
) -> AddResult:
    """See ``Memory.add``."""
    spoken = read_messages(messages)
    scope = read_scope(user_id, agent_id, run_id)
    require_scope(scope, "add")
    now_us = ports.clock.now_us()
    turn = Turn(
        messages=spoken,
        scope=scope,
        metadata=check_metadata(metadata),
        now_us=now_us,
        observed_at=None if timestamp is None else parse_moment(timestamp, "timestamp"),
        expires_at=_read_expiry(expires_at, now_us),
        prompt=_read_prompt(ports, prompt, infer),
    )
    named = _read_ids(ids)
    _check_background(background)
    if ports.background.default if background is None else background:
        job = await _prepare(ports, turn, infer, named, ports.background.durable or background == "durable")
        return {"results": [], "relations": [], "ticket": await ports.background.submit(scope, job)}
    return as_table(await _carry_out(ports, turn, infer, named))


async def flush(ports: Ports, timeout: float | None = None) -> FlushOutcome:
    """See ``Memory.flush``."""
    if timeout is not None and (not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or timeout < 0):
        raise ValidationError(f"timeout is a number of seconds, not {timeout!r}.")
    return await ports.background.flush(timeout)


async def _prepare(ports: Ports, turn: Turn, infer: bool, ids: Sequence[str] | None, durable: bool) -> Job:
    """What is to be done later. What must outlive this process is stored now."""
    if durable and infer and turn.messages:
        return partial(extract_aside, ports, await put_aside(ports, turn, ids))
    return partial(_carry_out, ports, turn, infer, ids)


async def _carry_out(ports: Ports, turn: Turn, infer: bool, ids: Sequence[str] | None) -> AddResult:
    if not infer:
        return await _add_raw(ports, turn, turn.messages, ids)
    if ids is not None and ports.extraction.llm is None:
        return await _add_raw(ports, turn, await ports.extractor.extract(turn.messages), ids)
    return await infer_or_keep(ports, turn, ids)


async def _add_raw(ports: Ports, turn: Turn, spoken: Sequence[Message], ids: Sequence[str] | None) -> AddResult:
    """Store each message as it is."""
    if ids is None:
        records = await _build(ports, turn, spoken, [str(uuid4()) for _ in spoken])
        await ports.shield(ports.live.put(records))
        return _result(records)
    if len(ids) != len(spoken):
        raise ValidationError(
            f"ids names {len(ids)} memories and there are {len(spoken)} to store"
            + (
                "."
                if len(spoken) == len(turn.messages)
                else " after extraction; with infer=False, each message is one."
            )
        )
    return await ports.shield(_write_named(ports, turn, spoken, ids))


def _check_background(background: object) -> None:
    if background not in (None, True, False, "durable"):
        raise ValidationError(f"background is True, False or 'durable', not {background!r}.")


def _read_expiry(expires_at: Moment | None, now_us: int) -> int:
    expires_us = FOREVER_US if expires_at is None else parse_moment(expires_at, "expires_at")
    if expires_us <= now_us:
        raise ValidationError(f"expires_at={expires_at!r} is not in the future.")
    return expires_us


def _read_prompt(ports: Ports, prompt: str | None, infer: bool) -> str:
    if prompt is None:
        return ""
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValidationError(f"prompt must be a text with instructions, not {prompt!r}.")
    if (length := utf8_length(prompt, "prompt")) > MAX_PROMPT_BYTES:
        raise ValidationError(f"prompt is {length:,} bytes long in UTF-8 and the most is {MAX_PROMPT_BYTES:,}.")
    if not infer:
        raise ValidationError("prompt= tells a language model what to keep, and with infer=False none is asked.")
    if ports.extraction.llm is None:
        raise ValidationError(
            "prompt= tells a language model what to keep, and none is configured: configure llm, or leave prompt out."
        )
    return prompt


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


async def _write_named(ports: Ports, turn: Turn, spoken: Sequence[Message], ids: Sequence[str]) -> AddResult:
    """Store memories under ids of the caller: those already there with the same text are passed over."""
    async with ports.locks.hold(ids):
        there = await ports.live.get(ids)
        _check_taken(spoken, ids, there, turn.scope)
        missing = [(i, m) for i, m in zip(ids, spoken, strict=True) if i not in there]
        records = await _build(ports, turn, [message for _, message in missing], [i for i, _ in missing])
        records = await continue_past(ports, records)
        await ports.live.put(records)
    return _result(records)


async def _build(ports: Ports, turn: Turn, spoken: Sequence[Message], ids: Sequence[str]) -> list[MemoryRow]:
    vectors = await embed(ports, spoken) if spoken else []
    return await build(ports, turn, [Draft(m, vector) for m, vector in zip(spoken, vectors, strict=True)], ids)


def _check_taken(spoken: Sequence[Message], ids: Sequence[str], there: Mapping[str, MemoryRow], scope: Scope) -> None:
    for memory_id, message in zip(ids, spoken, strict=True):
        record = there.get(memory_id)
        if record is None:
            continue
        if record.memory != message.text or Scope(record.user_id, record.agent_id, record.run_id) != scope:
            raise ValidationError(
                f"The id {memory_id!r} is taken by another memory. Use update({memory_id!r}, …) to change that one, "
                "or choose another id. Nothing was added."
            )


def _result(records: Sequence[MemoryRow]) -> AddResult:
    results: list[Change] = [{"id": r.id, "memory": r.memory, "event": "ADD"} for r in records]
    return {"results": results, "relations": []}
