"""Migration of a Mem0 installation: memories with ids, scopes, metadata, times and histories.

Mem0's collection and its ``history.db`` are only read, and twice: first to count, then to write. Memories that were
migrated before are recognised, so calling again continues an interrupted migration, or adds later memories.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from mem0milvus.client.memory import Memory
from mem0milvus.config import VectorStoreConfig, read_section
from mem0milvus.data.quoting import shown
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

#: Mem0's default collection.
_MEM0_COLLECTION = "mem0"

#: The namespace of the UUIDs that replace ids taken by other memories: the same new id on every call.
_RENAMED = UUID("3f1c3c0e-9a56-5c2d-8d55-5b1f5d0a7c11")


@dataclass(frozen=True, slots=True)
class Mem0Store:
    """The store of a Mem0 installation.

    Attributes:
        url: path of its Milvus Lite store, or its server's address.
        collection_name: its collection.
        token: of the server.
        db_name: database on the server.
        history_db: path of its ``history.db``; None to migrate the memories without histories.
    """

    url: str = field(repr=False)  # as the token: it may contain a password
    collection_name: str = _MEM0_COLLECTION
    token: str | None = field(default=None, repr=False)
    db_name: str = ""
    history_db: str | PathLike[str] | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Mem0Store:
        """Return the store that a configuration of Mem0 describes.

        Args:
            config: Mem0's dict, of which ``vector_store`` and ``history_db_path`` are used. The latter's default is
                Mem0's, ``history.db`` in ``MEM0_DIR`` or ``~/.mem0``, if that file exists.

        Raises:
            ConfigError: its vector store is not Milvus, or it has no ``url``.
        """
        section = config.get("vector_store")
        if not isinstance(section, Mapping) or section.get("provider") != "milvus":
            raise ConfigError("Mem0's configuration does not name milvus as its vector_store: nothing can be read.")
        settings = section.get("config")
        if not isinstance(settings, Mapping) or not isinstance(settings.get("url"), str):
            raise ConfigError("Mem0's configuration has no vector_store.config.url: there is no address to read from.")
        default = Path(os.environ.get("MEM0_DIR") or Path.home() / ".mem0") / "history.db"
        return cls(
            url=settings["url"],
            collection_name=settings.get("collection_name") or _MEM0_COLLECTION,
            token=settings.get("token") or None,
            db_name=settings.get("db_name") or "",
            history_db=config.get("history_db_path") or (default if default.is_file() else None),
        )


def migrate_mem0(
    memory: Memory,
    source: Mem0Store | Mapping[str, Any],
    *,
    dry_run: bool = False,
    on_conflict: OnConflict = "error",
    deleted: bool = True,
    progress: Progress | None = None,
) -> MigrationReport:
    """Migrate all memories that Mem0 has stored in Milvus.

    The texts are embedded by this memory's embedder, because Mem0 does not record which model made its vectors. Mem0's
    store is not changed; nothing should write to it meanwhile.

    Args:
        memory: the memory to write to.
        source: Mem0's store, as ``Mem0Store`` or as Mem0's own configuration.
        dry_run: True to write nothing and only report what would be migrated.
        on_conflict: if another memory here has the id: ``error`` writes nothing at all, ``skip`` leaves the memory out,
            ``rename`` gives it a new id.
        deleted: False to leave out the histories of memories that Mem0 has deleted. They have no scope.
        progress: called with the number of memories done and the approximate total.

    Returns:
        The counts of migrated memories. Memories that cannot be stored here are left out and listed in ``problems``.

    Raises:
        ConfigError: the configuration does not describe a Milvus store of Mem0.
        ValidationError: there is no such store, collection or ``history.db``, or ids are taken. Nothing was written.
        StoreLockedError: a process has Mem0's Milvus Lite store open.
        EmbeddingError: the embedding model failed; calling again continues.
        StoreError: one of the two stores failed; calling again continues.
    """
    if not isinstance(memory, Memory):
        raise ValidationError(
            f"memory must be a Memory, not {type(memory).__name__}; call to_sync() of an AsyncMemory."
        )
    if on_conflict not in ("error", "skip", "rename"):
        raise ValidationError(f"on_conflict={shown(on_conflict)}; known are error, skip, rename.")
    store = source if isinstance(source, Mem0Store) else Mem0Store.from_config(source)
    with ExitStack() as resources:
        history = None
        if store.history_db is not None:
            history = resources.enter_context(closing(Mem0History(store.history_db)))
        settings = {name: getattr(store, name) for name in ("url", "collection_name", "token", "db_name")}
        config = read_section(VectorStoreConfig, settings, "vector_store.config")
        collection = resources.enter_context(Mem0Collection(config))
        return run(_Migration(collection, history, deleted).run(memory._ports, on_conflict, dry_run, progress))


@dataclass(slots=True)
class _Batch:
    """Some of Mem0's memories, and the reasons why others cannot be migrated."""

    memories: list[MemoryRows] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    elsewhere: int = 0
    rows: int = 0

    def add(self, memory_id: str, convert: Callable[[], MemoryRows]) -> None:
        """Convert a memory, or record the reason why that fails."""
        try:
            memory = convert()
        except ValidationError as error:
            self.problems.append({"id": memory_id, "reason": str(error)})
        else:
            self.memories.append(memory)
            self.rows += len(memory.rows)


