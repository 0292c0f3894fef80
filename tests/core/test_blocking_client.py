"""The generated half of the clients: it is current, it is blocking, and the examples of the methods are true."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import shutil
import subprocess
import sys
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mem0milvus import AsyncMemory, AsyncRecordStore, Memory, RecordStore
from tests.conftest import Config
from tools import blocking_client

TOOL = Path(blocking_client.__file__)


def test_the_generated_files_are_current() -> None:
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_out_of_date_is_named_and_written_anew(tmp_path: Path) -> None:
    folder = shutil.copytree(blocking_client.CLIENT, tmp_path / "client")
    source, target = folder / "async_memory_methods.py", folder / "memory_methods.py"
    before = target.read_text()
    source.write_text(source.read_text().replace("top_k: int | None = None", "top_k: int | None = 5"))
    assert blocking_client.main(["--check"], folder) == (
        "Out of date: memory_methods.py. Run python tools/blocking_client.py."
    )
    assert target.read_text() == before
    assert blocking_client.main([], folder) is None
    assert target.read_text() == before.replace("top_k: int | None = None", "top_k: int | None = 5")
    assert blocking_client.main(["--check"], folder) is None


def test_an_async_file_tells_its_reader_to_run_the_tool() -> None:
    with pytest.raises(ValueError, match="must begin with '# After a change, run"):
        blocking_client.translate("async_memory_methods.py", "memory_methods.py", '"""Methods."""\n')
    assert "usage" not in (told := blocking_client.main(["--chekc"]) or "")
    assert "--check" in told


@pytest.mark.parametrize("name", blocking_client.GENERATED.values())
def test_generated_code_is_blocking_and_says_where_it_comes_from(name: str) -> None:
    text = (blocking_client.CLIENT / name).read_text()
    assert text.startswith("# Do not edit: generated from async_")
    waits = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, waits)]
    assert "await" not in text


class Examples:
    """Runs the examples of a class on a store that is prepared for each method, and compares what they print."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._loop = loop

    def run(self, client: type) -> None:
        names = [name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")]
        for name in sorted(names, key=lambda name: name == "reembed"):  # which ends the use of the store
            with Memory.from_config(self._config) as memory, RecordStore.beside(memory) as store:
                for user in ("alice", "bob"):
                    memory.delete_all(user_id=user, purge=True)
                memory.add("I like to play tennis on weekends.", user_id="bob", infer=False, ids=["tennis"])
                store.delete_namespace((), prefix=True)
                store.put(("user", "alice"), "theme", {"dark": True}, text="Prefers a dark theme.")
                if name == "load":
                    memory.dump("memories.jsonl", overwrite=True)
                self._run_method(client, name, memory, store)

    def _run_method(self, client: type, name: str, memory: Memory, store: RecordStore) -> None:
        is_async = client in (AsyncMemory, AsyncRecordStore)
        given: dict[str, Any] = {
            "memory": memory.to_async() if is_async else Memory.from_config(self._config),
            "store": store.to_async() if is_async else RecordStore.beside(memory),
        }
        scope = {**given, **{kind.__name__: kind for kind in (Memory, AsyncMemory, RecordStore, AsyncRecordStore)}}
        try:
            for example in doctest.DocTestParser().get_examples(inspect.getdoc(getattr(client, name)) or "", name):
                printed = self._print(example.source, name, scope)
                assert not example.want or printed == example.want, name
        finally:
            for opened in (*given.values(), scope["memory"], scope["store"]):
                self._loop.run_until_complete(opened.aclose()) if is_async else opened.close()

    def _print(self, source: str, name: str, scope: dict[str, Any]) -> str:
        printed = StringIO()
        with redirect_stdout(printed):
            result = eval(compile(source, name, "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), scope)
            if inspect.iscoroutine(result):
                self._loop.run_until_complete(result)
        return printed.getvalue()


@pytest.mark.parametrize("client", [Memory, AsyncMemory, RecordStore, AsyncRecordStore])
def test_the_examples_of_the_methods_are_true(client: type, config: Config) -> None:
    with closing(asyncio.new_event_loop()) as loop:
        Examples(config, loop).run(client)


def test_wrong_arguments_raise_a_type_error_that_names_the_method(config: Config) -> None:
    with Memory.from_config(config) as memory, RecordStore.beside(memory) as store:
        with pytest.raises(TypeError, match=r"Methods\.search\(\) missing 1 required positional argument: 'query'"):
            memory.search()  # type: ignore[call-arg]  # the error is what is tested
        with pytest.raises(TypeError, match=r"Methods\.list\(\) got an unexpected keyword argument 'size'"):
            store.list((), size=1)  # type: ignore[call-arg]  # the error is what is tested
        with pytest.raises(TypeError, match=r"Methods\.get\(\) takes 2 positional arguments but 3 were given"):
            asyncio.run(memory.to_async().get("a", "b"))  # type: ignore[call-arg]  # the error is what is tested
    assert inspect.iscoroutinefunction(AsyncMemory.search)
