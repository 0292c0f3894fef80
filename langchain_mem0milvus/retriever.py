"""``Mem0MilvusRetriever``: memories as documents, for retriever pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import RunnableConfig, ensure_config
from pydantic import ConfigDict, Field, PrivateAttr
from typing_extensions import override

from langchain_mem0milvus.scope import ScopeReader
from mem0milvus import AsyncMemory, Faces, Memory, SearchItem, ValidationError

#: The keyword arguments of ``invoke`` that change one search.
SEARCH_ARGUMENTS = frozenset({"k", "threshold", "filters", "as_of", "mode"})


class Mem0MilvusRetriever(BaseRetriever):
    """Finds memories for a question, best first, each as a ``Document``.

    ``page_content`` is the memory's text, ``id`` its id. ``metadata`` has all its fields, as ``Memory.search`` gives
    them (``id``, ``created_at``, ``score``, ``relevance`` …); what was stored with it as metadata stands under
    ``metadata``, and also beside the fields where no field has the same name.

    Whose memories are searched is fixed at construction or read from each call,
    ``retriever.invoke(question, {"configurable": {"user_id": "alice"}})``. A call that tells no user is refused. With
    ``retriever.configurable_fields(...)`` all fields can be given in a call.

    ``invoke`` and ``ainvoke`` take ``k``, ``threshold``, ``filters``, ``as_of`` and ``mode`` for one search.

    Attributes:
        memory: an open ``Memory``; an ``AsyncMemory`` serves awaiting callers only. Whoever opened it closes it.
        user_id: whose memories, for every call.
        agent_id: which agent's.
        run_id: which conversation's.
        scope_keys: for each id that is read from ``config["configurable"]``, its name there; left out,
            ``{"user_id": "user_id"}`` unless ``user_id`` is fixed.
        k: the most documents.
        threshold: the least ``relevance``, 0 to 1; None cuts nothing. ``mem0milvus.DEFAULT_INJECTION_THRESHOLD`` keeps
            what is worth showing to a model.
        filters: conditions, as for ``Memory.search``.
        as_of: search the memories as they were at this moment: a datetime, ISO 8601 text, or seconds since 1970.
        mode: by meaning and words (``hybrid``), by meaning (``dense``) or by words (``lexical``).
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Memory | AsyncMemory = Field(exclude=True, repr=False)
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    scope_keys: dict[str, str] | None = None
    k: int = 4
    threshold: float | None = None
    filters: dict[str, Any] | None = None
    as_of: Any = None
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"

    _opened: Faces = PrivateAttr()

    @override
    def model_post_init(self, context: Any, /) -> None:
        self._opened = Faces(self.memory)
        _ = self._scope  # what is wrong with it is told now

    # Fields may be set later, and a copy may have others, so what is made of them is not kept.

    @property
    def _faces(self) -> Faces:
        if self._opened.memory is not self.memory:
            self._opened = Faces(self.memory)
        return self._opened

    @property
    def _scope(self) -> ScopeReader:
        ids = {"user_id": self.user_id, "agent_id": self.agent_id, "run_id": self.run_id}
        return ScopeReader.of(ids, self.scope_keys, where='config["configurable"]')

    @override
    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Find the memories that a question is about.

        Args:
            input: the question.
            config: as for every runnable; ids of the scope may stand under ``configurable``.
            kwargs: ``k``, ``threshold``, ``filters``, ``as_of`` and ``mode`` of this search.

        Raises:
            ValidationError: an argument is wrong, or it is not known whose memories are meant.
            FilterError: the filters cannot be understood.
            EmbeddingError: the embedding model failed.
            StoreError: Milvus failed.
        """
        return super().invoke(_question(input), config, **self._arguments(config, kwargs))

    @override
    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """As ``invoke``."""
        return await super().ainvoke(_question(input), config, **self._arguments(config, kwargs))

    def _arguments(self, config: RunnableConfig | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of one search, with the scope that the call is in."""
        return {**given, "scope": self._scope.read(ensure_config(config).get("configurable"))}

    @override
    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        scope: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> list[Document]:
        settings = self._settings(scope, arguments)
        return _documents(self._faces.run(lambda memory: memory.search(query, **settings))["results"])

    @override
    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        scope: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> list[Document]:
        settings = self._settings(scope, arguments)
        return _documents((await self._faces.arun(lambda memory: memory.search(query, **settings)))["results"])

    def _settings(self, scope: Mapping[str, str] | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of ``Memory.search``: the fields of this retriever, and over them what a call gave."""
        # LangChain itself reads ``verbose`` and hands it on.
        given = {name: value for name, value in arguments.items() if name != "verbose"}
        if unknown := set(given) - SEARCH_ARGUMENTS:
            raise ValidationError(
                f"A retriever's invoke takes {', '.join(sorted(SEARCH_ARGUMENTS))}, not {', '.join(sorted(unknown))}."
            )
        settings = {**{name: getattr(self, name) for name in SEARCH_ARGUMENTS}, **given}
        settings["top_k"] = settings.pop("k")
        return {**settings, **(self._scope.read() if scope is None else scope)}

    @override
    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        return LangSmithRetrieverParams(ls_retriever_name="mem0milvus", ls_vector_store_provider="milvus")


def _question(given: object) -> str:
    if not isinstance(given, str):
        raise ValidationError(
            f"A retriever takes the text of a question, not {type(given).__name__}. In a chain, pick it out first, as "
            'in itemgetter("question") | retriever.'
        )
    return given


def _documents(items: list[SearchItem]) -> list[Document]:
    return [_document(item) for item in items]


def _document(item: SearchItem) -> Document:
    fields = {name: value for name, value in item.items() if name != "memory"}
    return Document(page_content=item["memory"], id=item["id"], metadata={**item["metadata"], **fields})
