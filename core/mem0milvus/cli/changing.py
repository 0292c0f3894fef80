"""``mem0milvus restore``, ``delete``, ``vacuum`` and ``process-pending``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any

import typer

from mem0milvus import HistoryEntry, Memory, NotFoundError
from mem0milvus.cli.opening import find_id, open_store
from mem0milvus.cli.options import CommandOptions, MemoryId, ScopeOptions, Yes
from mem0milvus.cli.tables import CHANGES, print_table
from mem0milvus.cli.terminal import CommandUsageError, confirm, count, note, print_line, working

#: The maximum number of texts that are shown before memories are deleted.
_MOST_SHOWN = 10


def restore(
    options: CommandOptions,
    memory_id: MemoryId,
    version: Annotated[
        int | None,
        typer.Argument(metavar="[VERSION]", min=1, help="A version in the history. Default: the previous one."),
    ] = None,
) -> None:
    """Restore an earlier version of a memory, or a deleted memory."""
    with open_store(options) as memory, working("Restoring"):
        whole = find_id(memory, memory_id)
        wanted = _previous_version(memory.history(whole)) if version is None else version
        result = memory.restore(whole, wanted)
        text = memory.get(whole)["memory"]
    options.exit_if_json({**result, "id": whole, "version": wanted, "memory": text})
    print_line(f"Restored version {wanted} of {whole}: {text}")


def _previous_version(entries: Sequence[HistoryEntry]) -> int:
    """Return the latest version before the current one that has a text."""
    for entry in reversed(entries[:-1]):
        if entry["event"] != "DELETE":
            return entry["version"]
    raise CommandUsageError("This memory has no earlier version: it was never changed, or its history was vacuumed.")


def delete(
    scope: ScopeOptions,
    options: CommandOptions,
    memory_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The memories' ids, or their beginnings.")
    ] = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Erase their histories as well, so that they cannot be restored.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete memories by id, or all of a scope, after asking. They can be restored unless purged."""
    ids = scope.ids()
    if bool(memory_ids) == bool(ids):
        raise CommandUsageError(
            "delete takes ids, or a scope (--user, --agent, --run), but not both. Nothing was deleted."
        )
    with open_store(options) as memory:
        chosen = list(dict.fromkeys(find_id(memory, one) for one in memory_ids or ()))
        if not yes and not _confirmed(memory, chosen, ids, purge):
            note("Nothing was deleted.")
            raise typer.Exit(1)
        with working("Deleting"):
            result = memory.delete(memory_ids=chosen, purge=purge) if chosen else memory.delete_all(**ids, purge=purge)
    options.exit_if_json(result)
    line = f"Deleted {count(result['deleted'], 'memory', 'memories')}."
    if purge:
        line += " Their histories are erased. `mem0milvus vacuum` frees the space."
    elif len(chosen) == 1:
        line += f" To restore it: mem0milvus restore {chosen[0]}"
    print_line(line)


def _confirmed(memory: Memory, ids: Sequence[str], scope: Mapping[str, Any], purge: bool) -> bool:
    """Show the memories that would be deleted, and ask."""
    of_scope = ", ".join(f"{name.removesuffix('_id')} {value!r}" for name, value in scope.items())
    if ids:
        number, texts = len(ids), [_text_of(memory, one) for one in ids[:_MOST_SHOWN]]
    else:
        number, texts = _count(memory, scope)
    if not number and not purge:
        raise NotFoundError(f"There are no memories of {of_scope}. Nothing was deleted.")
    for text in texts:
        note(f"  {' '.join(text.split())[:200]}", style="")
    if number > len(texts):
        note(f"  … and {number - len(texts):,} more")
    what = count(number, "memory", "memories") + (f" of {of_scope}" if of_scope else "")
    return confirm(f"Delete {what}{', with their histories, permanently' if purge else ''}?")


def _text_of(memory: Memory, memory_id: str) -> str:
    try:
        return memory.get(memory_id)["memory"]
    except NotFoundError:
        return f"{memory_id} (already deleted)"


def _count(memory: Memory, scope: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return the number of memories of a scope and the texts of the first ones."""
    with working("Counting"):
        items = memory.iterate(**scope)
        texts = [item["memory"] for item in islice(items, _MOST_SHOWN)]
        return len(texts) + sum(1 for _ in items), texts


def vacuum(options: CommandOptions) -> None:
    """Erase expired memories and versions beyond the configured history_limit."""
    with open_store(options) as memory, working("Vacuuming"):
        result = memory.vacuum()
    options.exit_if_json(result)
    expired = count(result["expired"], "expired memory", "expired memories")
    print_line(f"Erased {expired} and {count(result['versions'], 'old version', 'old versions')}.")


def process_pending(scope: ScopeOptions, options: CommandOptions) -> None:
    """Extract memories from messages that were stored unchanged because a model had failed."""
    with open_store(options) as memory, working("Extracting"):
        result = memory.process_pending(**scope.ids())
    options.exit_if_json(result)
    print_line(f"Extracted {count(result['processed'], 'turn', 'turns')}; {len(result['failed']):,} failed again.")
    if result["results"]:
        print_table(CHANGES, result["results"])
    for reason in dict.fromkeys(result["failed"]):
        note(reason, style="yellow")
