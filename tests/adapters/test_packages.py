"""The adapter packages are there, typed, of the core's version, and import what is used when it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

ADAPTERS = ["langchain_mem0milvus", "llamaindex_mem0milvus"]

#: What must not be imported by whom, in modules already loaded afterwards.
LIGHT = [
    ("langchain_mem0milvus", "Mem0MilvusRetriever", ["langchain", "langchain_classic", "langgraph", "llama_index"]),
    ("langchain_mem0milvus", "LangChainLLM", ["langchain", "langchain_classic", "langgraph", "llama_index"]),
    ("langchain_mem0milvus", "Mem0MilvusMemory", ["langgraph", "llama_index"]),
    ("llamaindex_mem0milvus", "Mem0MilvusMemory", ["langchain", "langchain_core"]),
]

#: Without which package each name cannot be had.
NEEDED = [
    ("langchain_mem0milvus", "Mem0MilvusRetriever", "langchain_core"),
    ("langchain_mem0milvus", "Mem0MilvusMemory", "langchain_classic"),
    ("langchain_mem0milvus", "Mem0MilvusMiddleware", "langchain"),
    ("langchain_mem0milvus", "create_memory_tools", "langchain"),
    ("langchain_mem0milvus", "Mem0MilvusStore", "langgraph"),
    ("llamaindex_mem0milvus", "Mem0MilvusMemory", "llama_index"),
    ("llamaindex_mem0milvus", "Mem0MilvusToolSpec", "llama_index"),
]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["mem0milvus", *ADAPTERS])
def test_each_package_is_typed_and_tells_its_version(name: str) -> None:
    package = import_module(name)
    assert package.__version__ == version("mem0milvus") == "0.1.0"
    assert (Path(package.__file__ or "").parent / "py.typed").exists()


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_a_package_exports_is_there_documented_and_of_its_own(name: str) -> None:
    package = import_module(name)
    assert dir(package) == package.__all__
    for exported in set(package.__all__) - {"__version__"}:
        thing = getattr(package, exported)
        assert thing.__module__.startswith(f"{name}."), exported
        assert thing.__doc__, exported
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize(("package", "name", "absent"), LIGHT)
def test_using_one_thing_imports_only_what_it_needs(package: str, name: str, absent: list[str]) -> None:
    code = f"import sys; from {package} import {name}; print([name for name in {absent!r} if name in sys.modules])"
    assert python(code) == "[]"


@pytest.mark.parametrize(("package", "name", "missing"), NEEDED)
def test_a_missing_package_is_told_with_what_to_install(package: str, name: str, missing: str) -> None:
    extra = package.partition("_")[0]
    said = python(
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"import {package}\n"
        f"try: {package}.{name}\n"
        "except ImportError as error: print(error)"
    )
    assert said.startswith(f"{name} needs ")
    assert f'pip install "mem0milvus[{extra}]"' in said
