"""Rows of memories: one per version, in the collection of current versions or in that of closed versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import Any, cast

from mem0milvus.data.limits import VERSION_SEPARATOR
from mem0milvus.data.timestamps import FOREVER_US, to_iso
from mem0milvus.types import Event, HistoryEntry, MemoryItem


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One version of a memory. Fields are named like the columns; timestamps are microseconds since 1970 UTC.

    Attributes:
        id: the memory's id for the current version; for a closed one see ``version_key``.
        valid_from: time at which this version was stored.
        valid_to: time at which the next version replaced it; ``FOREVER_US`` for the current version.
        observed_at: time of the event or statement that the memory describes.
        expires_at: time from which it is no longer found; ``FOREVER_US`` for never.
        updated_at: time of the last change; 0 for never.
        seq: position in its run, from 0.
        pending: for a message still to be extracted, the state of its extraction as JSON; ``""`` for a memory.
        vector: unit-length embedding; empty if it was not read.
        words: lexical weights by key; empty if they were not read.
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
    """Return the MD5 of a text, hexadecimal, as in Mem0. It identifies content and has no security purpose."""
    # Python on a system in FIPS mode refuses MD5 without this flag.
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def version_key(memory_id: str, version: int) -> str:
    """Return the key of a closed version in the history."""
    return f"{memory_id}{VERSION_SEPARATOR}{version}"


def memory_id_of(key: str) -> str:
    """Return the id of the memory to which a row of the history belongs."""
    return key.partition(VERSION_SEPARATOR)[0]


def closed(row: MemoryRow, at_us: int) -> MemoryRow:
    """Return the row of a version that ends at this time."""
    return replace(row, id=version_key(row.id, row.version), valid_to=at_us)


def tombstone(row: MemoryRow, at_us: int) -> MemoryRow:
    """Return the row that marks a memory as deleted. It contains nothing of the memory's text.

    Milvus requires vectors in every row, so it has constant ones.
    """
    return replace(
        row,
        memory="",
        hash="",
        metadata={},
        pending="",
        vector=(1.0, *[0.0] * (len(row.vector) - 1)),
        words={0: 1.0},
        version=row.version + 1,
        event="DELETE",
        updated_at=at_us,
        valid_from=at_us,
        valid_to=FOREVER_US,
    )


def change_moment(row: MemoryRow, now_us: int) -> int:
    """Return the time to store for a change to this version: now, but always after the version's beginning."""
    # The clock may have been set back since, and two versions of one memory must not begin at the same time.
    return max(now_us, row.valid_from + 1)


def to_item(row: MemoryRow) -> MemoryItem:
    """Return the memory as a result for users."""
    item: dict[str, Any] = {
        "id": memory_id_of(row.id),
        "memory": row.memory,
        "hash": row.hash,
        "metadata": dict(row.metadata),
        "created_at": to_iso(row.created_at),
        "updated_at": to_iso(row.updated_at) if row.updated_at else None,
        "observed_at": to_iso(row.observed_at),
        "version": row.version,
    }
    for name in ("user_id", "agent_id", "run_id", "actor_id", "role"):
        if value := getattr(row, name):
            item[name] = value
    if row.expires_at != FOREVER_US:
        item["expires_at"] = to_iso(row.expires_at)
    if row.pending:
        item["pending"] = True
    return cast("MemoryItem", item)


def to_history(memory_id: str, versions: Sequence[MemoryRow]) -> list[HistoryEntry]:
    """Return the changes between the versions of a memory, which are given oldest first."""
    entries: list[HistoryEntry] = []
    before: str | None = None
    for row in versions:
        now = None if row.event == "DELETE" else row.memory
        entries.append(
            {
                "id": version_key(memory_id, row.version),
                "memory_id": memory_id,
                "old_memory": before,
                "new_memory": now,
                "event": row.event,
                "created_at": to_iso(row.created_at),
                "updated_at": to_iso(row.valid_from) if row.version > 1 else None,
                "version": row.version,
            }
        )
        before = now
    return entries
