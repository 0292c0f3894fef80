"""``mem0milvus demo``: what it takes, and the store that it plays on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from mem0milvus.cli.conversation import read_conversations
from mem0milvus.cli.interview import Interview
from mem0milvus.cli.quickstart import play_quickstart
from mem0milvus.cli.terminal import CommandUsageError, print_line

DEFAULT_TOP_K = 5
PROMPT = "Your question (empty to end): "


def demo(
    conversation: Annotated[
        Path | None,
        typer.Option(
            "--conversation",
            metavar="FILE",
            help='A conversation to remember: JSON, a list of messages {"role", "content"} or a LoCoMo file.',
            show_default=False,
        ),
    ] = None,
    ask: Annotated[
        list[str] | None,
        typer.Option(
            "--ask",
            metavar="QUESTION",
            help="A question to the conversation. May be given several times.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="ID", help="Take only this conversation of a file with several.", show_default=False
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            metavar="N",
            min=1,
            help=f"The most memories that answer a question; {DEFAULT_TOP_K} if left out.",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            "--path", metavar="FILE.db", help="Keep the store here. Left out, it is temporary.", show_default=False
        ),
    ] = None,
) -> None:
    """Play the quickstart, or remember a conversation and answer questions about it."""
    console = Console(highlight=False)
    if conversation is None:
        _refuse_without_conversation({"--ask": ask, "--user": user, "--top-k": top_k})
        with _store_path(path) as store:
            play_quickstart(console, store, kept=path is not None)
        return
    questions = [_checked_question(question) for question in ask or []]
    conversations = read_conversations(conversation, only=user)
    with _store_path(path) as store, Interview(console, conversations, store, top_k or DEFAULT_TOP_K) as interview:
        interview.store()
        for question in questions:
            print_line(console, f"\n{question}", style="bold")
            interview.answer(question)
        if not questions:
            _ask_for_questions(console, interview, conversation)


def _refuse_without_conversation(options: dict[str, object]) -> None:
    for option, value in options.items():
        if value:
            raise CommandUsageError(f"{option} needs a conversation to ask: add --conversation FILE.")


def _checked_question(question: str) -> str:
    if not question.strip():
        raise CommandUsageError('--ask is empty: give it a question, as in --ask "When did we meet?".')
    return question


@contextmanager
def _store_path(path: str | None) -> Iterator[str]:
    """Where the store lies: at the user's path, or in a folder that is deleted afterwards."""
    if path is not None:
        if not path.endswith(".db") or "://" in path:
            raise CommandUsageError(
                f"--path {path!r} must be a file of Milvus Lite, ending in .db, as in --path demo.db."
            )
        if not Path(path).absolute().parent.is_dir():
            raise CommandUsageError(f"--path {path!r}: the folder {Path(path).parent} does not exist. Create it first.")
        yield path
        return
    with TemporaryDirectory(prefix="mem0milvus-demo-", ignore_cleanup_errors=True) as folder:
        yield str(Path(folder) / "demo.db")


def _ask_for_questions(console: Console, interview: Interview, conversation: Path) -> None:
    """Ask the user for questions until there is none; where nobody can answer, say how to ask."""
    if not sys.stdin.isatty():
        print_line(console, f'To ask: mem0milvus demo --conversation {conversation} --ask "…" [--ask "…"]')
        return
    while question := _prompt():
        interview.answer(question)


def _prompt() -> str:
    try:
        return input(f"\n{PROMPT}").strip()
    except EOFError:
        typer.echo()
        return ""
