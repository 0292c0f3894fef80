"""Retrieval on LoCoMo: which turns hold the answer to a question.

Over **turns**, each utterance is stored unchanged as one memory: one user per conversation, one run per session, the
speaker as ``name``, the session's date as ``timestamp``. Over **facts**, each utterance goes through extraction by a
language model (``add(infer=True)``), so a memory stems from the utterances that added or changed it. Each question with
evidence is searched with ``top_k=20`` and no threshold. Nothing is answered: this measures retrieval only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.conversations import Conversation, Session, Utterance
from benchmarks.metrics import Result, by_category, score
from mem0milvus import Memory

TOP_K = 20

#: The names of the utterances that a memory stems from, by its id.
Sources = dict[str, set[str]]


def store_session(memory: Memory, user: str, session: Session) -> Sources:
    """Store the utterances of a session unchanged."""
    said = session["utterances"]
    added = memory.add(messages(said), infer=False, user_id=user, **run_of(session))["results"]
    return {change["id"]: {one["name"]} for change, one in zip(added, said, strict=True)}


def store_turns(memory: Memory, conversation: Conversation) -> Sources:
    """Store the utterances of a conversation unchanged."""
    sources: Sources = {}
    for session in conversation["sessions"]:
        sources |= store_session(memory, conversation["name"], session)
    return sources


def store_facts(memory: Memory, conversation: Conversation) -> Sources:
    """Store the facts that a language model extracts from each utterance."""
    sources: Sources = {}
    for session in conversation["sessions"]:
        for one in session["utterances"]:
            added = memory.add(messages([one]), user_id=conversation["name"], **run_of(session))
            for change in added["results"]:
                if change["event"] == "DELETE":
                    sources.pop(change["id"], None)
                else:
                    sources.setdefault(change["id"], set()).add(one["name"])
    return sources


def messages(said: Sequence[Utterance]) -> list[dict[str, str]]:
    """Return utterances as messages of users, with their speakers as names."""
    return [
        {"role": "user", "content": one["text"], **({"name": one["speaker"]} if one["speaker"] else {})} for one in said
    ]


def run_of(session: Session) -> dict[str, Any]:
    """Return the run and the time of a session as arguments of ``Memory.add``."""
    given = {"run_id": session["name"], "timestamp": session["time"]}
    return {name: value for name, value in given.items() if value}


def search(memory: Memory, sources: Sources, user: str, question: str, **options: Any) -> list[Result]:
    """Return the names of the utterances behind each memory found, best first."""
    found = memory.search(question, user_id=user, **{"top_k": TOP_K, **options})["results"]
    return [sources[item["id"]] for item in found]


def measure(
    conversations: Iterable[Conversation], config: Mapping[str, Any], *, facts: bool = False, **options: Any
) -> dict[str, dict[str, float]]:
    """Store every conversation, ask every question, and average by category.

    Args:
        conversations: the conversations.
        config: the configuration of the memory.
        facts: store extracted facts; a language model must be configured.
        options: of ``Memory.search``, such as ``mode`` or ``preset``.
    """
    scores: list[tuple[int, dict[str, float]]] = []
    with Memory.from_config(config) as memory:
        for conversation in conversations:
            sources = (store_facts if facts else store_turns)(memory, conversation)
            for question in conversation["questions"]:
                ranked = search(memory, sources, conversation["name"], question["text"], **options)
                scores.append((question["category"], score(ranked, question["evidence"])))
    return by_category(scores)