@dataclass(frozen=True, slots=True)
class _Migration:
    """The contents of Mem0's store."""

    collection: Mem0Collection
    history: Mem0History | None
    deleted: bool  #: whether the histories of deleted memories belong to them

    async def run(
        self, ports: Ports, on_conflict: OnConflict, dry_run: bool, progress: Progress | None
    ) -> MigrationReport:
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
                f"{', '.join(repr(problem['id']) for problem in found.conflicts[:5])}. Nothing was written. Use "
                "on_conflict='skip' to leave these out, or on_conflict='rename' to give them new ids."
            )
        if not dry_run:
            await self._write(importer, positions, report, progress)
        return report

    async def _write(
        self, importer: MemoryImporter, positions: Mapping[str, int], report: MigrationReport, progress: Progress | None
    ) -> None:
        outcome = empty_outcome("")
        total = report["memories"] + report["deleted"] + report["present"] + report["conflicts"]
        done = 0
        for batch in self._batches(positions):
            await importer.run(batch.memories, outcome)
            done += len(batch.memories)
            if progress is not None:
                progress(done, max(done, total))
        importer.ports.positions.forget()  # cached last positions of runs: migrated memories may take the next ones
        report["memories"] = outcome["memories"]
        report["deleted"] = outcome["deleted"]
        report["versions"] = outcome["versions"]
        report["present"] = outcome["present"]
        report["skipped"] = outcome["skipped"]
        report["renamed"] = outcome["renamed"]

    def _positions(self) -> dict[str, int]:
        """Return the position of each memory in its run, by id, from its time: Mem0 stores no positions."""
        runs: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        for page in self.collection.pages():
            for memory_id, document in page.items():
                if document.get("run_id"):
                    run_key = tuple(str(document.get(name)) for name in ("user_id", "agent_id", "run_id"))
                    runs.setdefault(run_key, []).append((mapping.created_us(document), memory_id))
        return {memory_id: place for ids in runs.values() for place, (_, memory_id) in enumerate(sorted(ids))}

    def _batches(self, positions: Mapping[str, int]) -> Iterator[_Batch]:
        """Yield all memories in batches: first those that Mem0 has, then those that it has deleted."""
        batch = _Batch()
        for page in self.collection.pages():
            entries = self.history.entries(list(page)) if self.history else {}
            for memory_id, document in page.items():
                own, position = entries.get(memory_id, []), positions.get(memory_id, 0)
                batch.add(memory_id, partial(mapping.existing_memory, memory_id, document, own, position))
                if batch.rows >= import_rows.BATCH_ROWS:
                    yield batch
                    batch = _Batch()
        yield batch
        if self.history:
            yield from self._batches_of_history(self.history)

    def _batches_of_history(self, history: Mem0History) -> Iterator[_Batch]:
        """Yield the memories that are in the history only."""
        for last_events in history.last_events():
            batch = _Batch()
            present = self.collection.present(list(last_events))
            missing = {memory_id: event for memory_id, event in last_events.items() if memory_id not in present}
            ended = [memory_id for memory_id, event in missing.items() if event == "DELETE"]
            batch.elsewhere = len(missing) - len(ended)
            if self.deleted:
                entries = history.entries(ended)
                for memory_id in ended:
                    batch.add(memory_id, partial(mapping.deleted_memory, memory_id, entries[memory_id]))
            yield batch
