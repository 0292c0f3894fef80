"""Long-term memory for LLM applications, on Milvus alone.

    >>> from mem0milvus import Memory
    >>> memory = Memory.from_config({"vector_store": {"config": {"url": "./milvus.db"}}})
    >>> memory.add("I like to play tennis on weekends.", user_id="alice")
    >>> memory.search("What are Alice's hobbies?", user_id="alice")

Importing this package imports none of pymilvus, openai, pydantic and numpy, and reads or writes no file: these happen
when a memory is opened.
"""

from __future__ import annotations

from mem0milvus.client.memory import AsyncMemory, Memory
from mem0milvus.client.record_store import AsyncRecordStore, RecordStore
from mem0milvus.data.record_types import (
    DeleteRecord,
    FoundRecord,
    GetRecord,
    ListNamespaces,
    PutRecord,
    RecordAnswer,
    RecordItem,
    RecordRequest,
    SearchRecords,
)
from mem0milvus.data.scope import SCOPE_FIELDS, check_id
from mem0milvus.errors import (
    ConfigError,
    EmbedderMismatchError,
    EmbeddingError,
    ExtractionError,
    FilterError,
    Mem0MilvusError,
    NotFoundError,
    PartialWriteError,
    SchemaMismatchError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    ValidationError,
)
from mem0milvus.integrations.adapter_bases import CloseOnExit, FrameworkEmbedder, import_on_first_use
from mem0milvus.integrations.agent_tools import MemoryTools, check_scope
from mem0milvus.integrations.conversation import cut_query
from mem0milvus.integrations.prompt_text import estimate_tokens, render_memories
from mem0milvus.integrations.recall_and_keep import CountTokens, Keep, OnError, Recall, check_on_error, log_failure
from mem0milvus.integrations.sync_async_bridge import Faces, RecordFaces
from mem0milvus.retrieval.ranking import DEFAULT_INJECTION_THRESHOLD
from mem0milvus.types import (
    LLM,
    AddResult,
    BackgroundFailure,
    Change,
    DeleteOutcome,
    DumpOutcome,
    Embedder,
    FlushOutcome,
    HistoryEntry,
    LLMRequest,
    LoadOutcome,
    MemoryItem,
    MemoryList,
    Outcome,
    PendingOutcome,
    ReembedOutcome,
    Rejected,
    Reranker,
    SearchItem,
    SearchResult,
    VacuumOutcome,
)

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_INJECTION_THRESHOLD",
    "LLM",
    "SCOPE_FIELDS",
    "AddResult",
    "AsyncMemory",
    "AsyncRecordStore",
    "BackgroundFailure",
    "Change",
    "CloseOnExit",
    "ConfigError",
    "CountTokens",
    "DeleteOutcome",
    "DeleteRecord",
    "DumpOutcome",
    "Embedder",
    "EmbedderMismatchError",
    "EmbeddingError",
    "ExtractionError",
    "Faces",
    "FilterError",
    "FlushOutcome",
    "FoundRecord",
    "FrameworkEmbedder",
    "GetRecord",
    "HistoryEntry",
    "Keep",
    "LLMRequest",
    "ListNamespaces",
    "LoadOutcome",
    "Mem0MilvusError",
    "Memory",
    "MemoryItem",
    "MemoryList",
    "MemoryTools",
    "NotFoundError",
    "OnError",
    "Outcome",
    "PartialWriteError",
    "PendingOutcome",
    "PutRecord",
    "Recall",
    "RecordAnswer",
    "RecordFaces",
    "RecordItem",
    "RecordRequest",
    "RecordStore",
    "ReembedOutcome",
    "Rejected",
    "Reranker",
    "SchemaMismatchError",
    "SearchItem",
    "SearchRecords",
    "SearchResult",
    "StoreError",
    "StoreLockedError",
    "StoreUnavailableError",
    "VacuumOutcome",
    "ValidationError",
    "__version__",
    "check_id",
    "check_on_error",
    "check_scope",
    "cut_query",
    "estimate_tokens",
    "import_on_first_use",
    "log_failure",
    "render_memories",
]
