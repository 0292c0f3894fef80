"""LlamaIndex's ``VectorMemoryBlock`` over ``llama-index-vector-stores-milvus``; a session of it for each user."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from benchmarks.conversations import Session
from benchmarks.peers.port import Settings, Texts, dated

#: As the block writes a message.
_MESSAGE = re.compile(r"<message role='user'>(.*?)</message>", re.DOTALL)


class LlamaIndexPeer:
    """See ``Peer``."""

    def __init__(self, settings: Settings) -> None:
        from llama_index.embeddings.openai_like import OpenAILikeEmbedding

        self._loop = asyncio.new_event_loop()
        self._embedding = OpenAILikeEmbedding(
            model_name=settings.model, api_base=settings.embedder_url, api_key="unused", reuse_client=True
        )
        self._store = self._loop.run_until_complete(_open(settings))
        self._blocks: dict[str, Any] = {}
        self._texts = Texts()

    def _block(self, user: str, top_k: int) -> Any:
        """Return the block of a user: a block uses only the first session that it was asked about."""
        from llama_index.core.memory import VectorMemoryBlock

        if user not in self._blocks:
            self._blocks[user] = VectorMemoryBlock(
                vector_store=self._store, embed_model=self._embedding, format_template="{{ text }}"
            )
        self._blocks[user].similarity_top_k = top_k
        return self._blocks[user]

    def remember(self, user: str, session: Session) -> None:
        """See ``Peer``."""
        from llama_index.core.llms import ChatMessage

        block = self._block(user, 1)
        for one in session["utterances"]:
            text = dated(session, one)
            self._texts.add(text, one["name"])
            message = ChatMessage(role="user", content=text, additional_kwargs={"session_id": user})
            self._loop.run_until_complete(block.aput([message]))

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """See ``Peer``."""
        from llama_index.core.llms import ChatMessage

        asked = [ChatMessage(role="user", content=question)]
        found = self._loop.run_until_complete(self._block(user, top_k).aget(asked, session_id=user))
        return [self._texts.of(text) for text in _MESSAGE.findall(str(found))]

    def close(self) -> None:
        """See ``Peer``."""
        self._store.client.close()
        self._loop.close()


async def _open(settings: Settings) -> Any:
    """Open the store within an event loop, because it creates an asynchronous client."""
    from llama_index.vector_stores.milvus import MilvusVectorStore

    return MilvusVectorStore(
        uri=settings.store, collection_name="peer", dim=settings.dims, similarity_metric="COSINE", overwrite=True
    )
