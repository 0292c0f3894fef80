"""``mem0milvus add`` and ``update``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mem0milvus import AddResult
from mem0milvus.cli.opening import find_id, open_or_create_store, open_store
from mem0milvus.cli.options import CommandOptions, MemoryId, Metadata, RequiredScopeOptions, check_time, read_metadata
from mem0milvus.cli.tables import CHANGES, print_table
from mem0milvus.cli.terminal import CommandUsageError, note, print_line, working

#: The argument that means standard input.
STDIN = "-"


def add(
    scope: RequiredScopeOptions,
    options: CommandOptions,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="The text; - reads it from standard input.")
    ] = None,
    messages: Annotated[
        str | None,
        typer.Option(
            "--messages",
            metavar="FILE",
            help='Read a conversation from JSON, a list of {"role", "content"}; - for standard input.',
        ),
    ] = None,
    metadata: Metadata = None,
    infer: Annotated[
        bool,
        typer.Option("--infer/--no-infer", help="Extract what is worth remembering, or store the texts unchanged."),
    ] = True,
    timestamp: Annotated[
        str | None, typer.Option("--timestamp", metavar="TIME", help="Set the time of the conversation. Default: now.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="Let the memories expire at this time.")
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id", metavar="ID", help="Set the id, so that repeating the command changes nothing. Once per memory."
        ),
    ] = None,
) -> None:
    """Remember a text or a conversation."""
    scope_ids = scope.required_ids("Nothing was added")
    extra = read_metadata(metadata)
    timestamp, expires = check_time(timestamp, "--timestamp"), check_time(expires, "--expires")
    content = _read_content(text, messages)
    with open_or_create_store(options) as memory, working("Remembering"):
        result = memory.add(
            content,
            **scope_ids,
            metadata=extra,
            infer=infer,
            timestamp=timestamp,
            expires_at=expires,
            ids=ids or None,
            background=False,
        )
    options.exit_if_json(result)
    _print_added(result)


def _print_added(result: AddResult) -> None:
    if result["results"]:
        print_table(CHANGES, result["results"])
    else:
        note("Nothing was worth remembering, or it was known already. --no-infer stores the text unchanged.")
    for change in result.get("rejected", ()):
        note(f"Rejected: {change['action']} {change['memory']!r}: {change['reason']}", style="yellow")
    if error := result.get("extraction_error"):
        note(f"Stored unchanged. `mem0milvus process-pending` repeats the extraction. {error}", style="yellow")


def update(
    options: CommandOptions,
    memory_id: MemoryId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The new text; - reads it from standard input.")],
    metadata: Metadata = None,
) -> None:
    """Change the text of a memory; the old text stays in its history."""
    extra = read_metadata(metadata)
    new = _read_stdin() if text == STDIN else text
    with open_store(options) as memory, working("Changing"):
        whole = find_id(memory, memory_id)
        result = memory.update(whole, new, extra)
    options.exit_if_json({**result, "id": whole})
    print_line(f"Changed {whole}. Its old text: mem0milvus history {whole[:8]}")


def _read_content(text: str | None, messages: str | None) -> Any:
    if (text is None) == (messages is None):
        given = "both were given" if text is not None else "neither was given"
        raise CommandUsageError(f"add takes a TEXT, - for standard input, or --messages FILE, and {given}.")
    if messages is None:
        return _read_stdin() if text == STDIN else text
    if messages != STDIN and not Path(messages).is_file():
        raise CommandUsageError(f"--messages {messages!r} is not a file.")
    try:
        content = json.loads(_read_stdin() if messages == STDIN else Path(messages).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        where = "standard input" if messages == STDIN else messages
        raise CommandUsageError(f"{where} is not valid JSON: {error}.") from error
    return content.get("messages", content) if isinstance(content, dict) else content


def _read_stdin() -> str:
    if sys.stdin.isatty():
        note("Type the text; end it with Ctrl-D on a line of its own.")
    text = sys.stdin.read().strip()
    if not text:
        raise CommandUsageError("There is nothing in standard input.")
    return text
