"""The operations of a record store. Like all operations, they only await ports."""

from mem0milvus.operations.records.batch import batch
from mem0milvus.operations.records.delete_many import delete_namespace, sweep
from mem0milvus.operations.records.list import list_namespaces, list_records
from mem0milvus.operations.records.read import get, get_many
from mem0milvus.operations.records.search import search
from mem0milvus.operations.records.write import delete, delete_many, put, put_many

__all__ = [
    "batch",
    "delete",
    "delete_many",
    "delete_namespace",
    "get",
    "get_many",
    "list_namespaces",
    "list_records",
    "put",
    "put_many",
    "search",
    "sweep",
]
