"""What the Milvus at the other end can do, asked once when it is connected to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mem0milvus.retrieval import filters
from mem0milvus.retrieval.filters import Dialect

#: The first version that has sparse vectors.
_SPARSE_SINCE = (2, 4)

#: The first version line in which every ``upsert`` puts a row where a search by its partition key looks for it. In
#: Milvus 2.3 it took the key from another column (https://github.com/milvus-io/milvus/pull/30772), so that a search by
#: user found nothing.
_PARTITION_KEYS_SINCE = (2, 4)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a Milvus can do.

    Attributes:
        words: it has sparse vectors, which lexical search needs.
        partition_key: rows with equal values in one column can be kept and searched together, and it is worth it.
        lite: it is Milvus Lite, in this process or behind ``milvus-lite server``: what is written can be read at once,
            requests must take turns, and a query must be told to keep the order of the keys.
        dialect: what its filter expressions may contain.
    """

    words: bool = True
    partition_key: bool = True
    lite: bool = False
    dialect: Dialect = filters.COMMON


LITE = Capabilities(partition_key=False, lite=True, dialect=filters.LITE)


def of_server(version: str) -> Capabilities:
    """What a server can do.

    Args:
        version: as the server tells it, for instance ``v2.4.1-gpu``. One that cannot be read is taken as new.
    """
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
