"""Printing, exit codes and error messages of all commands, and the silencing of other libraries."""

from __future__ import annotations

import json
import logging
import os
import sys
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO, cast

import typer
from rich.console import Console
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


class CommandError(Exception):
    """A command cannot continue. The user sees the message as one line: the problem and the way out."""

    exit_code = FAILED


class CommandUsageError(CommandError):
    """The command was called in a way that cannot work."""

    exit_code = MISUSED


#: Characters that change the direction of the text after them, so that it can look like another text.
_DIRECTION_CHARACTERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

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
            return _refuse(f"{error}{_hint(error)}", exit_code_of(error))
        except typer.Abort:
            return FAILED
        # Without standalone mode, typer returns the code of an Exit, and 130 after Ctrl-C.
        if result == INTERRUPTED and sys.stderr.isatty():
            note("")  # the terminal has echoed ^C; without a line break the shell's prompt would follow it
        return result if isinstance(result, int) else 0


def exit_code_of(error: Exception) -> int:
    """Return the exit code of an error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)


def _hint(error: Exception) -> str:
    """Name the command that solves a problem, where the library's own message cannot know of it."""
    is_mismatch = isinstance(error, EmbedderMismatchError)
    return " To move it to the embedder that is configured now: mem0milvus reembed." if is_mismatch else ""


def _abandon_stdout() -> None:
    """Send the rest of the output nowhere: Python flushes stdout at exit and would fail on the closed pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str, exit_code: int) -> int:
    note(" ".join(message.split()), style="red")
    return exit_code


def _explain_usage(error: Exception) -> str:
    message = cast("str", error.format_message())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mem0milvus"
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
    """Ask a yes-or-no question on stderr; any answer but yes is no.

    Raises:
        CommandUsageError: standard input is not a terminal.
    """
    if not sys.stdin.isatty():
        raise CommandUsageError(f"{question} Not a terminal; pass --yes to do it without asking.")
    Console(stderr=True, highlight=False).print(plain(f"{question} [y/N] ", "bold"), end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun, as in ``1 memory`` and ``2 memories``."""
    return f"{number:,} {one if number == 1 else many}"


def size(number: int) -> str:
    """Return a number of bytes with a unit."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1_000:
            return f"{amount:.0f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} GB"


def plain(text: str, style: str = "") -> Text:
    """Return a text for the terminal: markup is not interpreted, and control and direction characters are removed."""
    return Text("".join(filter(_is_harmless, text)), style=style)


def _is_harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _DIRECTION_CHARACTERS


class _WarningLines(logging.Handler):
    """Print the library's own warnings, one line each."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage(), style="yellow")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the warnings and logs of other libraries from the terminal."""
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
