"""Every error this library raises, in one tree.

::

    Mem0MilvusError
    ├── ConfigError                 the configuration is wrong
    ├── ValidationError             an argument of an operation is wrong
    │   └── FilterError             a filter cannot be understood
    ├── NotFoundError               no memory has this id
    ├── StoreError                  Milvus refused or failed
    │   ├── StoreUnavailableError   no answer from the server
    │   ├── StoreLockedError        another process holds the Milvus Lite file
    │   ├── SchemaMismatchError     the collection has another layout
    │   └── EmbedderMismatchError   the collection was filled by another embedder
    ├── EmbeddingError              the embedding model failed or answered nonsense
    ├── ExtractionError             the language model failed or answered nonsense
    └── PartialWriteError           a batch was written in part

A message says what was wrong, with which value, and what to do about it. Errors of pymilvus and
openai are translated where they are called and kept as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Sequence


class Mem0MilvusError(Exception):
    """Base of all errors of this library."""


class ConfigError(Mem0MilvusError, ValueError):
    """The configuration is wrong: an unknown key, a bad value, a provider that does not exist."""


class ValidationError(Mem0MilvusError, ValueError):
    """An argument is wrong. Nothing was written."""


class FilterError(ValidationError):
    """A filter cannot be understood: an unknown operator, a value of the wrong type, bad nesting."""


class NotFoundError(Mem0MilvusError, KeyError):
    """No memory has the given id. Nothing was written."""

    def __str__(self) -> str:
        # KeyError would show the repr of the message.
        return str(self.args[0]) if self.args else ""


class StoreError(Mem0MilvusError):
    """Milvus refused a request or failed at it."""


class StoreUnavailableError(StoreError):
    """Milvus did not answer: it is not there, not reachable, or took too long."""


class StoreLockedError(StoreError):
    """Another process holds the Milvus Lite file: Lite serves one process at a time."""


class SchemaMismatchError(StoreError):
    """A collection of this name exists with another layout than this library's."""


class EmbedderMismatchError(StoreError):
    """The collection was filled by another embedding model, or with vectors of another length."""


class EmbeddingError(Mem0MilvusError):
    """The embedding model failed, or answered with something that is not the vectors asked for."""


class ExtractionError(Mem0MilvusError):
    """The language model failed, or answered with something that cannot be used."""


class PartialWriteError(StoreError):
    """A batch was written in part.

    Attributes:
        written: ids whose change is stored.
        not_written: ids whose change is not stored, or is not known to be; it is safe to retry them.
    """

    def __init__(self, message: str, *, written: Sequence[str], not_written: Sequence[str]) -> None:
        super().__init__(message)
        self.written = tuple(written)
        self.not_written = tuple(not_written)


#: What a memory says that is used after it was closed.
CLOSED = "This memory is closed. Open it again with Memory.from_config(config)."

#: What a record store says that is used after it was closed.
CLOSED_STORE = "This record store is closed. Open it again with RecordStore.from_config(config)."
