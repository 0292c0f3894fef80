"""``mem0milvus search``, ``list``, ``show`` and ``history``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mem0milvus import NotFoundError
from mem0milvus.cli.opening import find_id, open_store
from mem0milvus.cli.options import (
    AsOf,
    CommandOptions,
    Filters,
    MemoryId,
    RequiredScopeOptions,
    ScopeOptions,
    check_time,
    read_filters,
)
from mem0milvus.cli.tables import HISTORY, found, listed, print_fields, print_legend, print_table, reasons
from mem0milvus.cli.terminal import note, working


def search(
    scope: RequiredScopeOptions,
    options: CommandOptions,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question.")],
    top_k: Annotated[int, typer.Option("--top-k", "-k", metavar="N", min=1, help="Return at most N memories.")] = 10,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="X", min=0.0, max=1.0, help="Drop results of a lower relevance, 0 to 1."),
    ] = None,
    filters: Filters = None,
    as_of: AsOf = None,
    mode: Annotated[
        Literal["hybrid", "dense", "lexical"],
        typer.Option("--mode", help="Search by meaning and words, by meaning alone, or by words alone."),
    ] = "hybrid",
    explain: Annotated[bool, typer.Option("--explain", help="Show the parts of each relevance.")] = False,
) -> None:
    """Search memories, best first."""
    ids = scope.required_ids("Nothing was searched")
    where, as_of = read_filters(filters), check_time(as_of, "--as-of")
    with open_store(options) as memory, working("Searching"):
        result = memory.search(
            question, **ids, filters=where, top_k=top_k, threshold=threshold, as_of=as_of, mode=mode, explain=explain
        )
        items, metric = result["results"], memory._ports.metric
    options.exit_if_json(result)
    print_table(found(items), items)
    if any("explain" in item for item in items):
        print()
        print_table(reasons(items), items)
    if items:
        print_legend(items, metric, stderr=True)


def list_memories(
    scope: ScopeOptions,
    options: CommandOptions,
    filters: Filters = None,
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", metavar="N", min=0, help="List at most N memories; 0 for all.")
    ] = 50,
    offset: Annotated[int, typer.Option("--offset", metavar="N", min=0, help="Skip the first N.")] = 0,
    as_of: AsOf = None,
) -> None:
    """List memories in the order in which they were stored; without a scope, those of all users."""
    where, as_of = read_filters(filters), check_time(as_of, "--as-of")
    with open_store(options) as memory, working("Reading"):
        result = memory.get_all(
            **scope.ids(), filters=where, top_k=top_k + 1 if top_k else None, offset=offset, as_of=as_of
        )
    shown = result["results"][: top_k or None]
    options.exit_if_json({"results": shown})
    print_table(listed(shown), shown)
    if len(shown) < len(result["results"]):
        note(f"There are more: --offset {offset + top_k} shows the next, --top-k 0 all.")


def show(options: CommandOptions, memory_id: MemoryId) -> None:
    """Show all fields of one memory."""
    with open_store(options) as memory:
        whole = find_id(memory, memory_id)
        try:
            item = memory.get(whole)
        except NotFoundError as error:
            raise NotFoundError(
                f"The memory {whole!r} was deleted or has expired. Its history: mem0milvus history {whole}"
            ) from error
    options.exit_if_json(item)
    print_fields(item)


def history(options: CommandOptions, memory_id: MemoryId) -> None:
    """Show all versions of a memory, oldest first, also of a deleted one."""
    with open_store(options) as memory:
        whole = find_id(memory, memory_id)
        entries = memory.history(whole)
    options.exit_if_json(entries)
    print_table(HISTORY, entries)
    if entries[-1]["event"] == "DELETE":
        note(f"It is deleted. To restore it: mem0milvus restore {whole}")
