"""Bringing the memories of a Mem0 installation, with their ids, owners, metadata, moments and histories.

Mem0's collection and its ``history.db`` are read only. They are gone through twice: first to see what would come, then
to write it. What came before is passed over, so a migration that was interrupted, or that is done again because Mem0
was used meanwhile, goes on where it is called again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from mem0milvus.client.memory import Memory
from mem0milvus.config import VectorStoreConfig, read_section
from mem0milvus.errors import ConfigError, ValidationError
from mem0milvus.migration import mapping
from mem0milvus.migration.history import Mem0History
from mem0milvus.migration.report import MigrationReport, Problem, Survey
from mem0milvus.milvus.mem0_collection import Mem0Collection
from mem0milvus.operations.transfer import import_rows
from mem0milvus.operations.transfer.dump_format import MemoryRows
from mem0milvus.operations.transfer.import_memories import MemoryImporter
from mem0milvus.operations.transfer.load import empty_outcome
from mem0milvus.ports import Ports
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.types import OnConflict, Progress

#: Where Mem0 keeps memories unless it is told otherwise.
_MEM0_COLLECTION = "mem0"

#: Ids of memories whose own ids are taken follow from these by this.
_RENAMED = UUID("3f1c3c0e-9a56-5c2d-8d55-5b1f5d0a7c11")


@dataclass(frozen=True, slots=True)
class Mem0Store:
    """Where a Mem0 installation keeps its memories.

    Attributes:
        url: path of its Milvus Lite store, or its server's address.
        collection_name: its collection.
        token: of the server.
        db_name: database on the server.
        history_db: path of its ``history.db``; None to bring the memories without their past.
    """

    url: str = field(repr=False)  # as the token: a password may stand in it
    collection_name: str = _MEM0_COLLECTION
    token: str | None = field(default=None, repr=False)
    db_name: str = ""
    history_db: str | PathLike[str] | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Mem0Store:
        """The store that a configuration of Mem0 describes.

        Args:
            config: Mem0's dict. Of it count ``vector_store`` and ``history_db_path``; without the latter, the history
                is where Mem0 keeps it then, ``history.db`` in ``MEM0_DIR`` or ``~/.mem0``, if it is there.

        Raises:
            ConfigError: its vector store is not Milvus, or it does not say where it is.
        """
        section = config.get("vector_store")
        if not isinstance(section, Mapping) or section.get("provider") != "milvus":
            raise ConfigError("Mem0's configuration does not name milvus as its vector_store: nothing can be read.")
        settings = section.get("config")
        if not isinstance(settings, Mapping) or not isinstance(settings.get("url"), str):
            raise ConfigError("Mem0's configuration has no vector_store.config.url: it does not say where to read.")
        return cls(
            url=settings["url"],
            collection_name=settings.get("collection_name") or _MEM0_COLLECTION,
            token=settings.get("token") or None,
            db_name=settings.get("db_name") or "",
            history_db=config.get("history_db_path") or _usual_history(),
        )


def _usual_history() -> Path | None:
    """Where Mem0 keeps its history when it is not told where."""
    path = Path(os.environ.get("MEM0_DIR") or Path.home() / ".mem0") / "history.db"
    return path if path.is_file() else None


def migrate_mem0(
    memory: Memory,
    source: Mem0Store | Mapping[str, Any],
    *,
    dry_run: bool = False,
    on_conflict: OnConflict = "error",
    deleted: bool = True,
    progress: Progress | None = None,
) -> MigrationReport:
    """Bring everything that Mem0 has remembered in Milvus.

    The texts are embedded by this memory's embedder: whose vectors Mem0 has, it does not tell. Mem0's store is not
    changed; it should not be written to meanwhile.

    Args:
        memory: where to.
        source: where from, as ``Mem0Store`` or as Mem0's own configuration.
        dry_run: True to write nothing and to tell what would come.
        on_conflict: what to do with a memory whose id another one has here: ``error`` to bring nothing at all, ``skip``
            to leave it out, ``rename`` to bring it under another id.
        deleted: False to leave out the histories of memories that Mem0 has deleted. They name no owner.
        progress: called now and then with how many memories are done and how many there are, about.

    Returns:
        What came, or would come. Memories that cannot be stored here are left out and named in ``problems``.

    Raises:
        ConfigError: the configuration does not say where Mem0 keeps its memories.
        ValidationError: there is no such store, collection or ``history.db``, or ids are taken. Nothing was written.
        StoreLockedError: a process has Mem0's Milvus Lite store open.
        EmbeddingError: the embedding model failed; calling again goes on.
        StoreError: Milvus failed, here or there; calling again goes on.
    """
    if not isinstance(memory, Memory):
        raise ValidationError(f"memory must be a Memory, not {type(memory).__name__}; an AsyncMemory has to_sync().")
    if on_conflict not in ("error", "skip", "rename"):
        raise ValidationError(f"on_conflict={on_conflict!r}; known are error, skip, rename.")
    where = source if isinstance(source, Mem0Store) else Mem0Store.from_config(source)
    with ExitStack() as open_ones:
        history = None if where.history_db is None else open_ones.enter_context(Mem0History(where.history_db))
        collection = open_ones.enter_context(Mem0Collection(_read(where)))
        migration = _Migration(collection, history, deleted)
        return run(migration.carry_out(memory._ports, on_conflict, dry_run, progress))


def _read(store: Mem0Store) -> VectorStoreConfig:
    values = {
        "url": store.url,
        "collection_name": store.collection_name,
        "token": store.token,
        "db_name": store.db_name,
    }
    return read_section(VectorStoreConfig, values, "vector_store.config")


@dataclass(slots=True)
class _Batch:
    """Some of Mem0's memories, and why others do not come."""

    memories: list[MemoryRows] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    elsewhere: int = 0
    rows: int = 0

    def take(self, memory_id: str, read: Callable[[], MemoryRows]) -> None:
        """Read a memory into this, or note why that cannot be done."""
        try:
            memory = read()
        except ValidationError as error:
            self.problems.append({"id": memory_id, "reason": str(error)})
        else:
            self.memories.append(memory)
            self.rows += len(memory.rows)


