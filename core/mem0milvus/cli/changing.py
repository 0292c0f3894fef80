"""``mem0milvus restore``, ``delete``, ``vacuum`` and ``process-pending``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from mem0milvus import DeleteOutcome, HistoryEntry, Memory, NotFoundError
from mem0milvus.cli import options
from mem0milvus.cli.opening import find_id, open_store
from mem0milvus.cli.progress import working
from mem0milvus.cli.tables import CHANGES, print_table
from mem0milvus.cli.terminal import CommandUsageError, confirm, count, note, print_json, print_line

#: The most memories whose texts are shown before they are deleted.
_MOST_SHOWN = 10


def restore(
    memory_id: options.MemoryId,
    version: Annotated[
        int | None,
        typer.Argument(
            metavar="[VERSION]",
            min=1,
            help="Which version, as history counts them. Left out, the one before the last change.",
            show_default=False,
        ),
    ] = None,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring back what a memory said before, or one that was deleted."""
    with open_store(config, url, collection) as store, working("Restoring"):
        whole = find_id(store.memory, memory_id)
        wanted = _before_last_change(store.memory.history(whole)) if version is None else version
        result = store.memory.restore(whole, wanted)
        text = store.memory.get(whole)["memory"]
    if as_json:
        print_json({**result, "id": whole, "version": wanted, "memory": text})
        return
    print_line(Console(highlight=False), f"Restored version {wanted} of {whole}: {text}")


def _before_last_change(entries: Sequence[HistoryEntry]) -> int:
    """The latest version before the current one that has a text."""
    for entry in reversed(entries[:-1]):
        if entry["event"] != "DELETE":
            return entry["version"]
    raise CommandUsageError("This memory has no earlier version: it was never changed, or its past is no longer kept.")


def delete(
    memory_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids of memories, or their beginnings.", show_default=False),
    ] = None,
    user: options.User = None,
    agent: options.Agent = None,
    run: options.Run = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also erase what they used to say: nothing can be restored then.")
    ] = False,
    yes: options.Yes = False,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Delete memories by their ids, or all of a scope; it asks first. Without --purge they can be restored."""
    scope = options.read_scope(user, agent, run)
    if bool(memory_ids) == bool(scope):
        raise CommandUsageError(
            "delete takes ids, or a scope: --user, --agent, --run; one of the two. Nothing was deleted."
        )
    with open_store(config, url, collection) as store:
        memory = store.memory
        ids = list(dict.fromkeys(find_id(memory, one) for one in memory_ids or ()))
        if not yes and not _agreed(memory, ids, scope, purge):
            note("Nothing was deleted.")
            raise typer.Exit(1)
        with working("Deleting"):
            result = memory.delete(memory_ids=ids, purge=purge) if ids else memory.delete_all(**scope, purge=purge)
    _tell_deleted(result, ids, purge, as_json)


def _agreed(memory: Memory, ids: Sequence[str], scope: Mapping[str, Any], purge: bool) -> bool:
    """Show what would be deleted, and ask."""
    number, texts = (
        (len(ids), [_text_of(memory, one) for one in ids[:_MOST_SHOWN]]) if ids else _of_scope(memory, scope)
    )
    if not number and not purge:
        raise NotFoundError(f"There are no memories of {_named(scope)}. Nothing was deleted.")
    for text in texts:
        note(f"  {' '.join(text.split())[:200]}", style="")
    if number > len(texts):
        note(f"  … and {number - len(texts):,} more")
    what = count(number, "memory", "memories") + (f" of {_named(scope)}" if scope else "")
    for_good = ", with all that they used to say, for good" if purge else ""
    return confirm(f"Delete {what}{for_good}?")


def _text_of(memory: Memory, memory_id: str) -> str:
    try:
        return memory.get(memory_id)["memory"]
    except NotFoundError:
        return f"{memory_id} (deleted before)"


def _of_scope(memory: Memory, scope: Mapping[str, Any]) -> tuple[int, list[str]]:
    """How many memories a scope has, and the texts of some."""
    with working("Counting"):
        items = memory.iterate(**scope)
        texts = [item["memory"] for item in islice(items, _MOST_SHOWN)]
        return len(texts) + sum(1 for _ in items), texts


def _named(scope: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.removesuffix('_id')} {value!r}" for name, value in scope.items())


def _tell_deleted(result: DeleteOutcome, ids: Sequence[str], purge: bool, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    line = f"Deleted {count(result['deleted'], 'memory', 'memories')}."
    if purge:
        line += " What they used to say is erased. `mem0milvus vacuum` gives back the space."
    elif len(ids) == 1:
        line += f" To bring it back: mem0milvus restore {ids[0]}"
    print_line(Console(highlight=False), line)


def vacuum(
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Erase what has expired and old versions beyond the configured history_limit, and give back the space."""
    with open_store(config, url, collection) as store, working("Clearing out"):
        result = store.memory.vacuum()
    if as_json:
        print_json(result)
        return
    expired = count(result["expired"], "expired memory", "expired memories")
    versions = count(result["versions"], "old version", "old versions")
    print_line(Console(highlight=False), f"Erased {expired} and {versions}.")


def process_pending(
    user: options.User = None,
    agent: options.Agent = None,
    run: options.Run = None,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Extract what was kept as it is because a model had failed."""
    scope = options.read_scope(user, agent, run)
    with open_store(config, url, collection) as store, working("Extracting"):
        result = store.memory.process_pending(**scope)
    if as_json:
        print_json(result)
        return
    console = Console(highlight=False)
    done = count(result["processed"], "turn", "turns")
    print_line(console, f"Extracted {done}; {len(result['failed']):,} failed again.")
    if result["results"]:
        print_table(console, CHANGES, result["results"])
    for reason in dict.fromkeys(result["failed"]):
        note(reason, style="yellow")
