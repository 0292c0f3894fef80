"""Capabilities of a Milvus, by its version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mem0milvus.retrieval import filters
from mem0milvus.retrieval.filters import Dialect

#: First version with sparse vectors.
_SPARSE_SINCE = (2, 4)

#: First version whose ``upsert`` puts a row where a search by its partition key looks for it. Milvus 2.3 takes the key
#: from another column (https://github.com/milvus-io/milvus/pull/30772): on 2.3.5, a search by user misses the row.
_PARTITION_KEYS_SINCE = (2, 4)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Capabilities of a Milvus.

    Attributes:
        words: it has sparse vectors, which lexical search requires.
        partition_key: a column can be the partition key, and this makes searches faster.
        lite: it is Milvus Lite, in this process or behind ``milvus-lite server``: reads see every write at once,
            requests must be made one at a time, and a query returns rows in the order of their keys only on request.
        dialect: the allowed filter expressions.
    """

    words: bool = True
    partition_key: bool = True
    lite: bool = False
    dialect: Dialect = filters.COMMON


LITE = Capabilities(partition_key=False, lite=True, dialect=filters.LITE)


def of_server(version: str) -> Capabilities:
    """Return the capabilities of a server, by a version such as ``v2.4.1-gpu``. An unknown format counts as new."""
    if version.startswith("milvus_lite"):
        return LITE
    found = re.search(r"(\d+)\.(\d+)", version)
    if found is None:
        return Capabilities()
    number = (int(found[1]), int(found[2]))
    return Capabilities(
        words=number >= _SPARSE_SINCE,
        partition_key=number >= _PARTITION_KEYS_SINCE,
        dialect=filters.COMMON if number >= (2, 4) else filters.SERVER_2_3,
    )
