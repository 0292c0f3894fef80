"""The command ``mem0milvus``. It needs the extra ``cli``, whose packages are imported inside ``main``.

``app.py`` lists the commands, ``options.py`` holds their shared options, and ``terminal.py`` prints and maps errors to
exit codes.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

#: The environment variable that makes an unexpected error show its traceback.
TRACEBACK_VARIABLE = "MEM0MILVUS_TRACEBACK"

_NEEDED = ("typer", "rich", "click")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.excepthook = _report_unexpected_error
    # gRPC's C core writes warnings directly to stderr, even about connections that it then re-establishes.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
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
    get_command(app)(prog_name="mem0milvus")  # calling the app itself would replace our sys.excepthook by typer's


def _report_unexpected_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unexpected error as one line, instead of Python's traceback."""
    import traceback

    from mem0milvus.config.secrets import Secrets

    if os.environ.get(TRACEBACK_VARIABLE):
        sys.stderr.write(Secrets().mask("".join(traceback.format_exception(kind, error, trace))))
    elif not issubclass(kind, KeyboardInterrupt):
        sys.stderr.write(
            f"mem0milvus failed unexpectedly ({kind.__name__}: {Secrets().mask(' '.join(str(error).split()))}). "
            "Please report it with "
            f"the output of {TRACEBACK_VARIABLE}=1.\n"
        )
