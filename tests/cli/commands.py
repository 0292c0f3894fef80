"""Running commands in this process, as a program without a terminal would."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from mem0milvus.cli.app import app


def run(*arguments: str, typed: str | None = None, columns: int = 80) -> Result:
    """Run a command; ``typed`` is its standard input."""
    return CliRunner().invoke(app, list(arguments), input=typed, env={"COLUMNS": str(columns)}, prog_name="mem0milvus")


def succeed(*arguments: str, typed: str | None = None, columns: int = 80) -> str:
    """What a command prints that must succeed."""
    result = run(*arguments, typed=typed, columns=columns)
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(*arguments: str, typed: str | None = None) -> Any:
    """What a command gives to programs."""
    return json.loads(succeed(*arguments, "--json", typed=typed))


def refused(exit_code: int, message: str, *arguments: str, typed: str | None = None) -> None:
    """A command that must fail: with this code, one line that holds the message, and nothing on stdout."""
    result = run(*arguments, typed=typed)
    assert result.exit_code == exit_code, result.output
    lines = [line for line in result.stderr.splitlines() if not line.startswith("There was no ")]
    assert len(lines) == 1, result.stderr
    assert message in lines[0]
    assert result.stdout == ""


def row(output: str, start: str) -> str:
    """The line of a table that begins like this."""
    return next(line for line in output.splitlines() if line.startswith(start))
