"""The operations of a memory, one function for each method of ``Memory``. Pure: they only await ports."""

from mem0milvus.operations.add import add, flush
from mem0milvus.operations.extraction.pending import process_pending
from mem0milvus.operations.memories.delete import delete, delete_all, reset
from mem0milvus.operations.memories.read import get, get_all, history, iterate
from mem0milvus.operations.memories.search import search
from mem0milvus.operations.memories.timeline import timeline
from mem0milvus.operations.memories.update import restore, update
from mem0milvus.operations.memories.vacuum import vacuum
from mem0milvus.operations.transfer.dump import dump
from mem0milvus.operations.transfer.load import load
from mem0milvus.operations.transfer.reembed import reembed

__all__ = [
    "add",
    "delete",
    "delete_all",
    "dump",
    "flush",
    "get",
    "get_all",
    "history",
    "iterate",
    "load",
    "process_pending",
    "reembed",
    "reset",
    "restore",
    "search",
    "timeline",
    "update",
    "vacuum",
]
