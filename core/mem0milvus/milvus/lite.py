"""Milvus Lite stores that are open in this process: one server per store, with counted users, a lock and flushes.

Milvus Lite 3.2 keeps new rows in a table that it scans row by row, and moves them into indexed files only at 128 MiB or
when it is flushed. A search of 2,000 such rows took 220 to 360 ms, and 5 to 7 ms after a flush. So a search flushes
first, and a program that only writes flushes once in 4,000 rows.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  # its own exit hook must be registered before ours, to be called after
import logging
import os
import sys
import threading
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from mem0milvus.errors import StoreError
from mem0milvus.milvus import lite_internals
from mem0milvus.milvus.lite_folder import check_documents, check_path, make_folder, same_folder
from mem0milvus.milvus.uninterrupted import uninterrupted

logger = logging.getLogger(__name__)

#: Rows not flushed above which a search flushes first.
FLUSH_ROWS = 128

#: Rows not flushed above which a write flushes afterwards: a program that only writes must neither keep all rows in
#: memory nor leave a long flush to the next reader.
WRITE_FLUSH_ROWS = 4_000

#: Partitions of a collection. A search of one user's rows reads one of them.
PARTITIONS = 32


def is_lite(uri: str) -> bool:
    """Return whether this is the path of a Milvus Lite store rather than the address of a server."""
    return "://" not in uri and not uri.startswith("unix:")


def partition_of(text: str) -> str:
    """Return the partition for the rows of a user or namespace."""
    return f"p{zlib.crc32(text.encode()) % PARTITIONS}"


class LiteCollection:
    """A collection of an open store, shared by its connections. The caller of a method holds ``LiteFile.lock``."""

    def __init__(self, file: LiteFile, name: str, db_name: str) -> None:
        self._file = file
        self._name = name
        self._db_name = db_name
        database = file.path / "databases" / db_name if db_name not in ("", "default") else file.path
        self.folder = database / "collections" / name
        #: Names of the partitions that exist.
        self.partitions: set[str] = set()
        self._unflushed = 0
        self._unchecked = 0

    def count_written(self, rows: int) -> None:
        """Count rows that were written and are not flushed."""
        self._unflushed += rows
        self._unchecked += rows

    def needs_flush(self, limit: int) -> bool:
        """Return whether more rows than the limit are not flushed, and can be."""
        return not _flushing_stopped and self._unflushed > limit

    def has_logs(self) -> bool:
        """Return whether there are logs of writes, which Milvus Lite deletes at a flush and when it is closed."""
        return any((self.folder / "wal").glob("wal_*"))

    def after_opening(self, partitions: Iterable[str]) -> None:
        """Note the partitions, start the thread that maintains the files, and have the first search flush.

        That flush is for the rows that an earlier process left in the logs.
        """
        self.partitions = set(partitions)
        self.count_written(FLUSH_ROWS + 1)
        self._file.check_internals(self._name, self._db_name)
        lite_internals.wait_for_maintenance(self._engine())

    def after_flush(self) -> None:
        """Restart the count. Once many rows were written, compact the partitions with many outdated rows."""
        self._unflushed = 0
        if self._unchecked < lite_internals.CHECK_ROWS or not self._file.compacts:
            return
        self._unchecked = 0
        try:
            outdated = lite_internals.has_many_outdated_rows(self._engine())
        except lite_internals.UNKNOWN as error:
            self._file.warn(f"{type(error).__name__}: {error}", lite_internals.NO_COMPACTION)
            return
        if outdated:
            self.compact(everything=False)

    def compact(self, *, everything: bool = True) -> None:
        """Rewrite files without the rows that were deleted or replaced: every such file, or those with many of them.

        The caller has just flushed. Where Milvus Lite has no such compaction, nothing is done, and that is logged. A
        failure is a ``StoreError``.
        """
        from milvus_lite import MilvusLiteError

        self._unflushed = 0
        if not self._file.compacts:
            logger.warning("Deleted and replaced rows of %r stay in the files of %s.", self._name, self._file.path)
            return
        try:
            lite_internals.compact(self._engine(), everything=everything)
        # ArrowInvalid, of pyarrow, is a ValueError.
        except (MilvusLiteError, OSError, ValueError, *lite_internals.UNKNOWN) as error:
            self._file.needs_restart = True
            raise StoreError(
                f"Cannot compact {self._name!r} in {self._file.path}: {type(error).__name__}: {error}"
            ) from error

    def _engine(self) -> Any:
        return lite_internals.engine_of(self._file.path, self._name, self._db_name)


class LiteFile:
    """A Milvus Lite store that is open in this process.

    ``lock`` is held during each request. Milvus Lite 3.2 does not guard its writes: two at once may open one log twice,
    where the second truncates it, or draw one sequence number, and a read during a flush may miss the flushed rows.
    It is Python under one interpreter lock, so requests one after the other take no longer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.users = 0
        #: Whether other code in this process had started Milvus Lite before; then we do not stop it.
        self.is_shared = lite_internals.is_served(path)
        self.lock = threading.Lock()
        #: Whether a write failed since Milvus Lite was started. No other request may be made before ``restart``.
        self.needs_restart = False
        #: Count of restarts; clients from before the last one are dead.
        self.restarts = 0
        #: Why the store cannot be used any more: the process is exiting, or was forked from the one that opened it.
        self.unusable = ""
        #: Whether Milvus Lite has the private names that compaction needs.
        self.compacts = True
        self._is_checked = False
        self._collections: dict[tuple[str, str], LiteCollection] = {}

    def collection(self, name: str, db_name: str) -> LiteCollection:
        """Return the state of a collection."""
        return self._collections.setdefault((db_name, name), LiteCollection(self, name, db_name))

    def restart(self) -> None:
        """Stop Milvus Lite; the next client that connects starts it, and it recovers every acknowledged row.

        After a failed flush, as on a full disk, Milvus Lite 3.2 no longer shows the rows to be flushed, and its next
        flush deletes the log that holds them. After a failed write to the log, it cannot recover what it logs next.
        Stopped before another write, it loses nothing. The caller holds ``opening()`` and ``lock``.
        """
        uninterrupted(partial(lite_internals.stop_server, self.path))
        self.needs_restart = False
        self.restarts += 1

    def check_internals(self, collection: str, db_name: str) -> None:
        """Check once that Milvus Lite has all private names in use, and log the loss if some are missing."""
        if not self._is_checked:
            self._is_checked = True
            if missing := lite_internals.missing_names(self.path, collection, db_name):
                self.warn(f"it has no {', '.join(missing)}", "; ".join(dict.fromkeys(missing.values())))

    def warn(self, difference: str, loss: str) -> None:
        """Log that this version of Milvus Lite differs from the known ones, and the loss that follows."""
        logger.warning("Milvus Lite at %s differs from the known versions (%s): %s.", self.path, difference, loss)
        self.compacts = self.compacts and lite_internals.NO_COMPACTION not in loss


