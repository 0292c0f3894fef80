"""What was known of a scope, and when: the versions of its memories with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.data.scope import Scope, read_scope
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.errors import ValidationError
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.types import UNSET, Event, ScopeId

#: The most memories that are drawn each on a line of its own.
DEFAULT_LINES = 24


@dataclass(frozen=True, slots=True)
class Span:
    """A version of a memory, and from when until when it was the current one, in microseconds since 1970 UTC.

    ``end_us`` is ``FOREVER_US`` for one that still is.
    """

    memory: str
    event: Event
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Life:
    """A memory's versions in their order. Between two of them, it may have been deleted for a while."""

    id: str
    spans: tuple[Span, ...]

    @property
    def start_us(self) -> int:
        """When it was learnt."""
        return self.spans[0].start_us

    @property
    def end_us(self) -> int:
        """When it was forgotten; ``FOREVER_US`` where it is known."""
        return self.spans[-1].end_us

    @property
    def changed_us(self) -> int:
        """When it was last learnt, changed or forgotten."""
        return self.spans[-1].start_us if self.end_us == FOREVER_US else self.end_us


@dataclass(frozen=True, slots=True)
class Lives:
    """What a timeline shows.

    Attributes:
        whose: the scope, for people; empty for everybody.
        lives: the memories, in the order in which they were learnt.
        now_us: the moment at which the timeline ends.
        lines: the most of them that have a line of their own.
    """

    whose: str
    lives: tuple[Life, ...]
    now_us: int
    lines: int


async def timeline(
    ports: Ports,
    user_id: ScopeId = UNSET,
    *,
    agent_id: ScopeId = UNSET,
    run_id: ScopeId = UNSET,
    limit: int = DEFAULT_LINES,
) -> Lives:
    """See ``Memory.timeline``."""
    scope = read_scope(user_id, agent_id, run_id)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ValidationError(f"limit must be a whole number from 1, not {limit!r}.")
    now_us = ports.clock.now_us()
    rows: dict[str, list[MemoryRow]] = {}
    for table in (ports.live, ports.history):
        async for page in table.pages(in_scope(scope)):
            for record in page:
                rows.setdefault(memory_id_of(record.id), []).append(record)
    lives = [life for memory_id, versions in rows.items() if (life := _life(memory_id, versions, now_us)) is not None]
    lives.sort(key=lambda life: (life.start_us, life.id))
    return Lives(_whose(scope), tuple(lives), now_us, limit)


def _life(memory_id: str, rows: Sequence[MemoryRow], now_us: int) -> Life | None:
    """A memory's life from its rows in both tables; None where nothing of its text is left."""
    current = next((row for row in rows if row.id == memory_id and row.event != "DELETE"), None)
    latest = current or next((row for row in rows if row.id == memory_id), None)
    if latest is None:
        return None
    counting = [row for row in rows if row.id != memory_id and row.version < latest.version]
    versions = sorted([*counting, latest], key=lambda row: row.version)
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
    """When a version that has expired did so; else never."""
    return max(row.valid_from, row.expires_at) if row.expires_at <= now_us else FOREVER_US


def _whose(scope: Scope) -> str:
    given = (scope.user_id, scope.agent_id, scope.run_id)
    return ", ".join(part for part in given if part)
