"""The state of a pending extraction, stored with each of its messages as JSON in the column ``pending``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from mem0milvus.data.memory_row import MemoryRow


@dataclass(frozen=True, slots=True)
class PendingExtraction:
    """An extraction still to be done, or one that is done but not cleaned up."""

    turn: str  #: an id that all messages of one ``add`` share
    prompt: str = ""  #: the instructions given to this ``add``
    ids: Sequence[str] = ()  #: the ids given to it for new memories
    done: bool = False  #: True once the new memories are written; then only the pending rows are left to remove
    #: with ``done``, the ids of memories still to be deleted, with the version to which the deletion applies
    remove: Mapping[str, int] = field(default_factory=dict)

    def as_text(self) -> str:
        """Return the value for the column."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_pending(row: MemoryRow) -> PendingExtraction:
    """Return the extraction for which a pending row was stored."""
    return PendingExtraction(**json.loads(row.pending))


def mark_done(row: MemoryRow, at_us: int, remove: Mapping[str, int]) -> MemoryRow:
    """Return a pending row as it is once its memories are written: done, and expired so that no read finds it."""
    pending = PendingExtraction(read_pending(row).turn, done=True, remove=remove)
    return replace(row, pending=pending.as_text(), expires_at=at_us)
