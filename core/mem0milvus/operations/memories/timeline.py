"""The versions of a scope's memories with the times at which they were valid, for drawing a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.data.numbers import check_whole_number
from mem0milvus.data.scope import read_scope
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.types import UNSET, Event, ScopeId

#: The most memories that are drawn on a line of their own.
DEFAULT_LINES = 24


@dataclass(frozen=True, slots=True)
class Span:
    """A version of a memory, and the time during which it was the latest, in microseconds since 1970 UTC.

    ``end_us`` is ``FOREVER_US`` for a version that still is.
    """

    memory: str
    event: Event
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Life:
    """A memory's versions in order. There is a gap between two of them if it was deleted and restored."""

    id: str
    spans: tuple[Span, ...]

    @property
    def start_us(self) -> int:
        """The time at which the memory was added."""
        return self.spans[0].start_us

    @property
    def end_us(self) -> int:
        """The time at which the memory was deleted or expired; ``FOREVER_US`` if neither has happened."""
        return self.spans[-1].end_us

    @property
    def changed_us(self) -> int:
        """The time of the last change: added, updated, restored, deleted or expired."""
        return self.spans[-1].start_us if self.end_us == FOREVER_US else self.end_us


@dataclass(frozen=True, slots=True)
class Lives:
    """The content of a timeline."""

    whose: str  #: the ids of the scope, for the title; empty for the empty scope
    lives: tuple[Life, ...]  #: the memories, in the order in which they were added
    now_us: int  #: the time at which the timeline ends
    lines: int  #: the most memories that have a line of their own


async def timeline(
    ports: Ports,
    user_id: ScopeId = UNSET,
    *,
    agent_id: ScopeId = UNSET,
    run_id: ScopeId = UNSET,
    limit: int = DEFAULT_LINES,
) -> Lives:
    """Return the memories of a scope with all their versions and times."""
    scope = read_scope(user_id, agent_id, run_id)
    check_whole_number(limit, "limit", least=1)
    now_us = ports.clock.now_us()
    rows: dict[str, list[MemoryRow]] = {}
    for table in (ports.live, ports.history):
        async for page in table.pages(in_scope(scope)):
            for row in page:
                rows.setdefault(memory_id_of(row.id), []).append(row)
    lives = [life for memory_id, versions in rows.items() if (life := _life(memory_id, versions, now_us)) is not None]
    lives.sort(key=lambda life: (life.start_us, life.id))
    whose = ", ".join(filter(None, (scope.user_id, scope.agent_id, scope.run_id)))
    return Lives(whose, tuple(lives), now_us, limit)


def _life(memory_id: str, rows: Sequence[MemoryRow], now_us: int) -> Life | None:
    """Return the life of a memory from its rows in both tables; None if no version with a text is left."""
    current = next((row for row in rows if row.id == memory_id and row.event != "DELETE"), None)
    latest = current or next((row for row in rows if row.id == memory_id), None)
    if latest is None:
        return None
    # Of the closed rows, only those below the latest version are valid: see as_of.
    closed = [row for row in rows if row.id != memory_id and row.version < latest.version]
    versions = sorted([*closed, latest], key=lambda row: row.version)
    spans = [
        Span(row.memory, row.event, row.valid_from, min(row.valid_to, _expiry(row, now_us)))
        for row in versions
        if row.event != "DELETE"
    ]
    if not spans:
        return None
    spans[0] = replace(spans[0], start_us=min(latest.created_at, spans[0].start_us))
    return Life(memory_id, tuple(spans))


def _expiry(row: MemoryRow, now_us: int) -> int:
    """Return the time at which a version expired; ``FOREVER_US`` if it has not."""
    return max(row.valid_from, row.expires_at) if row.expires_at <= now_us else FOREVER_US
