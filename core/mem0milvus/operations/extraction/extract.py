"""Adding what is worth remembering: one question to the language model, its answer checked, one write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message
from mem0milvus.data.scope import Scope
from mem0milvus.errors import ValidationError
from mem0milvus.operations.extraction.answer import read_answer
from mem0milvus.operations.extraction.check_changes import Change, Heard, check_changes
from mem0milvus.operations.extraction.commit import Commit, Step, write_changes
from mem0milvus.operations.extraction.prompt import build_instructions, build_request
from mem0milvus.operations.extraction.related_memories import related_memories
from mem0milvus.operations.memories.new_rows import Turn, embed
from mem0milvus.ports import LLMPort, Ports
from mem0milvus.types import AddResult, Rejected


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written for a turn."""

    steps: Sequence[Step]
    rejected: Sequence[Rejected] = field(default_factory=tuple)


async def infer(ports: Ports, turn: Turn, ids: Sequence[str] | None = None) -> AddResult:
    """Find out what is worth remembering of a turn, and write it.

    Args:
        ports: what operations use.
        turn: what was said.
        ids: ids for new memories, as many as there may be at most; left out, new ones.

    Raises:
        ExtractionError: the language model failed.
        EmbeddingError: the embedding model failed.
        ValidationError: there are fewer ids than new memories, or they are taken. Nothing was written.
        StoreError: Milvus failed.
    """
    if ids is not None and await _was_added(ports, turn, ids):
        return {"results": [], "relations": []}
    plan = await propose(ports, turn)
    fresh = [str(uuid4()) for _ in plan.steps] if ids is None else ids
    commit = Commit(turn, plan.steps, fresh, named=ids is not None)
    written = await ports.shield(write_changes(ports, commit))
    changes, late = written or ([], [])
    result: AddResult = {"results": changes, "relations": []}
    if rejected := [*plan.rejected, *late]:
        result["rejected"] = rejected
    return result


async def _was_added(ports: Ports, turn: Turn, ids: Sequence[str]) -> bool:
    """Whether memories of these ids are there, so that the same call was made before."""
    there = await ports.live.get(ids)
    for record in there.values():
        if Scope(record.user_id, record.agent_id, record.run_id) != turn.scope:
            raise ValidationError(f"The id {record.id!r} is taken by a memory of another scope. Nothing was added.")
    return bool(there)


async def propose(ports: Ports, turn: Turn) -> Plan:
    """What is to be written for a turn: what the language model proposes and the checks let through, or the rules find.

    Raises:
        ExtractionError: the language model failed, or gave no answer that can be used.
        EmbeddingError: the embedding model failed.
    """
    llm = ports.extraction.llm
    if not turn.messages:
        return Plan(())
    if llm is None:
        found = await ports.extractor.extract(turn.messages)
        vectors = await embed(ports, found)
        return Plan([Step("ADD", message, vector) for message, vector in zip(found, vectors, strict=True)])
    return await _ask(ports, llm, turn)


async def _ask(ports: Ports, llm: LLMPort, turn: Turn) -> Plan:
    known = {str(n): record for n, record in enumerate(await related_memories(ports, turn), start=1)}
    shown = {alias: record.memory for alias, record in known.items()}
    settings = ports.extraction
    instructions = build_instructions(turn.prompt or settings.custom, settings.includes, settings.excludes)
    said_at = turn.now_us if turn.observed_at is None else turn.observed_at
    request = build_request(turn.messages, shown, said_at, instructions)
    proposals, malformed = read_answer(await llm.complete(request))
    heard = Heard(turn.messages, shown, request.system, [turn.scope.user_id], settings.assistant)
    changes, rejected = check_changes(proposals, heard)
    return Plan(await _steps(ports, changes, known), [*malformed, *rejected])


async def _steps(ports: Ports, changes: Sequence[Change], known: Mapping[str, MemoryRow]) -> list[Step]:
    """The changes with their memories, and with the vectors of their texts."""
    texts = [Message(c.message.role, c.memory, c.message.name) for c in changes]
    told = [message for message in texts if message.text]
    vectors = dict(zip(told, await embed(ports, told), strict=True))
    return [
        Step(change.action, text, vectors.get(text, ()), change.happened_at, known.get(change.alias), change.proposal)
        for change, text in zip(changes, texts, strict=True)
    ]
