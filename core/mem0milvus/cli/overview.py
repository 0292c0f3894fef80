"""``mem0milvus stats`` and ``timeline``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from mem0milvus.cli.opening import existing_memories, open_memory, open_store
from mem0milvus.cli.options import CommandOptions, ScopeOptions, StoreOptions
from mem0milvus.cli.settings import read_settings
from mem0milvus.cli.tables import Column, print_fields, print_table
from mem0milvus.cli.terminal import CommandUsageError, note, print_line, working
from mem0milvus.data.timestamps import to_iso
from mem0milvus.milvus.inspection import Inspection
from mem0milvus.operations.memories.health_check import StoreCounts, count_rows
from mem0milvus.runtime.blocking_driver import run

#: The maximum number of users that the table lists.
_MOST_USERS = 10

#: The endings of picture files that matplotlib writes.
_PICTURES = (".png", ".svg", ".pdf")


def stats(options: CommandOptions) -> None:
    """Count the contents of the store."""
    settings = read_settings(options)
    with existing_memories(settings) as inspection, open_memory(settings) as memory, working("Counting"):
        found = run(count_rows(memory._ports))
        facts = {**_facts(inspection, settings.store.collection_name), **_counts(found)}
    options.exit_if_json({**facts, "memories_by_user": dict(found.users.most_common())})
    shown = {**facts, "bytes_on_disk": None if facts["bytes_on_disk"] is None else decimal(facts["bytes_on_disk"])}
    print_fields({key: f"{value:,}" if isinstance(value, int) else value for key, value in shown.items()})
    if len(found.users) > 1:
        print_users(found.users)


def print_users(users: Mapping[str, int]) -> None:
    """Print the users with the most memories, after an empty line."""
    columns: list[Column[tuple[str, int]]] = [
        Column("user", lambda row: row[0] or "-", wraps=True),
        Column("memories", lambda row: f"{row[1]:,}", number=True),
    ]
    print()
    print_table(columns, sorted(users.items(), key=lambda row: -row[1])[:_MOST_USERS])
    if len(users) > _MOST_USERS:
        note(f"… and {len(users) - _MOST_USERS:,} more users")


def _facts(inspection: Inspection, collection_name: str) -> dict[str, Any]:
    facts = inspection.look(collection_name)
    return {
        "store": inspection.uri,
        "collection": collection_name,
        "milvus": inspection.version.replace("milvus_lite-", "Lite "),
        "bytes_on_disk": inspection.bytes_on_disk(),
        "embedder": facts.model,
        "dimensions": facts.dims,
        "metric": facts.metric,
    }


def _counts(found: StoreCounts) -> Mapping[str, Any]:
    return {
        "memories": found.memories,
        "users": len(found.users.keys() - {""}),
        "agents": len(found.agents),
        "runs": found.runs,
        "pending": found.pending,
        "expired": found.expired,
        "past_versions": found.versions,
        "deleted": found.deleted,
        "first_stored": to_iso(found.first_us) if found.first_us else None,
        "last_changed": to_iso(found.last_us) if found.last_us else None,
    }


def timeline(
    scope: ScopeOptions,
    options: StoreOptions,
    picture: Annotated[
        Path, typer.Argument(metavar="FILE", help=f"The picture to write; its name ends in {', '.join(_PICTURES)}.")
    ],
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Draw lines for at most N memories.")] = 24,
) -> None:
    """Draw when memories were added, changed and deleted (needs the extra plot)."""
    if picture.suffix.lower() not in _PICTURES:
        raise CommandUsageError(f"{str(picture)!r}: a picture's name ends in {', '.join(_PICTURES)}.")
    with open_store(options) as memory, working("Drawing"):
        memory.timeline(**scope.ids(), limit=limit).savefig(picture)
    print_line(f"Drawn: {picture}")
