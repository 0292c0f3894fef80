"""The command ``mem0milvus``. It needs the extra ``cli``; everything that does is imported inside ``main``.

``app.py`` lists the commands, each group of commands has a file of its own, and ``terminal.py`` holds what they share:
how they print, what goes to stderr, and which exit code an error has.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

#: Set to anything, this environment variable shows where an error that nobody foresaw comes from.
TRACEBACK_VARIABLE = "MEM0MILVUS_TRACEBACK"

_NEEDED = ("typer", "rich", "click")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.excepthook = _tell_fault
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC writes to the terminal itself, of what it then mends
    try:
        from typer.main import get_command

        from mem0milvus.cli.app import app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDED:
            raise
        sys.exit(f'The command mem0milvus needs {missing}: pip install "mem0milvus[cli]"')
    except KeyboardInterrupt:
        sys.exit(130)
    get_command(app)(prog_name="mem0milvus")  # calling the app itself would put typer's traceback in the place of ours


def _tell_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw is a line as well: in the place of Python's traceback."""
    if os.environ.get(TRACEBACK_VARIABLE):
        sys.__excepthook__(kind, error, trace)
    elif not issubclass(kind, KeyboardInterrupt):
        sys.stderr.write(
            f"mem0milvus failed in a way that nobody foresaw ({kind.__name__}: {' '.join(str(error).split())}). Please "
            f"report it, with what {TRACEBACK_VARIABLE}=1 shows.\n"
        )
