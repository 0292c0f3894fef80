"""Reading a collection of Mem0, which is not changed by it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mem0milvus.data.limits import ROWS_PER_REQUEST
from mem0milvus.errors import StoreError, StoreLockedError, ValidationError
from mem0milvus.milvus import lite
from mem0milvus.milvus.connection import without_credentials
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.freshness import WriteClock, read_arguments
from mem0milvus.milvus.pymilvus_client import connect, server_time
from mem0milvus.retrieval.filters import literal

if TYPE_CHECKING:
    from pymilvus import MilvusClient
    from typing_extensions import Self

    from mem0milvus.config import VectorStoreConfig

#: The columns that every collection of Mem0 has. Newer ones have others beside, for its search by words.
_COLUMNS = frozenset({"id", "vectors", "metadata"})

#: What makes Milvus Lite give the rows of a limited query in the order of their ids.
_IN_ORDER = {"iterator": "True", "reduce_stop_for_best": "True"}


class Mem0Collection:
    """A collection of Mem0, open for reading; a context manager.

    A Milvus Lite store is copied first and the copy is read: opening it would write into it. One that this process has
    open already is read where it is. On a server, a collection that was not loaded is released again.

    Args:
        config: where it is.

    Raises:
        ValidationError: there is no store or no such collection, or it is not Mem0's.
        StoreError: or one of its kinds: it cannot be opened.
    """

    def __init__(self, config: VectorStoreConfig) -> None:
        self._config = config
        self._name = config.collection_name
        self._where = without_credentials(config.uri)
        self._reading: Mapping[str, Any] = {}
        self._turns: Any = nullcontext()
        self._exit = ExitStack()
        try:
            self._client = self._open()
            self._check()
            self._load()
        except BaseException:
            self._exit.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def count(self) -> int:
        """How many rows there are, nearly.

        Raises:
            StoreError: or one of its kinds.
        """
        return int(self._call("get_collection_stats")["row_count"])

    def pages(self) -> Iterator[dict[str, Mapping[str, Any]]]:
        """All rows in the order of their ids, some at a time: Mem0's documents by memory id.

        Raises:
            StoreError: or one of its kinds.
        """
        after = ""
        while True:
            rows = self._call(
                "query",
                filter=f"id > {literal(after)}",
                output_fields=["id", "metadata"],
                limit=ROWS_PER_REQUEST,
                **self._reading,
            )
            page = {row["id"]: row["metadata"] or {} for row in rows}
            if list(page) != sorted(page) or (page and min(page) <= after):
                raise StoreError("Milvus gave rows out of the order of their ids, so that some might be missed.")
            if page:
                yield page
            if len(rows) < ROWS_PER_REQUEST:
                return
            after = rows[-1]["id"]

    def present(self, ids: Sequence[str]) -> set[str]:
        """Those of some ids that the collection has.

        Raises:
            StoreError: or one of its kinds.
        """
        condition = f"id in [{', '.join(map(literal, ids))}]"
        rows = self._call("query", filter=condition, output_fields=["id"], **self._reading) if ids else []
        return {row["id"] for row in rows}

    def _call(self, method: str, **arguments: Any) -> Any:
        with self._turns, translated(f"{method} in Mem0's collection {self._name!r}", self._where):
            return getattr(self._client, method)(self._name, timeout=self._config.timeout_s, **arguments)

    def _open(self) -> MilvusClient:
        uri = self._config.uri
        if not lite.is_lite(uri):
            client = self._connect(uri)
            with translated("connect", self._where):
                is_lite = str(client.get_server_version()).startswith("milvus_lite")
            self._turns = lite.turns(uri) if is_lite else nullcontext()
        else:
            if not Path(uri).exists():
                raise ValidationError(f"There is no Milvus Lite store at {uri}.")
            is_lite = True
            if (file := lite.opened(uri)) is not None:
                self._turns = file.one_request
                client = self._connect(str(file.path))
            else:
                client = self._open_copy(Path(uri))
        self._reading = _IN_ORDER if is_lite else self._everything_so_far(client)
        return client

    def _everything_so_far(self, client: MilvusClient) -> Mapping[str, Any]:
        """What makes a server show all that anybody had written when the collection was opened."""
        clock = WriteClock()
        clock.wrote()
        ask = partial(server_time, client, self._config.timeout_s, self._where)
        return read_arguments("Session", clock, ask)

    def _connect(self, uri: str) -> MilvusClient:
        with translated("connect", self._where):
            client = connect(self._config, uri, in_process=lite.is_lite(uri))
        self._exit.callback(client.close)
        return client

    def _open_copy(self, path: Path) -> MilvusClient:
        if path.is_file():
            raise StoreError(
                f"{path} is a file, and Milvus Lite 3 keeps a folder there: it looks like a store of Milvus Lite 2, "
                "which cannot be opened here."
            )
        folder = self._exit.enter_context(tempfile.TemporaryDirectory(prefix="mem0milvus-"))
        copy = Path(folder) / path.name
        try:
            with _locked(path):
                shutil.copytree(path, copy, ignore=shutil.ignore_patterns("LOCK"))
        except OSError as error:  # shutil.Error is one
            raise StoreError(f"{path} cannot be copied to {folder}, to be read there: {error}") from error
        file = lite.acquire(str(copy))
        self._exit.callback(lite.release, file)
        return self._connect(str(copy))

    def _check(self) -> None:
        with self._turns, translated("look for Mem0's collection", self._where):
            names = self._client.list_collections()
            if self._name not in names:
                there = ", ".join(sorted(names)) or "none"
                raise ValidationError(
                    f"{self._where} has no collection {self._name!r}. There are: {there}. Mem0's own name for it "
                    "is mem0, unless collection_name in its configuration says otherwise."
                )
            description = self._client.describe_collection(self._name, timeout=self._config.timeout_s)
        columns = {field["name"] for field in description["fields"]}
        if "mem0milvus.schema" in description.get("properties", {}):
            raise ValidationError(f"The collection {self._name!r} was made by mem0milvus: it needs no migration.")
        if not columns >= _COLUMNS:
            raise ValidationError(
                f"The collection {self._name!r} was not made by Mem0: it has the columns {', '.join(sorted(columns))}, "
                "and Mem0's have id, vectors and metadata."
            )

    def _load(self) -> None:
        """Make the rows readable."""
        if not lite.is_lite(self._config.uri):
            with suppress(StoreError):  # a milvus-lite server may not tell
                state = str(self._call("get_load_state").get("state", ""))
                if state.lower().endswith("notload"):
                    self._exit.callback(self._call, "release_collection")
        try:
            self._call("load_collection")
        except StoreError:
            if not lite.is_lite(self._config.uri) or lite.opened(self._config.uri) is not None:
                raise
            self._rebuild_indexes()  # of the copy: a kill may have left a file that cannot be read

    def _rebuild_indexes(self) -> None:
        while names := self._call("list_indexes"):
            self._call("drop_index", index_name=names[0])
        index = self._client.prepare_index_params()
        index.add_index("vectors", index_type="FLAT", metric_type="L2")
        self._call("create_index", index_params=index)
        self._call("load_collection")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make sure that no process has the store open, and that none opens it meanwhile.

    Raises:
        StoreLockedError: one has.
    """
    try:
        import fcntl
    except ImportError:  # Windows: Milvus Lite's lock cannot be asked there
        yield
        return
    lock = path / "LOCK"
    if not lock.exists():
        yield
        return
    with lock.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreLockedError(
                f"Another process has {path} open. Stop it while its memories are copied."
            ) from error
        yield
