"""All ports of a memory, and all of a record store."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mem0milvus.ports.execution import Background, Clock, Locks, Positions, Shield
from mem0milvus.ports.models import EmbedderPort, Extraction, Extractor
from mem0milvus.ports.tables import Table
from mem0milvus.ports.transfer import Files, Origin, Successor
from mem0milvus.types import Consistency, Embedder

if TYPE_CHECKING:
    from mem0milvus.data.memory_row import MemoryRow
    from mem0milvus.data.record_row import RecordRow


@dataclass(frozen=True, slots=True)
class RecordPorts:
    """Everything that the operations of a record store use.

    Attributes:
        rows: the records, each under ``namespaces.record_id``, and beside it the further texts that it is found by.
        positions: where the next record of a namespace stands in it.
        metric: how ``rows`` measures distance: ``L2``, ``COSINE`` or ``IP``.
        dims: length of the vectors.
        reading: as of ``Ports``.
    """

    rows: Table[RecordRow]
    embedder: EmbedderPort
    locks: Locks
    positions: Positions
    clock: Clock
    shield: Shield
    metric: str
    dims: int
    reading: Consistency = "Session"


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is needed to take memories out and in, and to move them to another embedder.

    Attributes:
        files: where dumps are.
        origin: what fills the store.
        records: the record store beside the memory; None where there is none and none is to be made.
        succeed: begins a successor of the store, or goes on with one; given up when it has not taken the place.
        old: the name of the memories that an earlier successor has replaced and that are kept; None for none.
        drop_old: drops these.
    """

    files: Files
    origin: Origin
    records: Callable[[bool], Coroutine[Any, Any, RecordPorts | None]]
    succeed: Callable[[Embedder | Mapping[str, Any]], AbstractAsyncContextManager[Successor]]
    old: Callable[[], Coroutine[Any, Any, str | None]]
    drop_old: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that operations use.

    Attributes:
        live: the current version of every memory, under the memory's id.
        history: closed versions under ``memory_row.version_key``, and a tombstone under the id of each deleted memory.
        background: adds that are done later.
        empty: drops both tables and makes them anew.
        compact: makes the store give up the space, and the bytes, of deleted rows, where it can be told to.
        metric: how ``live`` measures distance: ``L2``, ``COSINE`` or ``IP``.
        dims: length of the vectors.
        reading: how fresh what a user reads is, where the call does not say. What a write looks at is never staler
            than what this process wrote.
        history_limit: how many past versions of a memory ``vacuum`` leaves; None for all.
        extraction: how memories are found in what was said.
        transfer: how memories are taken out and in.
    """

    live: Table[MemoryRow]
    history: Table[MemoryRow]
    embedder: EmbedderPort
    extractor: Extractor
    locks: Locks
    positions: Positions
    clock: Clock
    shield: Shield
    background: Background
    empty: Callable[[], Coroutine[Any, Any, None]]
    compact: Callable[[], Coroutine[Any, Any, None]]
    metric: str
    dims: int
    reading: Consistency = "Session"
    history_limit: int | None = None
    extraction: Extraction = field(default_factory=Extraction)
    transfer: Transfer | None = None
