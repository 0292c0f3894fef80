"""``Mem0MilvusRetriever``: memories as LlamaIndex's nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llamaindex_mem0milvus.scope import read_scope, require_scope
from mem0milvus import SCOPE_FIELDS, AsyncMemory, Faces, Memory

if TYPE_CHECKING:
    from llama_index.core.callbacks.base import CallbackManager

    from mem0milvus import SearchItem

#: Fields that a model learns nothing from. They are in a node's metadata and not in the text made of it.
NOT_FOR_MODELS = (
    *("id", "hash", "metadata", "score", "relevance", "version", "created_at", "updated_at", "expires_at", "pending"),
    *("explain", *SCOPE_FIELDS),
)


class Mem0MilvusRetriever(BaseRetriever):
    """Retrieves the memories of one scope that a query is about, best first.

    A node's id is the memory's id, its score the ``relevance`` (0 to 1, larger is better), and its metadata has all
    fields that ``Memory.search`` gives. The memory's own metadata stands under ``metadata``, and each key of it that is
    no field's name also at the top, where LlamaIndex's postprocessors look.

    Args:
        memory: an open memory, which stays with whoever opened it. A ``Memory`` serves ``retrieve`` and ``aretrieve``,
            an ``AsyncMemory`` the latter only.
        user_id: whose memories; at least one of the three ids is needed, here or in ``filters``.
        agent_id: which agent's.
        run_id: which conversation's.
        filters: conditions, as for ``Memory.search``.
        top_k: the most nodes.
        threshold: the least relevance; left out, nothing is cut.
        search_options: further arguments of ``Memory.search``, as ``mode`` or ``as_of``.
        callback_manager: as for each LlamaIndex retriever.
        verbose: as for each LlamaIndex retriever.

    Raises:
        ValidationError: no id is given, or one is empty.
    """

    def __init__(
        self,
        memory: Memory | AsyncMemory,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 10,
        threshold: float | None = None,
        search_options: Mapping[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
    ) -> None:
        scope = read_scope(user_id, agent_id, run_id)
        if not filters:  # else the search itself looks for an id in them
            require_scope(scope, type(self).__name__)
        self._faces = Faces(memory)
        self._options: dict[str, Any] = {
            **(search_options or {}),
            **scope,
            "filters": filters,
            "top_k": top_k,
            "threshold": threshold,
        }
        super().__init__(callback_manager=callback_manager, verbose=verbose)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._faces.run(lambda memory: self._search(memory, query_bundle.query_str))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await self._faces.arun(lambda memory: self._search(memory, query_bundle.query_str))

    async def _search(self, memory: AsyncMemory, query: str) -> list[NodeWithScore]:
        if not query.strip():
            return []
        found = await memory.search(query, **self._options)
        return to_nodes(found["results"])


def to_nodes(memories: Sequence[SearchItem]) -> list[NodeWithScore]:
    """Memories that a search found, as nodes."""
    return [NodeWithScore(node=_to_node(memory), score=memory["relevance"]) for memory in memories]


def _to_node(memory: SearchItem) -> TextNode:
    fields: dict[str, Any] = {name: value for name, value in memory.items() if name != "memory"}
    return TextNode(
        id_=memory["id"],
        text=memory["memory"],
        metadata={**memory["metadata"], **fields},
        excluded_llm_metadata_keys=list(NOT_FOR_MODELS),
        excluded_embed_metadata_keys=list(NOT_FOR_MODELS),
    )
