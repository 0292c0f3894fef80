"""Milvus Lite files: one server per file in this process, counted, used by one at a time, and flushed in time.

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
        self._unflushed: dict[str, int] = {}

    def wrote(self, collection: str, rows: int) -> None:
        """Count written rows. The caller holds ``one_request``."""
        self._unflushed[collection] = self._unflushed.get(collection, 0) + rows

    def needs_flush(self, collection: str) -> bool:
        """Whether a search should flush the collection first. The caller holds ``one_request``."""
        return self._unflushed.get(collection, 0) > FLUSH_ROWS

    def flushed(self, collection: str) -> None:
        """Start counting anew. The caller holds ``one_request``."""
        self._unflushed[collection] = 0


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
