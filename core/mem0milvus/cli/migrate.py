"""``mem0milvus migrate-mem0``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mem0milvus import Memory
from mem0milvus.cli import options
from mem0milvus.cli.opening import NoStoreError, existing_memories, open_memory, open_or_make_store
from mem0milvus.cli.overview import print_users
from mem0milvus.cli.progress import reporting
from mem0milvus.cli.reading import print_fields
from mem0milvus.cli.settings import read_config_file, read_settings
from mem0milvus.cli.tables import Column, print_table
from mem0milvus.cli.terminal import CommandUsageError, note, print_json, print_line

if TYPE_CHECKING:
    from mem0milvus.migration import Mem0Store, MigrationReport, Problem

#: The most memories that cannot come and are listed.
_MOST_PROBLEMS = 10

_FROM = "Mem0's store, which is only read"


def migrate_mem0(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            help="Where Mem0 keeps its memories: a Milvus Lite path or a server's address.",
            show_default=False,
            rich_help_panel=_FROM,
        ),
    ] = None,
    source_collection: Annotated[
        str, typer.Option("--from-collection", metavar="NAME", help="Its collection.", rich_help_panel=_FROM)
    ] = "mem0",
    history_db: Annotated[
        Path | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="Its history.db. Left out, the memories come without their past.",
            show_default=False,
            rich_help_panel=_FROM,
        ),
    ] = None,
    mem0_config: Annotated[
        Path | None,
        typer.Option(
            "--mem0-config",
            metavar="FILE",
            help="Mem0's own configuration, in TOML, YAML or JSON, in the place of these three.",
            show_default=False,
            rich_help_panel=_FROM,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, and show what would come.")] = False,
    on_conflict: options.OnConflict = "error",
    deleted: Annotated[
        bool, typer.Option("--deleted/--no-deleted", help="With or without the histories of memories deleted in Mem0.")
    ] = True,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring the memories of Mem0, with ids, scopes, metadata, moments and histories. Doing it again goes on."""
    from mem0milvus import migration

    where = _source(source, source_collection, history_db, mem0_config)
    opened = _open_for_trial if dry_run else _open
    with opened(config, url, collection) as memory, reporting("Looking" if dry_run else "Bringing") as report:
        result = migration.migrate_mem0(
            memory, where, dry_run=dry_run, on_conflict=on_conflict, deleted=deleted, progress=report
        )
    if as_json:
        print_json(result)
        return
    _tell(result)


def _source(url: str | None, collection: str, history_db: Path | None, file: Path | None) -> Mem0Store:
    """Mem0's store, as the options name it."""
    from mem0milvus.migration import Mem0Store

    if (url is None) == (file is None):
        given = "both were given" if url is not None else "neither was given"
        raise CommandUsageError(f"migrate-mem0 takes --from URL or --mem0-config FILE, and {given}.")
    if file is not None:
        return Mem0Store.from_config(read_config_file(file, "--mem0-config"))
    usual = Path.home() / ".mem0" / "history.db"
    if history_db is None and usual.is_file():
        note(f"Without --history the memories come without their past. Mem0 may keep it in {usual}.", style="yellow")
    return Mem0Store(str(url), collection, history_db=history_db)


@contextmanager
def _open(config: Path | None, url: str | None, collection: str | None) -> Iterator[Memory]:
    with open_or_make_store(config, url, collection) as store:
        yield store.memory


@contextmanager
def _open_for_trial(config: Path | None, url: str | None, collection: str | None) -> Iterator[Memory]:
    """The memories as they are; where there are none, empty ones in a folder that is deleted afterwards."""
    settings = read_settings(config, url, collection)
    try:
        with existing_memories(settings), open_memory(settings) as memory:
            yield memory
    except NoStoreError:
        with TemporaryDirectory(prefix="mem0milvus-trial-", ignore_cleanup_errors=True) as folder:
            trial = read_settings(config, str(Path(folder) / "trial.db"), collection)
            with open_memory(trial) as memory:
                yield memory


def _tell(result: MigrationReport) -> None:
    console = Console(highlight=False)
    told: dict[str, Any] = {
        "memories": result["memories"],
        "past versions": result["versions"],
        "deleted in Mem0": result["deleted"],
        "here already": result["present"],
        "ids taken here": result["conflicts"],
        "renamed": len(result["renamed"]),
        "left out": result["skipped"],
        "unreadable": result["unreadable"],
        "runs": result["runs"],
        "oldest": result["first"],
        "newest": result["last"],
    }
    verb = "Nothing was written. This would come" if result["dry_run"] else "This has come"
    print_line(console, f"{verb}:", style="bold")
    print_fields(console, {name: value for name, value in told.items() if value or name == "memories"})
    if result["users"]:
        console.print()
        print_users(console, result["users"])
    if result["problems"]:
        console.print()
        columns: list[Column[Problem]] = [
            Column("id", lambda problem: problem["id"], wraps=True),
            Column("why it does not come", lambda problem: problem["reason"], wraps=True),
        ]
        print_table(console, columns, result["problems"][:_MOST_PROBLEMS])
    if result["elsewhere"]:
        note(f"{result['elsewhere']:,} memories of history.db are in other collections of Mem0, or in none.")
