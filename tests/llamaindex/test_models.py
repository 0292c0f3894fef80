"""A user's own LlamaIndex models extract and embed memories."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.bridge.pydantic import Field
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.llms.custom import CustomLLM
from llama_index.core.settings import Settings

from llamaindex_mem0milvus.memory import Mem0MilvusMemory
from llamaindex_mem0milvus.models import LlamaIndexEmbedder, LlamaIndexLLM, make_embedder, make_llm
from mem0milvus import LLM, AsyncMemory, ConfigError, Embedder, ExtractionError, Memory
from mem0milvus.retrieval.ranking.calibration import sample_memories, sample_questions
from tests.conftest import Config
from tests.llamaindex.scripted import Script, assistant, calls, user

CHANGE = {
    "evidence": "I keep {bees}.",
    "about": "user",
    "action": "ADD",
    "id": None,
    "memory": "User keeps {bees}.",
    "happened_at": None,
}


class Completing(CustomLLM):
    """A model that calls no functions: it answers a text with a text."""

    answer: str
    prompts: list[str] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="completing-1")

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self.prompts.append(prompt)
        return CompletionResponse(text=self.answer)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        yield self.complete(prompt)


def add(config: Config, llm: LLM, awaits: bool) -> list[str]:
    async def in_a_loop() -> Any:
        async with AsyncMemory.from_config(config, llm=llm) as memory:
            return await memory.add("I keep {bees}.", user_id="u")

    if awaits:
        result = asyncio.run(in_a_loop())
    else:
        with Memory.from_config(config, llm=llm) as memory:
            result = memory.add("I keep {bees}.", user_id="u")
    return [change["memory"] for change in result["results"]]


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
def test_a_model_that_calls_functions_is_asked_by_the_schema(config: Config, awaits: bool) -> None:
    script = Script([calls("MemoryChanges", changes=[CHANGE])])
    assert add(config, LlamaIndexLLM(script.llm()), awaits) == ["User keeps {bees}."]
    assert len(script.prompts) == 1
    assert 'user: "I keep {bees}."' in script.last


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
def test_a_model_that_does_not_is_asked_in_words(config: Config, awaits: bool) -> None:
    model = Completing(answer=f"Here it is: {json.dumps({'changes': [CHANGE]})}")
    assert add(config, LlamaIndexLLM(model), awaits) == ["User keeps {bees}."]
    assert "evidence" in model.prompts[0]
    assert "I keep {bees}." in model.prompts[0]


def test_an_answer_that_is_none_is_an_error_of_extraction(config: Config) -> None:
    with pytest.raises(ExtractionError, match="completing-1"):
        add(config, LlamaIndexLLM(Completing(answer="I would rather not.")), awaits=False)


def test_names_and_protocols() -> None:
    llm, embedder = LlamaIndexLLM(Script().llm()), LlamaIndexEmbedder(MockEmbedding(embed_dim=5))
    assert isinstance(llm, LLM)
    assert isinstance(embedder, Embedder)
    assert llm.identity == "MockFunctionCallingLLM"
    assert LlamaIndexLLM(Completing(answer="")).identity == "completing-1"
    assert embedder.identity == "MockEmbedding"
    assert embedder.dims == 5
    assert LlamaIndexEmbedder(MockEmbedding(embed_dim=5, model_name="m"), dims=7).dims == 7
    for wrong in (LlamaIndexLLM, LlamaIndexEmbedder):
        with pytest.raises(ConfigError, match="LlamaIndex"):
            wrong("gpt-4.1-mini")


class Counting(MockEmbedding):
    """Counts how it is asked."""

    asked: list[str] = Field(default_factory=list)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self.asked.append("blocking")
        return [[1.0, float(len(text))] for text in texts]

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self.asked.append("awaiting")
        return [[1.0, float(len(text))] for text in texts]

    def _get_text_embedding(self, text: str) -> list[float]:
        return [1.0, float(len(text))]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        self.asked.append("awaiting, a question")
        return [1.0, float(len(query))]


def test_an_embedding_model_is_called_or_awaited(config: Config) -> None:
    del config["embedder"], config["vector_store"]["config"]["embedding_model_dims"]
    model = Counting(embed_dim=2)

    async def in_a_loop() -> Any:
        async with AsyncMemory.from_config(config, embedder=LlamaIndexEmbedder(model)) as memory:
            return await memory.search("Bees?", user_id="u")

    with Memory.from_config(config, embedder=LlamaIndexEmbedder(model)) as memory:
        memory.add(["I keep bees.", "Hens too."][0], user_id="u", infer=False)
    found: Sequence[Any] = asyncio.run(in_a_loop())["results"]
    assert [item["memory"] for item in found] == ["I keep bees."]
    measured = "blocking"
    assert model.asked[:4] == [measured, "blocking", measured, "awaiting, a question"]
    # It is calibrated in batches of LlamaIndex's size, and embeds a question as it does any text.
    batches = sum(math.ceil(len(texts) / model.embed_batch_size) for texts in (sample_memories(), sample_questions()))
    assert model.asked[4:] == ["awaiting"] * batches + ["awaiting, a question"]


class TestByName:
    def test_a_model_that_is_given(self) -> None:
        model, llm = MockEmbedding(embed_dim=5), Script().llm()
        assert make_embedder({"model": model}, None).model is model
        assert make_embedder({"model": model}, 5).dims == 5
        assert make_embedder({"model": model, "embedding_dims": 6}, None).dims == 6
        assert make_llm({"model": llm}).llm is llm

    def test_the_settings_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model, llm = MockEmbedding(embed_dim=5), Script().llm()
        monkeypatch.setattr(Settings, "_embed_model", model)
        monkeypatch.setattr(Settings, "_llm", llm)
        assert make_embedder({}, None).model is model
        assert make_llm({}).llm is llm

    def test_wrong_settings(self) -> None:
        with pytest.raises(ConfigError, match=r"modle.*llm\.config"):
            make_llm({"modle": 1})
        with pytest.raises(ConfigError, match=r"embedder\.config"):
            make_embedder({"dims": 1}, None)


def test_the_applications_models_serve_a_memory_that_is_opened_for_it(config: Config) -> None:
    del config["embedder"], config["vector_store"]["config"]["embedding_model_dims"]
    script = Script([calls("MemoryChanges", changes=[CHANGE])])
    embedder = Counting(embed_dim=2)
    with Mem0MilvusMemory.from_defaults(llm=script.llm(), embedder=embedder, config=config, user_id="u") as memory:
        memory.put_messages([user("I keep {bees}."), assistant("Lovely.")])
        client: Any = memory.client
        client.flush()
        assert [item["memory"] for item in client.get_all("u")["results"]] == ["User keeps {bees}."]
        written = memory.to_dict()["config"]
        assert written["llm"] == written["embedder"] == {"provider": "llamaindex"}
