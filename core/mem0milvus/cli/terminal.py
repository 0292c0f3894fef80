"""What all commands share: how they print, how they fail, and the noise they keep from the terminal."""

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

#: The exit code of each kind of error; what is not listed is ``FAILED``.
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
    """A command cannot go on. The message is the one line that the user sees: what is wrong, and what to do."""

    exit_code = FAILED


class CommandUsageError(CommandError):
    """The command was called in a way that cannot work."""

    exit_code = MISUSED


#: Characters that turn the direction of what follows them, so that a text seems to be another.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: What typer raises for arguments that it cannot read. Where the class lives differs between its versions.
_ArgumentError = cast("type[Exception]", next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException"))


class CommandGroup(TyperGroup):
    """Runs a command. Whatever a user can bring about ends as one line on stderr and an exit code, never a traceback.

    Exit codes: 0 done, 1 failed, 2 called or configured wrongly, 3 no such memory or store, 4 the store does not answer
    or is locked, 5 the store was made by something else, 6 a model failed, 130 interrupted.
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
        except BrokenPipeError:
            _abandon_stdout()
            return FAILED
        except (Mem0MilvusError, OSError) as error:
            return _refuse(f"{error} {_hint(error)}", exit_code_of(error))
        except typer.Abort:
            return FAILED
        # Without standalone mode, typer gives back the code of an exit, and that of an interruption after Ctrl-C.
        if result == INTERRUPTED and sys.stderr.isatty():
            Console(stderr=True).print()  # the terminal has written ^C where the shell's prompt would stand
        return result if isinstance(result, int) else 0


def exit_code_of(error: Exception) -> int:
    """The exit code that tells of an error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)


def _hint(error: Exception) -> str:
    """What a person at a terminal can do, beside what the library says."""
    if isinstance(error, EmbedderMismatchError):
        return "To move it to the embedder that is configured now: mem0milvus reembed."
    return ""


def _abandon_stdout() -> None:
    """Nobody reads it any more: what is left in it goes nowhere, rather than failing when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str, exit_code: int) -> int:
    print_line(Console(stderr=True), " ".join(message.split()), style="red")
    return exit_code


def _explain_usage(error: Exception) -> str:
    message = cast("str", error.format_message())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mem0milvus"
    ending = "" if message.endswith((".", "?")) else "."
    if message.startswith("No such option") and " " not in command:
        ending += " Options stand after the command that they are for, as in mem0milvus list --config FILE."
    return f"{message}{ending} See: {command} --help"


def _tolerate_characters(*streams: TextIO) -> None:
    """What a stream's encoding cannot express becomes a question mark, and no error."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def print_line(console: Console, message: str, style: str = "") -> None:
    """Print a text as it is: no markup is read, and no line break is put in where the output is no terminal."""
    console.print(plain(message, style), soft_wrap=not console.is_terminal)


def note(message: str, style: str = "dim") -> None:
    """Tell the person something beside the result: a line on stderr, so that the result can be piped."""
    print_line(Console(stderr=True, highlight=False), message, style)


def print_json(value: object) -> None:
    """Print a result for programs: JSON in UTF-8 on stdout, with nothing around it."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def confirm(question: str) -> bool:
    """Ask a yes-or-no question on stderr; anything but yes is no.

    Raises:
        CommandUsageError: nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise CommandUsageError(f"{question} Nobody is there to answer: add --yes to do it without asking.")
    Console(stderr=True, highlight=False).print(plain(f"{question} [y/N] ", "bold"), end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def count(number: int, one: str, many: str) -> str:
    """A number of things, as in ``1 memory`` and ``2 memories``."""
    return f"{number:,} {one if number == 1 else many}"


def plain(text: str, style: str = "") -> Text:
    """A text for the terminal, without markup, and with what would steer the terminal taken out."""
    return Text("".join(filter(_is_harmless, text)), style=style)


def _is_harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _TURNING


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
