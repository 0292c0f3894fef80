"""Extracting a turn: one request to the language model, its answer checked, and one write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message
from mem0milvus.operations.extraction.answer import read_answer
from mem0milvus.operations.extraction.check_changes import Change, CheckContext, check_changes
from mem0milvus.operations.extraction.commit import Commit, Step, is_repetition, write_changes
from mem0milvus.operations.extraction.prompt import build_instructions, build_request
from mem0milvus.operations.extraction.related_memories import related_memories
from mem0milvus.operations.memories.new_rows import Turn, embed
from mem0milvus.ports import LLMPort, Ports
from mem0milvus.types import AddResult, Rejected


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to write for a turn, and the proposals rejected."""

    steps: Sequence[Step]
    rejected: Sequence[Rejected] = ()


async def infer(ports: Ports, turn: Turn, ids: Sequence[str] | None = None) -> AddResult:
    """Extract what is worth remembering of a turn, and write it.

    Args:
        ports: the ports of the store.
        turn: the turn.
        ids: ids for new memories, at least as many as there will be; None for random ones.

    Raises:
        ExtractionError: the language model failed.
        EmbeddingError: the embedding model failed.
        ValidationError: there are fewer ids than new memories, or they are taken. Nothing was written.
        StoreError: Milvus failed.
    """
    if ids is not None and is_repetition(turn, await ports.live.get(ids)):
        return {"results": [], "relations": []}
    plan = await propose(ports, turn)
    fresh = [str(uuid4()) for _ in plan.steps] if ids is None else ids
    commit = Commit(turn, plan.steps, fresh, chosen_ids=ids is not None)
    written = await ports.shield(write_changes(ports, commit))
    changes, late = written or ([], [])
    result: AddResult = {"results": changes, "relations": []}
    if rejected := [*plan.rejected, *late]:
        result["rejected"] = rejected
    return result


async def propose(ports: Ports, turn: Turn) -> Plan:
    """Return the changes for a turn: the checked proposals of the language model or, without one, of the rules.

    Raises:
        ExtractionError: the language model failed, or its answer cannot be used.
        EmbeddingError: the embedding model failed.
    """
    llm = ports.extraction.llm
    if not turn.messages:
        return Plan(())
    if llm is None:
        statements = await ports.extractor.extract(turn.messages)
        vectors = await embed(ports, statements)
        return Plan([Step("ADD", message, vector) for message, vector in zip(statements, vectors, strict=True)])
    return await _ask(ports, llm, turn)


async def _ask(ports: Ports, llm: LLMPort, turn: Turn) -> Plan:
    known = {str(number): row for number, row in enumerate(await related_memories(ports, turn), start=1)}
    texts = {alias: row.memory for alias, row in known.items()}
    settings = ports.extraction
    instructions = build_instructions(turn.prompt or settings.custom, settings.includes, settings.excludes)
    said_at = turn.now_us if turn.observed_at is None else turn.observed_at
    request = build_request(turn.messages, texts, said_at, instructions)
    proposals, malformed = read_answer(await llm.complete(request))
    context = CheckContext(turn.messages, texts, request.system, [turn.scope.user_id], settings.assistant)
    changes, rejected = check_changes(proposals, context)
    return Plan(await _steps(ports, changes, known), [*malformed, *rejected])


async def _steps(ports: Ports, changes: Sequence[Change], known: Mapping[str, MemoryRow]) -> list[Step]:
    """Return the changes with the memories they change, and with the embeddings of their texts."""
    messages = [Message(c.message.role, c.memory, c.message.name) for c in changes]
    with_text = [message for message in messages if message.text]
    vectors = dict(zip(with_text, await embed(ports, with_text), strict=True))
    return [
        Step(c.action, message, vectors.get(message, ()), c.happened_at, known.get(c.alias), c.proposal)
        for c, message in zip(changes, messages, strict=True)
    ]