_open_files: dict[Path, LiteFile] = {}
_flushing_stopped = False
_server_locks: dict[str, threading.Lock] = {}
_mutex = threading.RLock()


def stop_flushing() -> None:
    """Flush no more, except by closing: pymilvus starts a thread to flush, and Python 3.12 starts none at its exit."""
    global _flushing_stopped
    _flushing_stopped = True


def failed_at_exit(error: BaseException) -> bool:
    """Return whether a request failed before it was sent, because Python is exiting. From then on, flush no more."""
    if "new thread at interpreter shutdown" not in str(error):
        return False
    stop_flushing()
    return True


def _at_exit() -> None:
    """Close the stores while that is possible: Milvus Lite 3.2 hangs once Python has stopped its pools of threads."""
    with _mutex:
        for file in _open_files.values():
            with file.lock:
                file.unusable = (
                    f"Python is exiting, and {file.path} is closed. Wait for your threads before the program ends."
                )
                lite_internals.stop_server(file.path)


def _after_fork() -> None:
    """In the child, leave the stores to the parent process."""
    global _mutex
    _mutex = threading.RLock()  # a thread that the child does not have may have held it, and so with the files' locks
    for file in _open_files.values():
        file.unusable = (
            f"{file.path} was opened in another process, which forked this one. Open a memory after forking."
        )
        file.lock = threading.Lock()
        file.users = 0
    _open_files.clear()
    if "milvus_lite.server_manager" in sys.modules:
        lite_internals.forget_servers()


# ``atexit`` runs after Python has stopped the pools. ``threading`` calls the last registered hook first, so ours runs
# before that of the pools, which the import above has registered.
getattr(threading, "_register_atexit", atexit.register)(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def opening() -> threading.RLock:
    """Return the lock to hold while a store is opened or closed, so that the two never overlap."""
    # Milvus Lite 3.2 looks for a running server and starts one without a lock in between: of two clients at once, the
    # second finds the folder locked by the first, and its opening fails.
    return _mutex


def acquire(uri: str, resources: ExitStack) -> LiteFile:
    """Count one more user of a store, until the resources are closed.

    Milvus Lite starts when the first client connects, and stops after the last user. This is no context manager made of
    a generator: the garbage collector would end one for a memory that nobody closed, in any thread, and deadlock. A
    path that cannot be used is a ``ConfigError``; a damaged store, or something else at the path, a ``StoreError``. All
    spellings of one path, with ``..``, symbolic links or from another working directory, give the same ``LiteFile``.
    """
    path = check_path(uri)
    with _mutex:
        make_folder(path)
        if (file := _find(path)) is None:
            check_documents(path)
            path = next((served for served in lite_internals.served_paths() if same_folder(served, path)), path)
            file = _open_files[path] = LiteFile(path)
        file.users += 1
        resources.callback(_release, file)
        return file


def _release(file: LiteFile) -> None:
    with _mutex:
        file.users -= 1
        if file.users or file.unusable:
            return
        del _open_files[file.path]
        if not file.is_shared:
            with file.lock:
                uninterrupted(partial(lite_internals.stop_server, file.path))


def opened(uri: str) -> LiteFile | None:
    """Return the store if this process has it open, without counting a user."""
    path = check_path(uri)
    with _mutex:
        return _find(path)


def _find(path: Path) -> LiteFile | None:
    if (file := _open_files.get(path)) is not None:
        return file
    return next((file for file in _open_files.values() if same_folder(file.path, path)), None)


def server_lock(uri: str) -> threading.Lock:
    """Return the lock to hold during each request of this process to a ``milvus-lite server``. See ``LiteFile``."""
    with _mutex:
        return _server_locks.setdefault(uri, threading.Lock())
