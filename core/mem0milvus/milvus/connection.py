"""A connection to one Milvus and the collections of one memory in it. Thread-safe; it blocks."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mem0milvus import filters
from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.filters import Dialect
from mem0milvus.milvus import lite
from mem0milvus.milvus.faults import translated
from mem0milvus.milvus.schema import Identity, build_indexes, build_schema, check_properties

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from mem0milvus.config import VectorStoreConfig

logger = logging.getLogger(__name__)

#: The first Milvus that has sparse vectors.
SPARSE_SINCE = (2, 4)

#: Requests that look at rows not yet flushed, and so profit from a flush.
_SCANS = ("search", "query")


class Connection:
    """An open store: a client, and the two collections of a memory."""

    def __init__(self, config: VectorStoreConfig, identity: Identity) -> None:
        self._config = config
        self._identity = identity
        self._client: MilvusClient | None = None
        self._file: lite.LiteFile | None = None
        self.is_lite = lite.is_lite(config.uri)
        self.uri = _without_credentials(config.uri)
        self.live = config.collection_name
        self.past = f"{config.collection_name}_versions"
        self.has_words = True
        self.dialect: Dialect = filters.LITE if self.is_lite else filters.COMMON

    def open(self) -> None:
        """Connect, and make, check and load the collections.

        Raises:
            StoreError: or one of its kinds: no answer, a locked file, a collection made by something else.
        """
        if not self.is_lite:
            self._connect(self._config.uri)
            return
        with lite.opening():
            self._file = lite.acquire(self._config.uri)
            try:
                self._connect(str(self._file.path))
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the client; after the last use of a Milvus Lite file in this process, free the file."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        file, self._file = self._file, None
        if file is not None:
            lite.release(file)

    def _connect(self, uri: str) -> None:
        from pymilvus import MilvusClient

        token = self._config.token.get_secret_value() if self._config.token else ""
        with translated("connect", self.uri):
            self._client = MilvusClient(
                uri=uri, token=token, db_name=self._config.db_name, timeout=self._config.timeout_s
            )
            if not self.is_lite:
                self._learn(self._client.get_server_version())
        # The past first: once there are live rows, there is a place for what they used to say.
        with self._turn():
            for collection in (self.past, self.live):
                self._prepare(collection)

    def _learn(self, version: str) -> None:
        """Note what a server can do."""
        if version.startswith("milvus_lite"):  # `milvus-lite server`
            self.dialect = filters.LITE
        elif _version(version) < SPARSE_SINCE:
            self.has_words = False
            self.dialect = filters.SERVER_2_3
            logger.warning(
                "Milvus %s at %s has no sparse vectors: memories are found by their embeddings alone.",
                version,
                self.uri,
            )

    def request(self, method: str, collection: str, /, **arguments: Any) -> Any:
        """Call a method of the client on a collection.

        Raises:
            StoreError: or one of its kinds.
        """
        client, file = self._open_client(), self._file
        with self._turn():
            if file and method in _SCANS and file.needs_flush(collection):
                self._call(client, "flush", collection, {})
                file.flushed(collection)
            answer = self._call(client, method, collection, arguments)
            if file and method == "upsert":
                file.wrote(collection, len(arguments["data"]))
            return answer

    def _call(self, client: MilvusClient, method: str, collection: str, arguments: Mapping[str, Any]) -> Any:
        with translated(f"{method} in {collection!r}", self.uri):
            return getattr(client, method)(collection, timeout=self._config.timeout_s, **arguments)

    def reset(self) -> None:
        """Drop both collections and make them anew, empty.

        Raises:
            StoreError: or one of its kinds.
        """
        client = self._open_client()
        with self._turn():
            for collection in (self.live, self.past):
                self._call(client, "drop_collection", collection, {})
            for collection in (self.past, self.live):
                self._prepare(collection)

    def _turn(self) -> AbstractContextManager[Any]:
        """Wait until nobody else in this process uses the Milvus Lite file; a server needs no turns."""
        return nullcontext() if self._file is None else self._file.one_request

    def _open_client(self) -> MilvusClient:
        if self._client is None:
            raise StoreError(CLOSED)
        return self._client

    def _prepare(self, collection: str) -> None:
        """Make the collection where there is none, check it where there is one, and load it."""
        client = self._open_client()
        with translated(f"open {collection!r}", self.uri):
            if not client.has_collection(collection):
                self._create(client, collection)
            description = client.describe_collection(collection)
        check_properties(collection, description.get("properties", {}), self._identity)
        with translated(f"open {collection!r}", self.uri):
            self._index(client, collection)
        self._load(client, collection)
        if self._file is not None:
            self._file.wrote(collection, lite.FLUSH_ROWS + 1)  # what an earlier process left is not flushed

    def _create(self, client: MilvusClient, collection: str) -> None:
        from pymilvus.exceptions import MilvusException

        try:
            client.create_collection(
                collection,
                schema=build_schema(client, self._identity.dims, words=self.has_words, lite=self.is_lite),
                properties=self._identity.as_properties(),
                consistency_level="Session",
            )
        except MilvusException:
            if not client.has_collection(collection):  # else another process made it first
                raise

    def _index(self, client: MilvusClient, collection: str) -> None:
        """Make the indexes that are missing, as after an interrupted creation."""
        wanted = build_indexes(client, self._identity.metric, words=self.has_words, lite=self.is_lite)
        for index in wanted:
            if not client.list_indexes(collection, index.field_name):
                one = client.prepare_index_params(index.field_name, **index.get_index_configs())
                # Lite has made the index when the call returns; waiting would only poll, half a second at a time.
                client.create_index(collection, one, sync=not self.is_lite)

    def _load(self, client: MilvusClient, collection: str) -> None:
        try:
            with translated(f"load {collection!r}", self.uri):
                client.load_collection(collection)
        except StoreError as error:
            if not self.is_lite:
                raise
            # A kill while Lite wrote an index leaves a file that cannot be read; the rows are safe without it.
            logger.warning("An index of %r in %s cannot be read (%s): building it anew.", collection, self.uri, error)
            with translated(f"rebuild the indexes of {collection!r}", self.uri):
                while names := client.list_indexes(collection):  # Lite may drop several at once
                    client.drop_index(collection, names[0])
                self._index(client, collection)
                client.load_collection(collection)


def _version(text: str) -> tuple[int, ...]:
    """Major and minor number of a version such as ``v2.4.1-gpu``; a server that does not tell is taken as new."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else SPARSE_SINCE


def _without_credentials(uri: str) -> str:
    """The address without user, password and anything that follows the path."""
    if lite.is_lite(uri):
        return uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
