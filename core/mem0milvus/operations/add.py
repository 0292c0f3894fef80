"""Adding memories: with or without extraction, in the foreground or in the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from mem0milvus.data.limits import MAX_PROMPT_BYTES
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message, check_metadata, read_messages, utf8_length
from mem0milvus.data.notebook_tables import as_table
from mem0milvus.data.quoting import shown
from mem0milvus.data.scope import check_memory_id, read_scope, require_scope
from mem0milvus.data.timestamps import FOREVER_US, parse_moment
from mem0milvus.errors import ValidationError
from mem0milvus.operations.extraction.pending import extract_turn, infer_or_store, store_turn
from mem0milvus.operations.memories.new_rows import Draft, Turn, build_rows, continue_versions, embed, scope_of
from mem0milvus.ports import Job, Ports
from mem0milvus.types import UNSET, AddResult, Background, FlushOutcome, Messages, Moment, ScopeId


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
    """Add what is worth remembering of some messages or, with ``infer=False``, each message as it is."""
    given, scope = read_messages(messages), read_scope(user_id, agent_id, run_id)
    require_scope(scope, "add")
    now_us = ports.clock.now_us()
    turn = Turn(
        messages=given,
        scope=scope,
        metadata=check_metadata(metadata),
        now_us=now_us,
        observed_at=None if timestamp is None else parse_moment(timestamp, "timestamp"),
        expires_at=_read_expiry(expires_at, now_us),
        prompt=_read_prompt(ports, prompt, infer),
    )
    ids = _read_ids(ids)
    if background not in (None, True, False, "durable"):
        raise ValidationError(f"background is True, False or 'durable', not {shown(background)}.")
    if ports.background.default if background is None else background:
        job = await _job(ports, turn, infer, ids, durable=ports.background.durable or background == "durable")
        return {"results": [], "relations": [], "ticket": await ports.background.submit(scope, job)}
    return as_table(await _add(ports, turn, infer, ids))


async def flush(ports: Ports, timeout: float | None = None) -> FlushOutcome:
    """Wait until the background adds submitted so far have ended."""
    if timeout is not None and (not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or timeout < 0):
        raise ValidationError(f"timeout must be a number of seconds from 0, not {shown(timeout)}.")
    return await ports.background.flush(timeout)


async def _job(ports: Ports, turn: Turn, infer: bool, ids: Sequence[str] | None, *, durable: bool) -> Job:
    """Return the work to do in the background.

    With ``durable``, the messages are stored now as pending rows, so that a crash does not lose them.
    """
    if durable and infer and turn.messages:
        return partial(extract_turn, ports, await store_turn(ports, turn, ids))
    return partial(_add, ports, turn, infer, ids)


async def _add(ports: Ports, turn: Turn, infer: bool, ids: Sequence[str] | None) -> AddResult:
    if not infer:
        return await _add_messages(ports, turn, turn.messages, ids)
    if ids is not None and ports.extraction.llm is None:
        return await _add_messages(ports, turn, await ports.extractor.extract(turn.messages), ids)
    return await infer_or_store(ports, turn, ids)


async def _add_messages(ports: Ports, turn: Turn, messages: Sequence[Message], ids: Sequence[str] | None) -> AddResult:
    """Store each message as a memory."""
    if ids is None:
        rows = await _build(ports, turn, messages, [str(uuid4()) for _ in messages])
        await ports.shield(ports.live.put(rows))
        return _result(rows)
    if len(ids) != len(messages):
        hint = "" if len(messages) == len(turn.messages) else " after extraction; with infer=False, each message is one"
        raise ValidationError(f"ids names {len(ids)} memories and there are {len(messages)} to store{hint}.")
    return await ports.shield(_add_with_ids(ports, turn, messages, ids))


async def _add_with_ids(ports: Ports, turn: Turn, messages: Sequence[Message], ids: Sequence[str]) -> AddResult:
    """Store memories under the caller's ids, skipping those that exist with the same text: the call is a repetition."""
    async with ports.locks.hold(ids):
        existing = await ports.live.get(ids)
        new = {}
        for memory_id, message in zip(ids, messages, strict=True):
            row = existing.get(memory_id)
            if row is None:
                new[memory_id] = message
            elif row.memory != message.text or scope_of(row) != turn.scope:
                raise ValidationError(
                    f"The id {memory_id!r} is taken by another memory. Use update({memory_id!r}, …) to change that "
                    "one, or choose another id. Nothing was added."
                )
        rows = await continue_versions(ports, await _build(ports, turn, list(new.values()), list(new)))
        await ports.live.put(rows)
    return _result(rows)


async def _build(ports: Ports, turn: Turn, messages: Sequence[Message], ids: Sequence[str]) -> list[MemoryRow]:
    vectors = await embed(ports, messages) if messages else []
    return await build_rows(ports, turn, [Draft(m, vector) for m, vector in zip(messages, vectors, strict=True)], ids)


def _result(rows: Sequence[MemoryRow]) -> AddResult:
    return {"results": [{"id": row.id, "memory": row.memory, "event": "ADD"} for row in rows], "relations": []}


def _read_expiry(expires_at: Moment | None, now_us: int) -> int:
    expires_us = FOREVER_US if expires_at is None else parse_moment(expires_at, "expires_at")
    if expires_us <= now_us:
        raise ValidationError(f"expires_at={shown(expires_at)} is not in the future.")
    return expires_us


def _read_prompt(ports: Ports, prompt: str | None, infer: bool) -> str:
    if prompt is None:
        return ""
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValidationError(f"prompt must be a text with instructions, not {shown(prompt)}.")
    if (length := utf8_length(prompt, "prompt")) > MAX_PROMPT_BYTES:
        raise ValidationError(f"prompt is {length:,} bytes long in UTF-8 and the most is {MAX_PROMPT_BYTES:,}.")
    if not infer:
        raise ValidationError("prompt= instructs a language model, and with infer=False none is asked: leave it out.")
    if ports.extraction.llm is None:
        raise ValidationError("prompt= instructs a language model, and none is configured: configure llm or omit it.")
    return prompt


def _read_ids(ids: Sequence[str] | None) -> list[str] | None:
    if ids is None:
        return None
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise ValidationError(f"ids must be a list of texts, not {type(ids).__name__}.")
    checked = [check_memory_id(memory_id, f"ids[{index}]") for index, memory_id in enumerate(ids)]
    if len(set(checked)) != len(checked):
        twice = next(memory_id for memory_id in checked if checked.count(memory_id) > 1)
        raise ValidationError(f"ids holds {shown(twice)} twice.")
    return checked
