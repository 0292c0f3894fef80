"""The only module that uses private names of Milvus Lite and of gRPC's server.

Written for milvus-lite 3.2.2 and grpcio 1.85; any release may change such a name. ``missing_names`` looks for all of
them when a store is opened. All functions work without them, except the two of compaction, which must not be called.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Losses if a private name is missing.
NO_COMPACTION = "deleted and replaced rows stay in its files, after vacuum() too, and slow down searches"
_NO_WAITING = "closing the store does not wait for a write that timed out or was interrupted"
_NO_THREADS = "on Python 3.12 and later, writes that are pending when the program ends may fail"

#: Private names by the class that has them, and the loss if one is missing.
PRIVATE_NAMES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "milvus_lite.server_manager.ServerManager": (("_servers",), f"{NO_COMPACTION}; {_NO_WAITING}; {_NO_THREADS}"),
    "grpc._server._Server": (("_state",), f"{_NO_WAITING}; {_NO_THREADS}"),
    "grpc._server._ServerState": (("thread_pool",), f"{_NO_WAITING}; {_NO_THREADS}"),
    "concurrent.futures.thread.ThreadPoolExecutor": (("_max_workers",), _NO_THREADS),
    "milvus_lite.engine.collection.Collection": (
        (
            "_cleanup_orphan_index_files",
            "_compaction_mgr",
            "_delta_index",
            "_maintenance_lock",
            "_manifest",
            "_read_snapshot",
            "_refresh_segment_cache",
            "_schedule_bg_maintenance",
            "_wait_for_bg",
        ),
        NO_COMPACTION,
    ),
    "milvus_lite.engine.compaction.CompactionManager": (("_compact_files", "_gc_tombstones"), NO_COMPACTION),
}

#: Errors from objects that differ from those of the known versions.
UNKNOWN = (LookupError, TypeError, AttributeError)

#: Rows written to a collection after which it is checked for outdated rows.
CHECK_ROWS = 1_000

#: Share of outdated rows above which a partition is compacted. A search costs in proportion to all rows; rewriting them
#: costs about as much as adding them, once for so many changes.
_MAX_OUTDATED = 0.15

#: Seconds for Milvus Lite to finish the requests that it is processing when it is stopped.
_GRACE_S = 10.0


def missing_names(path: Path, collection: str, db_name: str) -> dict[str, str]:
    """Look for each private name in an open store. Return the loss by each name that is missing."""
    from milvus_lite.server_manager import server_manager_instance

    server, engine = _server_and_database(path)[0], engine_of(path, collection, db_name)
    state, manager = getattr(server, "_state", None), getattr(engine, "_compaction_mgr", None)
    # If the name that leads to an object is missing, it is reported, and the names of the object are not.
    owners = (server_manager_instance, server, state, _threads(path), engine, manager)
    missing = {
        name: loss
        for owner, (names, loss) in zip(owners, PRIVATE_NAMES.values(), strict=True)
        for name in names
        if owner is not None and not hasattr(owner, name)
    }
    return missing if server is None or engine is not None else {"get_collection": NO_COMPACTION, **missing}


def _server_and_database(path: Path) -> tuple[Any, Any]:
    """Return Milvus Lite's server and database for a store; None if none runs."""
    from milvus_lite.server_manager import server_manager_instance

    servers = getattr(server_manager_instance, "_servers", {})
    server, database, _ = servers.get(os.path.abspath(path), (None, None, 0))  # noqa: PTH100 - Milvus Lite's own key
    return server, database


def served_paths() -> list[Path]:
    """Return the paths of the stores that Milvus Lite serves in this process, as they were spelled, but absolute."""
    from milvus_lite.server_manager import server_manager_instance

    return [Path(path) for path in getattr(server_manager_instance, "_servers", {})]


def is_served(path: Path) -> bool:
    """Return whether Milvus Lite serves this store in this process."""
    return _server_and_database(path)[0] is not None


def engine_of(path: Path, collection: str, db_name: str) -> Any:
    """Return the engine of a collection of an open store; None if it cannot be found."""
    _, database = _server_and_database(path)
    with suppress(*UNKNOWN):  # no database, or a method with other parameters
        return database.get_collection(collection, database_name=db_name or None)
    return None


def _threads(path: Path) -> ThreadPoolExecutor | None:
    """Return the pool in which Milvus Lite processes requests. gRPC 1.85 has no public name for it."""
    server, _ = _server_and_database(path)
    return getattr(getattr(server, "_state", None), "thread_pool", None)


def start_threads(path: Path) -> None:
    """Start all threads in which Milvus Lite processes requests. It would start each when it is first needed.

    A memory writes its pending adds at the end of a program, when Python 3.12 and later start no thread.
    """
    pool = _threads(path)
    if pool is not None and (count := getattr(pool, "_max_workers", 0)):
        together = threading.Barrier(count)  # no task ends, and so frees its thread, before all have one
        for started in [pool.submit(together.wait) for _ in range(count)]:
            started.result()


