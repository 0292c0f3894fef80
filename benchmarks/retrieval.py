"""Memories of users stored once, and ranked in several ways: by this library in each mode, and by bare baselines.

Each session is one call of ``Memory.add`` with ``infer=False``: turns are stored unchanged, with role and name, under
the session's run and time. A user's questions search all memories of that user.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from benchmarks.baselines import BM25, by_cosine
from benchmarks.data_sets import Session, User
from mem0milvus import Memory
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.types import SearchMode, Vector

#: Memories that each question is answered with.
TOP_K = 20

MODES = ("hybrid", "dense", "lexical")
BARE_DENSE = "bare-dense"
BARE_WORDS = "bm25"
#: Ways of ranking: the modes of ``Memory.search``, the cosine of the embedder alone, and BM25.
WAYS = (*MODES, BARE_DENSE, BARE_WORDS)
#: Names of ways in tables, if they have others.
TITLES = {BARE_DENSE: "bare dense", BARE_WORDS: "BM25"}


@dataclass(frozen=True)
class Found:
    """A memory by the id in the data; its ``relevance``, or the cosine of a bare embedder; None for BM25."""

    id: str
    relevance: float | None


#: Ranks the memories of one user for a question, best first.
Ranker: TypeAlias = Callable[[str], list[Found]]


@dataclass
class Stored:
    """The memories of one user as stored: the data's ids by ours, and, by the data's ids, texts and embeddings."""

    names: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)


@contextmanager
def stored(
    users: Iterable[User], embedder: Mapping[str, Any], ways: Sequence[str] = WAYS
) -> Iterator[list[tuple[User, dict[str, Ranker]]]]:
    """Store all users in a new Milvus Lite file, and yield each with its rankers by their names.

    Args:
        users: the users.
        embedder: the section ``embedder`` of the configuration.
        ways: names of ``WAYS``.
    """
    with tempfile.TemporaryDirectory() as folder, Memory.from_config(configuration(Path(folder), embedder)) as memory:
        embeds = BARE_DENSE in ways
        yield [(user, rankers(memory, user, store(memory, user, embeds=embeds), ways)) for user in list(users)]


def configuration(folder: Path, embedder: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a memory in a folder, without a language model."""
    store = {"config": {"url": str(folder / "bench.db")}}
    return {"vector_store": store, "embedder": dict(embedder), "llm": {"provider": "offline"}}


def store(memory: Memory, user: User, *, embeds: bool = True) -> Stored:
    """Store all sessions of a user; ``embeds``: return embeddings, too."""
    kept = Stored()
    for session in user.sessions:
        kept.names |= _store_session(memory, user.name, session)
        texts = {turn.id: f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text for turn in session.turns}
        kept.texts |= texts
        if embeds:  # right after the memory has embedded the same texts, which it still has in its cache
            vectors = run(cast("Any", memory._ports.embedder.embed(list(texts.values()))))
            kept.vectors |= dict(zip(texts, vectors, strict=True))
    return kept


def _store_session(memory: Memory, user: str, session: Session) -> dict[str, str]:
    messages = [
        {"role": turn.role, "content": turn.text, **({"name": turn.speaker} if turn.speaker else {})}
        for turn in session.turns
    ]
    given = {"run_id": session.key, "timestamp": session.when}
    told: dict[str, Any] = {name: value for name, value in given.items() if value}
    added = memory.add(messages, user_id=user, infer=False, **told)["results"]
    return {change["id"]: turn.id for change, turn in zip(added, session.turns, strict=True)}


def rankers(memory: Memory, user: User, kept: Stored, ways: Sequence[str]) -> dict[str, Ranker]:
    """Return the rankers of a user's memories, by the names of their ways."""
    found: dict[str, Ranker] = {}
    for way in ways:
        if way == BARE_WORDS:
            found[way] = _bm25(kept.texts)
        elif way == BARE_DENSE:
            found[way] = _bare_dense(memory, kept.vectors)
        else:
            found[way] = _search(memory, user.name, kept.names, cast("SearchMode", way))
    return found


def _search(memory: Memory, user: str, names: Mapping[str, str], mode: SearchMode) -> Ranker:
    def rank(question: str) -> list[Found]:
        items = memory.search(question, user_id=user, mode=mode, top_k=TOP_K)["results"]
        return [Found(names[item["id"]], item["relevance"]) for item in items]

    return rank


def _bare_dense(memory: Memory, vectors: Mapping[str, Vector]) -> Ranker:
    def rank(question: str) -> list[Found]:
        (vector,) = run(cast("Any", memory._ports.embedder.embed_queries([question])))
        return [Found(name, cosine) for name, cosine in by_cosine(vector, vectors)[:TOP_K]]

    return rank


def _bm25(texts: Mapping[str, str]) -> Ranker:
    index = BM25(texts)
    return lambda question: [Found(name, None) for name, _ in index.rank(question)[:TOP_K]]
