"""Layouts of collections: columns, indexes, and the properties that identify the program and model that filled them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from mem0milvus.data.limits import (
    MAX_ID_BYTES,
    MAX_KEY_BYTES,
    MAX_MEMORY_BYTES,
    MAX_NAMESPACE_BYTES,
    MAX_PENDING_BYTES,
    MAX_RECORD_ID_BYTES,
)
from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.data.record_row import RecordRow
from mem0milvus.errors import EmbedderMismatchError, SchemaMismatchError
from mem0milvus.ports import Origin, R

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient
    from pymilvus.milvus_client.index import IndexParams

    from mem0milvus.milvus.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """The columns of a collection, apart from ``metadata``, ``vector`` and ``words``, which each has.

    Attributes:
        row: the rows' class; its fields are the columns.
        version: stored with the collection. Another one is of another program, or of another generation of ours.
        texts: text columns and their maximal lengths in bytes, in the order of creation; the first is the key.
        numbers: INT64 columns; timestamps are microseconds since 1970 UTC.
        together: the text column that is the partition key.
    """

    row: type[R]
    version: str
    texts: Mapping[str, int]
    numbers: tuple[str, ...]
    together: str

    @property
    def plain(self) -> tuple[str, ...]:
        """All columns but the vectors."""
        return (*self.texts, "metadata", *self.numbers)


#: Rows of memories, in their collection and in the history.
MEMORIES: Layout[MemoryRow] = Layout(
    MemoryRow,
    version="1",
    texts={
        "id": MAX_KEY_BYTES,
        "user_id": MAX_ID_BYTES,
        "agent_id": MAX_ID_BYTES,
        "run_id": MAX_ID_BYTES,
        "actor_id": MAX_ID_BYTES,
        "role": 32,
        "memory": MAX_MEMORY_BYTES,
        "hash": 32,
        "event": 16,
        "pending": MAX_PENDING_BYTES,
    },
    numbers=("version", "created_at", "updated_at", "valid_from", "valid_to", "observed_at", "expires_at", "seq"),
    together="user_id",
)

#: Rows of a record store.
RECORDS: Layout[RecordRow] = Layout(
    RecordRow,
    version="records-1",
    texts={"id": MAX_RECORD_ID_BYTES, "namespace": MAX_NAMESPACE_BYTES, "text": MAX_MEMORY_BYTES},
    numbers=("part", "parts", "seq", "created_at", "updated_at", "ttl_us", "expires_at"),
    together="namespace",
)


#: The property of a collection that keeps the calibration of the embedding model. It may be missing.
CALIBRATION_PROPERTY = "mem0milvus.calibration"


@dataclass(frozen=True, slots=True)
class Identity:
    """The embedding model, length and metric of the vectors in a collection, and the version of the text analysis."""

    embedder: str
    dims: int
    metric: str
    analysis: str

    def as_properties(self, layout: Layout[Any]) -> dict[str, str]:
        """Return the properties that store the identity and the layout with a collection."""
        return {
            "mem0milvus.schema": layout.version,
            "mem0milvus.embedder": json.dumps({"model": self.embedder, "dims": self.dims}),
            "mem0milvus.metric": self.metric,
            "mem0milvus.analysis": self.analysis,
        }


def read_origin(name: str, properties: Mapping[str, Any]) -> Origin | None:
    """Read which embedder filled the collection with these properties; None if they do not say."""
    try:
        made_by = json.loads(str(properties.get("mem0milvus.embedder", "")))
        return Origin(name, str(made_by["model"]), int(made_by["dims"]))
    except (ValueError, TypeError, KeyError):
        return None


def check_properties(name: str, found: Mapping[str, Any], expected: Identity, layout: Layout[Any]) -> None:
    """Check that rows of this identity and layout may be written into a collection with these properties.

    Raises ``SchemaMismatchError`` or, where only the embedder differs, ``EmbedderMismatchError``.
    """
    properties = {key: str(value) for key, value in found.items()}
    wanted = expected.as_properties(layout)
    if "mem0milvus.schema" not in properties:
        raise SchemaMismatchError(
            f"The collection {name!r} exists and was not made by this library. Choose another collection_name; "
            "nothing in it was changed."
        )
    for key, what in (("mem0milvus.schema", "layout"), ("mem0milvus.analysis", "text analysis")):
        if properties.get(key) != wanted[key]:
            raise SchemaMismatchError(
                f"The collection {name!r} has {what} {properties.get(key)!r} and this version of mem0milvus uses "
                f"{wanted[key]!r}. Open it with the version that made it, and dump() it there to load() it here; or "
                "choose another collection_name."
            )
    if properties.get("mem0milvus.embedder") != wanted["mem0milvus.embedder"]:
        made_by = json.loads(properties["mem0milvus.embedder"])
        raise EmbedderMismatchError(
            f"The collection {name!r} holds vectors of {made_by['model']!r} with {made_by['dims']} dimensions, and "
            f"the embedder now is {expected.embedder!r} with {expected.dims}: their vectors cannot be compared. "
            "Configure the embedder that filled it, with which reembed() can move it to another; or choose another "
            "collection_name."
        )
    if properties.get("mem0milvus.metric") != expected.metric:
        raise SchemaMismatchError(
            f"The collection {name!r} measures distance by {properties.get('mem0milvus.metric')!r} and the "
            f"configuration says metric_type={expected.metric!r}. Configure that of the collection, or choose another "
            "collection_name."
        )


def build_schema(
    client: MilvusClient, dims: int, can: Capabilities, layout: Layout[Any] = MEMORIES
) -> CollectionSchema:
    """Return the columns of a collection; the client only makes the empty schema.

    A server stores the rows of a user or namespace together by a partition key. Milvus Lite 3.2 has such keys too, but
    searches all their partitions whatever the filter says (18 ms instead of 11 for 5,000 rows), so it gets named
    partitions instead.
    """
    from pymilvus import DataType

    # No dynamic field: metadata has a column of its own, in which a key may have any name.
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    for name, length in layout.texts.items():
        schema.add_field(
            name,
            DataType.VARCHAR,
            max_length=length,
            is_primary=name == "id",
            is_partition_key=name == layout.together and can.partition_key,
        )
    schema.add_field("metadata", DataType.JSON)
    for name in layout.numbers:
        schema.add_field(name, DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dims)
    if can.words:
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    return schema


def build_indexes(client: MilvusClient, metric: str, can: Capabilities, *, words: bool) -> IndexParams:
    """Return the indexes: exact search on Milvus Lite, the server's own choice on a server.

    With ``words``, there is one for lexical weights. The client only makes the empty list.
    """
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type="FLAT" if can.lite else "AUTOINDEX", metric_type=metric)
    if words:  # of the metrics, Milvus has only IP for sparse vectors that are not made by its own BM25 function
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    return indexes
