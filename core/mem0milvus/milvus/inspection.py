"""Inspection of a Milvus without changing it: its collections, the programs that made them, and their condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mem0milvus.errors import StoreError
from mem0milvus.milvus.pymilvus_client import ReadOnlyClient
from mem0milvus.milvus.schema import MEMORIES, RECORDS, read_origin
from mem0milvus.ports import Origin

#: Contents of the layouts, by the version that is stored with a collection.
_KINDS: Mapping[str, str] = {MEMORIES.version: "memories", RECORDS.version: "records"}

#: Columns of the collections of Mem0. Newer ones have more, for its search by words.
MEM0_COLUMNS = frozenset({"id", "vectors", "metadata"})


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """The description of a collection.

    Attributes:
        name: its name.
        properties: the properties stored with it.
        layout: the version of this library's layout; empty for a collection of another program.
        origin: the embedding model that filled it; None if unknown.
        metric: the metric of its vectors.
        columns: the names of its columns.
        rows: about how many rows it has: a server counts deleted ones until it has compacted them.
        unreadable: why it cannot be loaded; empty if it can, or if that was not tried.
    """

    name: str
    properties: Mapping[str, str]
    layout: str
    origin: Origin | None
    metric: str
    columns: frozenset[str]
    rows: int
    unreadable: str = ""

    @property
    def is_ours(self) -> bool:
        """True if this library created it."""
        return bool(self.layout)

    @property
    def model(self) -> str:
        """The embedding model that filled it; empty if unknown."""
        return self.origin.model if self.origin else ""

    @property
    def dims(self) -> int:
        """The length of its vectors; 0 if unknown."""
        return self.origin.dims if self.origin else 0

    @property
    def kind(self) -> str:
        """Its contents in a few words."""
        if not self.is_ours:
            return "Mem0's memories" if self.columns >= MEM0_COLUMNS else "not of this library"
        if self.layout == MEMORIES.version and self.name.endswith("_versions"):
            return "past versions"
        return _KINDS.get(self.layout, f"layout {self.layout!r}, which this version does not know")


class Inspection(ReadOnlyClient):
    """An open client that describes collections. A Milvus Lite store must exist: opening would create it."""

    def names(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return sorted(self._ask("list the collections", "list_collections"))

    def look(self, name: str, *, load: bool = False) -> CollectionFacts:
        """Describe an existing collection. With ``load``, also try to load it, unless a server would need memory."""
        description = self._ask(f"look at {name!r}", "describe_collection", name)
        properties = {key: str(value) for key, value in description.get("properties", {}).items()}
        stats = self._ask(f"count the rows of {name!r}", "get_collection_stats", name)
        return CollectionFacts(
            name=name,
            properties=properties,
            layout=properties.get("mem0milvus.schema", ""),
            origin=read_origin(name, properties),
            metric=properties.get("mem0milvus.metric", ""),
            columns=frozenset(field["name"] for field in description["fields"]),
            rows=int(stats.get("row_count", 0)),
            unreadable=self._try_to_load(name) if load and self.can.lite else "",
        )

    def _try_to_load(self, name: str) -> str:
        try:
            self._ask(f"load {name!r}", "load_collection", name)
        except StoreError as error:
            return str(error)
        return ""

    def bytes_on_disk(self) -> int | None:
        """Return the size of a Milvus Lite store in bytes; None for a server."""
        if self._file is None:
            return None
        return sum(path.stat().st_size for path in self._file.path.rglob("*") if path.is_file())
