"""The bundles of ports that operations are given: one for a memory, one for a record store."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mem0milvus.ports.execution import Background, Clock, Locks, Positions, Shield
from mem0milvus.ports.models import EmbedderPort, Extraction, Extractor, RerankerPort
from mem0milvus.ports.tables import Table
from mem0milvus.ports.transfer import Files, Origin, ReplacementStore
from mem0milvus.types import Consistency, Embedder

if TYPE_CHECKING:
    from mem0milvus.data.memory_row import MemoryRow
    from mem0milvus.data.record_row import RecordRow


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonPorts:
    """The ports that both a memory and a record store have.

    Attributes:
        positions: the next position in each run, or in each namespace.
        metric: the metric of the vectors: ``L2``, ``COSINE`` or ``IP``.
        dims: length of the vectors.
        consistency: default consistency of a user's reads. Reads that a write depends on always see at least the
            earlier writes of this process.
    """

    embedder: EmbedderPort
    locks: Locks
    positions: Positions
    clock: Clock
    shield: Shield
    metric: str
    dims: int
    consistency: Consistency = "Session"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPorts(CommonPorts):
    """The ports of a record store.

    Attributes:
        rows: the records, each under ``namespaces.record_id``, and a row for each further text of a record.
    """

    rows: Table[RecordRow]


@dataclass(frozen=True, slots=True)
class Transfer:
    """The ports of ``dump``, ``load`` and ``reembed``.

    Attributes:
        files: the file system.
        origin: the collection and the embedder of this store.
        records: opens the record store beside the memory. With ``False``, a missing one is not created: returns None.
        open_replacement: opens a replacement of this store, new or left by an interrupted ``reembed``. A replacement
            that is not swapped in stays as it is, for the next ``reembed``.
        old: the name of the collection of memories that an earlier ``reembed`` replaced and kept; None for none.
        drop_old: drops this collection, and those beside it.
    """

    files: Files
    origin: Origin
    records: Callable[[bool], Coroutine[Any, Any, RecordPorts | None]]
    open_replacement: Callable[[Embedder | Mapping[str, Any]], AbstractAsyncContextManager[ReplacementStore]]
    old: Callable[[], Coroutine[Any, Any, str | None]]
    drop_old: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports(CommonPorts):
    """The ports of a memory.

    Attributes:
        live: the current version of each memory, under the memory's id.
        history: closed versions under ``memory_row.version_key``, and a tombstone under the id of each deleted memory.
        background: runs adds later.
        empty: drops both tables and creates them empty.
        compact: removes deleted rows from the store's files, if the store supports it.
        history_limit: closed versions of each memory that ``vacuum`` keeps; None for all.
        extraction: the model and the settings of extraction.
        transfer: the ports of ``dump``, ``load`` and ``reembed``.
        reranker: the reranker of searches; None for none.
    """

    live: Table[MemoryRow]
    history: Table[MemoryRow]
    extractor: Extractor
    background: Background
    empty: Callable[[], Coroutine[Any, Any, None]]
    compact: Callable[[], Coroutine[Any, Any, None]]
    history_limit: int | None = None
    extraction: Extraction = field(default_factory=Extraction)
    transfer: Transfer | None = None
    reranker: RerankerPort | None = None
