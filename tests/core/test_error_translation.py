"""Failures of Milvus are sorted by their class, gRPC status and code; words count only where there is no code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pymilvus import DataType, MilvusClient
from pymilvus.client.types import Status as PymilvusStatus
from pymilvus.exceptions import ConnectionConfigException, DataNotMatchException, MilvusException
from pymilvus.grpc_gen import common_pb2

from mem0milvus import StoreError, StoreUnavailableError
from mem0milvus.milvus.error_translation import translated

NOT_READY = "is not ready; try again soon"
NO_ANSWER = "no answer from Milvus at http://here"


class Failed(grpc.RpcError):  # type: ignore[misc]  # gRPC is untyped
    """An error of gRPC as a stub raises it."""

    def __init__(self, status: grpc.StatusCode, details: str) -> None:
        self._status, self._details = status, details

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str:
        return self._details


def answered(code: int, reason: str, old_code: int = common_pb2.UnexpectedError) -> MilvusException:
    """A server's answer, as pymilvus raises it."""
    return MilvusException.from_status(common_pb2.Status(code=code, reason=reason, error_code=old_code))


def gave_up(method: str, code: Any, reason: str) -> MilvusException:
    """pymilvus's own error when it has repeated a request until the timeout."""
    return MilvusException(code, f"[{method}] Retry timeout: 2.0s, {reason}")


def translate(error: Exception) -> StoreError:
    with pytest.raises(StoreError) as raised, translated("search 'memories'", "http://here"):
        raise error
    assert raised.value.__cause__ is error
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        MilvusException(
            PymilvusStatus.CONNECT_FAILED,
            "Fail connecting to server on localhost:1, illegal connection params or server unavailable",
        ),
        Failed(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses"),
        Failed(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"),
        grpc.FutureTimeoutError(),
        gave_up("search", grpc.StatusCode.UNAVAILABLE, "<_InactiveRpcError: StatusCode.UNAVAILABLE, Socket closed>"),
        gave_up("search", grpc.StatusCode.INTERNAL, "<_InactiveRpcError: StatusCode.INTERNAL, RST_STREAM>"),
        gave_up("search", 1, "message=try later"),
        MilvusException(message="[query] Retry run out of 75 retry times, message=later"),
        MilvusException(message="wait for loading collection timeout, collection: memories"),
        MilvusException(message="wait for flush timeout, collection: memories, flusht_ts: 3"),
        answered(2, "service unavailable: internal: Milvus Proxy is not listening"),
        answered(10_001, "context deadline exceeded"),
        answered(65_535, "rpc error: code = Unavailable desc = transport is closing"),
        answered(65_535, "dial tcp 127.0.0.1:53100: connect: connection refused"),
    ],
    ids=str,
)
def test_no_answer(error: Exception) -> None:
    translation = translate(error)
    assert isinstance(translation, StoreUnavailableError)
    assert NO_ANSWER in str(translation)


@pytest.mark.parametrize(
    "error",
    [
        answered(1, "service not ready[proxy=5]: Initializing", common_pb2.NotReadyServe),
        answered(1, "service not ready[proxy=5]: Initializing"),
        gave_up("search", 1, "message=service not ready[querycoord=3]: Initializing"),
        answered(0, "activating", common_pb2.NotReadyCoordActivating),
        answered(101, "collection not loaded[collection=451]"),
        answered(103, "collection not fully loaded[collection=451]"),
        answered(106, "collection on recovering[collection=451]"),
        answered(401, "replica not available[replica=4]"),
        answered(503, "channel not available[channel=by-dev-rootcoord-dml_0_451v0]", common_pb2.NoReplicaAvailable),
        answered(904, "node not match[expectedNodeID=5][actualNodeID=7]", common_pb2.NodeIDNotMatch),
        gave_up("upsert", 8, "message=rate limit exceeded[rate=0]"),
        answered(65_535, "fail to search on QueryNode 5: no available shard delegator found"),
        answered(65_535, "querycoord=5 not healthy"),
        answered(65_535, "collection:memories or partition:[] not loaded into memory when query"),
    ],
    ids=str,
)
def test_a_server_that_is_not_ready(error: Exception) -> None:
    translation = translate(error)
    assert isinstance(translation, StoreUnavailableError)
    assert NOT_READY in str(translation)


