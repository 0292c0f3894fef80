"""A connection to one Milvus and the collections of one memory in it. Thread-safe; it blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.milvus import capabilities, lite
from mem0milvus.milvus.capabilities import Capabilities
from mem0milvus.milvus.collection_setup import Preparation
from mem0milvus.milvus.collection_swap import Names, Succession
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.freshness import WriteClock, clock_of, read_arguments
from mem0milvus.milvus.pymilvus_client import connect, server_time
from mem0milvus.milvus.schema import MEMORIES, Identity, Layout

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from mem0milvus.config import VectorStoreConfig
    from mem0milvus.types import Consistency

logger = logging.getLogger(__name__)

#: Requests that look at rows not yet flushed, and so profit from a flush.
_SCANS = ("search", "query")

#: Requests after whose failure a Milvus Lite file must be opened anew.
_WRITES = ("upsert", "delete", "flush", "create_partition")


class Connection:
    """An open store: a client, and the collections that are used in it: the two of a memory, those of record stores."""

    def __init__(self, config: VectorStoreConfig, identity: Identity) -> None:
        self._config = config
        self._identity = identity
        self._client: MilvusClient | None = None
        self._file: lite.LiteFile | None = None
        self._start = 0
        self.is_lite = lite.is_lite(config.uri)
        self.uri = without_credentials(config.uri)
        self.dims = identity.dims
        self.live = config.collection_name
        self.history = Names(self.live).history
        self._layouts: dict[str, Layout[Any]] = {}
        self._with_words: set[str] = set()
        #: Why nothing can be written any more, or nothing can be done at all, while and after its place is taken.
        self.closed_to_writes = ""
        self.closed = ""
        #: What the Milvus can do; of a server, known once it is open.
        self.can: Capabilities = capabilities.LITE if self.is_lite else Capabilities()

    def use_memories(self) -> None:
        """Connect where that was not done before, and make, check and load the collections of a memory.

        Raises:
            StoreError: or one of its kinds: no answer, a locked file, a collection made by something else.
        """
        # The past first: once there are live rows, there is a place for what they used to say.
        self.use({self.history: MEMORIES, self.live: MEMORIES})

    def use(self, layouts: Mapping[str, Layout[Any]]) -> None:
        """Connect where that was not done before, and make, check and load these collections.

        Raises:
            StoreError: or one of its kinds: no answer, a locked file, a collection made by something else.
        """
        if self._client is None:
            self._layouts = dict(layouts)
            self._open()
            return
        with self._turn():
            self._prepare(layouts)
            self._layouts.update(layouts)

    def _open(self) -> None:
        if not self.is_lite:
            self._open_server()
            return
        with lite.opening():
            self._file = lite.acquire(self._config.uri)
            try:
                self._connect_lite(self._file)
            except BaseException:
                self.close()
                raise

    def _open_server(self) -> None:
        try:
            self._connect(self._config.uri)
            with self._turn():
                self._prepare(self._layouts)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the client; after the last use of a Milvus Lite file in this process, free the file."""
        with lite.opening():
            file = self._file
            with nullcontext() if file is None else file.one_request:  # whoever is at it may finish
                client, self._client = self._client, None
                if client is not None:
                    client.close()
            self._file = None
            if file is not None:
                lite.release(file)

    def _connect_lite(self, file: lite.LiteFile) -> None:
        self._connect(str(file.path))
        with file.one_request:
            lite.start_threads(file)
            self._prepare(self._layouts)
        self._start = file.starts

    def _connect(self, uri: str) -> None:
        with translated("connect", self.uri):
            self._client = connect(self._config, uri, in_process=self.is_lite)
            if not self.is_lite:
                self._learn(self._client.get_server_version())

    def _learn(self, version: str) -> None:
        """Note what a server can do."""
        self.can = capabilities.of_server(version)
        if not self.can.words:
            logger.warning(
                "Milvus %s at %s has no sparse vectors: memories are found by their embeddings alone.",
                version,
                self.uri,
            )

    def has(self, collection: str) -> bool:
        """Whether there is such a collection, open or not.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._turn(), translated(f"look for {collection!r}", self.uri):
            return bool(self._open_client().has_collection(collection, timeout=self._config.timeout_s))

    def partition(self, text: str | None) -> str | None:
        """The partition of the rows whose user, or namespace, is this, in a Milvus Lite file; else None."""
        return None if self._file is None or text is None else lite.partition_of(text)

    def has_words(self, collection: str) -> bool:
        """Whether an open collection has a column for lexical weights: one made on an old server has none."""
        return collection in self._with_words

    def request(self, method: str, collection: str, /, **arguments: Any) -> Any:
        """Call a method of the client on a collection.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._turn():
            if self.closed_to_writes and method in _WRITES:
                raise StoreError(self.closed_to_writes)
            client, file = self._open_client(), self._file
            if file and method in _SCANS and file.needs_flush(collection):
                self._flush(client, file, collection)
            if file:
                arguments = self._in_partitions(client, file, collection, arguments)
            if "consistency_level" in arguments:
                arguments |= self._fresh_enough(client, collection, arguments["consistency_level"])
            answer = self._call(client, method, collection, arguments)
            if file and method == "upsert":
                file.wrote(collection, len(arguments["data"]))
                if file.is_full(collection):
                    self._flush_after_write(client, file, collection)
            return answer

    def _in_partitions(
        self, client: MilvusClient, file: lite.LiteFile, collection: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """The arguments with partitions that exist: what is to be written to is made, what is to be read looked up."""
        known = file.partitions(collection, self._config.db_name)
        name = arguments.get("partition_name")
        if name is not None and name not in known:
            self._call(client, "create_partition", collection, {"partition_name": name})
            known.add(name)
        if "partition_names" in arguments:
            there = [one for one in arguments["partition_names"] if one in known]
            return {**arguments, "partition_names": [*there, lite.DEFAULT_PARTITION]}
        return arguments

    def _flush(self, client: MilvusClient, file: lite.LiteFile, collection: str) -> None:
        try:
            self._call(client, "flush", collection, {})
        except StoreError as error:
            if lite.refuses_threads(error):
                return
            raise
        file.flushed(collection)
        file.tidy(collection, self._config.db_name)

    def _flush_after_write(self, client: MilvusClient, file: lite.LiteFile, collection: str) -> None:
        """What was written stays written when its flush fails; the next request opens the file anew."""
        try:
            self._flush(client, file, collection)
        except StoreError as error:
            logger.warning("Flushing %r failed after it was written to: %s", collection, error)

    def _call(self, client: MilvusClient, method: str, collection: str, arguments: Mapping[str, Any]) -> Any:
        try:
            with translated(f"{method} in {collection!r}", self.uri):
                return getattr(client, method)(collection, timeout=self._config.timeout_s, **arguments)
        except BaseException as error:  # also Ctrl-C: Milvus Lite may still be at it
            if self._file is not None and method in _WRITES and not lite.refuses_threads(error):
                self._file.doubtful = True
            raise
        finally:
            if method in _WRITES:
                self._clock(collection).wrote()

    def _fresh_enough(self, client: MilvusClient, collection: str, level: Consistency) -> Mapping[str, Any]:
        """What a read says to pymilvus so that it is as fresh as its level promises."""
        if self.can.lite:
            return {}
        ask = partial(server_time, client, self._config.timeout_s, self.uri)
        return read_arguments(level, self._clock(collection), ask)

    def _clock(self, collection: str) -> WriteClock:
        return clock_of(self.uri, self._config.db_name, collection)

    def compact(self, collection: str) -> None:
        """Have the rows that were deleted or replaced taken out of the collection's files, where they are only hidden.

        Milvus Lite has done it when this returns. A server is only asked to: it merges files in its own time, and
        keeps what it merged for its garbage collector. A ``milvus-lite server`` does nothing.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._turn():
            client, file = self._open_client(), self._file
            self._call(client, "flush", collection, {})
            if file is None:
                self._call(client, "compact", collection, {})
            else:
                file.flushed(collection)
                file.compact(collection, self._config.db_name)

    def reset(self) -> None:
        """Drop both collections and make them anew, empty; and drop what a move to another embedder left.

        Raises:
            StoreError: or one of its kinds.
        """
        with self._turn():
            for collection in (self.live, self.history):
                self._call(self._open_client(), "drop_collection", collection, {})
            succession = self._succession(self._open_client())
            succession.drop(succession.names.next)
            succession.drop(succession.names.old)
            self._prepare({self.history: MEMORIES, self.live: MEMORIES})

    @contextmanager
    def succession(self) -> Iterator[Succession]:
        """What switches the names of this memory's collections. Meanwhile, nobody else uses the store."""
        with self._turn():
            yield self._succession(self._open_client())

    def _succession(self, client: MilvusClient) -> Succession:
        return Succession(client, Names(self.live), self.uri, self._config.timeout_s)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until nobody else in this process uses Milvus Lite, here or behind a server; others need no turns."""
        file = self._file
        if file is None:
            with lite.turns(self.uri) if self.can.lite else nullcontext():
                yield
            return
        while True:
            with file.one_request:
                if file.gone:
                    raise StoreError(file.gone)
                if not file.doubtful and self._start == file.starts:
                    yield
                    return
            self._reopen(file)

    def _reopen(self, file: lite.LiteFile) -> None:
        """Start Milvus Lite anew after a failed write, unless another connection did, and connect to it again."""
        with lite.opening():
            client = self._open_client()
            with file.one_request:
                if file.doubtful:
                    logger.warning("A write to %s failed: opening it anew, so that nothing is lost.", self.uri)
                    file.restart()
            if self._start != file.starts:
                client.close()
                self._connect_lite(file)

    def _open_client(self) -> MilvusClient:
        if self._client is None or self.closed:
            raise StoreError(self.closed or CLOSED)
        return self._client

    def _prepare(self, layouts: Mapping[str, Layout[Any]]) -> None:
        client, file = self._open_client(), self._file
        self._succession(client).carry_through()
        if file is not None:
            for collection in layouts:
                file.clear_remains(collection, self._config.db_name)
        preparation = Preparation(client, self._identity, self.can, self.uri, self._config.timeout_s)
        self._with_words = (self._with_words - layouts.keys()) | preparation.run(layouts)
        for collection in layouts:
            self._clock(collection).wrote()
            if file is not None:
                known = file.partitions(collection, self._config.db_name)
                known.clear()
                known.update(client.list_partitions(collection, timeout=self._config.timeout_s))
                if file.has_logs(collection, self._config.db_name):
                    # Killed while it removed its logs, Milvus Lite finds in the rest only what it has flushed already,
                    # and refuses to flush that. A deletion of nothing gives it something new.
                    self._call(client, "delete", collection, {"filter": 'id in [""]'})
                file.start_maintenance(collection, self._config.db_name)
                file.wrote(collection, lite.FLUSH_ROWS + 1)  # what an earlier process left is not flushed


def without_credentials(uri: str) -> str:
    """The address without user, password and anything that follows the path."""
    if lite.is_lite(uri):
        return uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
