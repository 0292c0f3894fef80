"""The quickstart, played: each call as it is written in Python, and what it really gives back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pprint import pformat
from typing import Any

from rich.console import Console
from rich.syntax import Syntax

from mem0milvus import Memory
from mem0milvus.cli.tables import FOUND, HISTORY, LEGEND, MEMORIES, print_table
from mem0milvus.cli.terminal import plain, print_line

#: The demo's own, so that it never touches anybody's memories.
COLLECTION = "mem0milvus_demo"

#: Columns that code takes, beside the prompt, and those that results take.
_CODE_WIDTH = 76
_RESULT_WIDTH = 80


class _Variable(str):
    """A text that is shown in code by the name of the variable that holds it."""

    __slots__ = ("name",)
    name: str

    @classmethod
    def named(cls, name: str, value: str) -> _Variable:
        variable = cls(value)
        variable.name = name
        return variable


def play_quickstart(console: Console, path: str, *, kept: bool) -> None:
    """Run the quickstart and show it.

    Args:
        console: where to.
        path: the Milvus Lite store.
        kept: whether the store stays after the demo.
    """
    url = path if kept else _Variable.named("path", path)
    print_line(console, "The quickstart of mem0milvus: offline, on Milvus Lite, no API key.", style="bold")
    where = f"in {path}" if kept else "in a temporary folder, deleted afterwards"
    print_line(console, f"The store is {where}.", style="dim")
    stage = _Stage(console)
    stage.show_code(f"from mem0milvus import Memory\nconfig = {_literal(_config(url))}\nm = Memory.from_config(config)")
    with Memory.from_config(_config(path)) as memory:
        stage.memory = memory
        left = len(memory.get_all("alice")["results"])
        if left:
            title = f"Forget what a demo played here before has left ({left})"
            stage.play(title, "delete_all", user_id="alice", purge=True)
        _play_steps(stage)
    if kept:
        print_line(console, f"\nThe store is kept in {path}, collection {COLLECTION!r}.", style="dim")


def _config(url: str) -> dict[str, Any]:
    store = {"collection_name": COLLECTION, "embedding_model_dims": "1536", "url": url}
    return {"vector_store": {"provider": "milvus", "config": store}, "embedder": {"provider": "offline"}}


def _play_steps(stage: _Stage) -> None:
    res = stage.play(
        "Remember",
        "add",
        messages="I am working on improving my tennis skills.",
        user_id="alice",
        metadata={"category": "hobbies"},
        result_name="res",
    )
    memory_id = _Variable.named("memory_id", res["results"][0]["id"])
    stage.show_code('memory_id = res["results"][0]["id"]')
    stage.play("Change it", "update", memory_id=memory_id, data="Likes to play tennis on weekends")
    stage.play("See all that is known", "get_all", user_id="alice")
    stage.play("See how it came about", "history", memory_id=memory_id)
    stage.play(
        "Remember something else",
        "add",
        "I have a linear algebra midterm exam on November 20",
        user_id="alice",
        metadata={"category": "task"},
    )
    stage.play("Ask", "search", query="What are Alice's hobbies", user_id="alice")
    stage.play("Forget", "delete", memory_id=memory_id)
    stage.play("See what is left", "get_all", "alice")
    stage.play("The past of what was deleted is still known", "history", memory_id=memory_id)
    stage.play("… and can be brought back", "restore", memory_id, version=2)
    stage.play("Here it is again", "get_all", "alice")


class _Stage:
    """Shows calls and runs them. What is shown is made from what is called."""

    memory: Memory

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def play(self, title: str, method: str, *args: Any, result_name: str = "", **kwargs: Any) -> Any:
        """Show a step's title, its line of code and its result; returns the result."""
        self._steps += 1
        self._console.print()
        print_line(self._console, f"{self._steps}. {title}", style="bold")
        self.show_code((f"{result_name} = " if result_name else "") + _call(f"m.{method}", args, kwargs))
        result = getattr(self.memory, method)(
            *_values(args), **dict(zip(kwargs, _values(kwargs.values()), strict=True))
        )
        self._show_result(method, result)
        return result

    def show_code(self, code: str) -> None:
        """Show code as Python's prompt would."""
        for line in code.splitlines():
            prompt = "... " if line.startswith((" ", "}", ")")) else ">>> "
            highlighted = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(line)
            highlighted.rstrip()
            self._console.print(plain("").append(prompt, "dim").append_text(highlighted), soft_wrap=True)

    def _show_result(self, method: str, result: Any) -> None:
        tables: Mapping[str, Callable[[], None]] = {
            "get_all": lambda: print_table(self._console, MEMORIES, result["results"]),
            "search": lambda: self._show_found(result),
            "history": lambda: print_table(self._console, HISTORY, result),
        }
        show = tables.get(method)
        if show is not None:
            show()
            return
        for line in pformat(result, width=_RESULT_WIDTH, sort_dicts=False).splitlines():
            self._console.print(plain(line), soft_wrap=True)

    def _show_found(self, result: Any) -> None:
        print_table(self._console, FOUND, result["results"])
        print_line(self._console, LEGEND, style="dim")


def _values(arguments: Any) -> list[Any]:
    """The arguments themselves: variables as the plain texts that they hold."""
    return [str(value) if isinstance(value, _Variable) else value for value in arguments]


def _call(function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """A call as Python code: on one line, or where that is too long an argument a line."""
    shown = [_literal(value) for value in args] + [f"{name}={_literal(value)}" for name, value in kwargs.items()]
    line = f"{function}({', '.join(shown)})"
    if len(line) <= _CODE_WIDTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in shown), ")"])


def _literal(value: Any, indent: int = 0) -> str:
    """A text, a number, a truth value or a dict of these as Python code; a long dict has a line for each key."""
    if isinstance(value, _Variable):
        return value.name
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
    items = [f"{json.dumps(key)}: {_literal(inner, indent + 4)}" for key, inner in value.items()]
    line = f"{{{', '.join(items)}}}"
    if indent + len(line) <= _CODE_WIDTH - 24 and "\n" not in line:
        return line
    return "\n".join(["{", *(" " * (indent + 4) + f"{item}," for item in items), " " * indent + "}"])
