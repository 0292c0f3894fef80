"""Opening the store of a command, and finding a memory by the beginning of its id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mem0milvus import Memory, NotFoundError
from mem0milvus.cli.options import StoreOptions
from mem0milvus.cli.settings import Settings, configuration_warnings, read_settings
from mem0milvus.cli.terminal import UNKNOWN, CommandError, CommandUsageError, note, working
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.inspection import Inspection
from mem0milvus.milvus.lite import is_lite
from mem0milvus.operations.memories.read import ids_beginning_with
from mem0milvus.runtime.blocking_driver import run

#: The maximum number of ids in the message about an ambiguous one.
_MOST_LISTED = 5


class NoStoreError(CommandError):
    """The store or the collection does not exist, and the command is not one that creates it."""

    exit_code = UNKNOWN


@contextmanager
def open_store(options: StoreOptions) -> Iterator[Memory]:
    """Open an existing store; raise ``NoStoreError`` if the store or the collection does not exist."""
    settings = read_settings(options)
    with existing_memories(settings), open_memory(settings) as memory:
        yield memory


@contextmanager
def open_or_create_store(options: StoreOptions) -> Iterator[Memory]:
    """Open a store. If the store or the collection does not exist, create it and print a remark."""
    settings, created = read_settings(options), ""
    with ExitStack() as stack:
        if is_missing(settings):
            created = f"There was no store in {settings.store.uri}; it was created."
        else:  # the inspection stays open, so that Milvus Lite is started once
            inspection = stack.enter_context(Inspection(settings.store))
            if (name := settings.store.collection_name) not in inspection.names():
                created = f"There was no collection {name!r} in {inspection.uri}; it was created."
        memory = stack.enter_context(open_memory(settings))
        if created:
            note(created)
        yield memory


@contextmanager
def open_memory(settings: Settings) -> Iterator[Memory]:
    """Open a memory as configured and close it at the end. Missing collections are created."""
    with configuration_warnings(settings.shown), working("Opening"):
        memory = Memory.from_config(settings.given)
    with memory:
        yield memory


def is_missing(settings: Settings) -> bool:
    """Return whether the store is a Milvus Lite path that does not exist."""
    return is_lite(settings.store.uri) and not Path(settings.store.uri).exists()


@contextmanager
def existing_memories(settings: Settings) -> Iterator[Inspection]:
    """Check that the collection exists, and keep Milvus open until the block ends; raise ``NoStoreError`` if not."""
    store = settings.store
    if is_missing(settings) and store.uri.endswith(".db"):
        raise NoStoreError(
            f"There is no store in {store.uri}. Name one with --url, --config or MILVUS_URI, or create one with "
            "`mem0milvus add`."
        )
    with Inspection(store) as inspection:
        if Names(store.collection_name).ready in (names := inspection.names()):
            with open_memory(settings):  # completes a reembed that was interrupted during its last step, the renaming
                names = inspection.names()
        if store.collection_name not in names:
            others = [name for name in names if inspection.look(name).kind == "memories"]
            hint = f"Memories are in: {', '.join(others)}." if others else "It has no memories yet."
            raise NoStoreError(
                f"There is no collection {store.collection_name!r} in {inspection.uri}. {hint} "
                "Name one with --collection."
            )
        yield inspection


def find_id(memory: Memory, beginning: str) -> str:
    """Return the id, also of a deleted memory, that begins with ``beginning``; raise an error if none or several do."""
    found = run(ids_beginning_with(memory._ports, beginning))
    if len(found) > 1:
        more = f" and {len(found) - _MOST_LISTED:,} more" if len(found) > _MOST_LISTED else ""
        raise CommandUsageError(
            f"{beginning!r} is the beginning of {len(found):,} ids: {', '.join(found[:_MOST_LISTED])}{more}. "
            "Type more of it."
        )
    if not found:
        raise NotFoundError(f"No memory has an id that begins with {beginning!r}. `mem0milvus list` shows the ids.")
    return found[0]
