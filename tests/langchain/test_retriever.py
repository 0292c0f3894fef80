"""``Mem0MilvusRetriever``: LangChain's own suite for retrievers, and what it does not ask."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.prompts import PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests
from langgraph.graph import StateGraph
from typing_extensions import TypedDict

from langchain_mem0milvus.retriever import Mem0MilvusRetriever
from mem0milvus import AsyncMemory, Memory, StoreError, ValidationError
from tests.langchain.conftest import TURNS, lite_config, standard_suite, stored

Call = Callable[..., Any]

DRINKS = [
    ("I drink green tea in the morning.", {"category": "drinks", "score": "high", "cups": 2}),
    ("I drink coffee at work.", {"category": "drinks", "cups": 3}),
    ("At night I drink herbal tea.", {"category": "drinks", "cups": 1}),
    ("My bicycle is red.", {"category": "things"}),
]


def add_drinks(memory: Memory, user_id: str) -> None:
    for text, metadata in DRINKS:
        memory.add(text, user_id=user_id, metadata=metadata, infer=False)


@pytest.fixture(scope="module")
def drinks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """What alice drinks, for tests that only read."""
    with Memory.from_config(lite_config(tmp_path_factory.mktemp("drinks") / "milvus.db")) as memory:
        add_drinks(memory, "alice")
        memory.add("I drink cocoa.", user_id="bob", agent_id="barista", infer=False)
        yield memory


@standard_suite
class TestStandard(RetrieversIntegrationTests):
    """LangChain's standard suite."""

    @pytest.fixture(autouse=True)
    def _drinks(self, drinks: Memory) -> None:
        self._memory = drinks

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return Mem0MilvusRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self._memory, "user_id": "alice"}

    @property
    def retriever_query_example(self) -> str:
        return "What do I drink?"


def texts(documents: list[Document]) -> list[str]:
    return [document.page_content for document in documents]


def test_documents_have_all_fields(drinks: Memory, call: Call) -> None:
    retriever = Mem0MilvusRetriever(memory=drinks, user_id="alice", k=1)
    (document,) = call(retriever, "invoke", "Who drinks green tea?")
    (item,) = drinks.search("Who drinks green tea?", user_id="alice", top_k=1)["results"]
    assert document.page_content == item["memory"] == "I drink green tea in the morning."
    assert document.id == item["id"]
    assert document.metadata["metadata"] == {"category": "drinks", "score": "high", "cups": 2}
    fields = {name: value for name, value in item.items() if name != "memory"}
    assert document.metadata == {"category": "drinks", "cups": 2, **fields}
    assert document.metadata["relevance"] > 0.33


@pytest.mark.parametrize("k", [1, 2, 4])
def test_k_in_a_call(drinks: Memory, call: Call, k: int) -> None:
    retriever = Mem0MilvusRetriever(memory=drinks, user_id="alice", k=3)
    assert len(call(retriever, "invoke", "What do I drink?", k=k)) == k
    assert len(call(retriever, "invoke", "What do I drink?")) == 3


def test_settings_of_one_search(drinks: Memory, call: Call) -> None:
    retriever = Mem0MilvusRetriever(memory=drinks, user_id="alice", filters={"category": "drinks"}, threshold=0.5)
    assert len(call(retriever, "invoke", "What do I drink?")) == 3
    assert texts(call(retriever, "invoke", "bicycle", filters={"category": "things"}, threshold=None)) == [DRINKS[3][0]]
    assert texts(call(retriever, "invoke", "tea", filters={"cups": {"gte": 2}}, mode="lexical")) == [DRINKS[0][0]]
    assert call(retriever, "invoke", "Which quarks make up a proton?") == []
    assert call(retriever, "invoke", "What do I drink?", as_of=datetime(2020, 1, 1, tzinfo=timezone.utc)) == []


def test_as_of_sees_what_a_memory_said(memory: Memory, call: Call) -> None:
    memory_id = memory.add("I drink tea.", user_id="alice", infer=False)["results"][0]["id"]
    before = memory.get(memory_id)["created_at"]
    memory.update(memory_id, "I drink coffee.")
    for as_of, text in ((before, "I drink tea."), (None, "I drink coffee.")):
        retriever = Mem0MilvusRetriever(memory=memory, user_id="alice", as_of=as_of)
        assert texts(call(retriever, "invoke", "What do I drink?")) == [text]


