"""Looking at a Milvus without changing it: which collections there are, who made them, and whether they can be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import StoreError
from mem0milvus.milvus import capabilities, lite
from mem0milvus.milvus.capabilities import Capabilities
from mem0milvus.milvus.connection import without_credentials
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.pymilvus_client import connect
from mem0milvus.milvus.schema import MEMORIES, RECORDS

if TYPE_CHECKING:
    from types import TracebackType

    from pymilvus import MilvusClient
    from typing_extensions import Self

    from mem0milvus.config import VectorStoreConfig

#: What the layouts hold, by the version that is kept with a collection.
_KINDS: Mapping[str, str] = {MEMORIES.version: "memories", RECORDS.version: "records"}

#: What is asked for, in words.
_ACTIONS: Mapping[str, str] = {
    "list_collections": "list the collections",
    "describe_collection": "look at {}",
    "get_collection_stats": "count the rows of {}",
    "load_collection": "load {}",
}

#: What the files of a Milvus Lite store that hold rows begin and end with.
_PARQUET = b"PAR1"

#: Columns of the collections that Mem0 makes.
_MEM0_COLUMNS = {"id", "vectors", "metadata"}


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What a collection says of itself.

    Attributes:
        name: its name.
        properties: what is kept with it.
        layout: the version of this library's layout; empty for a collection of something else.
        model: the embedding model that filled it.
        dims: length of its vectors; 0 where that is not told.
        metric: how it measures distance.
        analysis: version of the text analysis.
        columns: the names of its columns.
        rows: about how many rows it has: a server counts deleted ones as well until it has compacted them.
        unreadable: why it cannot be loaded; empty where it can, and where that was not tried.
    """

    name: str
    properties: Mapping[str, str]
    layout: str
    model: str
    dims: int
    metric: str
    analysis: str
    columns: frozenset[str]
    rows: int
    unreadable: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether this library made it."""
        return bool(self.layout)

    @property
    def kind(self) -> str:
        """What it holds, in a few words."""
        if not self.is_ours:
            return "Mem0's memories" if self.columns >= _MEM0_COLUMNS else "not of this library"
        if self.layout == MEMORIES.version and self.name.endswith("_versions"):
            return "past versions"
        return _KINDS.get(self.layout, f"layout {self.layout!r}, which this version does not know")


class Inspection:
    """A connection that makes no collection and writes nothing. Close it by leaving the ``with`` block.

    Args:
        config: where the store is. A Milvus Lite store must be there already.

    Raises:
        ConfigError: this can be no Milvus Lite path.
        StoreError: or one of its kinds: it cannot be opened.
    """

    def __init__(self, config: VectorStoreConfig) -> None:
        self._config = config
        self.uri = without_credentials(config.uri)
        self._file = lite.acquire(config.uri) if lite.is_lite(config.uri) else None
        self._client: MilvusClient | None = None
        try:
            with lite.opening() if self._file else nullcontext(), translated("connect", self.uri):
                self._client = connect(
                    config, str(self._file.path) if self._file else config.uri, in_process=self._file is not None
                )
                self.version = str(self._client.get_server_version())
        except BaseException:
            self.close()
            raise
        self.can: Capabilities = capabilities.of_server(self.version)

    def close(self) -> None:
        """Close the connection; a Milvus Lite file that nobody else here uses is free then."""
        client, self._client = self._client, None
        with lite.opening():
            if client is not None:
                client.close()
            file, self._file = self._file, None
            if file is not None:
                lite.release(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def names(self) -> list[str]:
        """The collections, sorted.

        Raises:
            StoreError: or one of its kinds.
        """
        return sorted(self._ask("list_collections"))

    def look(self, name: str, *, load: bool = False) -> CollectionFacts:
        """What a collection says of itself.

        Args:
            name: the collection.
            load: whether to try if it can be loaded. On a server this would take its memory, so only Milvus Lite is
                tried.

        Raises:
            StoreError: or one of its kinds; also where there is no such collection.
        """
        description = self._ask("describe_collection", name)
        properties = {key: str(value) for key, value in description.get("properties", {}).items()}
        made_by = _json(properties.get("mem0milvus.embedder", ""))
        return CollectionFacts(
            name=name,
            properties=properties,
            layout=properties.get("mem0milvus.schema", ""),
            model=str(made_by.get("model", "")),
            dims=int(made_by.get("dims", 0)),
            metric=properties.get("mem0milvus.metric", ""),
            analysis=properties.get("mem0milvus.analysis", ""),
            columns=frozenset(field["name"] for field in description["fields"]),
            rows=int(self._ask("get_collection_stats", name).get("row_count", 0)),
            unreadable=self._try_to_load(name) if load and self.can.lite else "",
        )

    def _try_to_load(self, name: str) -> str:
        try:
            self._ask("load_collection", name)
        except StoreError as error:
            return str(error)
        return ""

    def _ask(self, method: str, *arguments: str) -> Any:
        with (
            self._file.one_request if self._file else nullcontext(),
            translated(_ACTIONS[method].format(*map(repr, arguments)), self.uri),
        ):
            return getattr(self._client, method)(*arguments, timeout=self._config.timeout_s)

    def bytes_on_disk(self) -> int | None:
        """How many bytes a Milvus Lite store takes; None for a server."""
        if self._file is None:
            return None
        return sum(path.stat().st_size for path in Path(self._file.path).rglob("*") if path.is_file())


def damaged_files(path: Path) -> list[Path]:
    """The files of a Milvus Lite store that are cut off or overwritten. Indexes do not count: they are built anew.

    This comes before the store is opened: where Milvus Lite cannot read its list of files, it goes back to an earlier
    one, and removes the files that are not in it.
    """
    documents = [*path.rglob("schema.json"), *path.rglob("manifest.json")]
    rows = [*path.rglob("data_*.parquet"), *path.rglob("delta_*.parquet")]
    damaged = [file for file in documents if not _json(file.read_text(encoding="utf-8", errors="replace"))]
    return sorted(damaged + [file for file in rows if not _is_parquet(file)])


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(len(_PARQUET)) == _PARQUET
        file.seek(max(0, path.stat().st_size - len(_PARQUET)))
        return begins and file.read() == _PARQUET


def _json(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
