"""The record store that an adapter works on."""

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


def record_faces(
    memory: Memory | AsyncMemory | RecordStore | AsyncRecordStore, collection_name: str | None = None
) -> RecordFaces:
    """Both faces of a record store: of the given one, or of the one beside the given memory.

    Args:
        memory: an open memory or record store. It stays the caller's to close.
        collection_name: the collection beside a memory; left out, ``<the memory's collection>_records``.

    Raises:
        ValidationError: ``memory`` is neither.
        ConfigError: this cannot be a collection's name, or is given with a record store, which has one.
    """
    if isinstance(memory, (Memory, AsyncMemory)):
        return Faces(memory).records(collection_name)
    if not isinstance(memory, (RecordStore, AsyncRecordStore)):
        raise ValidationError(
            "A Memory or a RecordStore of mem0milvus is needed (or their asynchronous forms), not "
            f"{type(memory).__name__}."
        )
    if collection_name is not None:
        raise ConfigError("A record store has its collection already: give collection_name where it is opened.")
    return RecordFaces(memory)
