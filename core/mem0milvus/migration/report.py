"""The report of a migration from Mem0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from typing_extensions import TypedDict

from mem0milvus.data.timestamps import to_iso
from mem0milvus.operations.transfer.dump_format import MemoryRows
from mem0milvus.operations.transfer.import_rows import ImportState

#: The most problems, and the most conflicts, that a report lists; all of them are counted.
_MOST_LISTED = 100


class Problem(TypedDict):
    """A memory that cannot be migrated."""

    id: str
    reason: str


class MigrationReport(TypedDict):
    """The result of ``migrate_mem0``: the counts of what was migrated or, in a dry run, would be."""

    dry_run: bool
    memories: int
    deleted: int  # memories that Mem0 has deleted, with their histories
    versions: int  # closed versions
    present: int  # memories that were migrated before
    conflicts: int  # memories whose ids other memories have here
    skipped: int  # conflicts that were left out
    renamed: dict[str, str]  # the new ids of conflicts, by the old ones
    unreadable: int  # memories that cannot be migrated
    problems: list[Problem]  # the first hundred unreadable memories, and the first hundred conflicts
    elsewhere: int  # memories of history.db that are in another collection of Mem0, or in none
    users: dict[str, int]  # memories by user; "" for those without a user
    agents: dict[str, int]
    runs: int
    first: str | None  # creation of the oldest memory, as ISO 8601 text
    last: str | None


@dataclass(slots=True)
class Survey:
    """The counts of a migration.

    Attributes:
        dry_run: copied into the report.
        seen: the number of memories counted, including those that are not migrated.
        conflicts: the first memories whose ids other memories have here.
    """

    dry_run: bool
    seen: int = 0
    conflicts: list[Problem] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _problems: list[Problem] = field(default_factory=list)
    _users: Counter[str] = field(default_factory=Counter)
    _agents: Counter[str] = field(default_factory=Counter)
    _runs: set[tuple[str, str, str]] = field(default_factory=set)
    _first_us: int | None = None
    _last_us: int | None = None

    def add(self, memories: Sequence[MemoryRows], states: Sequence[ImportState]) -> None:
        """Count memories by their import states."""
        for memory, state in zip(memories, states, strict=True):
            self.seen += 1
            if state is ImportState.CONFLICT:
                self._counts["conflicts"] += 1
                if len(self.conflicts) < _MOST_LISTED:
                    self.conflicts.append({"id": memory.head.id, "reason": "another memory has this id here"})
            elif state is ImportState.PRESENT:
                self._counts["present"] += 1
            else:
                self._counts["deleted" if memory.deleted else "memories"] += 1
                self._counts["versions"] += len(memory.closed)
            if not memory.deleted:
                self._count_owner(memory)

    def _count_owner(self, memory: MemoryRows) -> None:
        head = memory.head
        self._users[head.user_id] += 1
        if head.agent_id:
            self._agents[head.agent_id] += 1
        if head.run_id:
            self._runs.add((head.user_id, head.agent_id, head.run_id))
        self._first_us = min(head.created_at, self._first_us or head.created_at)
        self._last_us = max(head.created_at, self._last_us or head.created_at)

    def leave_out(self, problems: Sequence[Problem], elsewhere: int) -> None:
        """Count memories that are not migrated."""
        self._counts["unreadable"] += len(problems)
        self._counts["elsewhere"] += elsewhere
        self._problems += problems[: _MOST_LISTED - len(self._problems)]

    def report(self) -> MigrationReport:
        """Return the report."""
        counts = self._counts
        return {
            "dry_run": self.dry_run,
            "memories": counts["memories"],
            "deleted": counts["deleted"],
            "versions": counts["versions"],
            "present": counts["present"],
            "conflicts": counts["conflicts"],
            "skipped": 0,
            "renamed": {},
            "unreadable": counts["unreadable"],
            "problems": [*self._problems, *self.conflicts],
            "elsewhere": counts["elsewhere"],
            "users": dict(self._users),
            "agents": dict(self._agents),
            "runs": len(self._runs),
            "first": None if self._first_us is None else to_iso(self._first_us),
            "last": None if self._last_us is None else to_iso(self._last_us),
        }
