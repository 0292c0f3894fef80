"""The connection to a Milvus Lite store, which differs from a server in locking, flushing, partitions and recovery."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mem0milvus.errors import StoreError
from mem0milvus.milvus import capabilities, lite, lite_internals
from mem0milvus.milvus.connection import WRITES, Connection, IdentityChoice
from mem0milvus.milvus.lite_folder import remove_unfinished
from mem0milvus.milvus.pymilvus_client import connect
from mem0milvus.milvus.schema import Identity, Layout

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from mem0milvus.config import VectorStoreConfig

logger = logging.getLogger(__name__)

#: Requests that scan the rows not flushed yet, and so gain from a flush.
_SCANS = frozenset({"search", "query"})

#: Milvus's own partition. A ``milvus-lite server`` on the same store writes there, since it knows nothing of ours.
_DEFAULT_PARTITION = "_default"


def make_connection(config: VectorStoreConfig, identity: Identity | IdentityChoice) -> Connection:
    """Return a connection, not open yet, to a Milvus Lite store or to a server, as the address says."""
    return (LiteConnection if lite.is_lite(config.uri) else Connection)(config, identity)


class LiteConnection(Connection):
    """A Milvus Lite store in this process, shared with the other connections to it."""

    _file: lite.LiteFile

    def __init__(self, config: VectorStoreConfig, identity: Identity | IdentityChoice) -> None:
        super().__init__(config, identity)
        self._resources = ExitStack()
        self._restarts_seen = 0
        self.can = capabilities.LITE

    @override
    def _open(self) -> None:
        with lite.opening():
            self._file = lite.acquire(self._config.uri, self._resources)
            self._resources.callback(self._close_client)
            self._connect()

    def _connect(self) -> None:
        self._client = connect(self._config, self._file).client
        with self._file.lock:
            # Before the first request: Python 3.12 and later start no thread at exit, and a program may end soon.
            lite_internals.start_threads(self._file.path)
            self._prepare(self._client, self._layouts)
        self._restarts_seen = self._file.restarts

    @override
    def close(self) -> None:
        with lite.opening():
            self._resources.close()

    def _close_client(self) -> None:
        with self._file.lock:  # after the request that is running
            super().close()

    @override
    def partition(self, text: str | None) -> str | None:
        return None if text is None else lite.partition_of(text)

    def _collection(self, name: str) -> lite.LiteCollection:
        return self._file.collection(name, self._config.db_name)

    @override
    def _send(self, client: MilvusClient, method: str, collection: str, arguments: dict[str, Any]) -> Any:
        state = self._collection(collection)
        if method in _SCANS and state.needs_flush(lite.FLUSH_ROWS):
            self._flush(client, collection)
        self._choose_partitions(client, collection, arguments)
        answer = self._call(client, method, collection, **arguments)
        if method == "upsert":
            state.count_written(len(arguments["data"]))
            if state.needs_flush(lite.WRITE_FLUSH_ROWS):
                self._flush_after_write(client, collection)
        return answer

    def _choose_partitions(self, client: MilvusClient, collection: str, arguments: dict[str, Any]) -> None:
        """Create the partition to write to; leave out partitions to read that do not exist, which would be an error."""
        existing = self._collection(collection).partitions
        name = arguments.get("partition_name")
        if name is not None and name not in existing:
            self._call(client, "create_partition", collection, partition_name=name)
            existing.add(name)
        if names := arguments.get("partition_names"):
            # A row of the same key may be in both. Milvus Lite reads both and returns the one written last.
            arguments["partition_names"] = [*existing.intersection(names), _DEFAULT_PARTITION]

    def _flush(self, client: MilvusClient, collection: str) -> None:
        try:
            self._call(client, "flush", collection)
        except StoreError as error:
            if lite.failed_at_exit(error):
                return
            raise
        self._collection(collection).after_flush()

    def _flush_after_write(self, client: MilvusClient, collection: str) -> None:
        """Flush, and only log a failure: the rows are in the log, and the next request restarts Milvus Lite."""
        try:
            self._flush(client, collection)
        except StoreError as error:
            logger.warning("Flushing %r failed after it was written to: %s", collection, error)

    @override
    def _call(self, client: MilvusClient, method: str, collection: str, **arguments: Any) -> Any:
        try:
            return super()._call(client, method, collection, **arguments)
        except BaseException as error:
            # After a failed write, Milvus Lite 3.2 loses what it logs or flushes next (see ``LiteFile.restart``). After
            # Ctrl-C or a timeout, its thread goes on writing beside the next request.
            if method in WRITES and not lite.failed_at_exit(error):
                self._file.needs_restart = True
            raise

    @override
    def _compact(self, client: MilvusClient, collection: str) -> None:
        self._collection(collection).compact()

    @contextmanager
    @override
    def _exclusive(self) -> Iterator[MilvusClient]:
        self._open_client()  # fails before the first opening, when there is no file
        file = self._file
        while True:
            with file.lock:
                if file.unusable:
                    raise StoreError(file.unusable)
                if not file.needs_restart and self._restarts_seen == file.restarts:
                    yield self._open_client()
                    return
            self._reopen()

    def _reopen(self) -> None:
        """Restart Milvus Lite after a failed write, unless another connection has, and connect to it again."""
        file = self._file
        with lite.opening():
            client = self._open_client()
            with file.lock:
                if file.needs_restart:
                    logger.warning("A write to %s failed: reopening the store, so that nothing is lost.", self.uri)
                    file.restart()
            # A restarted server has another port, so the client of an earlier start reaches no server.
            if self._restarts_seen != file.restarts:
                client.close()
                self._connect()

    @override
    def _set_up(self, client: MilvusClient, layouts: Mapping[str, Layout[Any]]) -> None:
        states = {name: self._collection(name) for name in layouts}
        for state in states.values():
            remove_unfinished(state.folder)
        super()._set_up(client, layouts)
        for name, state in states.items():
            if state.has_logs():
                # Killed while it deletes its logs, Milvus Lite 3.2 finds in the rest only rows that it has flushed, and
                # refuses to flush those ("current_seq is monotonic"). Deleting nothing gives it something to flush.
                self._call(client, "delete", name, filter='id in [""]')
            state.after_opening(self._call(client, "list_partitions", name))
