"""Reading a collection of Mem0 without changing it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import override

from mem0milvus.data.limits import ROWS_PER_REQUEST
from mem0milvus.errors import StoreError, ValidationError
from mem0milvus.milvus import lite
from mem0milvus.milvus.inspection import MEM0_COLUMNS
from mem0milvus.milvus.lite_folder import check_path, copy_store
from mem0milvus.milvus.paging import KeyOrderPaging
from mem0milvus.milvus.pymilvus_client import ReadOnlyClient, server_time
from mem0milvus.milvus.read_timestamps import WriteTimestamp, read_arguments
from mem0milvus.retrieval.filters import literal


class Mem0Collection(ReadOnlyClient):
    """A collection of Mem0, open for reading; a context manager.

    Opening a Milvus Lite store writes into it, so the store is copied and the copy is read, unless this process has the
    store open. On a server, a collection that was not loaded is released at the end. A missing collection, or one that
    is not Mem0's, is a ``ValidationError``.
    """

    @override
    def _open(self) -> None:
        self._name = self._config.collection_name
        self._is_copy = False
        if lite.is_lite(self._config.uri):
            self._open_lite(self._config.uri)
        else:
            super()._open()
        self._consistency: Mapping[str, Any] = {} if self.can.lite else self._see_all_writes()
        self._check()
        self._load()

    def count(self) -> int:
        """Return about how many rows there are."""
        return int(self._call("get_collection_stats")["row_count"])

    def pages(self) -> Iterator[dict[str, Mapping[str, Any]]]:
        """Yield all rows in the order of their ids, a page at a time: Mem0's documents by memory id."""
        paging = KeyOrderPaging("", ROWS_PER_REQUEST, lite=self.can.lite)
        while paging.more:
            columns = ["id", "metadata"]
            rows = self._call("query", output_fields=columns, **paging.arguments, **self._consistency)
            if page := {row["id"]: row["metadata"] or {} for row in paging.accept(rows)}:
                yield page

    def present(self, ids: Sequence[str]) -> set[str]:
        """Return those of some ids that the collection has."""
        condition = f"id in [{', '.join(map(literal, ids))}]"
        rows = self._call("query", filter=condition, output_fields=["id"], **self._consistency) if ids else []
        return {row["id"] for row in rows}

    def _call(self, method: str, **arguments: Any) -> Any:
        return self._ask(f"{method} in Mem0's collection {self._name!r}", method, self._name, **arguments)

    def _open_lite(self, uri: str) -> None:
        if not Path(uri).exists():
            raise ValidationError(f"There is no Milvus Lite store at {uri}.")
        if (file := lite.opened(uri)) is None:
            self._is_copy = True
            folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="mem0milvus-"))
            path = check_path(uri)
            copy_store(path, Path(folder) / path.name)
            file = lite.acquire(str(Path(folder) / path.name), self._resources)
        self._connect(file)

    def _see_all_writes(self) -> Mapping[str, Any]:
        """Return the arguments of a read that sees every write, of any program, up to now."""
        ask = partial(server_time, self._client, self._config.timeout_s, self.uri)
        return read_arguments("Session", WriteTimestamp(), ask)

    def _check(self) -> None:
        names = self._ask("look for Mem0's collection", "list_collections")
        if self._name not in names:
            there = ", ".join(sorted(names)) or "none"
            raise ValidationError(
                f"{self.uri} has no collection {self._name!r}. There are: {there}. Mem0's own name for it is mem0, "
                "unless collection_name in its configuration says otherwise."
            )
        description = self._call("describe_collection")
        columns = {field["name"] for field in description["fields"]}
        if "mem0milvus.schema" in description.get("properties", {}):
            raise ValidationError(f"The collection {self._name!r} was made by mem0milvus: it needs no migration.")
        if not columns >= MEM0_COLUMNS:
            raise ValidationError(
                f"The collection {self._name!r} was not made by Mem0: it has the columns {', '.join(sorted(columns))}, "
                "and Mem0's have id, vectors and metadata."
            )

    def _load(self) -> None:
        """Load the collection, so that its rows can be read."""
        if not lite.is_lite(self._config.uri):
            with suppress(StoreError):  # some versions of milvus-lite server have no such request
                state = str(self._call("get_load_state").get("state", ""))
                if state.lower().endswith("notload"):  # pymilvus's enum LoadState as text, which is "NotLoad" in 3.0
                    self._resources.callback(self._call, "release_collection")
        try:
            self._call("load_collection")
        except StoreError:
            if not self._is_copy:
                raise
            self._rebuild_indexes()

    def _rebuild_indexes(self) -> None:
        """Build the indexes again where Milvus Lite cannot load them: see ``CollectionSetup._load``."""
        while names := self._call("list_indexes"):
            self._call("drop_index", index_name=names[0])
        index = self._client.prepare_index_params()
        index.add_index("vectors", index_type="FLAT", metric_type="L2")
        self._call("create_index", index_params=index)
        self._call("load_collection")
