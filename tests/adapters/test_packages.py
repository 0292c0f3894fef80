"""The adapter packages are there, typed, and of the core's version."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["mem0milvus", "langchain_mem0milvus", "llamaindex_mem0milvus"])
def test_each_package_is_typed_and_tells_its_version(name: str) -> None:
    package = import_module(name)
    assert package.__version__ == version("mem0milvus") == "0.1.0"
    assert (Path(package.__file__ or "").parent / "py.typed").exists()
