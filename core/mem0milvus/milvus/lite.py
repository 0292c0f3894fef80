"""Milvus Lite files: one server per file in this process, counted, used by one at a time, and flushed in time.

Milvus Lite keeps what was written lately in a table that it scans row by row, and moves it into indexed segments
only at 128 MiB or when told to. Searching 1,000 rows takes some 100 ms before and 5 ms after a
flush, so rows are flushed before a search once there are enough of them. Whoever only writes waits for a flush once in
4,000 rows.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  # it registers what stops its threads at exit, before us
import json
import logging
import os
import shutil
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from mem0milvus.errors import ConfigError, StoreError
from mem0milvus.milvus import compaction
from mem0milvus.milvus.uninterrupted import uninterrupted

logger = logging.getLogger(__name__)

#: A search flushes first when more rows than this were written since the last flush.
FLUSH_ROWS = 128

#: A write is followed by a flush when more rows than this were written since the last one, so that whoever only writes
#: leaves neither a long wait to the next reader nor all of it in memory.
WRITE_FLUSH_ROWS = 4_000


#: Into how many partitions the rows of a collection are spread. A search of one user's rows looks at one of them.
PARTITIONS = 32

#: For how many seconds Milvus Lite may go on with what it is at when it is stopped.
_GRACE_S = 10.0

#: Milvus's own partition, where a ``milvus-lite server`` puts what it writes into a file of ours.
DEFAULT_PARTITION = "_default"


def partition_of(text: str) -> str:
    """The partition of the rows whose user, or namespace, is this."""
    return f"p{zlib.crc32(text.encode()) % PARTITIONS}"


class LiteFile:
    """A Milvus Lite file that this process has open: how often, and what is not flushed yet.

    ``one_request`` is held during each request. Milvus Lite 3.2 does not guard its writes: two at once may open one log
    file twice or draw one sequence number, and a read during a flush may miss what is being flushed. It is Python under
    one interpreter lock, so taking turns costs next to nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uses = 0
        self.served_before_us = False
        self.one_request = threading.Lock()
        #: Whether a write failed since Milvus Lite was started. Then nothing may be asked of it until ``restart``.
        self.doubtful = False
        #: How often Milvus Lite was started anew; clients of an earlier start are dead.
        self.starts = 0
        #: Why it cannot be used any more, when the process is ending or is another one than that which opened it.
        self.gone = ""
        self._unflushed: dict[str, int] = {}
        self._untidy: dict[str, int] = {}
        self._partitions: dict[tuple[str, str], set[str]] = {}

    def partitions(self, collection: str, db_name: str) -> set[str]:
        """The partitions that a collection has, to be read and added to. The caller holds ``one_request``."""
        return self._partitions.setdefault((db_name, collection), set())

    def wrote(self, collection: str, rows: int) -> None:
        """Count written rows. The caller holds ``one_request``."""
        self._unflushed[collection] = self._unflushed.get(collection, 0) + rows
        self._untidy[collection] = self._untidy.get(collection, 0) + rows

    def needs_flush(self, collection: str) -> bool:
        """Whether a search should flush the collection first. The caller holds ``one_request``."""
        return not _python_ends and self._unflushed.get(collection, 0) > FLUSH_ROWS

    def is_full(self, collection: str) -> bool:
        """Whether a write should be followed by a flush. The caller holds ``one_request``."""
        return not _python_ends and self._unflushed.get(collection, 0) > WRITE_FLUSH_ROWS

    def flushed(self, collection: str) -> None:
        """Start counting anew. The caller holds ``one_request``."""
        self._unflushed[collection] = 0

    def restart(self) -> None:
        """Stop Milvus Lite; the next client that connects starts it, and it recovers every acknowledged row.

        After a failed flush, as on a full disk, Milvus Lite 3.2 no longer shows the rows that were to be flushed, and
        its next flush deletes the log that holds them. After a failed write, what it logs next cannot be recovered
        after a kill. Stopped before anything else is written, it loses nothing. The caller holds ``opening()`` and
        ``one_request``.
        """
        uninterrupted(partial(_release_server, self))
        self.doubtful = False
        self.starts += 1

    def has_logs(self, collection: str, db_name: str) -> bool:
        """Whether there are logs of writes, which Milvus Lite removes at a flush and when it is closed."""
        return any((self._folder(collection, db_name) / "wal").glob("wal_*"))

    def _folder(self, collection: str, db_name: str) -> Path:
        database = self.path / "databases" / db_name if db_name not in ("", "default") else self.path
        return database / "collections" / collection

    def clear_remains(self, collection: str, db_name: str) -> None:
        """Remove what is left of a collection whose creation was interrupted: Milvus Lite would refuse to make it.

        Raises:
            StoreError: there are rows in it, as after an interrupted deletion: they are not ours to delete.
        """
        folder = self._folder(collection, db_name)
        if not folder.is_dir() or (folder / "schema.json").exists():
            return
        if left := [path for path in folder.rglob("*") if path.is_file() and path.name != "schema.json.tmp"]:
            raise StoreError(
                f"{folder} holds files of a collection without its schema, such as {left[0].name}: it was being "
                "deleted when the process ended. Remove the folder, or choose another collection_name."
            )
        shutil.rmtree(folder)

    def compact(self, collection: str, db_name: str) -> None:
        """Write the collection's files anew without the rows that were deleted or replaced. Its flush came just before.

        The caller holds ``one_request``.

        Raises:
            StoreError: it failed, or this version of Milvus Lite works otherwise.
        """
        self._compact(collection, db_name, compaction.all_outdated)

    def tidy(self, collection: str, db_name: str) -> None:
        """Compact the partitions in which many rows are outdated, when much was written since that was looked at.

        Its flush came just before. The caller holds ``one_request``. A version of Milvus Lite that works otherwise is
        left as it is: searching gets slower with many changes.

        Raises:
            StoreError: it failed.
        """
        if self._untidy.get(collection, 0) < compaction.MANY_ROWS:
            return
        self._untidy[collection] = 0
        try:
            untidy = compaction.may_be_untidy(self._engine(collection, db_name))
        except (LookupError, TypeError, AttributeError) as error:
            logger.warning("This version of Milvus Lite cannot be told to compact: %s: %s", type(error).__name__, error)
            return
        if untidy:
            self._compact(collection, db_name, compaction.mostly_outdated)

    def start_maintenance(self, collection: str, db_name: str) -> None:
        """Have the thread started that looks after the collection's files, for the reason of ``start_threads``."""
        with suppress(LookupError, TypeError, AttributeError):  # another version may have none
            self._engine(collection, db_name)._wait_for_bg()

    def _compact(self, collection: str, db_name: str, choose: compaction.Choice) -> None:
        from milvus_lite import MilvusLiteError

        try:
            compaction.compact(self._engine(collection, db_name), choose)
        except (MilvusLiteError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self.doubtful = True
            raise StoreError(
                f"Cannot compact {collection!r} in {self.path}: {type(error).__name__}: {error}"
            ) from error

    def _engine(self, collection: str, db_name: str) -> Any:
        """The collection, as Milvus Lite keeps it in this process."""
        from milvus_lite.server_manager import server_manager_instance

        _, database, _ = server_manager_instance._servers[str(self.path)]
        return database.get_collection(collection, database_name=db_name or None)


_open_files: dict[Path, LiteFile] = {}
_python_ends = False
_servers: dict[str, threading.Lock] = {}
_mutex = threading.RLock()


def note_end() -> None:
    """Flush no more, except in closing: pymilvus needs a new thread for it, and an ending Python starts none (3.12)."""
    global _python_ends
    _python_ends = True


def refuses_threads(error: BaseException) -> bool:
    """Whether a request failed, before it was sent, because Python is ending."""
    if "new thread at interpreter shutdown" not in str(error):
        return False
    note_end()
    return True


def _at_exit() -> None:
    """Close the files while Milvus Lite can still be closed. It hangs once Python has stopped its pools of threads."""
    with _mutex:
        for file in _open_files.values():
            with file.one_request:
                file.gone = (
                    f"Python is exiting, and {file.path} is closed. Wait for your threads before the program ends."
                )
                _release_server(file)


def _after_fork() -> None:
    """Leave the files to the parent process: closing them here would remove the logs that it writes."""
    global _mutex
    _mutex = threading.RLock()  # somebody may have held it
    for file in _open_files.values():
        file.gone = f"{file.path} was opened in another process, which forked this one. Open a memory after forking."
        file.one_request = threading.Lock()
        file.uses = 0
    _open_files.clear()
    if manager := sys.modules.get("milvus_lite.server_manager"):
        manager.server_manager_instance._servers.clear()


# Not `atexit`, which comes after the pools are stopped. The last to register is called first, and the pools' own hook
# was registered before.
getattr(threading, "_register_atexit", atexit.register)(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def is_lite(uri: str) -> bool:
    """Whether this is a path of a Milvus Lite file rather than a server's address."""
    return "://" not in uri and not uri.startswith("unix:")


def acquire(uri: str) -> LiteFile:
    """Note that the file is used once more. Milvus Lite itself starts when the first client connects.

    Raises:
        ConfigError: the path cannot be one of a Milvus Lite file.
        StoreError: something else stands there.
    """
    path = Path(uri).absolute()
    _check(path, uri)
    with _mutex:
        file = _open_files.get(path)
        if file is None:
            _check_documents(path)
            file = _open_files[path] = LiteFile(path)
            file.served_before_us = _is_served(path)
        file.uses += 1
        return file


def opened(uri: str) -> LiteFile | None:
    """The file, where this process has it open; it is not counted as used once more."""
    with _mutex:
        return _open_files.get(Path(uri).absolute())


def release(file: LiteFile) -> None:
    """Note that the file is used once less; after the last use, stop Milvus Lite and free the file.

    It is left running where somebody else in this process had started it before.
    """
    with _mutex:
        file.uses -= 1
        if file.uses or file.gone:
            return
        del _open_files[file.path]
        if not file.served_before_us:
            with file.one_request:
                uninterrupted(partial(_release_server, file))


def _release_server(file: LiteFile) -> None:
    """Stop Milvus Lite when it has ended the requests that it is at.

    One that timed out or was interrupted is over for gRPC, not for the thread that writes.
    """
    from milvus_lite.server_manager import server_manager_instance

    server = _server_of(file)
    if server is not None:
        with suppress(RuntimeError):  # the end of Python, which starts no thread then, from 3.12 on
            server.stop(grace=_GRACE_S).wait()
        if (pool := _pool_of(server)) is not None:
            pool.shutdown()
    server_manager_instance.release_server(str(file.path))


def _server_of(file: LiteFile) -> Any:
    """The gRPC server of Milvus Lite for the file; None where it does not run."""
    from milvus_lite.server_manager import server_manager_instance

    server, *_ = server_manager_instance._servers.get(str(file.path), (None,))
    return server


def _pool_of(server: Any) -> ThreadPoolExecutor | None:
    """The threads in which Milvus Lite does what it is asked. gRPC has no public name for them."""
    return getattr(getattr(server, "_state", None), "thread_pool", None)


def start_threads(file: LiteFile) -> None:
    """Have Milvus Lite start the threads that it answers requests in.

    It starts them when it needs them. What is in the background is still written at the end of a program, and Python
    starts no thread then, from 3.12 on.
    """
    pool = _pool_of(_server_of(file))
    count = getattr(pool, "_max_workers", 0)
    if pool is not None and count:
        together = threading.Barrier(count)
        for waiting in [pool.submit(together.wait) for _ in range(count)]:
            waiting.result()


def opening() -> threading.RLock:
    """Held while a file is opened or freed, so that the two never overlap."""
    return _mutex


def turns(uri: str) -> threading.Lock:
    """Held during each request of this process to a ``milvus-lite server``, for the reason for which files have one."""
    with _mutex:
        return _servers.setdefault(uri, threading.Lock())


def _is_served(path: Path) -> bool:
    from milvus_lite.server_manager import server_manager_instance

    return str(path) in server_manager_instance._servers


def _check_documents(path: Path) -> None:
    """Refuse a store whose lists of files cannot be read, as after a failure of the disk.

    Milvus Lite would go back to an earlier list without a word, and remove the files that are not in it.
    """
    for collections in ("collections/*", "databases/*/collections/*"):
        for name in ("schema.json", "manifest.json"):
            for document in path.glob(f"{collections}/{name}"):
                _check_document(document)


def _check_document(document: Path) -> None:
    try:
        json.loads(document.read_bytes())
    except ValueError as error:
        raise StoreError(
            f"{document} cannot be read ({error}), as after a failure of the disk. Nothing was changed: bring the "
            "store back from a backup, or, in a copy, remove this file to go back to an earlier state."
        ) from error


def _check(path: Path, uri: str) -> None:
    if path.suffix != ".db":
        raise ConfigError(
            f"url={uri!r}: a Milvus Lite path must end in .db, and a server's address begins with http:// or https://."
        )
    try:
        is_file, has_parent = path.is_file(), path.parent.is_dir()
    except OSError as error:  # a folder on the way cannot be entered
        raise StoreError(f"Cannot open {uri}: {type(error).__name__}: {error}") from error
    if is_file:
        raise StoreError(
            f"{uri} is a file, and Milvus Lite 3 keeps a folder there: it looks like a store of Milvus Lite 2, which "
            "cannot be opened. Name another path, or export it with the version that wrote it."
        )
    if not has_parent:
        raise ConfigError(f"url={uri!r}: the folder {path.parent} does not exist. Create it first.")
