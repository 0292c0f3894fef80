"""What a record store can do. Pure, as all operations: they await ports and touch nothing else."""

from mem0milvus.operations.record_store.batch import batch
from mem0milvus.operations.record_store.clear import delete_namespace, sweep
from mem0milvus.operations.record_store.listing import list_namespaces, list_records
from mem0milvus.operations.record_store.read import get, get_many
from mem0milvus.operations.record_store.search import search
from mem0milvus.operations.record_store.write import delete, delete_many, put, put_many

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
