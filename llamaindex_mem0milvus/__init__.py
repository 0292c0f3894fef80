"""mem0milvus for LlamaIndex: long-term memory on Milvus for agents, chat engines and retrievers.

Each name is imported when it is first used. ``mem0milvus[llamaindex]`` installs what they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mem0milvus import __version__, import_on_first_use

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

__getattr__ = import_on_first_use(
    __name__, _MODULES, framework="LlamaIndex", extra="llamaindex", needs=("llama_index",)
)


def __dir__() -> list[str]:
    return __all__
