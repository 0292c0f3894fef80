"""Milvus Lite files: one server per file in this process, counted, and flushed in time.

Milvus Lite keeps what was written lately in a table that it scans row by row, and moves it into indexed segments
only at 128 MiB or when told to. Searching 1,000 rows takes some 100 ms before and 5 ms after a
flush, so rows are flushed before a search once there are enough of them. Writing never flushes, so it never waits.
"""

from __future__ import annotations

import threading
from pathlib import Path

from mem0milvus.errors import ConfigError, StoreError

#: A search flushes first when more rows than this were written since the last flush.
FLUSH_ROWS = 128


class LiteFile:
    """A Milvus Lite file that this process has open: how often, and what is not flushed yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uses = 0
        self.served_before_us = False
        self._unflushed: dict[str, int] = {}
        self._mutex = threading.Lock()

    def wrote(self, collection: str, rows: int) -> None:
        """Count written rows."""
        with self._mutex:
            self._unflushed[collection] = self._unflushed.get(collection, 0) + rows

    def take_flush(self, collection: str) -> bool:
        """Whether the collection should be flushed now; if so, the caller does it, and the count starts anew."""
        with self._mutex:
            if self._unflushed.get(collection, 0) <= FLUSH_ROWS:
                return False
            self._unflushed[collection] = 0
            return True


_open_files: dict[Path, LiteFile] = {}
_mutex = threading.RLock()


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
            file = _open_files[path] = LiteFile(path)
            file.served_before_us = _is_served(path)
        file.uses += 1
        return file


def release(file: LiteFile) -> None:
    """Note that the file is used once less; after the last use, stop Milvus Lite and free the file.

    It is left running where somebody else in this process had started it before.
    """
    with _mutex:
        file.uses -= 1
        if file.uses:
            return
        del _open_files[file.path]
        if not file.served_before_us:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(str(file.path))


def opening() -> threading.RLock:
    """Held while a file is opened or freed, so that the two never overlap."""
    return _mutex


def _is_served(path: Path) -> bool:
    from milvus_lite.server_manager import server_manager_instance

    return str(path) in server_manager_instance._servers


def _check(path: Path, uri: str) -> None:
    if path.suffix != ".db":
        raise ConfigError(
            f"url={uri!r}: a Milvus Lite path must end in .db, and a server's address begins with http:// or https://."
        )
    if path.is_file():
        raise StoreError(
            f"{uri} is a file, and Milvus Lite 3 keeps a folder there: it looks like a store of Milvus Lite 2, which "
            "cannot be opened. Name another path, or export it with the version that wrote it."
        )
    if not path.parent.is_dir():
        raise ConfigError(f"url={uri!r}: the folder {path.parent} does not exist. Create it first.")
