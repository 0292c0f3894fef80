"""LangChain's ``VectorStoreRetrieverMemory`` over ``langchain-milvus``.

It stores no user beside a text, so every user gets a memory, and so a collection, of their own.
"""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.conversations import Session
from benchmarks.peers.port import Settings, Texts, dated

_KEY = "input"


class LangChainPeer:
    """See ``Peer``."""

    def __init__(self, settings: Settings) -> None:
        from langchain_openai import OpenAIEmbeddings

        warnings.simplefilter("ignore")
        self._settings = settings
        self._embeddings = OpenAIEmbeddings(
            model=settings.model,
            base_url=settings.embedder_url,
            api_key="unused",
            dimensions=settings.dims,
            check_embedding_ctx_length=False,
        )
        self._memories: dict[str, Any] = {}
        self._texts = Texts()

    def _memory(self, user: str) -> Any:
        from langchain_classic.memory import VectorStoreRetrieverMemory
        from langchain_milvus import Milvus

        if user not in self._memories:
            store = Milvus(
                self._embeddings,
                collection_name=f"user_{len(self._memories)}",
                connection_args={"uri": self._settings.store},
                auto_id=True,
            )
            self._memories[user] = VectorStoreRetrieverMemory(
                retriever=store.as_retriever(), return_docs=True, input_key=_KEY
            )
        return self._memories[user]

    def remember(self, user: str, session: Session) -> None:
        """See ``Peer``. A document is what a turn's speaker said, as the memory writes it: ``speaker: text``."""
        memory = self._memory(user)
        for one in session["utterances"]:
            name, _, text = dated(session, one).partition(": ")
            said = {name: text} if text else {_KEY: name}
            self._texts.add("".join(f"{who}: {what}" for who, what in said.items()), one["name"])
            memory.save_context(said, {})

    def search(self, user: str, question: str, top_k: int) -> list[frozenset[str]]:
        """See ``Peer``."""
        memory = self._memory(user)
        memory.retriever.search_kwargs = {"k": top_k}
        found = memory.load_memory_variables({_KEY: question})[memory.memory_key]
        return [self._texts.of(document.page_content) for document in found]

    def close(self) -> None:
        """See ``Peer``."""
        for memory in self._memories.values():
            memory.retriever.vectorstore.client.close()
