"""Conversations in a memory, and questions to it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console

from mem0milvus import DEFAULT_INJECTION_THRESHOLD, Memory, SearchItem, ValidationError
from mem0milvus.cli.conversation import Conversation, Session
from mem0milvus.cli.progress import progress_bar
from mem0milvus.cli.tables import LEGEND, RELEVANCE, SCORE, Column, day, print_table
from mem0milvus.cli.terminal import CommandError, count, print_line

#: The demo's own, so that it never touches anybody's memories.
COLLECTION = "mem0milvus_demo_conversations"


class Interview:
    """An open store with conversations in it. Close it by leaving the ``with`` block.

    Args:
        console: where answers are printed.
        conversations: what to remember.
        path: the Milvus Lite store.
        top_k: the most memories that answer a question.
    """

    def __init__(self, console: Console, conversations: Sequence[Conversation], path: str, top_k: int) -> None:
        self._console = console
        self._conversations = conversations
        self._path = path
        self._top_k = top_k
        self._turns = {turn.memory_id: turn.name for one in conversations for turn in one.turns}

    def __enter__(self) -> Interview:
        store = {"collection_name": COLLECTION, "url": self._path}
        self._memory = Memory.from_config({"vector_store": {"config": store}, "embedder": {"provider": "offline"}})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.close()

    def store(self) -> None:
        """Remember every turn that is not remembered yet, with a progress bar."""
        start, added = time.monotonic(), 0
        with progress_bar() as progress:
            task = progress.add_task("Remembering", total=len(self._turns))
            for conversation in self._conversations:
                there = self._already_there(conversation)
                for session in conversation.sessions:
                    added += self._store_session(conversation, session, there)
                    progress.advance(task, len(session.turns))
        seconds = time.monotonic() - start
        conversations = count(len(self._conversations), "conversation", "conversations")
        line = f"Remembered {count(added, 'turn', 'turns')} of {conversations}"
        known = len(self._turns) - added
        line += f" in {seconds:.1f} s" + (f"; {known:,} were there already." if known else ".")
        print_line(self._console, line, style="dim")

    def _already_there(self, conversation: Conversation) -> dict[str, str]:
        """What the store has of a conversation from a former demo: texts by id."""
        there = {item["id"]: item["memory"] for item in self._memory.get_all(conversation.user_id)["results"]}
        for turn in conversation.turns:
            if there.get(turn.memory_id, turn.text) != turn.text:
                raise CommandError(
                    f"{self._path} holds another conversation called {conversation.user_id!r}: its turn {turn.name} "
                    "says something else. Name another --path."
                )
        return there

    def _store_session(self, conversation: Conversation, session: Session, there: dict[str, str]) -> int:
        """Remember a session; returns how many of its turns were new."""
        if all(turn.memory_id in there for turn in session.turns):
            return 0
        try:
            result = self._memory.add(
                [turn.message for turn in session.turns],
                user_id=conversation.user_id,
                run_id=session.run_id,
                infer=False,
                timestamp=session.moment,
                ids=[turn.memory_id for turn in session.turns],
            )
        except ValidationError as error:
            raise CommandError(f"{conversation.user_id}, {session.run_id}: {error}") from error
        return sum(change["id"] not in there for change in result["results"])

    def answer(self, question: str) -> None:
        """Print the memories that a question is about."""
        asked = _concerned(self._conversations, question)
        found: list[SearchItem] = []
        for conversation in asked:
            found += self._memory.search(question, user_id=conversation.user_id, top_k=self._top_k)["results"]
        if len(asked) > 1:  # each one's own order holds within its conversation only
            found.sort(key=lambda item: item["relevance"], reverse=True)
        self._print_answer(found[: self._top_k])

    def _print_answer(self, found: Sequence[SearchItem]) -> None:
        print_table(self._console, self._columns(found), found)
        print_line(self._console, LEGEND, style="dim")
        if all(item["relevance"] < DEFAULT_INJECTION_THRESHOLD for item in found):
            note = f"No memory reaches a relevance of {DEFAULT_INJECTION_THRESHOLD}: the answer may not be there."
            print_line(self._console, note, style="yellow")

    def _columns(self, found: Sequence[SearchItem]) -> list[Column[SearchItem]]:
        ranks = {item["id"]: rank for rank, item in enumerate(found, start=1)}
        several = len(self._conversations) > 1
        return [
            Column("#", lambda item: str(ranks[item["id"]]), number=True),
            Column("memory", lambda item: item["memory"], wraps=True),
            Column("who", lambda item: item.get("actor_id") or item.get("role", ""), wraps=True),
            Column("date", lambda item: day(item["observed_at"])),
            Column("turn", lambda item: self._place(item, several), wraps=several),
            SCORE,
            RELEVANCE,
        ]

    def _place(self, item: SearchItem, several: bool) -> str:
        turn = self._turns.get(item["id"], item["id"])
        return f"{turn}\n{item['user_id']}" if several else turn


def _concerned(conversations: Sequence[Conversation], question: str) -> list[Conversation]:
    """The conversations of which the question names a speaker; all, where it names none."""
    named = [one for one in conversations if any(_names(question, speaker) for speaker in one.speakers)]
    return named or list(conversations)


def _names(question: str, speaker: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(speaker.casefold())}(?!\w)", question.casefold()) is not None
