"""pymilvus's client, set up so that requests end in bounded time when the server is gone, and work when it is back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import StoreError, StoreUnavailableError
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from mem0milvus.config import VectorStoreConfig

#: How gRPC looks for a server that went away: its own default lets two minutes pass between tries. And an idle
#: connection is left alone: pymilvus pings it every ten seconds, for which a ``milvus-lite server`` closes it.
_CHANNEL = {
    "grpc.keepalive_permit_without_calls": False,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.min_reconnect_backoff_ms": 1_000,
    "grpc.max_reconnect_backoff_ms": 2_000,
}


def connect(config: VectorStoreConfig, uri: str, *, in_process: bool) -> MilvusClient:
    """A client of its own connection.

    Args:
        config: token, database and timeout.
        uri: where.
        in_process: whether it is Milvus Lite in this process, which does not go away.

    Raises:
        MilvusException: or an error of gRPC; the caller translates it.
    """
    from pymilvus import MilvusClient

    token = config.token.get_secret_value() if config.token else ""
    options: dict[str, Any] = {} if in_process else {"dedicated": True, "grpc_options": _CHANNEL}
    make = partial(MilvusClient, uri, token=token, db_name=config.db_name, timeout=config.timeout_s, **options)
    if in_process:
        return uninterrupted(make, MilvusClient.close)
    client = make()
    _reconnect_without_queueing(client)
    return client


def _reconnect_without_queueing(client: MilvusClient) -> None:
    """Leave it to gRPC to find the server again.

    When a server is gone, pymilvus 3 connects anew under one lock for the whole process and waits a full timeout for
    it, so that the tenth thread waits ten timeouts. gRPC's channel reconnects by itself, and the request is repeated
    until its own timeout. Clusters of several regions need pymilvus's way, which finds the region in charge.
    """
    handler = client._get_connection()
    manager = getattr(client, "_manager", None)
    config = getattr(client, "_config", None)
    if manager is not None and not getattr(config, "is_global", True):
        handler._on_rpc_error = _not_handled


def _not_handled(_error: Exception) -> bool:
    return False


def server_time(client: MilvusClient, timeout_s: float, uri: str) -> int | None:
    """The server's time, as its timestamps count it, after everything it has acknowledged; None where it does not tell.

    Raises:
        StoreUnavailableError: no answer.
    """
    allocate = getattr(client._get_connection(), "alloc_timestamp", None)
    if allocate is None:
        return None
    try:
        with translated("ask the time", uri):
            return int(allocate(timeout=timeout_s))
    except StoreUnavailableError:
        raise
    except StoreError:  # an old server, or one that does not let this user ask
        return None
