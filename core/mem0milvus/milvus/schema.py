"""How a collection is laid out: columns, indexes, and the properties that tell who made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import EmbedderMismatchError, SchemaMismatchError
from mem0milvus.limits import MAX_ID_BYTES, MAX_KEY_BYTES, MAX_MEMORY_BYTES

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient
    from pymilvus.milvus_client.index import IndexParams

#: Version of this layout. Another number means another program's collection, or another generation of ours.
SCHEMA_VERSION = "1"

#: Text columns and their greatest lengths in bytes, in the order in which they are made.
TEXT_COLUMNS: Mapping[str, int] = {
    "id": MAX_KEY_BYTES,
    "user_id": MAX_ID_BYTES,
    "agent_id": MAX_ID_BYTES,
    "run_id": MAX_ID_BYTES,
    "actor_id": MAX_ID_BYTES,
    "role": 32,
    "memory": MAX_MEMORY_BYTES,
    "hash": 32,
    "event": 16,
}

#: INT64 columns; moments are microseconds since 1970 UTC.
NUMBER_COLUMNS = (
    "version",
    "created_at",
    "updated_at",
    "valid_from",
    "valid_to",
    "observed_at",
    "expires_at",
    "seq",
)

PLAIN_COLUMNS = (*TEXT_COLUMNS, "metadata", *NUMBER_COLUMNS)

METRICS = ("L2", "COSINE", "IP")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the vectors and words in a collection were made by.

    Attributes:
        embedder: the embedding model's name.
        dims: length of its vectors.
        metric: how distance between them is measured.
        analysis: version of the text analysis.
    """

    embedder: str
    dims: int
    metric: str
    analysis: str

    def as_properties(self) -> dict[str, str]:
        """The collection properties that record it. The same columns serve live and past rows."""
        return {
            "mem0milvus.schema": SCHEMA_VERSION,
            "mem0milvus.embedder": json.dumps({"model": self.embedder, "dims": self.dims}),
            "mem0milvus.metric": self.metric,
            "mem0milvus.analysis": self.analysis,
        }


def check_properties(name: str, found: Mapping[str, Any], expected: Identity) -> None:
    """Compare a collection's properties with what is about to be written into it.

    Raises:
        SchemaMismatchError: it is not ours, or was made by another generation of this library.
        EmbedderMismatchError: another embedder filled it.
    """
    properties = {key: str(value) for key, value in found.items()}
    wanted = expected.as_properties()
    if "mem0milvus.schema" not in properties:
        raise SchemaMismatchError(
            f"The collection {name!r} exists and was not made by this library. Choose another collection_name; "
            "nothing in it was changed."
        )
    for key, what in (("mem0milvus.schema", "layout"), ("mem0milvus.analysis", "text analysis")):
        if properties.get(key) != wanted[key]:
            raise SchemaMismatchError(
                f"The collection {name!r} has {what} {properties.get(key)!r} and this version of mem0milvus uses "
                f"{wanted[key]!r}. Open it with the version that made it, or choose another collection_name."
            )
    if properties.get("mem0milvus.embedder") != wanted["mem0milvus.embedder"]:
        made_by = json.loads(properties["mem0milvus.embedder"])
        raise EmbedderMismatchError(
            f"The collection {name!r} holds vectors of {made_by['model']!r} with {made_by['dims']} dimensions, and "
            f"the embedder now is {expected.embedder!r} with {expected.dims}: their vectors cannot be compared. "
            "Configure the embedder that filled it, or choose another collection_name."
        )
    if properties.get("mem0milvus.metric") != expected.metric:
        raise SchemaMismatchError(
            f"The collection {name!r} measures distance by {properties.get('mem0milvus.metric')!r} and the "
            f"configuration says metric_type={expected.metric!r}. Configure the former, or choose another "
            "collection_name."
        )


def build_schema(client: MilvusClient, dims: int, *, words: bool, lite: bool) -> CollectionSchema:
    """The columns of ``records.Record``.

    A server keeps each user's rows together by a partition key. Milvus Lite would split 5,000 rows into as many
    partitions and search them almost twice as slowly, so it gets none.

    Args:
        client: any client; it only makes the empty schema.
        dims: length of the vectors.
        words: whether there is a column for lexical weights.
        lite: whether this is Milvus Lite.
    """
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    for name, length in TEXT_COLUMNS.items():
        schema.add_field(
            name,
            DataType.VARCHAR,
            max_length=length,
            is_primary=name == "id",
            is_partition_key=name == "user_id" and not lite,
        )
    schema.add_field("metadata", DataType.JSON)
    for name in NUMBER_COLUMNS:
        schema.add_field(name, DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dims)
    if words:
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    return schema


def build_indexes(client: MilvusClient, metric: str, *, words: bool, lite: bool) -> IndexParams:
    """The indexes: exact search on Milvus Lite, Milvus's own choice of index on a server."""
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type="FLAT" if lite else "AUTOINDEX", metric_type=metric)
    if words:
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    return indexes
