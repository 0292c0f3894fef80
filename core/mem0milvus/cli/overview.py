"""``mem0milvus stats`` and ``timeline``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mem0milvus.cli import options
from mem0milvus.cli.checkup import size
from mem0milvus.cli.opening import open_store
from mem0milvus.cli.progress import working
from mem0milvus.cli.reading import print_fields
from mem0milvus.cli.settings import Settings
from mem0milvus.cli.tables import Column, print_table
from mem0milvus.cli.terminal import CommandUsageError, note, print_json, print_line

if TYPE_CHECKING:
    from mem0milvus.operations.memories.health_check import StoreCounts

#: The most users that the table shows.
_MOST_USERS = 10

#: What a picture's name may end in.
_PICTURES = (".png", ".svg", ".pdf")


def stats(
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Count what the store holds."""
    from mem0milvus.operations.memories.health_check import count_rows
    from mem0milvus.runtime.blocking_driver import run

    with open_store(config, url, collection) as store, working("Counting"):
        found = run(count_rows(store.memory._ports))
        told = {**_facts(store.settings), **_counts(found)}
    if as_json:
        print_json({**told, "memories_by_user": dict(found.users.most_common())})
        return
    console = Console(highlight=False)
    shown = {**told, "bytes_on_disk": None if told["bytes_on_disk"] is None else size(told["bytes_on_disk"])}
    print_fields(console, {key: f"{value:,}" if isinstance(value, int) else value for key, value in shown.items()})
    if len(found.users) > 1:
        console.print()
        print_users(console, found.users)


def print_users(console: Console, users: Mapping[str, int]) -> None:
    """Print the users with the most memories."""
    columns: list[Column[tuple[str, int]]] = [
        Column("user", lambda row: row[0] or "-", wraps=True),
        Column("memories", lambda row: f"{row[1]:,}", number=True),
    ]
    print_table(console, columns, sorted(users.items(), key=lambda row: -row[1])[:_MOST_USERS])
    if len(users) > _MOST_USERS:
        note(f"… and {len(users) - _MOST_USERS:,} more users")


def _facts(settings: Settings) -> dict[str, Any]:
    from mem0milvus.milvus.inspection import Inspection

    store = settings.store
    with Inspection(store) as inspection:
        facts = inspection.look(store.collection_name)
        return {
            "store": inspection.uri,
            "collection": store.collection_name,
            "milvus": inspection.version.replace("milvus_lite-", "Lite "),
            "bytes_on_disk": inspection.bytes_on_disk(),
            "embedder": facts.model,
            "dimensions": facts.dims,
            "metric": facts.metric,
        }


def _counts(found: StoreCounts) -> Mapping[str, Any]:
    from mem0milvus.data.timestamps import to_iso

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
    picture: Annotated[
        Path, typer.Argument(metavar="FILE", help=f"The picture to make; its name ends in {', '.join(_PICTURES)}.")
    ],
    user: options.User = None,
    agent: options.Agent = None,
    run: options.Run = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="The most memories that have a line of their own.")
    ] = 24,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
) -> None:
    """Draw what was learnt, changed and forgotten over time. It needs the extra plot."""
    if picture.suffix.lower() not in _PICTURES:
        raise CommandUsageError(f"{str(picture)!r}: a picture's name ends in {', '.join(_PICTURES)}.")
    with open_store(config, url, collection) as store, working("Drawing"):
        store.memory.timeline(**options.read_scope(user, agent, run), limit=limit).savefig(picture)
    print_line(Console(highlight=False), f"Drawn: {picture}")
