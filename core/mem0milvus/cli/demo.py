"""``mem0milvus demo``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from mem0milvus.cli.conversation_demo import ConversationDemo, open_demo_memory, read_conversations
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
            help='Remember this conversation: JSON, a list of messages {"role", "content"}, or a LoCoMo file.',
        ),
    ] = None,
    ask: Annotated[
        list[str] | None,
        typer.Option("--ask", metavar="QUESTION", help="Search the conversation for this. Repeatable."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Take only this conversation of a file with several.")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option("--top-k", metavar="N", min=1, help=f"Show at most N memories. Default: {DEFAULT_TOP_K}."),
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="FILE.db", help="Keep the store here. Default: a temporary store.")
    ] = None,
) -> None:
    """Try it offline: the quickstart step by step, or questions about your own conversation (--conversation)."""
    if conversation is None:
        for option, value in {"--ask": ask, "--user": user, "--top-k": top_k}.items():
            if value:
                raise CommandUsageError(f"{option} needs a conversation to ask: add --conversation FILE.")
        with _store_path(path) as store:
            play_quickstart(store, kept=path is not None)
        return
    if any(not question.strip() for question in ask or ()):
        raise CommandUsageError('--ask is empty: give it a question, as in --ask "When did we meet?".')
    conversations = read_conversations(conversation, only=user)
    with _store_path(path) as store, open_demo_memory(store) as memory:
        opened = ConversationDemo(memory, conversations, top_k or DEFAULT_TOP_K)
        opened.store()
        for question in ask or ():
            print_line(f"\n{question}", style="bold")
            opened.answer(question)
        if ask:
            return
        if not sys.stdin.isatty():
            print_line(f'To ask: mem0milvus demo --conversation {conversation} --ask "…" [--ask "…"]')
            return
        while question := _prompt():
            opened.answer(question)


@contextmanager
def _store_path(path: str | None) -> Iterator[str]:
    """Yield the user's path, or one in a folder that is deleted at the end."""
    if path is None:
        with TemporaryDirectory(prefix="mem0milvus-demo-", ignore_cleanup_errors=True) as folder:
            yield str(Path(folder) / "demo.db")
        return
    if not path.endswith(".db") or "://" in path:
        raise CommandUsageError(f"--path {path!r} must be a file of Milvus Lite, ending in .db, as in --path demo.db.")
    if not Path(path).absolute().parent.is_dir():
        raise CommandUsageError(f"--path {path!r}: the folder {Path(path).parent} does not exist. Create it first.")
    yield path


def _prompt() -> str:
    try:
        return input(f"\n{PROMPT}").strip()
    except EOFError:
        print()
        return ""
