"""pymilvus's client: requests end in bounded time when the server is gone, and work again when it is back.

The only module that uses private names of pymilvus (2.6 and 3.0); each use is guarded.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from mem0milvus.errors import StoreError, StoreUnavailableError
from mem0milvus.milvus import capabilities, lite
from mem0milvus.milvus.capabilities import Capabilities
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from pymilvus import MilvusClient
    from typing_extensions import Self

    from mem0milvus.config import VectorStoreConfig

#: gRPC by default waits up to two minutes between two attempts to reach a server that is gone. And pymilvus pings an
#: idle connection every ten seconds, for which a ``milvus-lite server`` closes it (gRPC's "too many pings").
_CHANNEL = {
    "grpc.keepalive_permit_without_calls": False,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.min_reconnect_backoff_ms": 1_000,
    "grpc.max_reconnect_backoff_ms": 2_000,
}

#: Milvus Lite's server, in this process, allows a ping every five minutes. On an idle store pymilvus's pings made it
#: close the connection after about a minute, which gRPC wrote to stderr ("too_many_pings"). None is needed: the two
#: ends of a connection in one process do not lose each other. The longest interval switches gRPC's pings off.
LITE_CHANNEL = {
    "grpc.keepalive_time_ms": 2**31 - 1,
    "grpc.keepalive_permit_without_calls": False,
}


class OpenClient(NamedTuple):
    """A connected client, the server's version, its capabilities, and the lock to hold during each request.

    Milvus Lite takes one request at a time, here and behind ``milvus-lite server``. Other servers need no lock.
    """

    client: MilvusClient
    version: str
    can: Capabilities
    lock: AbstractContextManager[Any]


def connect(config: VectorStoreConfig, file: lite.LiteFile | None = None) -> OpenClient:
    """Connect to a server, or to a Milvus Lite store that is counted as open. Raises ``StoreError``."""
    uri = without_credentials(config.uri)
    with translated("connect", uri):
        client = _make_client(config, None if file is None else str(file.path))
        try:
            version = str(client.get_server_version(timeout=config.timeout_s))
        except BaseException:
            client.close()
            raise
    can = capabilities.of_server(version)
    if file is not None:
        return OpenClient(client, version, can, file.lock)
    return OpenClient(client, version, can, lite.server_lock(uri) if can.lite else nullcontext())


class ReadOnlyClient:
    """A client that creates no collection and writes no row; a context manager.

    Every method raises ``StoreError`` or one of its subclasses.
    """

    def __init__(self, config: VectorStoreConfig) -> None:
        self._config = config
        self._resources = ExitStack()
        self.uri = without_credentials(config.uri)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if not lite.is_lite(self._config.uri):
            self._connect(None)
            return
        with lite.opening():
            self._connect(lite.acquire(self._config.uri, self._resources))

    def _connect(self, file: lite.LiteFile | None) -> None:
        self._file = file
        self._client, self.version, self.can, self._lock = connect(self._config, file)
        self._resources.callback(self._client.close)

    def close(self) -> None:
        """Close the client, and a Milvus Lite store without other users in this process."""
        with lite.opening():
            self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, action: str, method: str, *arguments: str, **options: Any) -> Any:
        with self._lock, translated(action, self.uri):
            return getattr(self._client, method)(*arguments, timeout=self._config.timeout_s, **options)


def _make_client(config: VectorStoreConfig, path: str | None) -> MilvusClient:
    from pymilvus import MilvusClient

    token = config.token.get_secret_value() if config.token else ""
    make = partial(MilvusClient, token=token, db_name=config.db_name, timeout=config.timeout_s)
    if path is not None:
        # pymilvus starts Milvus Lite's gRPC server here, for a path that ends in .db.
        return uninterrupted(partial(make, path, grpc_options=LITE_CHANNEL), MilvusClient.close)
    # Not dedicated, pymilvus 3.0 lets all clients of an address share one channel, with the options of the first.
    client = make(config.uri, dedicated=True, grpc_options=_CHANNEL)
    _leave_reconnecting_to_grpc(client)
    return client


def _leave_reconnecting_to_grpc(client: MilvusClient) -> None:
    """Leave reconnecting to gRPC rather than to pymilvus.

    When a server is gone, pymilvus 3.0 reconnects under one lock for the whole process and waits a full timeout for
    it, so that the tenth thread waits ten timeouts. gRPC's channel reconnects without it, and the request is repeated
    until its own timeout. Clusters of several regions keep pymilvus's way, which finds the region in charge.
    """
    manager, config = getattr(client, "_manager", None), getattr(client, "_config", None)
    if manager is not None and not getattr(config, "is_global", True):
        _handler(client)._on_rpc_error = lambda _error: False


def forget_schema(client: MilvusClient, *names: str) -> None:
    """Drop pymilvus's cached columns of collections. pymilvus 3.0 keeps them by name, even after a renaming."""
    forget = getattr(_handler(client), "_invalidate_schema", None)
    for name in names:
        if forget is not None:
            forget(name)


def server_time(client: MilvusClient, timeout_s: float, uri: str) -> int | None:
    """Return the server's timestamp, later than every write that it has acknowledged; None if it gives none.

    Raises ``StoreUnavailableError`` if the server does not answer.
    """
    allocate = getattr(_handler(client), "alloc_timestamp", None)
    if allocate is None:
        return None
    try:
        with translated("ask the time", uri):
            return int(allocate(timeout=timeout_s))
    except StoreUnavailableError:
        raise
    except StoreError:  # an old server, or one that does not allow it to this user
        return None


def _handler(client: MilvusClient) -> Any:
    """Return the object that sends pymilvus's requests; None if a version of pymilvus has no such name."""
    get = getattr(client, "_get_connection", None)
    return None if get is None else get()


def without_credentials(uri: str) -> str:
    """Return the address without user, password and everything after the path."""
    if lite.is_lite(uri):
        return uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
