"""Progress of what takes a while: on stderr, so that results can be piped, and only where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

#: Called with how much is done and how much there is to do; None for the latter while that is not known.
Report = Callable[[int, "int | None"], None]


def progress_bar() -> Progress:
    """A bar for a known number of things."""
    return _progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@contextmanager
def reporting(description: str) -> Iterator[Report]:
    """A bar that disappears when the block ends; the block calls what it is given."""
    with _progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True
    ) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def working(description: str) -> Iterator[None]:
    """A spinner with the time that has passed, for as long as the block takes."""
    with _progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), transient=True) as progress:
        progress.add_task(description, total=None)
        yield


def _progress(
    *columns: TextColumn | BarColumn | SpinnerColumn | MofNCompleteColumn | TimeElapsedColumn, transient: bool = False
) -> Progress:
    watched = sys.stderr.isatty()
    console = Console(stderr=True, quiet=not watched)
    return Progress(*columns, console=console, disable=not watched, transient=transient)
