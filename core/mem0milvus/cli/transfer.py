"""``mem0milvus export``, ``import`` and ``reembed``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mem0milvus import EmbeddingError, Memory
from mem0milvus.cli.opening import existing_memories, open_or_create_store, open_store
from mem0milvus.cli.options import CommandOptions, OnConflict, Yes
from mem0milvus.cli.settings import Settings, configuration_warnings, read_settings, without_embedder
from mem0milvus.cli.terminal import CommandUsageError, confirm, count, note, print_line, progress_bar

if TYPE_CHECKING:
    from mem0milvus.milvus.inspection import CollectionFacts
    from mem0milvus.types import Embedder


def export(
    options: CommandOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, in JSON Lines.")],
    vectors: Annotated[
        bool, typer.Option("--vectors/--no-vectors", help="Include vectors; the file is a fifth as large without them.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write all memories, their histories and records into one file."""
    if file.exists() and not overwrite:
        raise CommandUsageError(f"{file} exists already: name another file, or add --overwrite. Nothing was written.")
    with open_store(options) as memory, progress_bar("Exporting") as report:
        result = memory.dump(file, vectors=vectors, overwrite=overwrite, progress=report)
    options.exit_if_json(result)
    print_line(f"Exported {_amounts(result)} to {file}.")


def import_file(
    options: CommandOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file written by export.")],
    on_conflict: OnConflict = "error",
) -> None:
    """Import a file written by export. Repeat an interrupted command to continue it."""
    if not file.is_file():
        raise CommandUsageError(f"{file} is not a file: name one written by export.")
    with open_or_create_store(options) as memory, progress_bar("Importing") as report:
        result = memory.load(file, on_conflict=on_conflict, progress=report)
    options.exit_if_json(result)
    print_line(f"Imported {_amounts(result)} from {file}.")
    if result["present"]:
        note(f"{result['present']:,} were imported before.")
    if result["skipped"]:
        note(f"{result['skipped']:,} were skipped, because other memories have their ids.", style="yellow")
    if result["renamed"]:
        note(f"{len(result['renamed']):,} got new ids; --json lists them.", style="yellow")
    _warn_of_unsearchable(result["unsearchable"])


def reembed(
    options: CommandOptions,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Drop the former collections at the end instead of keeping them.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Compute all vectors and words again, even if the embedder is the same.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Embed the memories again with the embedder that is configured now; without one, with their own.

    The former collections are kept as NAME__old until --drop-old. Repeat an interrupted command to continue it.
    """
    from mem0milvus.models.providers import choose_embedder

    settings = read_settings(options)
    with existing_memories(settings) as inspection:
        facts = inspection.look(settings.store.collection_name)
        with configuration_warnings(settings.shown):
            embedder = choose_embedder(settings.read, None, facts.origin)
        moves = again or (facts.model, facts.dims) != (embedder.identity, embedder.dims)
        if not moves and not drop_old:
            note(f"The memories are embedded by {embedder.identity!r} already: there is nothing to move.")
            if settings.read.embedder is None:
                note('To move them, name the new "embedder" in the file of --config.')
            return
        if not yes and not confirm(_question(facts, embedder, moves=moves, drop_old=drop_old)):
            note("Nothing was changed.")
            raise typer.Exit(1)
        with _open_as_filled(settings, facts) as memory, progress_bar("Embedding") as report:
            result = memory.reembed(embedder if moves else None, drop_old=drop_old, progress=report)
    options.exit_if_json(result)
    print_line(
        f"Moved {_amounts(result)} to {embedder.identity!r}." if moves else "The former collections are dropped."
    )
    if kept := result["kept"]:
        note(f"The former memories are kept as {kept!r}. To drop them: mem0milvus reembed --drop-old")
    _warn_of_unsearchable(result["unsearchable"])


def _question(facts: CollectionFacts, embedder: Embedder, *, moves: bool, drop_old: bool) -> str:
    dropped = "drop the former collections permanently" if drop_old else ""
    if not moves:
        return f"{dropped.capitalize()}?"
    return (
        f"Embed about {count(facts.rows, 'memory', 'memories')} of {facts.name!r} and their histories again, "
        f"from {facts.model!r} with {facts.dims:,} dimensions to {embedder.identity!r} with {embedder.dims:,}"
        f"{f', and {dropped}' if dropped else ''}?"
    )


class _FormerEmbedder:
    """The identity of the embedder that filled a store. It embeds nothing: reembedding only reads with it."""

    def __init__(self, facts: CollectionFacts) -> None:
        self.identity = facts.model
        self.dims = facts.dims

    def embed(self, texts: Sequence[str]) -> NoReturn:
        raise EmbeddingError(f"{self.identity!r} is no longer configured, but {len(texts)} texts need it.")


def _open_as_filled(settings: Settings, facts: CollectionFacts) -> Memory:
    """Open the memory with the embedder that filled it. A foreign collection is opened as configured, and refused."""
    if not facts.is_ours:
        return Memory.from_config(settings.given)
    with configuration_warnings(settings.shown):
        return Memory.from_config(without_embedder(settings.given), embedder=_FormerEmbedder(facts))


def _amounts(result: Mapping[str, Any]) -> str:
    nouns = {
        "memories": ("memory", "memories"),
        "deleted": ("deleted memory", "deleted memories"),
        "versions": ("past version", "past versions"),
        "records": ("record", "records"),
    }
    parts = [count(result[key], *both) for key, both in nouns.items() if key == "memories" or result.get(key)]
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def _warn_of_unsearchable(number: int) -> None:
    if number:
        records = count(number, "record is", "records are")
        note(f"{records} stored but not searchable: the imported vectors come from another embedder.", "yellow")
