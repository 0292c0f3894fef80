"""The commands. A new group of commands is a file beside this one and a line at the end of it."""

from __future__ import annotations

from typing import Annotated

import typer

from mem0milvus import __version__
from mem0milvus.cli.demo import demo
from mem0milvus.cli.terminal import CommandGroup

app = typer.Typer(
    cls=CommandGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True, help="Long-term memory for LLM applications, on Milvus alone.")
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"mem0milvus {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command(
    help="See it work, offline: the quickstart step by step, or questions to a conversation of yours (--conversation)."
)(demo)