class TestScope:
    """Whose memories are found."""

    def test_read_from_the_configuration(self, drinks: Memory, call: Call) -> None:
        retriever = Mem0MilvusRetriever(memory=drinks)
        for user, count in (("alice", 4), ("bob", 1), ("eve", 0)):
            found = call(retriever, "invoke", "What do I drink?", {"configurable": {"user_id": user}})
            assert [document.metadata["user_id"] for document in found] == [user] * count

    @pytest.mark.parametrize(
        "configurable", [{}, {"user_id": ""}, {"user_id": None}, {"user_id": 7}, {"user": "alice"}]
    )
    def test_a_call_that_names_nobody_is_refused(
        self, drinks: Memory, call: Call, configurable: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationError, match="user_id"):
            call(Mem0MilvusRetriever(memory=drinks), "invoke", "What?", {"configurable": configurable})
        with pytest.raises(ValidationError, match="user_id"):
            call(Mem0MilvusRetriever(memory=drinks, agent_id="barista"), "invoke", "What?")

    def test_a_fixed_user_is_not_overruled(self, drinks: Memory, call: Call) -> None:
        retriever = Mem0MilvusRetriever(memory=drinks, user_id="bob")
        with pytest.raises(ValidationError, match="user_id is fixed"):
            call(retriever, "invoke", "What do I drink?", {"configurable": {"user_id": "alice"}})
        shared = Mem0MilvusRetriever(memory=drinks, user_id="bob", scope_keys={})
        found = call(shared, "invoke", "What do I drink?", {"configurable": {"user_id": "alice"}})
        assert texts(found) == ["I drink cocoa."]

    def test_configurable_fields(self, drinks: Memory, call: Call) -> None:
        retriever = Mem0MilvusRetriever(memory=drinks, user_id="bob").configurable_fields(
            user_id=ConfigurableField(id="customer"), k=ConfigurableField(id="documents")
        )
        config = {"configurable": {"customer": "alice", "documents": 2}}
        found = call(retriever, "invoke", "What do I drink?", config)
        assert [document.metadata["user_id"] for document in found] == ["alice", "alice"]
        assert texts(call(retriever, "invoke", "What do I drink?")) == ["I drink cocoa."]

    def test_configurable_under_the_same_name(self, drinks: Memory, call: Call) -> None:
        retriever = Mem0MilvusRetriever(memory=drinks).configurable_fields(user_id=ConfigurableField(id="user_id"))
        found = call(retriever, "invoke", "What do I drink?", {"configurable": {"user_id": "bob"}})
        assert texts(found) == ["I drink cocoa."]
        with pytest.raises(ValidationError, match="user_id"):
            call(retriever, "invoke", "What do I drink?")

    def test_ids_under_other_names(self, drinks: Memory, call: Call) -> None:
        keys = {"user_id": "customer", "agent_id": "role"}
        retriever = Mem0MilvusRetriever(memory=drinks, scope_keys=keys)
        config = {"configurable": {"customer": "bob", "role": "barista"}}
        assert texts(call(retriever, "invoke", "What do I drink?", config)) == ["I drink cocoa."]
        assert call(retriever, "invoke", "What?", {"configurable": {"customer": "bob", "role": "cook"}}) == []

    def test_a_changed_field_counts(self, drinks: Memory, call: Call) -> None:
        retriever = Mem0MilvusRetriever(memory=drinks, user_id="alice", k=1)
        copy = retriever.model_copy(update={"user_id": "bob"})
        assert texts(call(copy, "invoke", "What do I drink?")) == ["I drink cocoa."]
        retriever.user_id = "bob"
        assert texts(call(retriever, "invoke", "What do I drink?")) == ["I drink cocoa."]
        with Memory.from_config(lite_config(Path("other.db"))) as other:
            assert call(retriever.model_copy(update={"memory": other}), "invoke", "What do I drink?") == []

    def test_two_users_ask_in_turns_and_at_once(self, memory: Memory, call: Call) -> None:
        memory.add("The ocelot is mine.", user_id="alice", infer=False)
        memory.add("The pangolin is mine.", user_id="bob", infer=False)
        retriever = Mem0MilvusRetriever(memory=memory)
        configs = [{"configurable": {"user_id": user}} for user in ("alice", "bob")] * (TURNS // 2)
        found = call(retriever, "batch", ["Which animal is mine?"] * len(configs), configs)
        assert [texts(documents) for documents in found] == [["The ocelot is mine."], ["The pangolin is mine."]] * (
            TURNS // 2
        )


def test_in_a_chain(drinks: Memory, call: Call) -> None:
    retriever = Mem0MilvusRetriever(memory=drinks, k=1)
    join = RunnableLambda(lambda documents: "\n".join(texts(documents)))
    prompt = PromptTemplate.from_template("{context} {question}")
    chain = RunnablePassthrough.assign(context=itemgetter("question") | retriever | join) | prompt
    shown = call(chain, "invoke", {"question": "Who drinks coffee?"}, {"configurable": {"user_id": "alice"}})
    assert shown.to_string() == "I drink coffee at work. Who drinks coffee?"


def test_a_dict_is_refused_with_the_way_out(drinks: Memory, call: Call) -> None:
    with pytest.raises(ValidationError, match="itemgetter"):
        call(Mem0MilvusRetriever(memory=drinks, user_id="alice"), "invoke", {"question": "x"})


def test_an_unknown_argument_is_refused(drinks: Memory, call: Call) -> None:
    with pytest.raises(ValidationError, match="not top_k"):
        call(Mem0MilvusRetriever(memory=drinks, user_id="alice"), "invoke", "What?", top_k=3)


@pytest.mark.parametrize("settings", [{"user_ids": "a"}, {"user_id": ""}, {"scope_keys": {}}, {"mode": "fuzzy"}])
def test_wrong_settings_are_refused(drinks: Memory, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings)).removesuffix("_keys")):
        Mem0MilvusRetriever(memory=drinks, **settings)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="LangGraph hands no configuration on to what is awaited")
