"""Reading, storing and searching conversations, for ``mem0milvus demo --conversation``.

A file holds a list of messages in OpenAI's format, or LoCoMo's samples.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mem0milvus import Memory, SearchItem, ValidationError
from mem0milvus.cli.locomo import Conversation, Session, Utterance, read_locomo
from mem0milvus.cli.settings import keyless_provider
from mem0milvus.cli.tables import SCORES, TEXT, Column, day, print_legend, print_table
from mem0milvus.cli.terminal import CommandError, CommandUsageError, count, print_line, progress_bar
from mem0milvus.data.messages import read_messages

#: A collection of the demo's own, so that it never touches the user's memories.
_COLLECTION = "mem0milvus_demo_conversations"

_FORMATS = (
    'a list of messages [{"role": "user", "content": "…"}, …], a dict with "messages", or a LoCoMo file: a list of '
    'samples with "conversation"'
)


def read_conversations(path: Path, only: str | None = None) -> list[Conversation]:
    """Read all conversations of a file, or only the one of the user ``only``."""
    content = _read_json(path)
    if isinstance(content, dict) and "messages" in content:
        content = content["messages"]
    elif isinstance(content, dict) and "conversation" in content:
        content = [content]
    if not isinstance(content, list):
        raise CommandError(f"{path} is JSON, but not a conversation. It must be {_FORMATS}.")
    is_locomo = bool(content) and isinstance(content[0], dict) and "conversation" in content[0]
    try:
        found = read_locomo(content) if is_locomo else [_read_chat(content, path.stem)]
    except ValidationError as error:
        raise CommandError(f"{path}: {error}") from error
    if not any(conversation.utterances for conversation in found):
        raise CommandError(f"{path} is an empty conversation: there is nothing to remember in it.")
    chosen = [conversation for conversation in found if only in (None, conversation.user_id)]
    if not chosen:
        known = ", ".join(conversation.user_id for conversation in found)
        raise CommandUsageError(f"--user {only!r}: no such conversation in {path}. It has: {known}.")
    return chosen


def _read_json(path: Path) -> Any:
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise CommandUsageError(f"--conversation {str(path)!r} {problem}: name a JSON file.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8 (byte {error.start}): save it as JSON in UTF-8.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise CommandError(f"{path} is not valid JSON ({error}). It must be {_FORMATS}.") from error


def _read_chat(messages: Sequence[Any], user_id: str) -> Conversation:
    if messages:
        read_messages(messages)  # so that an error names the message by its place in the file
    utterances = (
        Utterance(str(place), message.name, message.text, role=message.role)
        for place, given in enumerate(messages)
        for message in read_messages([given])
    )
    return Conversation(user_id, (Session("chat", tuple(utterances)),))


def open_demo_memory(path: str) -> Memory:
    """Open the memory of the demo, with an embedder that needs no key."""
    store = {"collection_name": _COLLECTION, "url": path}
    embedder, llm = {"provider": keyless_provider(path, _COLLECTION)}, {"provider": "offline"}
    return Memory.from_config({"vector_store": {"config": store}, "embedder": embedder, "llm": llm})


class ConversationDemo:
    """Conversations in a memory, searched for ``top_k`` of its items."""

    def __init__(self, memory: Memory, conversations: Sequence[Conversation], top_k: int) -> None:
        self._memory = memory
        self._conversations = conversations
        self._top_k = top_k
        self._names = {one.memory_id(said): said.name for one in conversations for said in one.utterances}

    def store(self) -> None:
        """Store every message that is not stored yet, with a progress bar."""
        start, added, done, total = time.monotonic(), 0, 0, len(self._names)
        with progress_bar("Remembering", total, transient=False) as report:
            for conversation in self._conversations:
                stored = self._stored(conversation)
                for session in conversation.sessions:
                    added += self._store_session(conversation, session, stored)
                    done += len(session.utterances)
                    report(done, total)
        conversations = count(len(self._conversations), "conversation", "conversations")
        line = f"Remembered {count(added, 'turn', 'turns')} of {conversations} in {time.monotonic() - start:.1f} s"
        line += f"; {total - added:,} were there already." if total > added else "."
        print_line(line, style="dim")

    def _stored(self, conversation: Conversation) -> dict[str, str]:
        """Return the texts by id that an earlier demo stored of a conversation."""
        stored = {item["id"]: item["memory"] for item in self._memory.get_all(conversation.user_id)["results"]}
        for said in conversation.utterances:
            if stored.get(conversation.memory_id(said), said.text) != said.text:
                raise CommandError(
                    f"The store holds another conversation called {conversation.user_id!r}: its turn {said.name} says "
                    "something else. Name another --path."
                )
        return stored

    def _store_session(self, conversation: Conversation, session: Session, stored: dict[str, str]) -> int:
        """Store a session and return the number of its new messages."""
        ids = [conversation.memory_id(said) for said in session.utterances]
        if all(memory_id in stored for memory_id in ids):
            return 0
        messages = [
            {"role": said.role, "content": said.text, **({"name": said.speaker} if said.speaker else {})}
            for said in session.utterances
        ]
        try:
            result = self._memory.add(
                messages,
                user_id=conversation.user_id,
                run_id=session.run_id,
                infer=False,
                timestamp=session.time,
                ids=ids,
            )
        except ValidationError as error:
            raise CommandError(f"{conversation.user_id}, {session.run_id}: {error}") from error
        return sum(change["id"] not in stored for change in result["results"])

    def answer(self, question: str) -> None:
        """Print the memories found for a question in the conversations whose speakers it names, or in all."""
        named = [one for one in self._conversations if any(_is_named(name, question) for name in one.speakers)]
        asked = named or self._conversations
        found: list[SearchItem] = []
        for conversation in asked:
            found += self._memory.search(question, user_id=conversation.user_id, top_k=self._top_k)["results"]
        if len(asked) > 1:  # relevances of several searches can be compared, ranks cannot
            found.sort(key=lambda item: item["relevance"], reverse=True)
        found = found[: self._top_k]
        print_table(self._columns(found), found)
        print_legend(found)

    def _columns(self, found: Sequence[SearchItem]) -> list[Column[SearchItem]]:
        ranks = {item["id"]: rank for rank, item in enumerate(found, start=1)}
        several = len(self._conversations) > 1
        return [
            Column("#", lambda item: str(ranks[item["id"]]), number=True),
            TEXT,
            Column("who", lambda item: item.get("actor_id") or item.get("role", ""), wraps=True),
            Column("date", lambda item: day(item["observed_at"])),
            Column("turn", lambda item: self._place(item, several), wraps=several),
            *SCORES,
        ]

    def _place(self, item: SearchItem, several: bool) -> str:
        name = self._names.get(item["id"], item["id"])
        return f"{name}\n{item['user_id']}" if several else name


def _is_named(name: str, question: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", question.casefold()) is not None
