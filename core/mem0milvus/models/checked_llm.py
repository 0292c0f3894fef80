"""The language model as operations see it, whoever brings it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from mem0milvus.errors import ExtractionError, Mem0MilvusError
from mem0milvus.ports import Driver
from mem0milvus.types import LLM, LLMRequest


class CheckedLLM:
    """A user's or the library's language model behind ``ports.LLMPort``.

    Args:
        llm: the model.
        driver: how its blocking ``complete`` is run.
        awaits: whether to await its ``acomplete`` instead, where it has one.
    """

    def __init__(self, llm: LLM, driver: Driver, *, awaits: bool) -> None:
        self._llm = llm
        self._driver = driver
        self._acomplete = cast(
            "Callable[[LLMRequest], Awaitable[str | Mapping[str, Any]]] | None",
            getattr(llm, "acomplete", None) if awaits else None,
        )

    async def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        """See ``ports.LLMPort``."""
        try:
            if self._acomplete is not None:
                return await self._acomplete(request)
            return await self._driver.call(self._llm.complete, request)
        except Mem0MilvusError:
            raise
        except Exception as error:  # a model may be anybody's code and raise anything
            raise ExtractionError(
                f"The language model {self._llm.identity!r} failed: {type(error).__name__}: {error}"
            ) from error
