"""The command as a process: what it loads, terminals, pipes, interruptions, and errors that nobody foresaw."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.commands import as_json, succeed

MAIN = "from mem0milvus.cli import main; main()"


def start(*arguments: str, code: str = MAIN, **options: Any) -> subprocess.Popen[str]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], text=True, **{**streams, **options})


def test_help_loads_nothing_heavy_and_lists_every_command() -> None:
    code = (
        "import sys, atexit\n"
        "heavy = ('pymilvus', 'milvus_lite', 'openai', 'numpy', 'grpc', 'matplotlib', 'snowballstemmer')\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))\n" + MAIN
    )
    output, errors = start("--help", code=code).communicate(timeout=60)
    assert errors == "[]\n"
    for command in (
        *("add", "search", "list", "show", "history", "timeline", "update", "restore", "delete", "process-pending"),
        *("vacuum", "stats", "doctor", "export", "import", "reembed", "migrate-mem0", "demo"),
    ):
        assert f" {command} " in output


def test_each_command_has_help_that_names_its_options() -> None:
    assert "--no-infer" in succeed("add", "--help", columns=120)
    assert "--dry-run" in succeed("migrate-mem0", "--help", columns=120)
    assert "MEM0MILVUS_CONFIG" in succeed("search", "--help", columns=120)


def test_a_shell_can_complete_commands() -> None:
    asked = {"_MEM0MILVUS_COMPLETE": "complete_bash", "COMP_WORDS": "mem0milvus s", "COMP_CWORD": "1"}
    output, errors = start(env={**os.environ, **asked}).communicate(timeout=60)
    assert output.split() == ["search", "show", "stats"]
    assert errors == ""


def test_a_reader_that_goes_away_is_no_failure_worth_a_word(store: Path) -> None:
    for arguments in (["list"], ["list", "--json"]):
        process = start(*arguments)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        assert errors == ""
        assert process.wait(timeout=60) == 1


def test_an_error_that_nobody_foresaw_is_a_line_too() -> None:
    code = "import mem0milvus.cli.doctor as d\ndef f(*_): raise ZeroDivisionError('of all things')\nd.Diagnosis = f\n"
    process = start("doctor", code=code + MAIN)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert errors.startswith("mem0milvus failed unexpectedly (ZeroDivisionError: of all things).")
    assert errors.count("\n") == 1
    shown = start("doctor", code=code + MAIN, env={**os.environ, "MEM0MILVUS_TRACEBACK": "1"}).communicate(timeout=60)[
        1
    ]
    assert "Traceback (most recent call last)" in shown


class Terminal:
    """A command on a terminal of 80 columns."""

    def __init__(self, *arguments: str) -> None:
        self._controller, terminal = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
        self.process = start(*arguments, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
        os.close(terminal)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until the terminal shows this."""
        while text not in self.shown:
            self.shown += os.read(self._controller, 4096).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._controller, text.encode())

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        try:
            while chunk := os.read(self._controller, 4096):
                self.shown += chunk.decode(errors="replace")
        except OSError:  # Linux says so when the other end of a terminal has closed
            pass
        finally:
            os.close(self._controller)
        return self.process.wait(timeout=60)


def test_deleting_asks_and_takes_no_for_an_answer(store: Path) -> None:
    terminal = Terminal("delete", "-u", "alice")
    terminal.wait_for("[y/N] ")
    assert "I do not eat fish." in terminal.shown
    assert "Delete 3 memories of user 'alice'?" in terminal.shown
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "Nothing was deleted." in terminal.shown
    interrupted = Terminal("delete", "fish")
    interrupted.wait_for("[y/N] ")
    interrupted.process.send_signal(signal.SIGINT)
    assert interrupted.end() == 130
    assert "Traceback" not in interrupted.shown
    assert len(as_json("list")["results"]) == 4


def test_deleting_takes_yes_for_an_answer(store: Path) -> None:
    terminal = Terminal("delete", "fish")
    terminal.wait_for("[y/N] ")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "Deleted 1 memory." in terminal.shown
    assert "Deleting" in terminal.shown  # the spinner
    assert len(as_json("list")["results"]) == 3
