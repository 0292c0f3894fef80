"""What all commands share: how they print, how they fail, and the noise they keep from the terminal."""

from __future__ import annotations

import logging
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from mem0milvus import Mem0MilvusError

FAILED = 1
MISUSED = 2
INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on. The message is the one line that the user sees: what is wrong, and what to do."""

    exit_code = FAILED


class CommandUsageError(CommandError):
    """The command was called in a way that cannot work."""

    exit_code = MISUSED


#: What typer raises for arguments that it cannot read. Where the class lives differs between its versions.
_ArgumentError = cast("type[Exception]", next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException"))


class CommandGroup(TyperGroup):
    """Runs a command. Whatever a user can bring about ends as one line on stderr and an exit code, never a traceback.

    Exit codes: 0 done, 1 failed, 2 called wrongly, 130 interrupted.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """See typer; it always ends the process."""
        _tolerate_characters(sys.stdin, sys.stdout, sys.stderr)
        with quiet_libraries():
            exit_code = self._run(*args, **{**extra, "standalone_mode": False})
        sys.exit(exit_code)

    def _run(self, *args: Any, **extra: Any) -> int:
        try:
            result = super().main(*args, **extra)
        except CommandError as error:
            return _refuse(str(error), error.exit_code)
        except _ArgumentError as error:
            return _refuse(_explain_usage(error), MISUSED)
        except (Mem0MilvusError, OSError) as error:
            return _refuse(str(error), FAILED)
        except typer.Abort:
            return FAILED
        # Without standalone mode, typer gives back the code of an exit, and that of an interruption after Ctrl-C.
        if result == INTERRUPTED and sys.stderr.isatty():
            Console(stderr=True).print()  # the terminal has written ^C where the shell's prompt would stand
        return result if isinstance(result, int) else 0


def _refuse(message: str, exit_code: int) -> int:
    print_line(Console(stderr=True), " ".join(message.split()), style="red")
    return exit_code


def _explain_usage(error: Exception) -> str:
    message = cast("str", error.format_message())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mem0milvus"
    ending = "" if message.endswith((".", "?")) else "."
    return f"{message}{ending} See: {command} --help"


def _tolerate_characters(*streams: TextIO) -> None:
    """What a stream's encoding cannot express becomes a question mark, and no error."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def print_line(console: Console, message: str, style: str = "") -> None:
    """Print a text as it is: no markup is read, and no line break is put in where the output is no terminal."""
    console.print(plain(message, style), soft_wrap=not console.is_terminal)


def plain(text: str, style: str = "") -> Text:
    """A text for the terminal, without markup, and with what would steer the terminal taken out."""
    return Text("".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")), style=style)


class _Lines(logging.Handler):
    """Shows what the library itself warns about, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        print_line(Console(stderr=True), record.getMessage(), style="yellow")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the warnings and logs of other libraries from the terminal."""
    hush, lines = logging.NullHandler(), _Lines(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger().addHandler(hush)
        logging.getLogger("mem0milvus").addHandler(lines)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(hush)
            logging.getLogger("mem0milvus").removeHandler(lines)
