"""Calling a method of a model that a user or another package provides, blocking or async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from mem0milvus.errors import EmbeddingError, Mem0MilvusError
from mem0milvus.ports import Driver
from mem0milvus.types import LLM, Embedder


class ModelMethod:
    """A method of a model, in its blocking form or, if wanted and available, in its async form.

    Args:
        model: the model.
        name: the method's name; its async form has the same name with an ``a`` before it.
        driver: runs the blocking form.
        use_async: whether to await the async form if the model has one.
        error: the error that any exception of the model becomes.
    """

    def __init__(
        self, model: Embedder | LLM, name: str, driver: Driver, *, use_async: bool, error: type[Mem0MilvusError]
    ) -> None:
        self._model = model
        self._driver = driver
        self._error = error
        self._blocking: Callable[[object], Any] | None = getattr(model, name, None)
        self._async: Callable[[object], Awaitable[Any]] | None = getattr(model, f"a{name}", None) if use_async else None

    @property
    def exists(self) -> bool:
        """Whether the model has the method."""
        return self._blocking is not None or self._async is not None

    async def call(self, argument: object) -> Any:
        """Return the model's answer."""
        try:
            if self._async is not None:
                return await self._async(argument)
            return await self._driver.call(cast("Callable[[object], Any]", self._blocking), argument)
        except Mem0MilvusError:
            raise
        except Exception as error:  # the model is foreign code and may raise anything
            kind = "embedding" if self._error is EmbeddingError else "language"
            raise self._error(
                f"The {kind} model {self._model.identity!r} failed: {type(error).__name__}: {error}"
            ) from error
