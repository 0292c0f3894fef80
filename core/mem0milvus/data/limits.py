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

#: A label of a record's namespace, or its key, in UTF-8 as the caller gives it.
MAX_LABEL_BYTES = 512

#: All labels of a namespace together, as they are stored: ``/`` after each, ``/`` and ``~`` in one as two bytes.
MAX_NAMESPACE_BYTES = 1_024

#: The texts that one record is found by. Each is a row of its own.
MAX_TEXTS = 256

#: The key of a record's row: its namespace, its key with every byte doubled at worst, and the number of the text.
MAX_RECORD_ID_BYTES = MAX_NAMESPACE_BYTES + 2 * MAX_LABEL_BYTES + len("//") + len(str(MAX_TEXTS))

#: The most rows in one request to Milvus, written or read.
ROWS_PER_REQUEST = 1_000

#: About as many bytes of rows go into one request, written or read with vectors. A server takes messages of 64 MB.
BYTES_PER_REQUEST = 24_000_000

#: The most results of one search: Milvus's own bound on a search's limit.
MAX_TOP_K = 16_384

#: The instructions that one ``add`` gives to a language model.
MAX_PROMPT_BYTES = 8_192

#: What is kept beside a raw message until its extraction works: the instructions as JSON, and some ids.
MAX_PENDING_BYTES = 32_768
