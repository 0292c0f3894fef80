"""The language model port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import override

from mem0milvus.errors import ExtractionError
from mem0milvus.models.model_method import ModelMethod
from mem0milvus.ports import Driver, LLMPort
from mem0milvus.types import LLM, LLMRequest


class CheckedLLM(LLMPort):
    """A language model, provided by the user or by this library, whose failures become ``ExtractionError``.

    Args:
        llm: the model.
        driver: runs its blocking ``complete``.
        use_async: whether to await its ``acomplete`` instead, if it has one.
    """

    def __init__(self, llm: LLM, driver: Driver, *, use_async: bool) -> None:
        self._complete = ModelMethod(llm, "complete", driver, use_async=use_async, error=ExtractionError)

    @override
    async def complete(self, request: LLMRequest) -> str | Mapping[str, Any]:
        return cast("str | Mapping[str, Any]", await self._complete.call(request))
