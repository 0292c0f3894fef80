"""A memory as it is stored: one row, in a collection of live memories or in that of past versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import TYPE_CHECKING, Any, cast

from mem0milvus.data.limits import VERSION_SEPARATOR
from mem0milvus.data.timestamps import FOREVER_US, to_iso
from mem0milvus.types import Event, HistoryEntry, MemoryItem

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One row. Field names are the columns' names; moments are microseconds since 1970 UTC.

    Attributes:
        id: the memory's id for a live row; for a past one the id with its version, see ``version_key``.
        valid_from: when this version was recorded.
        valid_to: when the next version replaced it; ``FOREVER_US`` while it is the current one.
        observed_at: when what it tells was said or happened.
        expires_at: from when on it is no longer found; ``FOREVER_US`` for never.
        updated_at: when it was last changed; 0 for never.
        seq: position in its run, counted from 0.
        pending: what is known of the extraction that a raw message waits for, see ``operations/pending.py``; ``""`` for
            a memory.
        vector: unit-length embedding; empty where it was not read.
        words: lexical weights by token; empty where they were not read.
    """

    id: str
    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""
    actor_id: str = ""
    role: str = ""
    memory: str
    hash: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    event: Event = "ADD"
    created_at: int
    updated_at: int = 0
    valid_from: int
    valid_to: int = FOREVER_US
    observed_at: int
    expires_at: int = FOREVER_US
    seq: int = 0
    pending: str = ""
    vector: Sequence[float] = ()
    words: Mapping[int, float] = field(default_factory=dict)


def content_hash(text: str) -> str:
    """MD5 of the text, hexadecimal, as Mem0 has it. It names content; it guards nothing."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def version_key(memory_id: str, version: int) -> str:
    """Key of a closed version in the collection of past versions."""
    return f"{memory_id}{VERSION_SEPARATOR}{version}"


def memory_id_of(key: str) -> str:
    """The id of the memory that a row of past versions belongs to."""
    return key.partition(VERSION_SEPARATOR)[0]


def closed(record: MemoryRow, at_us: int) -> MemoryRow:
    """The row that keeps a version which ends at this moment."""
    return replace(record, id=version_key(record.id, record.version), valid_to=at_us)


def tombstone(record: MemoryRow, at_us: int) -> MemoryRow:
    """The row that tells that a memory was deleted; nothing in it comes from what the memory said.

    Milvus wants vectors in every row, so it has ones that say nothing.
    """
    return replace(
        record,
        memory="",
        hash="",
        metadata={},
        pending="",
        vector=(1.0, *[0.0] * (len(record.vector) - 1)),
        words={0: 1.0},
        version=record.version + 1,
        event="DELETE",
        updated_at=at_us,
        valid_from=at_us,
        valid_to=FOREVER_US,
    )


def change_moment(record: MemoryRow, now_us: int) -> int:
    """When a change to this version is recorded: now, but always after the version began."""
    return max(now_us, record.valid_from + 1)


def to_item(record: MemoryRow) -> MemoryItem:
    """The memory as users see it."""
    item: dict[str, Any] = {
        "id": memory_id_of(record.id),
        "memory": record.memory,
        "hash": record.hash,
        "metadata": dict(record.metadata),
        "created_at": to_iso(record.created_at),
        "updated_at": to_iso(record.updated_at) if record.updated_at else None,
        "observed_at": to_iso(record.observed_at),
        "version": record.version,
    }
    for name in ("user_id", "agent_id", "run_id", "actor_id", "role"):
        if value := getattr(record, name):
            item[name] = value
    if record.expires_at != FOREVER_US:
        item["expires_at"] = to_iso(record.expires_at)
    if record.pending:
        item["pending"] = True
    return cast("MemoryItem", item)


def to_history(memory_id: str, versions: Sequence[MemoryRow]) -> list[HistoryEntry]:
    """A memory's versions, oldest first, as the changes between them."""
    entries: list[HistoryEntry] = []
    before: str | None = None
    for record in versions:
        now = None if record.event == "DELETE" else record.memory
        entries.append(
            {
                "id": version_key(memory_id, record.version),
                "memory_id": memory_id,
                "old_memory": before,
                "new_memory": now,
                "event": record.event,
                "created_at": to_iso(record.created_at),
                "updated_at": to_iso(record.valid_from) if record.version > 1 else None,
                "version": record.version,
            }
        )
        before = now
    return entries
