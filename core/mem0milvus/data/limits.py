"""The bounds of stored data. Lengths of text are in bytes of UTF-8."""

from __future__ import annotations

#: Scope ids, actor names and a caller's own memory ids.
MAX_ID_BYTES = 256

#: Separates a memory's id from the version number in the keys of closed versions, so no id may contain it.
VERSION_SEPARATOR = ":"

#: The key of a closed version: an id, the separator, and a version number.
MAX_KEY_BYTES = MAX_ID_BYTES + len(VERSION_SEPARATOR) + 20

#: The text of one memory: the maximum length of a VARCHAR in Milvus.
MAX_MEMORY_BYTES = 65_535

#: The query of one search, of memories or of records.
MAX_QUERY_BYTES = MAX_MEMORY_BYTES

#: The metadata of one memory as JSON: the maximum of a JSON value in Milvus.
MAX_METADATA_BYTES = 65_536

#: A label of a record's namespace, or its key, in UTF-8 as the caller gives it.
MAX_LABEL_BYTES = 512

#: The path of a namespace: each label with ``/`` after it; ``/`` and ``~`` in a label take two bytes.
MAX_NAMESPACE_BYTES = 1_024

#: Texts by which one record is found. Each is a row of its own.
MAX_TEXTS = 256

#: The key of a record's row: its namespace, its key with every byte doubled at worst, and the number of the text.
MAX_RECORD_ID_BYTES = MAX_NAMESPACE_BYTES + 2 * MAX_LABEL_BYTES + len("//") + len(str(MAX_TEXTS))

#: The most rows in one request to Milvus, written or read.
ROWS_PER_REQUEST = 1_000

#: Approximate bytes of rows in one request, written or read with vectors. A server accepts messages of 64 MB.
BYTES_PER_REQUEST = 24_000_000

#: The most results of one search: Milvus's own bound on a search's limit.
MAX_TOP_K = 16_384

#: The ``prompt`` of one ``add``.
MAX_PROMPT_BYTES = 8_192

#: The state of a pending message: the instructions as JSON, and some ids.
MAX_PENDING_BYTES = 32_768
