"""Retrieval on LoCoMo: which turns hold the answer to a question.

Over **turns**, each is stored as one memory as it is: one user per conversation, one run per session, the speaker as
``name``, the session's date as ``timestamp``. Over **facts**, each turn goes through extraction by a language model
(``add(infer=True)``), so a memory stems from the turns that it was added or changed by. Each question with evidence is
searched with ``top_k=20`` and no threshold. Nothing is answered: this is retrieval only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.conversations import ADVERSARIAL, CATEGORIES, Conversation, Session
from benchmarks.metrics import Result, average, score
from mem0milvus import Memory

TOP_K = 20

#: The turns that a memory stems from, by its id.
Sources = dict[str, set[str]]


def store_turns(memory: Memory, conversation: Conversation) -> Sources:
    """Store a conversation's turns as they are."""
    sources: Sources = {}
    for session in conversation.sessions:
        spoken = [turn for turn in session.turns if turn.text.strip()]
        messages = [{"role": "user", "name": turn.speaker, "content": turn.text} for turn in spoken]
        added = memory.add(messages, infer=False, **_scope(conversation, session))["results"]
        sources.update({change["id"]: {turn.key} for change, turn in zip(added, spoken, strict=True)})
    return sources


def store_facts(memory: Memory, conversation: Conversation) -> Sources:
    """Store what a language model finds worth keeping in each turn."""
    sources: Sources = {}
    for session in conversation.sessions:
        for turn in session.turns:
            if not turn.text.strip():
                continue
            message = {"role": "user", "name": turn.speaker, "content": turn.text}
            for change in memory.add([message], **_scope(conversation, session))["results"]:
                if change["event"] == "DELETE":
                    sources.pop(change["id"], None)
                else:
                    sources.setdefault(change["id"], set()).add(turn.key)
    return sources


def _scope(conversation: Conversation, session: Session) -> dict[str, Any]:
    when = {} if session.when is None else {"timestamp": session.when}
    return {"user_id": conversation.name, "run_id": f"session_{session.number}", **when}


def search(memory: Memory, sources: Sources, user: str, question: str, **options: Any) -> list[Result]:
    """The turns behind each memory found, best first."""
    found = memory.search(question, user_id=user, top_k=TOP_K, **options)["results"]
    return [sources[item["id"]] for item in found]


def by_category(scores: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Averages over categories 1 to 4, over all, and over each."""
    scores = list(scores)
    report = {
        "1-4": average(one for category, one in scores if category != ADVERSARIAL),
        "1-5": average(one for _, one in scores),
    }
    for number, name in CATEGORIES.items():
        if any(category == number for category, _ in scores):
            report[name] = average(one for category, one in scores if category == number)
    return report


def measure(
    conversations: Iterable[Conversation], config: Mapping[str, Any], *, facts: bool = False, **options: Any
) -> dict[str, dict[str, float]]:
    """Store every conversation, ask every question, and average by category.

    Args:
        conversations: what to store and ask.
        config: of the memory.
        facts: store extracted facts; a language model must be configured.
        options: of ``Memory.search``, such as ``mode`` or ``preset``.
    """
    scores: list[tuple[int, dict[str, float]]] = []
    with Memory.from_config(config) as memory:
        for conversation in conversations:
            sources = (store_facts if facts else store_turns)(memory, conversation)
            for question in conversation.questions:
                ranked = search(memory, sources, conversation.name, question.text, **options)
                scores.append((question.category, score(ranked, question.evidence)))
    return by_category(scores)
