"""A client that reads: it creates no collection and writes no row."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from mem0milvus.milvus import lite
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.pymilvus_client import connect, without_credentials

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from mem0milvus.config import VectorStoreConfig


class ReadOnlyClient:
    """An open client; a context manager. Every method raises ``StoreError`` or one of its subclasses."""

    def __init__(self, config: VectorStoreConfig) -> None:
        self._config = config
        self._resources = ExitStack()
        self.uri = without_credentials(config.uri)

    def _connect(self, file: lite.LiteFile | None) -> None:
        self._opened = connect(self._config, file)
        self._resources.callback(self._opened.client.close)

    def close(self) -> None:
        """Close the client, and a Milvus Lite store that nobody else in this process uses."""
        with lite.opening():
            self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, action: str, method: str, *arguments: str, **options: Any) -> Any:
        with self._opened.lock, translated(action, self.uri):
            return getattr(self._opened.client, method)(*arguments, timeout=self._config.timeout_s, **options)
