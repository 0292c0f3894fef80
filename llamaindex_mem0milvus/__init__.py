"""mem0milvus for LlamaIndex: long-term memory on Milvus for agents, chat engines and retrievers.

Each name is imported when it is first used. What they need comes with ``mem0milvus[llamaindex]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mem0milvus import __version__

if TYPE_CHECKING:
    from llamaindex_mem0milvus.block import Mem0MilvusMemoryBlock
    from llamaindex_mem0milvus.memory import Mem0MilvusMemory
    from llamaindex_mem0milvus.models import LlamaIndexEmbedder, LlamaIndexLLM
    from llamaindex_mem0milvus.retriever import Mem0MilvusRetriever
    from llamaindex_mem0milvus.tools import Mem0MilvusToolSpec

__all__ = [
    "LlamaIndexEmbedder",
    "LlamaIndexLLM",
    "Mem0MilvusMemory",
    "Mem0MilvusMemoryBlock",
    "Mem0MilvusRetriever",
    "Mem0MilvusToolSpec",
    "__version__",
]

_MODULES = {
    "LlamaIndexEmbedder": "models",
    "LlamaIndexLLM": "models",
    "Mem0MilvusMemory": "memory",
    "Mem0MilvusMemoryBlock": "block",
    "Mem0MilvusRetriever": "retriever",
    "Mem0MilvusToolSpec": "tools",
}

_FRAMEWORK = ("llama_index",)


def __getattr__(name: str) -> Any:
    """Import what is asked for.

    Raises:
        ImportError: a package of LlamaIndex's is not installed, or is too old.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _FRAMEWORK:
            raise
        raise ImportError(
            f'{name} needs LlamaIndex: pip install "mem0milvus[llamaindex]" ({error})', name=error.name, path=error.path
        ) from error


def __dir__() -> list[str]:
    return __all__