NAMES = ("user_timeouts", "timeout", "unavailable_items", "not ready", "connection refused", "not_loaded")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "failure",
    [
        lambda name: answered(100, f"collection not found[database=default][collection={name}]", 4),
        lambda name: answered(1100, f"field {name} not exist: invalid parameter", common_pb2.IllegalArgument),
        lambda name: answered(6, f"unknown field {name!r} at column 1\n  {name} == 3\navailable fields: ['id']", 6),
        lambda name: answered(700, f"index not found[indexName={name}]", common_pb2.IndexNotExist),
        lambda name: answered(1, f"collection {name!r} already exists"),
        lambda name: answered(65_535, f'cannot parse expression: user_id == "a\\"b: {name}", error: invalid string'),
        lambda name: answered(65_535, f"field {name.replace(' ', '_')} not exist"),
        lambda name: answered(65_535, f"expected=[{name} id], actual={name.replace(' ', '_')}"),
        lambda name: DataNotMatchException(message=f"Attempt to insert an unexpected field `{name}` to collection"),
        lambda name: ConnectionConfigException(message=f"uri: ftp://{name.replace(' ', '-')} is illegal"),
        lambda name: Failed(grpc.StatusCode.UNIMPLEMENTED, f"Method not found! {name}"),
        lambda name: Failed(grpc.StatusCode.PERMISSION_DENIED, f"{name}: permission deny"),
    ],
)
def test_a_name_in_the_message_does_not_make_a_server_unavailable(failure: Any, name: str) -> None:
    translation = translate(failure(name))
    assert type(translation) is StoreError
    assert str(translation).startswith("Cannot search 'memories' at http://here: ")


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusClient]:
    """Milvus Lite with a collection named ``user_timeouts``."""
    path = tmp_path_factory.mktemp("errors") / "timeouts.db"
    client = MilvusClient(str(path))
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.VARCHAR, max_length=10, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    index = client.prepare_index_params("vector", index_type="FLAT", metric_type="L2")
    client.create_collection("user_timeouts", schema=schema, index_params=index)
    yield client
    client.close()
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(str(path))


@pytest.mark.parametrize(
    ("method", "collection", "arguments"),
    [
        ("query", "user_timeouts", {"filter": 'unavailable_items == "not ready"'}),
        ("query", "user_timeouts", {"filter": 'id == "connection refused'}),
        ("query", "unavailable_items", {"filter": 'id == "a"'}),
        ("search", "user_timeouts", {"data": [[1.0, 2.0]], "anns_field": "timeout"}),
        ("upsert", "user_timeouts", {"data": [{"id": "a"}]}),
        ("upsert", "user_timeouts", {"data": [{"id": "not ready: not loaded", "vector": [1.0, 2.0]}]}),
        ("drop_partition", "user_timeouts", {"partition_name": "timeout"}),
        ("load_collection", "no_timeout", {}),
    ],
)
def test_what_milvus_lite_refuses_is_no_missing_answer(
    lite: MilvusClient, method: str, collection: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(StoreError) as raised, translated(method, "timeouts.db"):
        getattr(lite, method)(collection, timeout=5, **arguments)
    assert type(raised.value) is StoreError


def test_a_collection_of_milvus_lite_that_is_not_loaded_is_not_ready(lite: MilvusClient, tmp_path: Path) -> None:
    lite.release_collection("user_timeouts")
    try:
        with pytest.raises(StoreUnavailableError, match=NOT_READY), translated("query", "timeouts.db"):
            lite.query("user_timeouts", filter='id == "a"', timeout=5)
    finally:
        lite.load_collection("user_timeouts")


def test_an_address_where_nothing_listens_gives_no_answer() -> None:
    with pytest.raises(StoreUnavailableError, match="no answer"), translated("connect", "http://127.0.0.1:9"):
        MilvusClient("http://127.0.0.1:9", timeout=1)