def test_in_a_node_of_a_graph(drinks: Memory, call: Call) -> None:
    """The node does not hand its configuration on, and the retriever is in it all the same."""

    class State(TypedDict):
        found: list[str]

    retriever = Mem0MilvusRetriever(memory=drinks)
    graph = StateGraph(State)
    graph.add_node("find", lambda state: {"found": texts(retriever.invoke("What do I drink?"))})
    graph.set_entry_point("find")
    state = call(graph.compile(), "invoke", {"found": []}, {"configurable": {"user_id": "bob"}})
    assert state == {"found": ["I drink cocoa."]}


class Tracer(BaseCallbackHandler):
    """Keeps what a tracer is told."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, Any]] = []
        self.errors: list[BaseException] = []

    def on_retriever_start(self, *args: Any, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.metadata.append(metadata or {})

    def on_retriever_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(error)


def test_it_is_traced(memory: Memory, call: Call) -> None:
    tracer = Tracer()
    retriever = Mem0MilvusRetriever(memory=memory, user_id="alice")
    call(retriever, "invoke", "What do I drink?", {"callbacks": [tracer]})
    assert tracer.metadata[0]["ls_retriever_name"] == "mem0milvus"
    assert tracer.metadata[0]["ls_vector_store_provider"] == "milvus"
    memory.close()
    with pytest.raises(StoreError):
        call(retriever, "invoke", "What do I drink?", {"callbacks": [tracer]})
    assert [type(error) for error in tracer.errors] == [StoreError]


def test_an_awaited_memory_serves_awaiting_callers_alone(tmp_path: Path) -> None:
    async def ask() -> list[str]:
        async with AsyncMemory.from_config(lite_config(tmp_path / "milvus.db")) as memory:
            await memory.add("I drink tea.", user_id="alice", infer=False)
            retriever = Mem0MilvusRetriever(memory=memory, user_id="alice")
            with pytest.raises(StoreError, match="to_sync"):
                retriever.invoke("What do I drink?")
            return texts(await retriever.ainvoke("What do I drink?"))

    assert asyncio.run(ask()) == ["I drink tea."]


def test_it_reads_what_was_written_just_before(memory: Memory, call: Call) -> None:
    add_drinks(memory, "alice")
    retriever = Mem0MilvusRetriever(memory=memory, user_id="alice", k=9)
    assert sorted(texts(call(retriever, "invoke", "What do I drink?"))) == sorted(stored(memory))


def test_importing_it_loads_neither_chains_nor_graphs() -> None:
    code = (
        "import sys, langchain_mem0milvus.retriever\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'langchain', 'langchain_classic', 'langgraph', 'llama_index', 'pymilvus', 'openai'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class LongestFirst:
    """A reranker that prefers long texts."""

    def score(self, query: str, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]


def test_the_documents_are_in_the_order_of_the_memorys_reranker(tmp_path: Path) -> None:
    with Memory.from_config(lite_config(tmp_path / "milvus.db"), reranker=LongestFirst()) as memory:
        add_drinks(memory, "alice")
        retriever = Mem0MilvusRetriever(memory=memory, user_id="alice")
        longest_first = sorted((text for text, _ in DRINKS), key=len, reverse=True)
        assert [document.page_content for document in retriever.invoke("Which coffee?")] == longest_first
        awaited = asyncio.run(retriever.ainvoke("Which coffee?"))
        assert [document.page_content for document in awaited] == longest_first
