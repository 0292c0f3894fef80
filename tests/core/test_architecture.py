"""The shape of the code: purity, public paths, the cost of an import, one signature for blocking and async methods.

The order of the rooms is a contract in ``pyproject.toml``, which ``lint-imports`` checks.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mem0milvus
from mem0milvus import AsyncMemory, AsyncRecordStore, Memory, RecordStore, operations
from mem0milvus.operations import records as record_operations

PACKAGE = Path(mem0milvus.__file__).parent
ROOT = PACKAGE.parent.parent

PURE = ("operations", "retrieval", "data")
IMPURE = {"pymilvus", "milvus_lite", "openai", "pydantic", "asyncio", "threading", "os", "socket", "logging", "time"}


def sources() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a file imports, and whether only a type checker sees it."""
    tree = ast.parse(path.read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "mem0milvus":
                names = [f"mem0milvus.{alias.name}" for alias in node.names]
        yield from ((name, node in for_types) for name in names)


def test_operations_and_what_they_stand_on_are_pure() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for room, path in sources()
        if room in PURE
        for name, for_types in imported(path)
        if name.split(".")[0] in IMPURE and not for_types
    ]
    assert not wrong


@pytest.mark.parametrize("package", ["langchain_mem0milvus", "llamaindex_mem0milvus"])
def test_an_adapter_imports_only_the_cores_public_names(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        for name, _ in imported(path):
            if name.startswith("mem0milvus."):
                assert name.removeprefix("mem0milvus.") in mem0milvus.__all__, f"{path} imports {name}"


HEAVY = ("pymilvus", "openai", "pydantic", "numpy", "asyncio", "cachetools", "snowballstemmer", "typer", "rich")


@pytest.mark.parametrize("package", ["mem0milvus", "langchain_mem0milvus", "llamaindex_mem0milvus"])
def test_importing_loads_nothing_heavy_and_touches_no_disk(package: str, tmp_path: Path) -> None:
    code = f"import {package}, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert not list(tmp_path.iterdir())


def public(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(cls, callable)
        if not name.startswith("_")
    }


FACES = pytest.mark.parametrize(
    ("face", "other", "bodies"),
    [(Memory, AsyncMemory, operations), (RecordStore, AsyncRecordStore, record_operations)],
    ids=["Memory", "RecordStore"],
)

#: Methods whose operation cannot have their name: it would hide a builtin.
OPERATIONS = {"list": "list_records"}


@FACES
def test_the_two_faces_have_the_same_methods_with_the_same_signatures(face: type, other: type, bodies: object) -> None:
    blocking, awaiting = public(face), public(other)
    assert blocking.keys() - awaiting.keys() == {"to_async", "close"}
    assert awaiting.keys() - blocking.keys() == {"to_sync", "aclose"}
    for name in blocking.keys() & awaiting.keys():
        mine, theirs = blocking[name].parameters, awaiting[name].parameters
        assert list(mine.values()) == list(theirs.values()), name


@FACES
def test_the_operations_have_the_signatures_of_their_methods(face: type, other: type, bodies: Any) -> None:
    done = 0
    for name, signature in public(face).items():
        operation = getattr(bodies, OPERATIONS.get(name, name), None)
        if operation is not None:
            _, *expected = signature.parameters.values()
            _, *found = inspect.signature(operation).parameters.values()
            assert found == expected, name
            done += 1
    assert done == len(bodies.__all__)


@FACES
def test_each_awaiting_operation_is_documented_as_the_blocking_one(face: type, other: type, bodies: object) -> None:
    for name in public(face).keys() & public(other).keys():
        assert (getattr(face, name).__doc__ or "").strip(), name
        assert (getattr(other, name).__doc__ or "").startswith(f"See ``{face.__name__}.{name}``."), name


def test_what_is_exported_is_there_and_sorted() -> None:
    assert mem0milvus.__all__ == sorted(mem0milvus.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    for name in mem0milvus.__all__:
        assert getattr(mem0milvus, name) is not None


def code_lines(path: Path) -> int:
    """The lines of a file without its docstrings: the faces are documentation for the most part."""
    text = path.read_text()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = 0
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            told += (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return len(text.splitlines()) - told


def test_no_file_has_grown_past_reading() -> None:
    assert not {str(path.relative_to(PACKAGE)): n for _, path in sources() if (n := code_lines(path)) > 350}
