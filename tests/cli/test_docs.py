"""The page on the command line, held to the commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mem0milvus.cli import TRACEBACK_VARIABLE, terminal
from mem0milvus.cli.app import app
from mem0milvus.cli.options import CONFIG_VARIABLE, USER_VARIABLE
from tests.cli.commands import run

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> dict[str, Any]:
    return dict(get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_is_in_the_table_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z0-9-]+)[ `]", PAGE, re.MULTILINE)) == set(commands())


def test_every_option_that_is_named_exists() -> None:
    known = {option for command in commands().values() for one in command.params for option in one.opts}
    known |= {"--help", "--install-completion", "--show-completion"}
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*(?![\w-])", PAGE))
    assert named - known == set()
    assert named >= {"--json", "--config", "--yes", "--purge"}


def test_the_exit_codes_are_those_of_the_commands() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told == {0, terminal.FAILED, terminal.INTERRUPTED, *terminal.EXIT_CODES.values()}


def test_the_variables_are_named() -> None:
    for name in (CONFIG_VARIABLE, USER_VARIABLE, TRACEBACK_VARIABLE):
        assert f"`{name}`" in PAGE


def test_what_is_shown_runs_in_this_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 10
    for line in lines:
        program, *arguments = shlex.split(line)
        result = run(*arguments)
        assert program == "mem0milvus"
        assert result.exit_code == 0, (line, result.output)
