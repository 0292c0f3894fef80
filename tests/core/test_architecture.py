"""The shape of the code: purity, public paths, the cost of an import, one signature for blocking and async methods.

The order of the rooms is a contract in ``pyproject.toml``, which ``lint-imports`` checks.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
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


CLIENTS = pytest.mark.parametrize(
    ("blocking", "awaited", "bodies"),
    [(Memory, AsyncMemory, operations), (RecordStore, AsyncRecordStore, record_operations)],
    ids=["Memory", "RecordStore"],
)

#: Methods whose operation cannot have their name: it would hide a builtin.
OPERATIONS = {"list": "list_records"}


@CLIENTS
def test_the_blocking_and_the_async_class_have_the_same_methods_with_the_same_parameters(
    blocking: type, awaited: type, bodies: object
) -> None:
    mine, theirs = public(blocking), public(awaited)
    assert mine.keys() - theirs.keys() == {"to_async", "close"}
    assert theirs.keys() - mine.keys() == {"to_sync", "aclose"}
    for name in mine.keys() & theirs.keys():
        assert list(mine[name].parameters.values()) == list(theirs[name].parameters.values()), name
    assert inspect.signature(blocking) == inspect.signature(awaited)


@CLIENTS
def test_the_operations_have_the_signatures_of_their_methods(blocking: type, awaited: type, bodies: Any) -> None:
    done = 0
    for name, signature in public(blocking).items():
        operation = getattr(bodies, OPERATIONS.get(name, name), None)
        if operation is not None:
            _, *expected = signature.parameters.values()
            _, *found = inspect.signature(operation).parameters.values()
            assert found == expected, name
            done += 1
    assert done == len(bodies.__all__)


@pytest.mark.parametrize("client", [Memory, AsyncMemory, RecordStore, AsyncRecordStore])
def test_each_public_method_is_documented_with_an_example(client: type) -> None:
    for name in public(client):
        text, _, example = (inspect.getdoc(getattr(client, name)) or "").partition("\n\nExamples:\n")
        assert text, name
        lines = example.splitlines()
        assert len(lines) >= 2, name
        assert lines[0].startswith("    >>> "), name


def test_no_two_files_of_the_clients_import_each_other() -> None:
    files = [path for room, path in sources() if room in ("client", "integrations")]
    imports = {f"mem0milvus.{p.parent.name}.{p.stem}": {name for name, _ in imported(p)} for p in files}
    assert not [(one, other) for one in imports for other in imports[one] if one in imports.get(other, ())]


def test_what_is_exported_is_there_and_sorted() -> None:
    assert mem0milvus.__all__ == sorted(mem0milvus.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    for name in mem0milvus.__all__:
        assert getattr(mem0milvus, name) is not None


#: What users of version 0.1.0 could import. A name may be added here, and none may be removed before version 1.
PUBLIC = {
    "mem0milvus": """
        DEFAULT_INJECTION_THRESHOLD LLM SCOPE_FIELDS AddResult AsyncMemory AsyncRecordStore BackgroundFailure Change
        ConfigError CountTokens DeleteOutcome DeleteRecord DumpOutcome Embedder EmbedderMismatchError EmbeddingError
        ExtractionError Faces FilterError FlushOutcome FoundRecord GetRecord HistoryEntry Keep LLMRequest
        ListNamespaces LoadOutcome Mem0MilvusError Memory MemoryItem MemoryList MemoryTools NotFoundError OnError
        Outcome PartialWriteError PendingOutcome PutRecord Recall RecordAnswer RecordFaces RecordItem RecordRequest
        RecordStore ReembedOutcome Rejected SchemaMismatchError SearchItem SearchRecords SearchResult StoreError
        StoreLockedError StoreUnavailableError VacuumOutcome ValidationError __version__ check_id check_on_error
        cut_query estimate_tokens log_failure render_memories
    """,
    "mem0milvus.errors": """
        ConfigError EmbedderMismatchError EmbeddingError ExtractionError FilterError Mem0MilvusError NotFoundError
        PartialWriteError SchemaMismatchError StoreError StoreLockedError StoreUnavailableError ValidationError
    """,
    "mem0milvus.types": """
        LLM UNSET AddResult AssistantPolicy AsyncEmbedder AsyncLLM Background BackgroundFailure Change Consistency
        DeleteOutcome DumpOutcome Embedder Event FilePath FlushOutcome HistoryEntry LLMRequest LoadOutcome MemoryItem
        MemoryList Messages Moment OnConflict Outcome PendingOutcome Progress ReembedOutcome Rejected ScopeId
        SearchItem SearchMode SearchResult Unset VacuumOutcome Vector Vectors
    """,
    "mem0milvus.migration": "Mem0Store MigrationReport Problem migrate_mem0",
    "mem0milvus.config": """
        BackgroundConfig MemoryConfig OfflineEmbedderConfig OfflineExtractorConfig OpenAIEmbedderConfig
        OpenAILLMConfig ProviderSection VectorStoreConfig VectorStoreSection check_collection_name load_config
    """,
    "mem0milvus.cli": "main",
    "langchain_mem0milvus": """
        LangChainEmbedder LangChainLLM Mem0MilvusChatMessageHistory Mem0MilvusMemory Mem0MilvusMiddleware
        Mem0MilvusRetriever Mem0MilvusStore __version__ create_memory_tools
    """,
    "llamaindex_mem0milvus": """
        LlamaIndexEmbedder LlamaIndexLLM Mem0MilvusMemory Mem0MilvusMemoryBlock Mem0MilvusRetriever Mem0MilvusToolSpec
        __version__
    """,
}


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_import_of_version_0_1_0_works(module: str) -> None:
    imported_module = import_module(module)
    assert [name for name in PUBLIC[module].split() if not hasattr(imported_module, name)] == []


def code_lines(path: Path) -> int:
    """Count the lines of a file without its docstrings, which are most of the clients' files."""
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
