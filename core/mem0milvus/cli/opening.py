"""Opening the store that a command works on, and finding memories in it by what a person types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mem0milvus import Memory, NotFoundError
from mem0milvus.cli.progress import working
from mem0milvus.cli.settings import Settings, configuration_warnings, read_settings
from mem0milvus.cli.terminal import UNKNOWN, CommandError, CommandUsageError, note

if TYPE_CHECKING:
    from mem0milvus.milvus.inspection import Inspection

#: The most ids that are named where the beginning of an id is that of several.
_MOST_NAMED = 5


class NoStoreError(CommandError):
    """There is nothing to look into, and a command that only looks does not make it."""

    exit_code = UNKNOWN


@dataclass(frozen=True, slots=True)
class OpenStore:
    """An open memory, and the configuration that it was opened by."""

    memory: Memory
    settings: Settings


@contextmanager
def open_store(file: Path | None, url: str | None, collection: str | None) -> Iterator[OpenStore]:
    """The memories that are there. Nothing is made where there are none.

    Args:
        file: of ``--config``.
        url: of ``--url``.
        collection: of ``--collection``.

    Raises:
        NoStoreError: there is no such store or collection.
        ConfigError: what is configured cannot be used.
        StoreError: or one of its kinds.
    """
    settings = read_settings(file, url, collection)
    with existing_memories(settings), open_memory(settings) as memory:
        yield OpenStore(memory, settings)


@contextmanager
def open_or_make_store(file: Path | None, url: str | None, collection: str | None) -> Iterator[OpenStore]:
    """The memories. Where there is no such store or collection yet, it is made, and the person told so.

    Raises:
        ConfigError: what is configured cannot be used.
        StoreError: or one of its kinds.
    """
    from mem0milvus.milvus.inspection import Inspection

    settings, made = read_settings(file, url, collection), ""
    with ExitStack() as stack:
        if is_missing(settings):
            made = f"There was no store in {settings.store.uri}: it has been made."
        else:
            inspection = stack.enter_context(Inspection(settings.store))
            if (name := settings.store.collection_name) not in inspection.names():
                made = f"There was no collection {name!r} in {inspection.uri}: it has been made."
        memory = stack.enter_context(open_memory(settings))
        if made:
            note(made)
        yield OpenStore(memory, settings)


@contextmanager
def open_memory(settings: Settings) -> Iterator[Memory]:
    """Open a memory as configured, and close it. Collections that are missing are made.

    Raises:
        ConfigError: what is configured cannot be used.
        StoreError: or one of its kinds.
    """
    with configuration_warnings(settings.told), working("Opening"):
        memory = Memory.from_config(settings.given)
    with memory:
        yield memory


def is_file(settings: Settings) -> bool:
    """Whether the store is a Milvus Lite path rather than a server's address."""
    from mem0milvus.milvus.lite import is_lite

    return is_lite(settings.store.uri)


def is_missing(settings: Settings) -> bool:
    """Whether it is a Milvus Lite path at which there is nothing."""
    return is_file(settings) and not Path(settings.store.uri).exists()


@contextmanager
def existing_memories(settings: Settings) -> Iterator[Inspection]:
    """Make sure that the memories are there, and look at them. Until the block ends, a Milvus Lite store stays open.

    Raises:
        NoStoreError: they are not.
        StoreError: or one of its kinds.
    """
    from mem0milvus.milvus.collection_swap import Names
    from mem0milvus.milvus.inspection import Inspection

    store = settings.store
    if is_missing(settings) and store.uri.endswith(".db"):
        raise NoStoreError(
            f"There is no store in {store.uri}. Name one with --url, --config or MILVUS_URI, or begin one with "
            "`mem0milvus add`."
        )
    with Inspection(store) as inspection:
        if Names(store.collection_name).ready in (names := inspection.names()):
            with open_memory(settings):  # which finishes a reembed that was interrupted when it was all but done
                names = inspection.names()
        if store.collection_name not in names:
            others = [name for name in names if inspection.look(name).kind == "memories"]
            there = f"Memories are in: {', '.join(others)}." if others else "There are none in it yet."
            raise NoStoreError(
                f"There is no collection {store.collection_name!r} in {inspection.uri}. {there} "
                "Name one with --collection."
            )
        yield inspection


def find_id(memory: Memory, beginning: str) -> str:
    """The id of the one memory that a person means, by its whole id or its beginning; deleted ones count.

    Raises:
        CommandUsageError: several begin like this.
        NotFoundError: none does.
        ValidationError: this cannot be an id.
    """
    from mem0milvus.operations.memories.read import ids_beginning_with
    from mem0milvus.runtime.blocking_driver import run

    found = run(ids_beginning_with(memory._ports, beginning))
    if len(found) > 1:
        more = f" and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
        raise CommandUsageError(
            f"{beginning!r} is the beginning of {len(found):,} ids: {', '.join(found[:_MOST_NAMED])}{more}. "
            "Type more of it."
        )
    if not found:
        raise NotFoundError(f"No memory has an id that begins with {beginning!r}. `mem0milvus list` shows the ids.")
    return found[0]
