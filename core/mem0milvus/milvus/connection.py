"""The connection to a Milvus server, and the collections of one memory in it. It is thread-safe and blocks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.milvus.capabilities import Capabilities
from mem0milvus.milvus.collection_setup import CollectionSetup
from mem0milvus.milvus.collection_swap import CollectionSwap, Names
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.pymilvus_client import connect, server_time, without_credentials
from mem0milvus.milvus.read_timestamps import WriteTimestamp, read_arguments, write_timestamp
from mem0milvus.milvus.schema import MEMORIES, Identity, Layout, read_origin
from mem0milvus.ports import Origin

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from mem0milvus.config import VectorStoreConfig

logger = logging.getLogger(__name__)

#: Requests that change a collection.
WRITES = frozenset({"upsert", "delete", "flush", "create_partition"})


#: Chooses the identity of the vectors once it is known which embedder filled the collections; None for a new store.
IdentityChoice: TypeAlias = "Callable[[Origin | None], Identity]"


class Connection:
    """A client of a server, and the open collections: the two of a memory, and those of record stores.

    Every public method raises ``StoreError`` or one of its subclasses: the server does not answer, the store is locked,
    another program made the collection, the request failed, or the connection is closed.

    Args:
        config: the address and the names.
        identity: the identity of the vectors, or a function that chooses it when the connection is opened, after
            looking into existing collections and before creating missing ones.
    """

    def __init__(self, config: VectorStoreConfig, identity: Identity | IdentityChoice) -> None:
        self._config = config
        self._choose_identity: IdentityChoice | None = identity if callable(identity) else None
        self._chosen: Identity | None = None if callable(identity) else identity
        self._client: MilvusClient | None = None
        self._lock: AbstractContextManager[Any] = nullcontext()
        self._layouts: dict[str, Layout[Any]] = {}
        self._with_words: set[str] = set()
        self.uri = without_credentials(config.uri)
        self.live = config.collection_name
        self.history = Names(self.live).history
        #: Messages of refused requests: of writes while other collections replace these, and of all requests after it.
        self.closed_to_writes = ""
        self.closed = ""
        #: Capabilities of the Milvus; known once the connection is open.
        self.can = Capabilities()

    @property
    def dims(self) -> int:
        """The length of the vectors; known once the connection is open."""
        return self._identity.dims

    @property
    def _identity(self) -> Identity:
        if self._chosen is None:
            raise StoreError(self.closed or CLOSED)
        return self._chosen

    def open_memories(self) -> None:
        """Create or check the collections of a memory, and load them. Connects first if that is still to be done."""
        # The history first: every live row must find a collection for the version that it replaces.
        self.open_collections({self.history: MEMORIES, self.live: MEMORIES})

    def open_collections(self, layouts: Mapping[str, Layout[Any]]) -> None:
        """Create or check these collections, and load them. Connects first if that is still to be done."""
        if self._client is None:
            self._layouts = dict(layouts)
            try:
                self._open()
            except BaseException:  # on Ctrl-C too: this process would keep a Milvus Lite store locked for others
                self.close()
                raise
            return
        with self._exclusive() as client:
            self._prepare(client, layouts)
            self._layouts.update(layouts)

    def _open(self) -> None:
        self._client, version, self.can, self._lock = connect(self._config)
        if not self.can.words:
            logger.warning(
                "Milvus %s at %s has no sparse vectors: memories are found by their embeddings alone.",
                version,
                self.uri,
            )
        with self._exclusive() as client:
            self._prepare(client, self._layouts)

    def close(self) -> None:
        """Close the client. Closing again does nothing."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def exists(self, collection: str) -> bool:
        """Return whether there is such a collection, open or not."""
        with self.swap() as swap:
            return swap.exists(collection)

    def read_property(self, collection: str, name: str) -> str:
        """Return a property of a collection; "" if it has none of this name."""
        found = self.request("describe_collection", collection)
        return str(found.get("properties", {}).get(name, ""))

    def write_property(self, collection: str, name: str, value: str) -> None:
        """Set a property of a collection."""
        self.request("alter_collection_properties", collection, properties={name: value})

    def partition(self, text: str | None) -> str | None:  # noqa: ARG002 - for Milvus Lite
        """Return the partition of the rows of a user or namespace; None if the server chooses it."""
        return None

    def has_words(self, collection: str) -> bool:
        """Return whether an open collection has a column for lexical weights. One from an old server has none."""
        return collection in self._with_words

    def request(self, method: str, collection: str, /, **arguments: Any) -> Any:
        """Call a method of pymilvus's client on a collection."""
        with self._exclusive() as client:
            if self.closed_to_writes and method in WRITES:
                raise StoreError(self.closed_to_writes)
            return self._send(client, method, collection, arguments)

    def _send(self, client: MilvusClient, method: str, collection: str, arguments: dict[str, Any]) -> Any:
        if not self.can.lite and "consistency_level" in arguments:
            ask = partial(server_time, client, self._config.timeout_s, self.uri)
            arguments |= read_arguments(arguments["consistency_level"], self._last_write(collection), ask)
        return self._call(client, method, collection, **arguments)

    def _call(self, client: MilvusClient, method: str, collection: str, **arguments: Any) -> Any:
        try:
            with translated(f"{method} in {collection!r}", self.uri):
                return getattr(client, method)(collection, timeout=self._config.timeout_s, **arguments)
        finally:
            # Failed writes count too: a server may still do a write that timed out.
            if method in WRITES:
                self._last_write(collection).note_write()

    def _last_write(self, collection: str) -> WriteTimestamp:
        return write_timestamp(self.uri, self._config.db_name, collection)

    def compact(self, collection: str) -> None:
        """Remove deleted and replaced rows from the collection's files, in which they are only hidden until then.

        With Milvus Lite, they are removed when this returns. A server only queues the request, and its garbage
        collector deletes the old files later. A ``milvus-lite server`` (3.2) accepts the request and does nothing.
        """
        with self._exclusive() as client:
            self._call(client, "flush", collection)
            self._compact(client, collection)

    def _compact(self, client: MilvusClient, collection: str) -> None:
        self._call(client, "compact", collection)

    def reset(self) -> None:
        """Drop both collections of the memory and create them empty. Also drop the collections that a reembed left."""
        with self.swap() as swap:
            for collection in (self.live, self.history):
                self._call(swap.client, "drop_collection", collection)
            swap.drop(swap.names.next)
            swap.drop(swap.names.old)
            self._prepare(swap.client, {self.history: MEMORIES, self.live: MEMORIES})

    @contextmanager
    def swap(self) -> Iterator[CollectionSwap]:
        """Yield the swap of this memory's collections. On Milvus Lite, other requests wait until it has ended."""
        with self._exclusive() as client:
            yield CollectionSwap(client, Names(self.live), self.uri, self._config.timeout_s)

    @contextmanager
    def _exclusive(self) -> Iterator[MilvusClient]:
        """Yield the client for a request. On Milvus Lite, other requests of this process wait until it ends."""
        with self._lock:
            yield self._open_client()

    def _open_client(self) -> MilvusClient:
        if self._client is None or self.closed:
            raise StoreError(self.closed or CLOSED)
        return self._client

    def _prepare(self, client: MilvusClient, layouts: Mapping[str, Layout[Any]]) -> None:
        CollectionSwap(client, Names(self.live), self.uri, self._config.timeout_s).finish()
        if self._chosen is None and self._choose_identity is not None:
            self._chosen = self._choose_identity(self._find_origin(client, layouts))
        self._set_up(client, layouts)

    def _find_origin(self, client: MilvusClient, opened: Iterable[str]) -> Origin | None:
        """Return which embedder filled the collections that are opened, or else those beside them; None if none did."""
        beside = Names(self.live)
        for name in dict.fromkeys((*reversed([*opened]), beside.live, beside.history, beside.records)):
            with translated(f"look for {name!r}", self.uri):
                if not client.has_collection(name, timeout=self._config.timeout_s):
                    continue
                found = client.describe_collection(name, timeout=self._config.timeout_s)
            if origin := read_origin(name, found.get("properties", {})):
                return origin
        return None

    def _set_up(self, client: MilvusClient, layouts: Mapping[str, Layout[Any]]) -> None:
        setup = CollectionSetup(client, self._identity, self.can, self.uri, self._config.timeout_s)
        self._with_words = (self._with_words - layouts.keys()) | setup.run(layouts)
        for collection in layouts:
            self._last_write(collection).note_write()
