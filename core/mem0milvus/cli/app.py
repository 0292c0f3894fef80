"""The commands, by the panel of the help page that lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from mem0milvus import __version__
from mem0milvus.cli.changing import delete, process_pending, restore, vacuum
from mem0milvus.cli.demo import demo
from mem0milvus.cli.doctor import doctor
from mem0milvus.cli.migrate import migrate_mem0
from mem0milvus.cli.options import expand_options
from mem0milvus.cli.overview import stats, timeline
from mem0milvus.cli.reading import history, list_memories, search, show
from mem0milvus.cli.terminal import CommandGroup
from mem0milvus.cli.transfer import export, import_file, reembed
from mem0milvus.cli.writing import add, update

_PANELS: Mapping[str, Sequence[Callable[..., None]]] = {
    "Remember and find": (add, search, list_memories, show, history, timeline),
    "Change and forget": (update, restore, delete, process_pending, vacuum),
    "Store": (stats, doctor, export, import_file, reembed, migrate_mem0, demo),
}

#: Commands that cannot have the name of their function: ``import`` is a keyword, ``list`` a builtin.
_NAMES: Mapping[Callable[..., None], str] = {list_memories: "list", import_file: "import"}

app = typer.Typer(
    cls=CommandGroup, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
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


for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(_NAMES.get(_command), rich_help_panel=_panel)(expand_options(_command))
