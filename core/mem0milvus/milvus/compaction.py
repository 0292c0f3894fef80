"""The choice of the files of Milvus Lite to rewrite without the rows that were deleted or replaced.

Such rows are only hidden. Milvus Lite 3.2 merges four files of similar size and nothing else, and answers a request to
compact without doing anything: rows in a lone file stay for good, and where one user's ten thousand memories change
often, a search scans more outdated rows than current ones. ``lite_internals.compact`` rewrites the files chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

#: Rows written to a collection after which it is checked for outdated rows.
CHECK_ROWS = 1_000

#: Share of outdated rows above which a partition is compacted. A search costs in proportion to all rows; rewriting them
#: costs about as much as adding them, once for so many changes.
_MAX_OUTDATED = 0.15


class DataFile(NamedTuple):
    """A file of a partition: its name in the manifest, its outdated rows and all its rows."""

    name: str
    outdated: int
    rows: int


#: The choice of the files of one partition to rewrite into one.
Choice: TypeAlias = "Callable[[Sequence[DataFile]], Sequence[DataFile]]"


def all_outdated(files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Choose every file with an outdated row, so that none is left."""
    return [file for file in files if file.outdated]


def mostly_outdated(files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Choose all files of a partition in which a search scans many outdated rows, else none."""
    many = has_many_outdated(sum(file.outdated for file in files), sum(file.rows for file in files))
    return files if many else []


def has_many_outdated(outdated: int, rows: int) -> bool:
    """Return whether a partition is worth compacting."""
    return rows >= CHECK_ROWS and outdated > _MAX_OUTDATED * rows
