"""mem0milvus for LangChain: long-term memory on Milvus for chains, agents, graphs and retrievers.

Each name is imported when it is first used: the retriever needs langchain-core alone, the middleware and the tools need
langchain, the memory for chains langchain-classic, the store langgraph. All come with ``mem0milvus[langchain]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mem0milvus import __version__

if TYPE_CHECKING:
    from langchain_mem0milvus.chat_history import Mem0MilvusChatMessageHistory
    from langchain_mem0milvus.memory import Mem0MilvusMemory
    from langchain_mem0milvus.middleware import Mem0MilvusMiddleware
    from langchain_mem0milvus.models import LangChainEmbedder, LangChainLLM
    from langchain_mem0milvus.retriever import Mem0MilvusRetriever
    from langchain_mem0milvus.store import Mem0MilvusStore
    from langchain_mem0milvus.tools import create_memory_tools

__all__ = [
    "LangChainEmbedder",
    "LangChainLLM",
    "Mem0MilvusChatMessageHistory",
    "Mem0MilvusMemory",
    "Mem0MilvusMiddleware",
    "Mem0MilvusRetriever",
    "Mem0MilvusStore",
    "__version__",
    "create_memory_tools",
]

_MODULES = {
    "LangChainEmbedder": "models",
    "LangChainLLM": "models",
    "Mem0MilvusChatMessageHistory": "chat_history",
    "Mem0MilvusMemory": "memory",
    "Mem0MilvusMiddleware": "middleware",
    "Mem0MilvusRetriever": "retriever",
    "Mem0MilvusStore": "store",
    "create_memory_tools": "tools",
}

_FRAMEWORK = ("langchain", "langchain_classic", "langchain_core", "langgraph")


def __getattr__(name: str) -> Any:
    """Import what is asked for.

    Raises:
        ImportError: a package of LangChain's is not installed, or is too old.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _FRAMEWORK:
            raise
        raise ImportError(
            f'{name} needs LangChain: pip install "mem0milvus[langchain]" ({error})', name=error.name, path=error.path
        ) from error


def __dir__() -> list[str]:
    return __all__
