"""Taking rows that were deleted or replaced out of the files of Milvus Lite, where they are only hidden.

Milvus Lite 3.2 answers a request to compact and does nothing. By itself it merges four files of about a size: what lies
in a lone file stays there for good, and where one user's ten thousand memories are changed often, a search walks over
more outdated rows than current ones. So its engine is asked directly to make one file of those of a partition, in the
way and under the lock of its own compaction, which a crash cannot break.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

#: Rows written to a collection after which it is looked through for outdated ones.
MANY_ROWS = 1_000

#: The share of outdated rows beyond which a partition is compacted. A search costs in proportion to all rows; rewriting
#: them is paid for once in so many changes.
MOST_OUTDATED = 0.15

#: A file of a partition: its name, and how many of its rows are outdated and how many there are.
File: TypeAlias = "tuple[str, int, int]"

#: Of the files of one partition, those that are to be written anew.
Choice: TypeAlias = "Callable[[Sequence[File]], Sequence[File]]"


def all_outdated(files: Sequence[File]) -> list[File]:
    """Every file that holds an outdated row."""
    return [file for file in files if file[1]]


def mostly_outdated(files: Sequence[File]) -> Sequence[File]:
    """All, to become one, where a search walks over many outdated rows; else none."""
    outdated, rows = sum(file[1] for file in files), sum(file[2] for file in files)
    return files if _too_many(outdated, rows) else []


def _too_many(outdated: int, rows: int) -> bool:
    return rows >= MANY_ROWS and outdated > MOST_OUTDATED * rows


def may_be_untidy(engine: Any) -> bool:
    """What is true where many rows are outdated, and told without waiting until the files just flushed are indexed.

    Args:
        engine: the collection, as Milvus Lite keeps it.
    """
    segments, deleted = engine._read_snapshot()
    partitions: dict[str, list[Any]] = {}
    for segment in segments:
        partitions.setdefault(segment.partition, []).append(segment)
    for files in partitions.values():
        keys: set[str] = set().union(*(file.pk_to_row for file in files))
        rows = sum(file.num_rows for file in files)
        if _too_many(rows - len(keys) + len(keys & deleted.snapshot.keys()), rows):
            return True
    return False


def compact(engine: Any, choose: Choice) -> None:
    """Write the chosen files of a collection anew.

    Args:
        engine: the collection, as Milvus Lite keeps it. Nothing else is asked of it meanwhile.
        choose: which files of each partition.
    """
    engine._wait_for_bg()
    with engine._maintenance_lock:
        outdated = _Outdated(engine)
        chosen = {partition: choose(files) for partition, files in outdated.by_partition(engine).items()}
        if not any(chosen.values()):
            return
        for partition, files in chosen.items():
            if names := [name for name, _, _ in files]:
                folder = str(Path(engine.data_dir, "partitions", partition))
                engine._compaction_mgr._compact_files(partition, folder, names, engine._manifest, outdated)
        engine._compaction_mgr._gc_tombstones(engine._manifest, engine._delta_index)
        engine._refresh_segment_cache()
        engine._cleanup_orphan_index_files()
    engine._schedule_bg_maintenance()  # indexes of the new files
    engine._wait_for_bg()


class _Outdated:
    """In the place of Milvus Lite's index of deletions: rows that a later row replaced count as deleted too."""

    def __init__(self, engine: Any) -> None:
        self._deleted = engine._delta_index
        self._newest: dict[str, int] = {}
        for segment in engine._segments_snapshot():
            for key, number in zip(segment.pks, segment.seqs.tolist(), strict=True):
                self._newest[key] = max(number, self._newest.get(key, -1))

    def __len__(self) -> int:
        return len(self._newest)

    def is_deleted(self, key: str, number: int) -> bool:
        return number < self._newest[key] or bool(self._deleted.is_deleted(key, number))

    def by_partition(self, engine: Any) -> dict[str, list[File]]:
        """The files of each partition."""
        found: dict[str, list[File]] = {}
        for (partition, name), segment in engine._segment_cache.items():
            outdated = sum(map(self.is_deleted, segment.pks, segment.seqs.tolist()))
            found.setdefault(partition, []).append((name, outdated, segment.num_rows))
        return found
