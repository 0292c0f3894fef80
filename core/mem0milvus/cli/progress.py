"""Progress on stderr, so that results can be piped; shown only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn

#: Called with the number of items done and the total, None while the total is unknown.
Report = Callable[[int, "int | None"], None]


@contextmanager
def progress_bar(description: str, total: int | None = None, *, transient: bool = True) -> Iterator[Report]:
    """Show a bar until the block ends, and after it unless it is transient."""
    with _progress(BarColumn(), MofNCompleteColumn(), transient=transient) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def working(description: str) -> Iterator[None]:
    """Show a spinner and the elapsed time until the block ends."""
    with _progress(SpinnerColumn(), transient=True) as progress:
        progress.add_task(description, total=None)
        yield


def _progress(*columns: ProgressColumn, transient: bool) -> Progress:
    shown = sys.stderr.isatty()
    console = Console(stderr=True, quiet=not shown)
    return Progress(
        "{task.description}", *columns, TimeElapsedColumn(), console=console, disable=not shown, transient=transient
    )
