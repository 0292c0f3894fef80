"""The same measurements of alternatives, each library in an environment of its own.

``worker.py`` runs in that environment: it and its imports need only the standard library and the measured library.
"""

from __future__ import annotations

OURS = "mem0milvus"

#: The packages of each environment. All libraries store memories on Milvus Lite.
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "mem0": ("mem0ai==2.2.1", "pymilvus==3.0.2", "milvus-lite==3.2.2"),
    "langchain": (
        "langchain-classic==1.0.8",
        "langchain-milvus==0.4.0",
        "langchain-openai==1.7.3",
        "milvus-lite==3.2.2",
    ),
    "llamaindex": (
        "llama-index-core==0.14.25",
        "llama-index-vector-stores-milvus==1.2.0",
        "llama-index-embeddings-openai-like==0.4.0",
        "milvus-lite==3.2.2",
    ),
}

TITLES = {
    OURS: "mem0milvus",
    "mem0": "Mem0",
    "langchain": "LangChain VectorStoreRetrieverMemory",
    "llamaindex": "LlamaIndex VectorMemoryBlock",
}
