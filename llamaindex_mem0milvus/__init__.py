"""mem0milvus for LlamaIndex: long-term memory on Milvus for agents, chat engines and query pipelines."""

from mem0milvus import __version__

__all__ = ["__version__"]
