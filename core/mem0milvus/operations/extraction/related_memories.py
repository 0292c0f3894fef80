"""The known memories that new messages may be about."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.messages import Message
from mem0milvus.operations.memories import as_of as visible
from mem0milvus.operations.memories.new_rows import Turn
from mem0milvus.operations.memories.search import find
from mem0milvus.operations.question import Question
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters import all_of, equals
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.retrieval.text import query_weights

#: Questions that are looked up for one turn. A longer one is cut into so many stretches of messages.
MAX_QUESTIONS = 4

#: Characters of each stretch that are looked up.
MAX_QUESTION_CHARACTERS = 2_000

#: A longer memory is not shown: it would have to be shown whole to be changed.
MAX_SHOWN_CHARACTERS = 2_000


async def related_memories(ports: Ports, turn: Turn) -> list[MemoryRow]:
    """At most ``extraction.related`` memories of the scope, the most relevant first.

    A memory of a user who is not named in the scope is none of them, even where the run is shared.
    """
    most = ports.extraction.related
    if not most:
        return []
    texts = _stretches(turn.messages)
    view = visible.View(ports.clock.now_us(), past=False)
    scope = turn.scope
    where = all_of(in_scope(scope), None if scope.user_id else equals("user_id", ""), equals("pending", ""))
    relevance: dict[str, float] = {}
    records: dict[str, MemoryRow] = {}
    for text, vector in zip(texts, await ports.embedder.embed(texts), strict=True):
        words = query_weights(text) if ports.live.searches_words else {}
        question = Question(text, "hybrid", vector, words)
        for found in await find(ports, view, where, question, scope, most):
            key = found.row.id
            if len(found.row.memory) <= MAX_SHOWN_CHARACTERS:
                records[key] = found.row
                relevance[key] = max(relevance.get(key, 0.0), found.ranked.relevance)
    return sorted(records.values(), key=lambda record: (-relevance[record.id], record.id))[:most]


def _stretches(messages: Sequence[Message]) -> list[str]:
    """The messages as a few texts to look up, each once."""
    count = min(len(messages), MAX_QUESTIONS)
    bounds = [len(messages) * number // count for number in range(count + 1)]
    parts = (messages[start:end] for start, end in pairwise(bounds))
    texts = ("\n".join(message.text for message in part)[:MAX_QUESTION_CHARACTERS] for part in parts)
    return list(dict.fromkeys(text for text in texts if text.strip()))
