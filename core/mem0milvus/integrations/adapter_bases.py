"""Parts that the adapters share: imports on first use, closing with a context manager, and embedders."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mem0milvus.data.quoting import shown
from mem0milvus.errors import ConfigError, EmbeddingError
from mem0milvus.types import Embedder

if TYPE_CHECKING:
    from typing_extensions import Self

#: The text that is embedded to measure the vectors of a model.
PROBE = "How long is a vector?"


def import_on_first_use(
    package: str, modules: Mapping[str, str], *, framework: str, extra: str, needs: Collection[str]
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of an adapter's package (PEP 562), which imports a name when it is first used.

    Args:
        package: the package's ``__name__``.
        modules: the module of the package that defines each name.
        framework: the framework's name, for the message of an ImportError.
        extra: the extra of ``mem0milvus`` that installs it.
        needs: its top-level packages. An ImportError about any other package is raised unchanged.
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {shown(name)}")
        try:
            return getattr(import_module(f"{package}.{modules[name]}"), name)
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in needs:
                raise
            message = f'{name} needs {framework}: pip install "mem0milvus[{extra}]" ({error})'
            raise ImportError(message, name=error.name, path=error.path) from error

    return load


class CloseOnExit(ABC):
    """Base of classes that are closed at the end of a ``with`` or ``async with`` block."""

    @abstractmethod
    def close(self) -> None:
        """Close the object; a second call does nothing."""

    async def aclose(self) -> None:
        """Close the object as ``close`` does, in a thread, so that the event loop is not blocked."""
        import asyncio  # not at the top: ``import mem0milvus`` does not load asyncio

        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()


class FrameworkEmbedder(Embedder):
    """Base of embedders that call an embedding model of a framework. ``dims`` raises EmbeddingError if the model fails.

    Args:
        identity: the model's name, which the store keeps: a store is opened only with the embedder that filled it.
        dims: length of the model's vectors; None to measure it, by embedding one text, when it is first needed.

    Raises:
        ConfigError: ``dims`` is not a whole number from 1.
    """

    def __init__(self, identity: str, dims: int | None) -> None:
        if dims is not None and (not isinstance(dims, int) or isinstance(dims, bool) or dims < 1):
            raise ConfigError(f"dims must be a whole number from 1, not {shown(dims)}.")
        self._identity = identity
        self._dims = dims
        self._measuring = threading.Lock()

    @property
    @override
    def identity(self) -> str:
        return self._identity

    @property
    @override
    def dims(self) -> int:
        with self._measuring:
            if self._dims is None:
                self._dims = self._measure()
        return self._dims

    def _measure(self) -> int:
        try:
            return len(self.embed([PROBE])[0])
        except Exception as error:  # the application's model may raise anything
            raise EmbeddingError(
                f"The embedding model {self._identity!r} failed when the length of its vectors was measured; give "
                f"dims= if you know it: {type(error).__name__}: {error}"
            ) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._identity!r})"
