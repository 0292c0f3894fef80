"""The commands. A new group of commands is a file beside this one and a line at the end of it."""

from __future__ import annotations

from typing import Annotated

import typer

from mem0milvus import __version__
from mem0milvus.cli.changing import delete, process_pending, restore, vacuum
from mem0milvus.cli.demo import demo
from mem0milvus.cli.doctor import doctor
from mem0milvus.cli.migrate import migrate_mem0
from mem0milvus.cli.overview import stats, timeline
from mem0milvus.cli.reading import history, list_memories, search, show
from mem0milvus.cli.terminal import CommandGroup
from mem0milvus.cli.transfer import export, import_file, reembed
from mem0milvus.cli.writing import add, update

app = typer.Typer(
    cls=CommandGroup,
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


_REMEMBER, _CHANGE, _STORE = "Remember and find", "Change and forget", "The store"

app.command(rich_help_panel=_REMEMBER)(add)
app.command(rich_help_panel=_REMEMBER)(search)
app.command("list", rich_help_panel=_REMEMBER)(list_memories)
app.command(rich_help_panel=_REMEMBER)(show)
app.command(rich_help_panel=_REMEMBER)(history)
app.command(rich_help_panel=_REMEMBER)(timeline)
app.command(rich_help_panel=_CHANGE)(update)
app.command(rich_help_panel=_CHANGE)(restore)
app.command(rich_help_panel=_CHANGE)(delete)
app.command(rich_help_panel=_CHANGE)(process_pending)
app.command(rich_help_panel=_CHANGE)(vacuum)
app.command(rich_help_panel=_STORE)(stats)
app.command(rich_help_panel=_STORE)(doctor)
app.command(rich_help_panel=_STORE)(export)
app.command("import", rich_help_panel=_STORE)(import_file)
app.command(rich_help_panel=_STORE)(reembed)
app.command(rich_help_panel=_STORE)(migrate_mem0)
app.command(
    rich_help_panel=_STORE,
    help="See it work, offline: the quickstart step by step, or questions to a conversation of yours (--conversation).",
)(demo)
