"""``Mem0MilvusRetriever`` by itself and in LlamaIndex's pipelines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.base.response.schema import Response
from llama_index.core.postprocessor import LongContextReorder, SimilarityPostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle

from llamaindex_mem0milvus.retriever import Mem0MilvusRetriever
from mem0milvus import AsyncMemory, Memory, StoreError, ValidationError
from tests.conftest import Config
from tests.llamaindex.scripted import Script

Ask = Callable[[Mem0MilvusRetriever, str | QueryBundle], list[NodeWithScore]]


@pytest.fixture(params=["retrieve", "aretrieve"])
def ask(request: pytest.FixtureRequest) -> Ask:
    if request.param == "retrieve":
        return lambda retriever, query: retriever.retrieve(query)
    return lambda retriever, query: asyncio.run(retriever.aretrieve(query))


@pytest.fixture
def filled(client: Memory, alice: str, bob: str) -> Memory:
    client.add("I play the cello.", user_id=alice, infer=False, metadata={"kind": "music", "id": "mine"})
    client.add("I play chess on Sundays.", user_id=alice, infer=False, metadata={"kind": "games"})
    client.add("I play the drums.", user_id=bob, infer=False)
    return client


def test_a_node_is_a_memory_with_all_its_fields(filled: Memory, alice: str, ask: Ask) -> None:
    found = filled.search("Do I play the cello?", user_id=alice)["results"]
    nodes = ask(Mem0MilvusRetriever(filled, user_id=alice), "Do I play the cello?")
    assert [node.node_id for node in nodes] == [item["id"] for item in found]
    assert [node.score for node in nodes] == [item["relevance"] for item in found]
    first, item = nodes[0], found[0]
    assert first.get_content() == "I play the cello."
    assert first.metadata == {**item["metadata"], **{k: v for k, v in item.items() if k != "memory"}}
    assert first.metadata["kind"] == "music"
    assert first.metadata["id"] == item["id"]
    assert first.metadata["metadata"] == {"kind": "music", "id": "mine"}


def test_a_model_reads_what_it_can_use(filled: Memory, alice: str) -> None:
    (node, *_) = Mem0MilvusRetriever(filled, user_id=alice).retrieve("cello")
    text = node.node.get_content(MetadataMode.LLM)
    assert "I play the cello." in text
    assert "kind: music" in text
    assert "observed_at: " in text
    assert not any(word in text for word in ("hash", "version", "relevance", alice))


def test_only_the_users_memories_and_only_as_many_as_wanted(filled: Memory, alice: str, ask: Ask) -> None:
    assert len(ask(Mem0MilvusRetriever(filled, user_id=alice, top_k=1), QueryBundle("What do I play?"))) == 1
    texts = {node.text for node in ask(Mem0MilvusRetriever(filled, user_id=alice), "What do I play?")}
    assert texts == {"I play the cello.", "I play chess on Sundays."}
    nodes = ask(
        Mem0MilvusRetriever(filled, filters={"AND": [{"user_id": alice}, {"kind": "games"}]}), "What do I play?"
    )
    assert [node.text for node in nodes] == ["I play chess on Sundays."]
    assert ask(Mem0MilvusRetriever(filled, user_id=alice, threshold=0.9), "boiling nitrogen") == []
    assert ask(Mem0MilvusRetriever(filled, user_id=alice, search_options={"mode": "lexical"}), "drums") == []
    assert ask(Mem0MilvusRetriever(filled, user_id=alice), " ") == []


def test_it_serves_a_query_engine_with_postprocessors(filled: Memory, alice: str) -> None:
    script = Script(["The cello."])
    retriever = Mem0MilvusRetriever(filled, user_id=alice)
    best, next_best = retriever.retrieve("Which cello do I play?")
    between = (best.get_score() + next_best.get_score()) / 2
    engine = RetrieverQueryEngine.from_args(
        retriever,
        llm=script.llm(),
        node_postprocessors=[SimilarityPostprocessor(similarity_cutoff=between), LongContextReorder()],
    )
    answers: list[Any] = [engine.query("Which cello do I play?"), asyncio.run(engine.aquery("Which cello do I play?"))]
    for answer in answers:
        assert isinstance(answer, Response)
        assert [node.text for node in answer.source_nodes] == ["I play the cello."]
    assert "I play the cello." in script.last


def test_without_a_scope_there_is_nothing_to_search(client: Memory) -> None:
    with pytest.raises(ValidationError, match="needs a scope"):
        Mem0MilvusRetriever(client)
    with pytest.raises(ValidationError, match="must not be"):
        Mem0MilvusRetriever(client, user_id="")
    with pytest.raises(ValidationError, match="requires a scope"):
        Mem0MilvusRetriever(client, filters={"kind": "music"}).retrieve("cello")


def test_an_awaiting_memory_does_not_block_the_loop(config: Config) -> None:
    async def retrieve() -> list[NodeWithScore]:
        async with AsyncMemory.from_config(config) as memory:
            await memory.add("I play the cello.", user_id="u", infer=False)
            retriever = Mem0MilvusRetriever(memory, user_id="u")
            with pytest.raises(StoreError, match="to_sync"):
                retriever.retrieve("cello")
            return await retriever.aretrieve("cello")

    assert len(asyncio.run(retrieve())) == 1


class LongestFirst:
    """A reranker that prefers long texts."""

    def score(self, query: str, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]


def test_the_nodes_are_in_the_order_of_the_memorys_reranker(config: Config, ask: Ask) -> None:
    said = ["I play the cello.", "I play chess on Sundays.", "I play."]
    with Memory.from_config(config, reranker=LongestFirst()) as memory:
        for text in said:
            memory.add(text, user_id="alice", infer=False)
        plain = Mem0MilvusRetriever(memory, user_id="alice", search_options={"rerank": False, "explain": True})
        assert "reranker" not in ask(plain, "Do I play the cello?")[0].metadata["explain"]
        nodes = ask(Mem0MilvusRetriever(memory, user_id="alice"), "Do I play the cello?")
        assert [node.text for node in nodes] == sorted(said, key=len, reverse=True)
        found = memory.search("Do I play the cello?", user_id="alice")["results"]
        assert [node.score for node in nodes] == [item["relevance"] for item in found]
