"""``mem0milvus search``, ``list``, ``show`` and ``history``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from mem0milvus import DEFAULT_INJECTION_THRESHOLD, NotFoundError, SearchItem
from mem0milvus.cli import options
from mem0milvus.cli.opening import find_id, open_store
from mem0milvus.cli.progress import working
from mem0milvus.cli.tables import HISTORY, found, legend, listed, pairs, print_rich_table, print_table, reasons
from mem0milvus.cli.terminal import note, plain, print_json

#: Results of a search, and memories in a list, where no number is given.
DEFAULT_FOUND, DEFAULT_LISTED = 10, 50


def search(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What you want to know.")],
    user: options.DefaultUser = None,
    agent: options.Agent = None,
    run: options.Run = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", metavar="N", min=1, help="The most results.")] = DEFAULT_FOUND,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="X",
            min=0.0,
            max=1.0,
            help="The least relevance, 0 to 1. Left out, nothing is cut.",
            show_default=False,
        ),
    ] = None,
    filters: options.Filters = None,
    as_of: options.AsOf = None,
    mode: Annotated[
        Literal["hybrid", "dense", "lexical"],
        typer.Option("--mode", help="By meaning and words, by meaning alone, or by words alone."),
    ] = "hybrid",
    explain: Annotated[bool, typer.Option("--explain", help="Show what each relevance is made of.")] = False,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Find the memories that a question is about, best first."""
    scope = options.read_scope(user, agent, run)
    options.require_scope(scope, "Nothing was searched")
    where = options.read_filters(filters)
    moment = options.check_moment(as_of, "--as-of")
    with open_store(config, url, collection) as store, working("Searching"):
        result = store.memory.search(
            question,
            **scope,
            filters=where,
            top_k=top_k,
            threshold=threshold,
            as_of=moment,
            mode=mode,
            explain=explain,
        )
        metric = store.settings.store.metric_type
    if as_json:
        print_json(result)
        return
    _tell_found(result["results"], metric)


def _tell_found(items: list[SearchItem], metric: str) -> None:
    console = Console(highlight=False)
    print_table(console, found(items), items)
    if not items:
        return
    note(legend(metric))
    if any("explain" in item for item in items):
        console.print()
        print_table(console, reasons(items), items)
    if all(item["relevance"] < DEFAULT_INJECTION_THRESHOLD for item in items):
        threshold = DEFAULT_INJECTION_THRESHOLD
        note(f"No memory reaches a relevance of {threshold}: the answer may not be there.", style="yellow")


def list_memories(
    user: options.User = None,
    agent: options.Agent = None,
    run: options.Run = None,
    filters: options.Filters = None,
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", metavar="N", min=0, help="The most memories; 0 for all.")
    ] = DEFAULT_LISTED,
    offset: Annotated[int, typer.Option("--offset", metavar="N", min=0, help="How many to pass over.")] = 0,
    as_of: options.AsOf = None,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """List memories in the order in which they were stored; without a scope, everybody's."""
    scope = options.read_scope(user, agent, run)
    where = options.read_filters(filters)
    moment = options.check_moment(as_of, "--as-of")
    with open_store(config, url, collection) as store, working("Reading"):
        result = store.memory.get_all(
            **scope, filters=where, top_k=top_k + 1 if top_k else None, offset=offset, as_of=moment
        )
    shown = result["results"][: top_k or None]
    if as_json:
        print_json({"results": shown})
        return
    print_table(Console(highlight=False), listed(shown), shown)
    if len(shown) < len(result["results"]):
        note(f"There are more: --offset {offset + top_k} shows the next, --top-k 0 all.")


def show(
    memory_id: options.MemoryId,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Show one memory with all that is kept with it."""
    with open_store(config, url, collection) as store:
        whole = find_id(store.memory, memory_id)
        try:
            item = store.memory.get(whole)
        except NotFoundError as error:
            raise NotFoundError(
                f"The memory {whole!r} was deleted or has expired. Its past: mem0milvus history {whole}"
            ) from error
    if as_json:
        print_json(item)
        return
    print_fields(Console(highlight=False), item)


def print_fields(console: Console, values: Mapping[str, Any]) -> None:
    """Print keys and values, a row each."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in values.items():
        shown = pairs(value) if isinstance(value, Mapping) else "-" if value is None else str(value)
        table.add_row(key.replace("_", " "), plain(shown or "-"))
    print_rich_table(console, table)


def history(
    memory_id: options.MemoryId,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Show all that a memory has said, oldest first; of a deleted memory as well."""
    with open_store(config, url, collection) as store:
        whole = find_id(store.memory, memory_id)
        entries = store.memory.history(whole)
    if as_json:
        print_json(entries)
        return
    print_table(Console(highlight=False), HISTORY, entries)
    if entries[-1]["event"] == "DELETE":
        note(f"It is deleted. To bring it back: mem0milvus restore {whole}")
