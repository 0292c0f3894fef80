"""The bounds of what can be stored, each in one place. Lengths of text are in bytes of UTF-8."""

from __future__ import annotations

#: Scope ids, actor names and a caller's own memory ids.
MAX_ID_BYTES = 256

#: Stands between a memory's id and a version number in the keys of past versions, so no id may contain it.
VERSION_SEPARATOR = ":"

#: A key of a past version: an id, the separator, and a version number.
MAX_KEY_BYTES = MAX_ID_BYTES + len(VERSION_SEPARATOR) + 20

#: The text of one memory: the longest VARCHAR that Milvus has.
MAX_MEMORY_BYTES = 65_535

#: One memory's metadata as JSON: the largest JSON value that Milvus takes.
MAX_METADATA_BYTES = 65_536

#: Rows in one request to Milvus, written or read. 1,000 rows with 1,536 dimensions are about 7 MB, well under
#: the 64 MB that a server takes in one message.
ROWS_PER_REQUEST = 1_000

#: The most results of one search: Milvus's own bound on a search's limit.
MAX_TOP_K = 16_384
