"""``mem0milvus add`` and ``update``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mem0milvus import AddResult
from mem0milvus.cli import options
from mem0milvus.cli.opening import find_id, open_or_make_store, open_store
from mem0milvus.cli.progress import working
from mem0milvus.cli.tables import CHANGES, print_table
from mem0milvus.cli.terminal import CommandUsageError, note, print_json, print_line

#: Stands for standard input.
STDIN = "-"

Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        "-m",
        metavar="KEY=VALUE",
        help="Kept with the memory, as in -m category=hobbies; or a JSON object. May be given several times.",
        show_default=False,
    ),
]


def add(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]", help="What was said, or - to read it from standard input.", show_default=False
        ),
    ] = None,
    messages: Annotated[
        str | None,
        typer.Option(
            "--messages",
            metavar="FILE",
            help='Read a conversation instead: JSON, a list of {"role", "content"}; - for standard input.',
            show_default=False,
        ),
    ] = None,
    user: options.DefaultUser = None,
    agent: options.Agent = None,
    run: options.Run = None,
    metadata: Metadata = None,
    infer: Annotated[
        bool, typer.Option("--infer/--no-infer", help="Keep what is worth remembering, or everything as it is.")
    ] = True,
    timestamp: Annotated[
        str | None,
        typer.Option("--timestamp", metavar="MOMENT", help="When it was said, if not now.", show_default=False),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="MOMENT", help="When it is to be forgotten.", show_default=False),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            metavar="ID",
            help="An id for the memory, so that the same command again changes nothing. Once for each memory.",
            show_default=False,
        ),
    ] = None,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Remember what was said."""
    scope = options.read_scope(user, agent, run)
    options.require_scope(scope, "Nothing was added")
    extra = options.read_metadata(metadata)
    said_at = options.check_moment(timestamp, "--timestamp")
    expires_at = options.check_moment(expires, "--expires")
    spoken = _read_spoken(text, messages)
    with open_or_make_store(config, url, collection) as store, working("Remembering"):
        result = store.memory.add(
            spoken,
            **scope,
            metadata=extra,
            infer=infer,
            timestamp=said_at,
            expires_at=expires_at,
            ids=ids or None,
            background=False,
        )
    if as_json:
        print_json(result)
        return
    _tell(result)


def _tell(result: AddResult) -> None:
    if result["results"]:
        print_table(Console(highlight=False), CHANGES, result["results"])
    else:
        note("Nothing in it was worth remembering, or all is known already. --no-infer keeps it as it is.")
    for change in result.get("rejected", ()):
        note(f"Not followed: {change['action']} {change['memory']!r}: {change['reason']}", style="yellow")
    if error := result.get("extraction_error"):
        note(f"Kept as it is until `mem0milvus process-pending`: {error}", style="yellow")


def update(
    memory_id: options.MemoryId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Its new text, or - to read it from standard input.")],
    metadata: Metadata = None,
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Change what a memory says; what it said before stays in its history."""
    extra = options.read_metadata(metadata)
    new = _read_stdin() if text == STDIN else text
    with open_store(config, url, collection) as store, working("Changing"):
        whole = find_id(store.memory, memory_id)
        result = store.memory.update(whole, new, extra)
    if as_json:
        print_json({**result, "id": whole})
        return
    print_line(Console(highlight=False), f"Changed {whole}. What it said before: mem0milvus history {whole[:8]}")


def _read_spoken(text: str | None, messages: str | None) -> Any:
    """What is to be added: a text, or messages."""
    if (text is None) == (messages is None):
        given = "both were given" if text is not None else "neither was given"
        raise CommandUsageError(f"add takes a TEXT, - for standard input, or --messages FILE, and {given}.")
    if messages is None:
        return _read_stdin() if text == STDIN else text
    return _read_messages(messages)


def _read_messages(name: str) -> Any:
    if name != STDIN and not Path(name).is_file():
        raise CommandUsageError(f"--messages {name!r} is no file.")
    where = "standard input" if name == STDIN else name
    try:
        content = json.loads(_read_stdin() if name == STDIN else Path(name).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CommandUsageError(f"{where} is not valid JSON: {error}.") from error
    return content.get("messages", content) if isinstance(content, dict) else content


def _read_stdin() -> str:
    if sys.stdin.isatty():
        note("Type the text; end it with Ctrl-D on a line of its own.")
    text = sys.stdin.read().strip()
    if not text:
        raise CommandUsageError("There is nothing in standard input.")
    return text
