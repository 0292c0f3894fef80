"""mem0milvus for LangChain: long-term memory on Milvus for chains, agents, graphs and retrievers."""

from mem0milvus import __version__

__all__ = ["__version__"]
