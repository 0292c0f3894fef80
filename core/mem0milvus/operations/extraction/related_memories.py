"""The known memories that new messages may be about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message
from mem0milvus.operations.memories.as_of import View
from mem0milvus.operations.memories.new_rows import Turn
from mem0milvus.operations.memories.search import find
from mem0milvus.operations.question import Question
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, equals
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.retrieval.text import query_weights

#: Searches for one turn. A turn of more messages is cut into so many parts.
MAX_QUESTIONS = 4

#: Characters of each part that are searched for.
MAX_QUESTION_CHARACTERS = 2_000

#: Longer memories are not shown to the model: it can only change a memory that it sees in full.
MAX_SHOWN_CHARACTERS = 2_000


async def related_memories(ports: Ports, turn: Turn) -> list[MemoryRow]:
    """Return at most ``extraction.related`` memories of the turn's scope, the most relevant first.

    If the scope names no user, memories that belong to a user are left out, even those of the same run.
    """
    most = ports.extraction.related
    if not most:
        return []
    texts = _parts(turn.messages)
    view = View(ports.clock.now_us())
    scope = turn.scope
    where = all_of(in_scope(scope), None if scope.user_id else equals("user_id", ""), equals("pending", ""))
    merits: dict[str, tuple[float, float]] = {}
    rows: dict[str, MemoryRow] = {}
    for text, vector in zip(texts, await ports.embedder.embed(texts), strict=True):
        words = query_weights(text) if ports.live.searches_words else {}
        for found in await find(ports, view, where, Question(text, "hybrid", vector, words), scope, most):
            key = found.row.id
            if len(found.row.memory) <= MAX_SHOWN_CHARACTERS:
                rows[key] = found.row
                merits[key] = max(merits.get(key, (0.0, -math.inf)), (found.ranked.relevance, found.ranked.order))
    return sorted(sorted(rows.values(), key=attrgetter("id")), key=lambda row: merits[row.id], reverse=True)[:most]


def _parts(messages: Sequence[Message]) -> list[str]:
    """Return the messages as a few different texts to search for."""
    count = min(len(messages), MAX_QUESTIONS)
    bounds = [len(messages) * number // count for number in range(count + 1)]
    parts = (messages[start:end] for start, end in pairwise(bounds))
    texts = ("\n".join(message.text for message in part)[:MAX_QUESTION_CHARACTERS] for part in parts)
    return list(dict.fromkeys(text for text in texts if text.strip()))
