"""mem0milvus for LangChain: long-term memory on Milvus for chains, agents, graphs and retrievers.

Each name is imported when it is first used: the retriever needs only langchain-core, the middleware and the tools need
langchain, the memory for chains needs langchain-classic, the store langgraph. ``mem0milvus[langchain]`` installs all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mem0milvus import __version__, import_on_first_use

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

__getattr__ = import_on_first_use(
    __name__,
    _MODULES,
    framework="LangChain",
    extra="langchain",
    needs=("langchain", "langchain_classic", "langchain_core", "langgraph"),
)


def __dir__() -> list[str]:
    return __all__
