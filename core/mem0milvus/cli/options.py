"""The options that commands share, and reading those that have a form of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mem0milvus.cli.terminal import CommandUsageError

_STORE = "Store"
_SCOPE = "Whose memories"

#: The environment variable in the place of ``--config``, and that in the place of ``--user``.
CONFIG_VARIABLE = "MEM0MILVUS_CONFIG"
USER_VARIABLE = "MEM0MILVUS_USER"

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar=CONFIG_VARIABLE,
        help="The configuration, as Memory.from_config takes it, in TOML, YAML or JSON.",
        show_default=False,
        rich_help_panel=_STORE,
    ),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="A Milvus Lite path ending in .db or a server's address. "
        "Left out: the configuration's, that of MILVUS_URI, or ./milvus.db.",
        show_default=False,
        rich_help_panel=_STORE,
    ),
]
Collection = Annotated[
    str | None,
    typer.Option("--collection", metavar="NAME", help="The collection.", show_default=False, rich_help_panel=_STORE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs, instead of tables and sentences.")]

_user: dict[str, Any] = {"metavar": "ID", "show_default": False, "rich_help_panel": _SCOPE}
DefaultUser = Annotated[str | None, typer.Option("--user", "-u", envvar=USER_VARIABLE, help="This user's.", **_user)]
User = Annotated[str | None, typer.Option("--user", "-u", help="This user's.", **_user)]
Agent = Annotated[str | None, typer.Option("--agent", help="This agent's.", **_user)]
Run = Annotated[str | None, typer.Option("--run", help="This run's: a conversation.", **_user)]

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        "-f",
        metavar="KEY=VALUE",
        help="Only memories with this in their metadata or fields; or a filter as JSON. May be given several times.",
        show_default=False,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="MOMENT",
        help="As it was known then: a date or moment as 2026-01-31 or 2026-01-31T18:00+01:00.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
OnConflict = Annotated[
    Literal["error", "skip", "rename"],
    typer.Option(
        "--on-conflict",
        help="What to do with a memory whose id another one has: bring nothing at all, leave it out, or give it "
        "another id.",
    ),
]
MemoryId = Annotated[
    str, typer.Argument(metavar="ID", help="The memory's id, or its beginning as far as no other begins so.")
]


def read_scope(user: str | None, agent: str | None, run: str | None) -> dict[str, Any]:
    """The scope as the operations take it: the ids that were given."""
    given = {"user_id": user, "agent_id": agent, "run_id": run}
    return {name: value for name, value in given.items() if value is not None}


def require_scope(scope: Mapping[str, str], what: str) -> None:
    """Refuse a command that does not say whose memories are meant.

    Raises:
        CommandUsageError: there is no id.
    """
    if not scope:
        raise CommandUsageError(
            f"{what}: say whose memory with --user, --agent or --run; {USER_VARIABLE} stands for --user."
        )


def read_metadata(pairs: Sequence[str] | None) -> dict[str, Any] | None:
    """``--metadata``: pairs of key and value, or JSON objects, taken together.

    Raises:
        CommandUsageError: one is neither.
    """
    merged: dict[str, Any] = {}
    for pair in pairs or ():
        merged |= _read_pair(pair, "--metadata")
    return merged or None


def read_filters(pairs: Sequence[str] | None) -> dict[str, Any] | None:
    """``--filter``: pairs of key and value, or filters as JSON, all of which must hold.

    Raises:
        CommandUsageError: one is neither.
    """
    parts = [_read_pair(pair, "--filter") for pair in pairs or ()]
    return None if not parts else parts[0] if len(parts) == 1 else {"AND": parts}


def _read_pair(text: str, option: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CommandUsageError(f"{option} {text!r} is not valid JSON: {error}.") from error
        return dict(value)
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise CommandUsageError(f"{option} {text!r} must be KEY=VALUE, as in {option} category=hobbies, or JSON.")
    return {key.strip(): _read_value(value)}


def _read_value(text: str) -> Any:
    """A number, true, false, null, or whatever else is JSON; anything else is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def check_moment(moment: str | None, option: str) -> str | None:
    """A moment in ISO 8601, which the operations read.

    Raises:
        CommandUsageError: it is none.
    """
    if moment is None:
        return None
    try:
        datetime.fromisoformat(moment[:-1] + "+00:00" if moment[-1:] in ("Z", "z") else moment)
    except ValueError as error:
        raise CommandUsageError(
            f"{option} {moment!r} is no moment: write it as 2026-01-31 or 2026-01-31T18:00+01:00."
        ) from error
    return moment
