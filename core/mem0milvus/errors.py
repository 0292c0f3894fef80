"""The errors of this library.

::

    Mem0MilvusError
    ├── ConfigError (ValueError)        the configuration is wrong
    ├── ValidationError (ValueError)    an argument of an operation is wrong
    │   └── FilterError                 a filter is not valid
    ├── NotFoundError (KeyError)        no memory has this id
    ├── StoreError                      Milvus refused a request or failed
    │   ├── StoreUnavailableError       Milvus did not answer
    │   ├── StoreLockedError            another process has the Milvus Lite file open
    │   ├── SchemaMismatchError         the collection has another layout
    │   ├── EmbedderMismatchError       the collection holds vectors of another embedder
    │   └── PartialWriteError           only a part of a batch was written
    ├── EmbeddingError                  the embedding model failed
    └── ExtractionError                 the language model failed

Each message names the problem, the value that caused it, and a way to solve it. Errors of pymilvus and openai are
translated into these, with the original error as ``__cause__``, unless that holds a secret of the
configuration.
"""

from __future__ import annotations

from collections.abc import Sequence


class Mem0MilvusError(Exception):
    """Base class of all errors of this library.

    Example:
        >>> try:
        ...     memory.add("I like tea.", user_id="alice")
        ... except Mem0MilvusError as error:
        ...     print(error)
    """


class ConfigError(Mem0MilvusError, ValueError):
    """The configuration is wrong: an unknown key, an invalid value, or an unknown provider."""


class ValidationError(Mem0MilvusError, ValueError):
    """An argument of an operation is wrong. Nothing was written."""


class FilterError(ValidationError):
    """A filter is not valid: an unknown operator, a value of the wrong type, or wrong nesting."""


class NotFoundError(Mem0MilvusError, KeyError):
    """No memory has the given id. Nothing was written."""

    def __str__(self) -> str:
        # KeyError.__str__ returns the repr of the message, in quotes.
        return str(self.args[0]) if self.args else ""


class StoreError(Mem0MilvusError):
    """Milvus refused a request, or failed while processing it."""


class StoreUnavailableError(StoreError):
    """Milvus did not answer: it cannot be reached, or it took longer than ``timeout_s``."""


class StoreLockedError(StoreError):
    """Another process has the Milvus Lite file open: Lite serves one process at a time."""


class SchemaMismatchError(StoreError):
    """A collection of this name exists, with another layout than that of this library."""


class EmbedderMismatchError(StoreError):
    """The collection holds vectors of another embedding model, or of another length."""


class EmbeddingError(Mem0MilvusError):
    """The embedding model failed, or did not answer with one vector of the right length for each text."""


class ExtractionError(Mem0MilvusError):
    """The language model failed, or its answer is not valid."""


class PartialWriteError(StoreError):
    """Only a part of a batch was written.

    Attributes:
        written: ids whose changes are stored.
        not_written: ids whose changes are not stored, or not known to be stored; retrying these is safe.
    """

    def __init__(self, message: str, *, written: Sequence[str], not_written: Sequence[str]) -> None:
        super().__init__(message)
        self.written = tuple(written)
        self.not_written = tuple(not_written)


#: Message of operations on a closed memory.
CLOSED = "This memory is closed. Open it again with Memory.from_config(config)."

#: Message of operations on a closed record store.
CLOSED_STORE = "This record store is closed. Open it again with RecordStore.from_config(config)."
