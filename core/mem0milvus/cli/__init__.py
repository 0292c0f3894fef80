"""The command ``mem0milvus``. It needs the extra ``cli``; everything that does is imported inside ``main``.

``app.py`` lists the commands, each group of commands has a file of its own, and ``terminal.py`` holds what they share:
how they print, what goes to stderr, and which exit code an error has.
"""

from __future__ import annotations

import sys

_NEEDED = ("typer", "rich", "click")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from mem0milvus.cli.app import app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDED:
            raise
        sys.exit(f'The command mem0milvus needs {missing}: pip install "mem0milvus[cli]"')
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="mem0milvus")