def stop_server(path: Path) -> None:
    """Stop Milvus Lite once it has finished the requests that it is processing, and free the store.

    A request that timed out or was interrupted has ended for gRPC, but its thread still writes.
    """
    from milvus_lite.server_manager import server_manager_instance

    # ``release_server`` alone does not wait (milvus-lite 3.2): it would close the files under a thread that writes.
    server, pool = _server_and_database(path)[0], _threads(path)
    if server is not None:
        with suppress(RuntimeError):  # Python 3.12 and later start no thread while they exit
            server.stop(grace=_GRACE_S).wait()
    if pool is not None:
        pool.shutdown()
    server_manager_instance.release_server(str(path))


def forget_servers() -> None:
    """In a forked process, forget the parent's servers: closing them would delete the logs that the parent writes."""
    from milvus_lite.server_manager import server_manager_instance

    if (servers := getattr(server_manager_instance, "_servers", None)) is not None:
        servers.clear()
    else:
        atexit.unregister(server_manager_instance.release_all)


def wait_for_maintenance(engine: Any) -> None:
    """Wait until Milvus Lite has merged and indexed its files. Starts the thread for it, as ``start_threads`` does."""
    if hasattr(engine, "_wait_for_bg"):
        engine._wait_for_bg()


def has_many_outdated_rows(engine: Any) -> bool:
    """Return whether some partition is worth compacting, without waiting until the latest files are indexed."""
    segments, deletions = engine._read_snapshot()
    deleted = deletions.snapshot.keys()
    for files in _by_partition(segments).values():
        keys: set[str] = set().union(*(file.pk_to_row for file in files))
        rows = sum(file.num_rows for file in files)
        # Each key has one current row at the most; those deleted since it was written have none.
        if _is_too_much(rows - len(keys) + len(keys & deleted), rows):
            return True
    return False


def compact(engine: Any, *, everything: bool) -> None:
    """Rewrite files of a collection without the rows that were deleted or replaced, those of a partition into one.

    Such rows are only hidden. Milvus Lite 3.2 merges four files of similar size and nothing else, and answers a request
    to compact without doing anything: rows in a lone file stay for good, and where one user's ten thousand memories
    change often, a search scans more outdated rows than current ones. So this calls the engine's own compaction, under
    its lock. It writes the manifest last: a crash leaves the old files valid. Other requests must wait.

    Args:
        engine: of the collection.
        everything: True to rewrite every file with an outdated row, False for partitions with many of them.
    """
    # The engine's thread compacts after a flush; waiting keeps it from merging files that are chosen here.
    engine._wait_for_bg()
    with engine._maintenance_lock:
        segments, _ = engine._read_snapshot()
        outdated = _OutdatedRows(engine._delta_index, segments)
        chosen = {name: outdated.choose(files, everything) for name, files in _by_partition(segments).items()}
        if not any(chosen.values()):
            return
        manager, manifest = engine._compaction_mgr, engine._manifest
        for partition, files in chosen.items():
            folder = Path(engine.data_dir, "partitions", partition)
            if names := [Path(file.file_path).relative_to(folder).as_posix() for file in files]:
                manager._compact_files(partition, str(folder), names, manifest, outdated)
        manager._gc_tombstones(manifest, engine._delta_index)
        engine._refresh_segment_cache()
        engine._cleanup_orphan_index_files()
    engine._schedule_bg_maintenance()  # builds the indexes of the new files
    engine._wait_for_bg()


def _is_too_much(outdated: int, rows: int) -> bool:
    return rows >= CHECK_ROWS and outdated > _MAX_OUTDATED * rows


def _by_partition(segments: Iterable[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for segment in segments:
        groups.setdefault(segment.partition, []).append(segment)
    return groups


class _OutdatedRows:
    """Passed to the engine instead of its index of deletions: a row replaced in another file counts as deleted too.

    The engine's own compaction removes a replaced row only if both rows are in the files that it merges.
    """

    def __init__(self, deletions: Any, segments: Iterable[Any]) -> None:
        self._deletions = deletions
        self._newest: dict[str, int] = {}
        for segment in segments:
            for key, number in zip(segment.pks, segment.seqs.tolist(), strict=True):
                self._newest[key] = max(number, self._newest.get(key, -1))

    def __len__(self) -> int:
        return len(self._newest)

    def is_deleted(self, key: str, number: int) -> bool:
        return number < self._newest[key] or bool(self._deletions.is_deleted(key, number))

    def choose(self, files: list[Any], everything: bool) -> list[Any]:
        """Return the files of a partition to rewrite into one."""
        counts = [sum(map(self.is_deleted, file.pks, file.seqs.tolist())) for file in files]
        if everything:
            return [file for file, count in zip(files, counts, strict=True) if count]
        return files if _is_too_much(sum(counts), sum(file.num_rows for file in files)) else []
