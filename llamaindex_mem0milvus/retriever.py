"""``Mem0MilvusRetriever``: memories as LlamaIndex's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from typing_extensions import override

from llamaindex_mem0milvus.scope import read_scope
from mem0milvus import SCOPE_FIELDS, AsyncMemory, Faces, Memory, cut_query

if TYPE_CHECKING:
    from llama_index.core.callbacks.base import CallbackManager

    from mem0milvus import SearchItem

#: Fields that are of no use to a model. They are in a node's metadata, but not in the text that a model reads.
NOT_FOR_MODELS = (
    *("id", "hash", "metadata", "score", "relevance", "version", "created_at", "updated_at", "expires_at", "pending"),
    *("explain", *SCOPE_FIELDS),
)


class Mem0MilvusRetriever(BaseRetriever):
    """Retrieve the memories of one scope that are relevant to a query, most relevant first.

    A node's id is the memory's id, its score the ``relevance`` (0 to 1, larger is better), and its metadata has all
    fields that ``Memory.search`` returns. The memory's own metadata is under ``metadata``, and each key of it that is
    not the name of a field is also at the top, where LlamaIndex's postprocessors read it.

        >>> retriever = Mem0MilvusRetriever(memory, user_id="alice", top_k=3)
        >>> [node.text for node in retriever.retrieve("Which instrument do I play?")]

    Args:
        memory: an open ``Memory``, or an ``AsyncMemory`` for ``aretrieve`` only. Its opener closes it.
        user_id: the id of the user; at least one of the three ids is needed, here or in ``filters``.
        agent_id: the id of the agent.
        run_id: the id of the conversation.
        filters: conditions, as for ``Memory.search``.
        top_k: the maximum number of nodes.
        threshold: the minimum relevance of a node, 0 to 1; None sets no minimum.
        search_options: further arguments of ``Memory.search``, as ``mode`` or ``as_of``.
        callback_manager: as for each LlamaIndex retriever.
        verbose: as for each LlamaIndex retriever.

    Raises:
        ValidationError: no id is given, or an id is invalid.
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
        # Filters may name the user, too: the search itself checks that they do.
        scope = read_scope(user_id, agent_id, run_id, required_by=None if filters else type(self).__name__)
        self._access = Faces(memory)
        self._options: dict[str, Any] = {**(search_options or {}), **scope}
        self._options |= {"filters": filters, "top_k": top_k, "threshold": threshold}
        super().__init__(callback_manager=callback_manager, verbose=verbose)

    @override
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._access.run(lambda memory: self._search(memory, query_bundle.query_str))

    @override
    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await self._access.arun(lambda memory: self._search(memory, query_bundle.query_str))

    async def _search(self, memory: AsyncMemory, query: str) -> list[NodeWithScore]:
        if not query.strip():
            return []
        found = await memory.search(cut_query(query), **self._options)
        return [NodeWithScore(node=_to_node(item), score=item["relevance"]) for item in found["results"]]


def _to_node(memory: SearchItem) -> TextNode:
    fields: dict[str, Any] = {name: value for name, value in memory.items() if name != "memory"}
    return TextNode(
        id_=memory["id"],
        text=memory["memory"],
        metadata={**memory["metadata"], **fields},
        excluded_llm_metadata_keys=list(NOT_FOR_MODELS),
        excluded_embed_metadata_keys=list(NOT_FOR_MODELS),
    )
