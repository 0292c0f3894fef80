"""``mem0milvus export``, ``import`` and ``reembed``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from mem0milvus import EmbeddingError, Memory
from mem0milvus.cli import options
from mem0milvus.cli.opening import existing_memories, open_or_make_store, open_store
from mem0milvus.cli.progress import reporting
from mem0milvus.cli.settings import Settings, configuration_warnings, read_settings, without_embedder
from mem0milvus.cli.terminal import CommandUsageError, confirm, count, note, print_json, print_line

if TYPE_CHECKING:
    from mem0milvus.milvus.inspection import CollectionFacts
    from mem0milvus.types import Embedder

DropOld = Annotated[
    bool, typer.Option("--drop-old", help="Drop the former collections, which are kept otherwise, when all is done.")
]


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make, in JSON Lines.")],
    vectors: Annotated[
        bool, typer.Option("--vectors/--no-vectors", help="With the vectors, or without them in a fifth of the size.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Write everything into one file: all memories, all that they used to say, and records."""
    if file.exists() and not overwrite:
        raise CommandUsageError(f"{file} is there already: name another file, or add --overwrite. Nothing was written.")
    with open_store(config, url, collection) as store, reporting("Exporting") as report:
        result = store.memory.dump(file, vectors=vectors, overwrite=overwrite, progress=report)
    if as_json:
        print_json(result)
        return
    print_line(Console(highlight=False), f"Exported {_amounts(result)} to {file}.")


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that export made.")],
    on_conflict: options.OnConflict = "error",
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Read a file that export made. After an interruption, the same command goes on."""
    if not file.is_file():
        raise CommandUsageError(f"{file} is no file: name one that export made.")
    with open_or_make_store(config, url, collection) as store, reporting("Importing") as report:
        result = store.memory.load(file, on_conflict=on_conflict, progress=report)
    if as_json:
        print_json(result)
        return
    print_line(Console(highlight=False), f"Imported {_amounts(result)} from {file}.")
    if result["present"]:
        note(f"{result['present']:,} were there already.")
    if result["skipped"]:
        note(f"{result['skipped']:,} were left out, because others have their ids.", style="yellow")
    if result["renamed"]:
        note(f"{len(result['renamed']):,} have other ids now; --json lists them.", style="yellow")
    _warn_of_unsearchable(result["unsearchable"])


def reembed(
    drop_old: DropOld = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also where the embedder is the same: make all vectors and words anew.")
    ] = False,
    yes: options.Yes = False,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Move the memories to the embedder that is configured now, from the one that filled the store.

    The former collections are kept as NAME__old until --drop-old. After an interruption, the same command goes on.
    """
    from mem0milvus.models.providers import choose_embedder

    settings = read_settings(config, url, collection)
    with configuration_warnings(settings.told):
        embedder = choose_embedder(settings.read, None)
    with existing_memories(settings) as inspection:
        facts = inspection.look(settings.store.collection_name)
        moves = again or (facts.model, facts.dims) != (embedder.identity, embedder.dims)
        if not moves and not drop_old:
            note(f"The memories are of {embedder.identity!r} already: there is nothing to move.")
            return
        if not yes and not confirm(_question(facts, embedder, moves=moves, drop_old=drop_old)):
            note("Nothing was changed.")
            raise typer.Exit(1)
        with _opened_as_filled(settings, facts) as memory, reporting("Embedding") as report:
            result = memory.reembed(embedder if moves else None, drop_old=drop_old, progress=report)
    if as_json:
        print_json(result)
        return
    moved = f"Moved {_amounts(result)} to {embedder.identity!r}." if moves else "The former collections are dropped."
    print_line(Console(highlight=False), moved)
    if kept := result["kept"]:
        note(f"The former memories are kept as {kept!r}. To drop them: mem0milvus reembed --drop-old")
    _warn_of_unsearchable(result["unsearchable"])


def _question(facts: CollectionFacts, embedder: Embedder, *, moves: bool, drop_old: bool) -> str:
    dropped = "drop the former collections" if drop_old else ""
    if not moves:
        return f"{dropped.capitalize()} for good?"
    told = (
        f"About {count(facts.rows, 'memory', 'memories')} of {facts.name!r} and their past will be embedded anew: from "
        f"{facts.model!r} with {facts.dims:,} dimensions to {embedder.identity!r} with {embedder.dims:,}."
    )
    return f"{told} Do it{f', and {dropped} for good' if dropped else ''}?"


class _Former:
    """Stands for the embedder that filled a store, where nothing is embedded by it any more."""

    def __init__(self, facts: CollectionFacts) -> None:
        self.identity = facts.model
        self.dims = facts.dims

    def embed(self, texts: Sequence[str]) -> NoReturn:
        raise EmbeddingError(f"{self.identity!r} is not configured any more, and {len(texts)} texts need it.")


def _opened_as_filled(settings: Settings, facts: CollectionFacts) -> Memory:
    """The memories, opened as what filled them; what is not ours is opened as configured, and refused."""
    if not facts.is_ours:
        return Memory.from_config(settings.given)
    with configuration_warnings(settings.told):
        return Memory.from_config(without_embedder(settings.given), embedder=_Former(facts))


def _amounts(result: Mapping[str, Any]) -> str:
    """How much was moved, in words."""
    names = {
        "memories": ("memory", "memories"),
        "deleted": ("deleted memory", "deleted memories"),
        "versions": ("past version", "past versions"),
        "records": ("record", "records"),
    }
    told = [count(result[key], *both) for key, both in names.items() if key == "memories" or result.get(key)]
    return ", ".join(told[:-1]) + " and " + told[-1] if len(told) > 1 else told[0]


def _warn_of_unsearchable(number: int) -> None:
    if number:
        records = count(number, "record is", "records are")
        note(f"{records} stored and found by no search: the vector that came with it is of another embedder.", "yellow")
