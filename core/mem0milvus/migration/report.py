"""The report of a migration from Mem0."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypedDict

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.timestamps import to_iso
from mem0milvus.operations.transfer.dump_format import MemoryRows
from mem0milvus.operations.transfer.import_rows import ImportState

#: The maximum number of problems, and of conflicts, that a report lists; all of them are counted.
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


class Survey:
    """The counts of a migration, collected batch by batch."""

    def __init__(self, dry_run: bool) -> None:
        self.seen = 0  #: the number of memories counted, including those that are not migrated
        self.conflicts: list[Problem] = []  #: the first memories whose ids other memories have here
        self._problems: list[Problem] = []
        self._runs: set[tuple[str, str, str]] = set()
        self._report: MigrationReport = {
            "dry_run": dry_run,
            "memories": 0,
            "deleted": 0,
            "versions": 0,
            "present": 0,
            "conflicts": 0,
            "skipped": 0,
            "renamed": {},
            "unreadable": 0,
            "problems": [],
            "elsewhere": 0,
            "users": {},
            "agents": {},
            "runs": 0,
            "first": None,
            "last": None,
        }

    def add(self, memories: Sequence[MemoryRows], states: Sequence[ImportState]) -> None:
        """Count memories by their import states."""
        report = self._report
        for memory, state in zip(memories, states, strict=True):
            self.seen += 1
            if state is ImportState.CONFLICT:
                report["conflicts"] += 1
                if len(self.conflicts) < _MOST_LISTED:
                    self.conflicts.append({"id": memory.id, "reason": "another memory has this id here"})
            elif state is ImportState.PRESENT:
                report["present"] += 1
            else:
                report["memories"] += not memory.deleted
                report["deleted"] += memory.deleted
                report["versions"] += len(memory.closed)
            if not memory.deleted:
                self._count_owner(memory.head)

    def _count_owner(self, head: MemoryRow) -> None:
        report, created_at = self._report, to_iso(head.created_at)
        report["users"][head.user_id] = report["users"].get(head.user_id, 0) + 1
        if head.agent_id:
            report["agents"][head.agent_id] = report["agents"].get(head.agent_id, 0) + 1
        if head.run_id:
            self._runs.add((head.user_id, head.agent_id, head.run_id))
        report["first"] = min(created_at, report["first"] or created_at)  # as text: its years have four digits
        report["last"] = max(created_at, report["last"] or created_at)

    def leave_out(self, problems: Sequence[Problem], elsewhere: int) -> None:
        """Count memories that are not migrated."""
        self._report["unreadable"] += len(problems)
        self._report["elsewhere"] += elsewhere
        self._problems += problems[: _MOST_LISTED - len(self._problems)]

    def report(self) -> MigrationReport:
        """Return the report."""
        return {**self._report, "problems": [*self._problems, *self.conflicts], "runs": len(self._runs)}
