"""Opening and closing: what ``Memory`` is apart from its operations, and what all four faces do in a ``with``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import CLOSED, StoreError
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.types import LLM, Embedder

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from mem0milvus.ports import Ports
    from mem0milvus.runtime.open_store import OpenStore


class Closing(ABC):
    """What is closed at the end of a ``with``."""

    @abstractmethod
    def close(self) -> None:
        """Close it; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AwaitingClose(ABC):
    """What is opened at the beginning of an ``async with`` and closed at its end."""

    @abstractmethod
    async def _open(self) -> object:
        """Open it; a second call does nothing."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close it; a second call does nothing."""

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class BlockingFace(Closing):
    """The blocking face of an open store. Faces of one store are counted, and the last to be closed closes it."""

    def __init__(
        self, config: Mapping[str, Any] | None = None, *, llm: LLM | None = None, embedder: Embedder | None = None
    ) -> None:
        from mem0milvus.runtime.open_store import OpenStore

        self._attach(OpenStore(config, llm, embedder))

    def _attach(self, runtime: OpenStore) -> None:
        self._runtime = runtime
        self._closed = False
        runtime.open()
        self._open_ports = runtime.blocking_ports()

    @property
    def _ports(self) -> Ports:
        if self._closed:
            raise StoreError(CLOSED)
        return self._open_ports

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, llm: LLM | None = None, embedder: Embedder | None = None
    ) -> Self:
        """Open a memory as a configuration describes it.

        Args:
            config: a dict as Mem0 has it: ``{"vector_store": {"provider": "milvus", "config": {"url": …,
                "collection_name": …}}, "embedder": {"provider": …, "config": {…}}}``. The configuration reference in
                the documentation lists all keys.
            llm: a ready language model, instead of one named in ``config``.
            embedder: a ready embedding model, instead of one named in ``config``.

        Raises:
            ConfigError: an unknown key or provider, or a value that cannot be used.
            StoreUnavailableError: no server answers.
            StoreLockedError: another process has the Milvus Lite file open.
            SchemaMismatchError: the collection was not made by this library or has another layout.
            EmbedderMismatchError: another embedder filled the collection.
        """
        return cls(config, llm=llm, embedder=embedder)

    @classmethod
    def _over(cls, runtime: OpenStore) -> Self:
        memory = cls.__new__(cls)
        memory._attach(runtime)
        return memory

    def close(self) -> None:
        """Write what is still in the background, then close this face; a second call does nothing."""
        if not self._closed:
            self._closed = True
            run(self._open_ports.background.close())
            self._runtime.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runtime!r})"
