"""``Mem0MilvusRetriever``: memories as LangChain's documents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import RunnableConfig, ensure_config
from pydantic import ConfigDict
from typing_extensions import override

from langchain_mem0milvus.scope import ScopedModel
from mem0milvus import AsyncMemory, SearchItem, ValidationError, cut_query

#: The keyword arguments with which a call of ``invoke`` changes its search.
SEARCH_ARGUMENTS = frozenset({"k", "threshold", "filters", "as_of", "mode"})


class Mem0MilvusRetriever(ScopedModel, BaseRetriever):
    """Retrieve the memories that are relevant to a question, most relevant first, each as a ``Document``.

    ``page_content`` is the memory's text and ``id`` its id. ``metadata`` holds all its fields, as ``Memory.search``
    returns them (``id``, ``created_at``, ``score``, ``relevance`` …). The memory's own metadata is under ``metadata``,
    and each key of it that is not the name of a field is also beside the fields.

    The scope is fixed at construction or read from each call,
    ``retriever.invoke(question, {"configurable": {"user_id": "alice"}})``. A call without the user's id is refused.
    With ``retriever.configurable_fields(...)``, a call can give any field.

    ``invoke`` and ``ainvoke`` take ``k``, ``threshold``, ``filters``, ``as_of`` and ``mode`` for one search.

        >>> retriever = Mem0MilvusRetriever(memory=memory, user_id="alice", k=4)
        >>> [document.page_content for document in retriever.invoke("Which tea do I drink?")]

    Attributes:
        memory: an open ``Memory``, or an ``AsyncMemory`` for async callers only. Its opener closes it.
        user_id: the user of every call.
        agent_id: the agent of every call.
        run_id: the conversation of every call.
        scope_keys: the key of ``config["configurable"]`` from which each id is read; by default
            ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        k: the maximum number of documents.
        threshold: the minimum ``relevance``, 0 to 1; None sets no minimum.
            ``mem0milvus.DEFAULT_INJECTION_THRESHOLD`` keeps the memories that are worth showing to a model.
        filters: conditions, as for ``Memory.search``.
        as_of: search the memories as they were at this timestamp: a datetime, ISO 8601 text, or seconds since 1970.
        mode: search by meaning and words (``hybrid``), by meaning (``dense``) or by words (``lexical``).
    """

    model_config = ConfigDict(extra="forbid")  # LangChain's base class would ignore a misspelled argument
    _where = 'config["configurable"]'

    k: int = 4
    threshold: float | None = None
    filters: dict[str, Any] | None = None
    as_of: Any = None
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"

    @override
    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Retrieve the memories that are relevant to a question.

            >>> retriever.invoke("Which tea do I drink?", {"configurable": {"user_id": "alice"}}, k=2)

        Args:
            input: the question.
            config: as for every runnable; ``configurable`` may hold ids of the scope.
            kwargs: ``k``, ``threshold``, ``filters``, ``as_of`` and ``mode`` of this search.

        Raises:
            ValidationError: an argument is invalid, or the user's id is missing.
            FilterError: the filters are invalid.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.
        """
        return super().invoke(_question(input), config, **self._arguments(config, kwargs))

    @override
    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        return await super().ainvoke(_question(input), config, **self._arguments(config, kwargs))

    def _arguments(self, config: RunnableConfig | None, given: Mapping[str, Any]) -> dict[str, Any]:
        # BaseRetriever.invoke passes its keyword arguments on to ``_get_relevant_documents``, but not the configuration
        # (langchain-core 1.7.2), so the scope is read from it here and passed on as an argument.
        return {**given, "scope": self._scope.read(ensure_config(config).get("configurable"))}

    @override
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **arguments: Any
    ) -> list[Document]:
        return self._access.run(partial(self._search, query, arguments))

    @override
    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **arguments: Any
    ) -> list[Document]:
        return await self._access.arun(partial(self._search, query, arguments))

    async def _search(self, query: str, arguments: Mapping[str, Any], memory: AsyncMemory) -> list[Document]:
        # ``BaseRetriever.invoke`` reads ``verbose`` from its keyword arguments and passes it on.
        given = {name: value for name, value in arguments.items() if name not in ("verbose", "scope")}
        if unknown := set(given) - SEARCH_ARGUMENTS:
            raise ValidationError(
                f"A retriever's invoke takes {', '.join(sorted(SEARCH_ARGUMENTS))}, not {', '.join(sorted(unknown))}."
            )
        settings = {**{name: getattr(self, name) for name in SEARCH_ARGUMENTS}, **given}
        scope = arguments["scope"] if "scope" in arguments else self._scope.read()
        found = await memory.search(cut_query(query), top_k=settings.pop("k"), **settings, **scope)
        return [_document(item) for item in found["results"]]

    @override
    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        return LangSmithRetrieverParams(ls_retriever_name="mem0milvus", ls_vector_store_provider="milvus")


def _question(given: object) -> str:
    # BaseRetriever passes any input through unchecked: a chain that starts with a dict would search for the dict.
    if not isinstance(given, str):
        raise ValidationError(
            f"A retriever takes the text of a question, not {type(given).__name__}. In a chain, select it first, as in "
            'itemgetter("question") | retriever.'
        )
    return given


def _document(item: SearchItem) -> Document:
    fields = {name: value for name, value in item.items() if name != "memory"}
    return Document(page_content=item["memory"], id=item["id"], metadata={**item["metadata"], **fields})
