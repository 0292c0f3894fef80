"""``mem0milvus migrate-mem0``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mem0milvus import Memory
from mem0milvus.cli.opening import NoStoreError, open_memory, open_or_create_store, open_store
from mem0milvus.cli.options import CommandOptions, OnConflict
from mem0milvus.cli.overview import print_users
from mem0milvus.cli.settings import read_config_file, read_settings
from mem0milvus.cli.tables import Column, print_fields, print_table
from mem0milvus.cli.terminal import CommandUsageError, note, print_line, progress_bar

if TYPE_CHECKING:
    from mem0milvus.migration import Mem0Store, MigrationReport, Problem

#: The maximum number of problems that are listed.
_MOST_PROBLEMS = 10

_SOURCE: dict[str, Any] = {"rich_help_panel": "Mem0's store, which is only read"}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The options that describe Mem0's store."""

    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="Read this Milvus Lite path or server address.", **_SOURCE),
    ] = None
    source_collection: Annotated[
        str, typer.Option("--from-collection", metavar="NAME", help="Read this collection.", **_SOURCE)
    ] = "mem0"
    history_db: Annotated[
        Path | None,
        typer.Option(
            "--history", metavar="FILE", help="Read this history.db. Default: migrate without histories.", **_SOURCE
        ),
    ] = None
    mem0_config: Annotated[
        Path | None,
        typer.Option(
            "--mem0-config",
            metavar="FILE",
            help="Read Mem0's own configuration, in TOML, YAML or JSON, instead of these three.",
            **_SOURCE,
        ),
    ] = None

    def store(self) -> Mem0Store:
        """Return Mem0's store as the options describe it."""
        from mem0milvus.migration import Mem0Store

        if (self.source is None) == (self.mem0_config is None):
            given = "both were given" if self.source is not None else "neither was given"
            raise CommandUsageError(f"migrate-mem0 takes --from URL or --mem0-config FILE, and {given}.")
        if self.mem0_config is not None:
            return Mem0Store.from_config(read_config_file(self.mem0_config, "--mem0-config"))
        usual = Path.home() / ".mem0" / "history.db"
        if self.history_db is None and usual.is_file():
            note(f"Without --history the histories are not migrated. Mem0 may keep them in {usual}.", style="yellow")
        return Mem0Store(str(self.source), self.source_collection, history_db=self.history_db)


def migrate_mem0(
    source: SourceOptions,
    options: CommandOptions,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; show what would be migrated.")] = False,
    on_conflict: OnConflict = "error",
    deleted: Annotated[
        bool, typer.Option("--deleted/--no-deleted", help="Migrate the histories of memories deleted in Mem0, or not.")
    ] = True,
) -> None:
    """Migrate Mem0's memories with ids, scopes, metadata, times and histories. Repeat it after an interruption."""
    from mem0milvus import migration

    store = source.store()
    description = "Reading" if dry_run else "Migrating"
    with _open(options, dry_run=dry_run) as memory, progress_bar(description) as report:
        result = migration.migrate_mem0(
            memory, store, dry_run=dry_run, on_conflict=on_conflict, deleted=deleted, progress=report
        )
    options.exit_if_json(result)
    _print_report(result)


@contextmanager
def _open(options: CommandOptions, *, dry_run: bool) -> Iterator[Memory]:
    """Open the memory. A dry run creates no store: if there is none, it uses an empty one in a temporary folder."""
    if not dry_run:
        with open_or_create_store(options) as memory:
            yield memory
        return
    try:
        with open_store(options) as memory:
            yield memory
    except NoStoreError:
        with TemporaryDirectory(prefix="mem0milvus-trial-", ignore_cleanup_errors=True) as folder:
            trial = read_settings(replace(options, url=str(Path(folder) / "trial.db")))
            with open_memory(trial) as memory:
                yield memory


def _print_report(result: MigrationReport) -> None:
    fields: dict[str, Any] = {
        "memories": result["memories"],
        "past versions": result["versions"],
        "deleted in Mem0": result["deleted"],
        "already here": result["present"],
        "ids taken here": result["conflicts"],
        "renamed": len(result["renamed"]),
        "skipped": result["skipped"],
        "unreadable": result["unreadable"],
        "runs": result["runs"],
        "oldest": result["first"],
        "newest": result["last"],
    }
    print_line("Nothing was written. To be migrated:" if result["dry_run"] else "Migrated:", style="bold")
    print_fields({name: value for name, value in fields.items() if value or name == "memories"})
    if result["users"]:
        print_users(result["users"])
    if result["problems"]:
        columns: list[Column[Problem]] = [
            Column("id", lambda problem: problem["id"], wraps=True),
            Column("why it is not migrated", lambda problem: problem["reason"], wraps=True),
        ]
        print()
        print_table(columns, result["problems"][:_MOST_PROBLEMS])
    if result["elsewhere"]:
        note(f"{result['elsewhere']:,} memories of history.db are in other collections of Mem0, or in none.")
