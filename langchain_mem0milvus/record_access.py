"""The record store on which a chat history or a LangGraph store works."""

from __future__ import annotations

from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    ConfigError,
    Faces,
    Memory,
    RecordFaces,
    RecordStore,
    ValidationError,
)


def record_access(
    memory: Memory | AsyncMemory | RecordStore | AsyncRecordStore, collection_name: str | None = None
) -> RecordFaces:
    """Return blocking and async access to the given record store, or to the one beside the given memory.

    Args:
        memory: an open memory or record store. Its opener closes it.
        collection_name: the collection beside a memory; by default ``<the memory's collection>_records``.

    Raises:
        ValidationError: ``memory`` is neither.
        ConfigError: the collection's name is invalid, or is given together with a record store, which has one.
    """
    if isinstance(memory, (Memory, AsyncMemory)):
        return Faces(memory).records(collection_name)
    if not isinstance(memory, (RecordStore, AsyncRecordStore)):
        raise ValidationError(
            "memory must be a Memory or a RecordStore of mem0milvus (or their async forms), not "
            f"{type(memory).__name__}."
        )
    if collection_name is not None:
        raise ConfigError("A record store has a collection already: give collection_name where the store is opened.")
    return RecordFaces(memory)
