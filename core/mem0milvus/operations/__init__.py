"""What a memory can do, one file for each kind of operation. Pure: they await ports and touch nothing else."""

from mem0milvus.operations.add import add, flush
from mem0milvus.operations.delete import delete, delete_all, reset
from mem0milvus.operations.dump import dump
from mem0milvus.operations.load import load
from mem0milvus.operations.pending import process_pending
from mem0milvus.operations.read import get, get_all, history, iterate
from mem0milvus.operations.reembed import reembed
from mem0milvus.operations.search import search
from mem0milvus.operations.timeline import timeline
from mem0milvus.operations.update import restore, update
from mem0milvus.operations.vacuum import vacuum

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
