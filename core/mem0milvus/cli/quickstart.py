"""The quickstart: each step as Python code, run, with its real result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pprint import pformat
from typing import Any

from rich.console import Console
from rich.syntax import Syntax

from mem0milvus import Memory
from mem0milvus.cli.settings import keyless_provider
from mem0milvus.cli.tables import FOUND, HISTORY, MEMORIES, Column, print_legend, print_table
from mem0milvus.cli.terminal import plain, print_line
from mem0milvus.models.local_embedder import INSTALL

#: A collection of the demo's own, so that it never touches the user's memories.
COLLECTION = "mem0milvus_demo"

_SETUP = """\
from mem0milvus import Memory
config = {
    "vector_store": {
        "provider": "milvus",
        "config": {
            "collection_name": "%s",
            "embedding_model_dims": "1536",
            "url": %s,
        },
    },
    "embedder": {"provider": "%s"},
    "llm": {"provider": "offline"},
}
m = Memory.from_config(config)"""

_CLEAN_UP = 'm.delete_all(user_id="%s", purge=True)'

#: Titles and code of the steps; code without a title belongs to the step before.
_STEPS = (
    (
        "Remember",
        """\
res = m.add(
    messages="I am working on improving my tennis skills.",
    user_id="alice",
    metadata={"category": "hobbies"},
)""",
    ),
    ("", 'memory_id = res["results"][0]["id"]'),
    ("Change it", 'm.update(memory_id=memory_id, data="Likes to play tennis on weekends")'),
    ("List all memories", 'm.get_all(user_id="alice")'),
    ("See how it changed", "m.history(memory_id=memory_id)"),
    (
        "Remember something else",
        """\
m.add(
    "I have a linear algebra midterm exam on November 20",
    user_id="alice",
    metadata={"category": "task"},
)""",
    ),
    ("Ask", """m.search(query="What are Alice's hobbies", user_id="alice")"""),
    ("Delete", "m.delete(memory_id=memory_id)"),
    ("See what is left", 'm.get_all("alice")'),
    ("The history of a deleted memory is kept", "m.history(memory_id=memory_id)"),
    ("… and the memory can be restored", "m.restore(memory_id, version=2)"),
    ("Here it is again", 'm.get_all("alice")'),
)

#: Further steps with a model: the memories and the questions share no word.
_MEANING = (
    (
        "Remember facts about another user",
        """\
m.add(
    [
        {"role": "user", "content": "Peanuts give me a rash."},
        {"role": "user", "content": "We adopted a puppy last spring."},
        {"role": "user", "content": "My train leaves at seven."},
    ],
    user_id="ben",
)""",
    ),
    ("Ask in other words", """m.search("Which foods should I avoid?", user_id="ben", top_k=1)"""),
    ("", """m.search("How do I get to work?", user_id="ben", top_k=1)"""),
    ("… and in another language", """m.search("¿Tengo mascotas?", user_id="ben", top_k=1)"""),
)

_TABLES: Mapping[str, Sequence[Column[Any]]] = {"get_all": MEMORIES, "search": FOUND, "history": HISTORY}


def play_quickstart(path: str, *, kept: bool) -> None:
    """Run the quickstart on the store at ``path`` and show it. The code shows a temporary path as a variable."""
    print_line("The quickstart of mem0milvus: offline, on Milvus Lite, no API key.", style="bold")
    print_line(f"The store is in {path if kept else 'a temporary folder, deleted afterwards'}.", style="dim")
    names: dict[str, Any] = {"path": path}
    provider = keyless_provider(path, COLLECTION)
    setup = _SETUP % (COLLECTION, json.dumps(path, ensure_ascii=False) if kept else "path", provider)
    _show_code(setup)
    exec(setup, names)  # noqa: S102 - the code shown is the code run
    with names["m"] as memory:
        steps = [*_clean_up(memory), *_STEPS, *(_MEANING if provider == "local" else ())]
        number = 0
        for title, code in steps:
            if title:
                number += 1
                print_line(f"\n{number}. {title}", style="bold")
            _play(code, names, shows_result=bool(title))
    if provider == "offline":
        print_line(f"\nThis embedder finds words. To find meaning as well, install a model: {INSTALL}", style="dim")
    if kept:
        print_line(f"\nThe store is kept in {path}, collection {COLLECTION!r}.", style="dim")


def _clean_up(memory: Memory) -> Iterator[tuple[str, str]]:
    """Yield the steps that delete what an earlier demo left."""
    for user_id in ("alice", "ben"):
        if left := len(memory.get_all(user_id)["results"]):
            yield f"Delete {user_id}'s memories from an earlier demo ({left})", _CLEAN_UP % user_id


def _play(code: str, names: dict[str, Any], *, shows_result: bool) -> None:
    """Show code, run it with the variables ``names``, and show its result."""
    _show_code(code)
    variable, _, expression = code.rpartition(" = ")
    result = names[variable] = eval(expression, names)  # noqa: S307 - the code shown is the code run
    method = expression.removeprefix("m.").partition("(")[0]
    if method in _TABLES:
        rows = result["results"] if isinstance(result, dict) else result
        print_table(_TABLES[method], rows)
        if method == "search":
            print_legend(rows)
    elif shows_result:
        print_line(pformat(result, sort_dicts=False))


def _show_code(code: str) -> None:
    """Show code as Python's prompt does."""
    console = Console(highlight=False)
    for line in code.splitlines():
        prompt = "... " if line.startswith((" ", "}", ")")) else ">>> "
        highlighted = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(line)
        highlighted.rstrip()
        console.print(plain("").append(prompt, "dim").append_text(highlighted), soft_wrap=True)
