"""What a memory can do, one file for each kind of operation. Pure: they await ports and touch nothing else."""

from mem0milvus.operations.add import add
from mem0milvus.operations.delete import delete, delete_all, reset
from mem0milvus.operations.read import get, get_all, history, iterate
from mem0milvus.operations.search import search
from mem0milvus.operations.update import restore, update

__all__ = [
    "add",
    "delete",
    "delete_all",
    "get",
    "get_all",
    "history",
    "iterate",
    "reset",
    "restore",
    "search",
    "update",
]
