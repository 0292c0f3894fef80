"""Printing, progress, exit codes and error messages of all commands, and the silencing of other libraries."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn
from rich.text import Text
from typer.core import TyperGroup
from typing_extensions import override

from mem0milvus import (
    ConfigError,
    EmbedderMismatchError,
    EmbeddingError,
    ExtractionError,
    Mem0MilvusError,
    NotFoundError,
    SchemaMismatchError,
    StoreLockedError,
    StoreUnavailableError,
    ValidationError,
)
from mem0milvus.config.secrets import Secrets

FAILED = 1
MISUSED = 2
UNKNOWN = 3
UNREACHABLE = 4
MISMATCHED = 5
MODEL_FAILED = 6
INTERRUPTED = 130

#: The exit code of each kind of error; ``FAILED`` for every other.
EXIT_CODES: Mapping[type[Exception], int] = {
    ConfigError: MISUSED,
    ValidationError: MISUSED,
    NotFoundError: UNKNOWN,
    StoreUnavailableError: UNREACHABLE,
    StoreLockedError: UNREACHABLE,
    SchemaMismatchError: MISMATCHED,
    EmbedderMismatchError: MISMATCHED,
    EmbeddingError: MODEL_FAILED,
    ExtractionError: MODEL_FAILED,
}

#: Added to the library's own message, which cannot know of the command.
_REEMBED_HINT = " To move it to the embedder that is configured now: mem0milvus reembed."


class CommandError(Exception):
    """A command cannot continue. The user sees the message as one line: the problem and the way out."""

    exit_code = FAILED


class CommandUsageError(CommandError):
    """The arguments of a command cannot work."""

    exit_code = MISUSED


#: Characters that are not printed: control characters, of which terminal escapes are made; halves of surrogate pairs,
#: which UTF-8 cannot encode; and characters that change the direction of the text after them, which can then look like
#: another text.
_HARMFUL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

#: Called with the number of items done and the total, None while the total is unknown.
Report = Callable[[int, "int | None"], None]

#: The base class of typer's errors for wrong arguments. Older versions import it from click, typer 0.29 from a copy of
#: click inside typer, so it is found through a subclass that every version exports.
_ArgumentError = cast("type[Exception]", next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException"))


class CommandGroup(TyperGroup):
    """Run a command and exit. An expected error becomes one line on stderr and an exit code, never a traceback.

    Exit codes: 0 done, 1 failed, 2 wrong call or configuration, 3 no such memory or store, 4 the store does not answer
    or is locked, 5 the store was created by another program or embedder, 6 a model failed, 130 interrupted.
    """

    @override
    def main(self, *args: Any, **extra: Any) -> Any:
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
        except BrokenPipeError:
            _abandon_stdout()
            return FAILED
        except (Mem0MilvusError, OSError) as error:
            code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)
            return _refuse(f"{error}{_REEMBED_HINT if isinstance(error, EmbedderMismatchError) else ''}", code)
        except typer.Abort:
            return FAILED
        # Without standalone mode, typer returns the code of an Exit, and 130 after Ctrl-C.
        if result == INTERRUPTED and sys.stderr.isatty():
            note("")  # the terminal has echoed ^C; without a line break the shell's prompt would follow it
        return result if isinstance(result, int) else 0


def _abandon_stdout() -> None:
    """Redirect stdout to the null device: Python flushes it at exit, which would fail on the closed pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str, exit_code: int) -> int:
    note(" ".join(Secrets().mask(message).split()), style="red")
    return exit_code


def _explain_usage(error: Exception) -> str:
    message = cast("str", error.format_message())  # type: ignore[attr-defined]
    command = getattr(getattr(error, "ctx", None), "command_path", "mem0milvus")
    ending = "" if message.endswith((".", "?")) else "."
    if message.startswith("No such option") and " " not in command:
        ending += " Options come after their command, as in mem0milvus list --config FILE."
    return f"{message}{ending} See: {command} --help"


def _tolerate_characters(*streams: TextIO) -> None:
    """Print a question mark for a character that the encoding of a stream lacks, instead of failing."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def print_line(message: str, style: str = "", *, stderr: bool = False) -> None:
    """Print a text without interpreting markup; only a terminal gets additional line breaks."""
    console = Console(stderr=stderr)
    console.print(plain(message, style), soft_wrap=not console.is_terminal)


def note(message: str, style: str = "dim") -> None:
    """Print a remark on stderr, so that the result on stdout can be piped."""
    print_line(message, style, stderr=True)


def print_json(value: object) -> None:
    """Print a result as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def confirm(question: str) -> bool:
    """Ask a yes-or-no question on stderr; any answer but yes is no. Without a terminal, raise a CommandUsageError."""
    if not sys.stdin.isatty():
        raise CommandUsageError(f"{question} Not a terminal; pass --yes to do it without asking.")
    Console(stderr=True, highlight=False).print(plain(f"{question} [y/N] ", "bold"), end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun, as in ``1 memory`` and ``2 memories``."""
    return f"{number:,} {one if number == 1 else many}"


def plain(text: str, style: str = "") -> Text:
    """Return a text for the terminal: markup is not interpreted, and harmful characters are removed."""
    return Text(_HARMFUL.sub("", text), style=style)


@contextmanager
def progress_bar(description: str, total: int | None = None, *, transient: bool = True) -> Iterator[Report]:
    """Show a bar on stderr until the block ends, and after it unless it is transient."""
    with _progress(BarColumn(), MofNCompleteColumn(), transient=transient) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def working(description: str) -> Iterator[None]:
    """Show a spinner and the elapsed time on stderr until the block ends."""
    with _progress(SpinnerColumn(), transient=True) as progress:
        progress.add_task(description, total=None)
        yield


def _progress(*columns: ProgressColumn, transient: bool) -> Progress:
    shown = sys.stderr.isatty()
    console = Console(stderr=True, quiet=not shown)
    return Progress(
        "{task.description}", *columns, TimeElapsedColumn(), console=console, disable=not shown, transient=transient
    )


class _WarningLines(logging.Handler):
    """Print the library's own warnings, one line each."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage(), style="yellow")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hide the warnings and log messages of other libraries."""
    # Without any handler at the root, Python's handler of last resort prints warnings of every library on stderr.
    handlers = {"": logging.NullHandler(), "mem0milvus": _WarningLines(logging.WARNING)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, handler in handlers.items():
            logging.getLogger(name).addHandler(handler)
        try:
            yield
        finally:
            for name, handler in handlers.items():
                logging.getLogger(name).removeHandler(handler)
