"""The options that commands share, and the options whose values have a syntax of their own."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from mem0milvus.cli.terminal import CommandUsageError, print_json
from mem0milvus.data.timestamps import parse_moment
from mem0milvus.errors import ValidationError

#: Environment variables that are read instead of ``--config`` and ``--user``.
CONFIG_VARIABLE = "MEM0MILVUS_CONFIG"
USER_VARIABLE = "MEM0MILVUS_USER"

_STORE: dict[str, Any] = {"rich_help_panel": "Store"}
_SCOPE: dict[str, Any] = {"rich_help_panel": "Scope", "metavar": "ID"}

_CONFIG_HELP = "Read this configuration file, TOML, YAML or JSON, with the keys of Memory.from_config."
_URL_HELP = (
    "Use this store: a Milvus Lite path ending in .db, or a server's address. "
    "Default: the configuration's, else MILVUS_URI, else ./milvus.db."
)


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The options of every command that uses a store."""

    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", envvar=CONFIG_VARIABLE, help=_CONFIG_HELP, **_STORE)
    ] = None
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help=_URL_HELP, **_STORE)] = None
    collection: Annotated[
        str | None, typer.Option("--collection", metavar="NAME", help="Use this collection.", **_STORE)
    ] = None


@dataclass(frozen=True, slots=True)
class CommandOptions(StoreOptions):
    """The options of every command that has a result to print."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables and sentences.")] = False

    def exit_if_json(self, result: object) -> None:
        """With ``--json``, print the result and end the command. Without, return: the command prints it for people."""
        if self.as_json:
            print_json(result)
            raise typer.Exit


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """The ids that select memories."""

    user: Annotated[str | None, typer.Option("--user", "-u", help="Select this user.", **_SCOPE)] = None
    agent: Annotated[str | None, typer.Option("--agent", help="Select this agent.", **_SCOPE)] = None
    run: Annotated[str | None, typer.Option("--run", help="Select this run, one conversation.", **_SCOPE)] = None

    def ids(self) -> dict[str, Any]:
        """Return the given ids as the keyword arguments of operations."""
        given = {"user_id": self.user, "agent_id": self.agent, "run_id": self.run}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RequiredScopeOptions(ScopeOptions):
    """The ids of a command that needs at least one; the user may come from the environment."""

    user: Annotated[
        str | None, typer.Option("--user", "-u", envvar=USER_VARIABLE, help="Select this user.", **_SCOPE)
    ] = None

    def required_ids(self, problem: str) -> dict[str, Any]:
        """Return the given ids; refuse the command, beginning the message with ``problem``, if there is none."""
        if not (ids := self.ids()):
            raise CommandUsageError(f"{problem}: add --user, --agent or --run, or set {USER_VARIABLE}.")
        return ids


Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        "-f",
        metavar="KEY=VALUE",
        help="Select by metadata or fields, with KEY=VALUE or a filter as JSON. Repeatable.",
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        "-m",
        metavar="KEY=VALUE",
        help="Store this with the memory, as in -m category=hobbies, or a JSON object. Repeatable.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="Use the state at this time, as in 2026-01-31 or 2026-01-31T18:00+01:00."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
OnConflict = Annotated[
    Literal["error", "skip", "rename"],
    typer.Option("--on-conflict", help="If another memory has the id: write nothing, skip it, or give it a new id."),
]
MemoryId = Annotated[str, typer.Argument(metavar="ID", help="The memory's id, or the unambiguous beginning of it.")]


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Turn each parameter whose type is a dataclass of options into one option per field.

    Typer reads the signature and the annotations of a command. The returned wrapper shows it the command's own
    parameters, then the fields, and calls the command with dataclass instances built from the fields.
    """
    # Not get_type_hints: Python 3.10 wraps the type of a parameter with the default None in Optional, which hides the
    # option inside Annotated from typer. It does not do so for the fields of a class.
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)}
    parameters = [one.replace(kind=one.KEYWORD_ONLY) for name, one in own.items() if name not in groups]
    for group in groups.values():
        hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
            for one in fields(group)
        ]

    @wraps(command)
    def call(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # read by inspect.signature
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def read_metadata(pairs: Sequence[str] | None) -> dict[str, Any] | None:
    """Merge the values of ``--metadata``: ``KEY=VALUE`` pairs and JSON objects."""
    merged: dict[str, Any] = {}
    for pair in pairs or ():
        merged |= _read_pair(pair, "--metadata")
    return merged or None


def read_filters(pairs: Sequence[str] | None) -> dict[str, Any] | None:
    """Combine the values of ``--filter``, ``KEY=VALUE`` pairs and filters as JSON, so that all must hold."""
    parts = [_read_pair(pair, "--filter") for pair in pairs or ()]
    return None if not parts else parts[0] if len(parts) == 1 else {"AND": parts}


def _read_pair(text: str, option: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise CommandUsageError(f"{option} {text!r} is not valid JSON: {error}.") from error
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise CommandUsageError(f"{option} {text!r} must be KEY=VALUE, as in {option} category=hobbies, or JSON.")
    return {key.strip(): _read_value(value)}


def _read_value(text: str) -> Any:
    """Read a number, ``true`` or other JSON; take anything else as text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def check_time(text: str | None, option: str) -> str | None:
    """Check a time in ISO 8601, so that an invalid one is refused before a store is opened or created."""
    if text is not None:
        try:
            parse_moment(text, option)
        except ValidationError as error:
            raise CommandUsageError(
                f"{option} {text!r} is not a time: write it as 2026-01-31 or 2026-01-31T18:00+01:00."
            ) from error
    return text