@dataclass(frozen=True, slots=True)
class _Migration:
    """What Mem0 has.

    Attributes:
        collection: its memories.
        history: their past, where it is known.
        deleted: whether those that it has deleted are brought.
    """

    collection: Mem0Collection
    history: Mem0History | None
    deleted: bool

    async def carry_out(
        self, ports: Ports, on_conflict: OnConflict, dry_run: bool, progress: Progress | None
    ) -> MigrationReport:
        """See ``migrate_mem0``."""
        positions = self._positions()
        importer = MemoryImporter(ports, on_conflict, lambda memory_id: str(uuid5(_RENAMED, memory_id)))
        found = Survey(dry_run)
        total = self.collection.count()
        for batch in self._batches(positions):
            found.add(batch.memories, await importer.states(batch.memories))
            found.leave_out(batch.problems, batch.elsewhere)
            if dry_run and progress is not None:
                progress(found.seen, max(found.seen, total))
        report = found.report()
        if report["conflicts"] and on_conflict == "error" and not dry_run:
            raise ValidationError(
                f"{report['conflicts']:,} of Mem0's ids are taken by other memories here, such as "
                f"{', '.join(repr(problem['id']) for problem in found.conflicts[:5])}. Nothing was written. Say "
                "on_conflict='skip' to leave these out, or on_conflict='rename' to bring them under new ids."
            )
        if not dry_run:
            await self._write(importer, positions, report, progress)
        return report

    async def _write(
        self,
        importer: MemoryImporter,
        positions: Mapping[str, int],
        report: MigrationReport,
        progress: Progress | None,
    ) -> None:
        outcome = empty_outcome("")
        total = report["memories"] + report["deleted"] + report["present"] + report["conflicts"]
        done = 0
        for batch in self._batches(positions):
            await importer.run(batch.memories, outcome)
            done += len(batch.memories)
            if progress is not None:
                progress(done, max(done, total))
        importer.ports.positions.forget()  # the next memory of a run comes after those that came in
        report["memories"] = outcome["memories"]
        report["deleted"] = outcome["deleted"]
        report["versions"] = outcome["versions"]
        report["present"] = outcome["present"]
        report["skipped"] = outcome["skipped"]
        report["renamed"] = outcome["renamed"]

    def _positions(self) -> dict[str, int]:
        """The place in its run of each memory that has one: Mem0 keeps moments alone."""
        runs: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        for page in self.collection.pages():
            for memory_id, document in page.items():
                if document.get("run_id"):
                    run_key = tuple(str(document.get(name)) for name in ("user_id", "agent_id", "run_id"))
                    runs.setdefault(run_key, []).append((mapping.created_us(document), memory_id))
        return {memory_id: place for ids in runs.values() for place, (_, memory_id) in enumerate(sorted(ids))}

    def _batches(self, positions: Mapping[str, int]) -> Iterator[_Batch]:
        """Everything, some at a time: first the memories that Mem0 has, then those that it has deleted."""
        batch = _Batch()
        for page in self.collection.pages():
            past = self.history.of(list(page)) if self.history else {}
            for memory_id, document in page.items():
                entries, place = past.get(memory_id, []), positions.get(memory_id, 0)
                batch.take(memory_id, partial(mapping.living, memory_id, document, entries, place))
                if batch.rows >= import_rows.BATCH_ROWS:
                    yield batch
                    batch = _Batch()
        yield batch
        if self.history:
            yield from self._batches_of_the_past(self.history)

    def _batches_of_the_past(self, history: Mem0History) -> Iterator[_Batch]:
        """The memories of which only the history tells."""
        for last_events in history.last_events():
            batch = _Batch()
            present = self.collection.present(list(last_events))
            gone = {memory_id: event for memory_id, event in last_events.items() if memory_id not in present}
            ended = [memory_id for memory_id, event in gone.items() if event == "DELETE"]
            batch.elsewhere = len(gone) - len(ended)
            if self.deleted:
                past = history.of(ended)
                for memory_id in ended:
                    batch.take(memory_id, partial(mapping.deleted, memory_id, past[memory_id]))
            yield batch
