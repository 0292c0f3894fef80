"""What is kept beside a raw message until its extraction works, as JSON in the column ``pending``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from mem0milvus.data.memory_row import MemoryRow


@dataclass(frozen=True, slots=True)
class Waiting:
    """An extraction that is due, or of which only the traces are to be removed.

    Attributes:
        turn: what all messages of one ``add`` share.
        prompt: the instructions that this ``add`` gave.
        ids: the ids that it named for new memories.
        done: True once the memories are written.
        remove: then, the memories still to be removed, with the versions that are meant.
    """

    turn: str
    prompt: str = ""
    ids: Sequence[str] = ()
    done: bool = False
    remove: Mapping[str, int] = field(default_factory=dict)

    def as_text(self) -> str:
        """For the column."""
        return json.dumps(asdict(self), ensure_ascii=False)


def waiting_of(record: MemoryRow) -> Waiting:
    """What a pending row waits for."""
    return Waiting(**json.loads(record.pending))


def settled(record: MemoryRow, at_us: int, remove: Mapping[str, int]) -> MemoryRow:
    """The row of a message whose memories are being written. From this moment on it is not found any more."""
    waiting = replace(waiting_of(record), done=True, remove=remove, prompt="", ids=())
    return replace(record, pending=waiting.as_text(), expires_at=at_us)
