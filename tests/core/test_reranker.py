"""Reranking with an object of the user: order, what stays as it was, faults, both clients, and wrong configurations."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mem0milvus import AsyncMemory, ConfigError, Memory, ValidationError
from tests.conftest import Config, texts

FACTS = [
    "I drink tea in the morning.",
    "My tea comes from Assam.",
    "Ben gave me a tea pot.",
    "Nina drinks coffee.",
    "The bicycle is red.",
]
QUESTION = "Which tea do I drink?"

OpenMemory = Callable[..., Any]


class ByLength:
    """Scores a text by its length, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def score(self, query: str, texts: Sequence[str]) -> Any:
        self.asked.append((query, list(texts)))
        return [float(len(text)) for text in texts]


class Answers:
    """A reranker that answers with the same thing whatever it is asked, or raises it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def score(self, query: str, texts: Sequence[str]) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer(len(texts)) if callable(self._answer) else self._answer


def fill(memory: Any, facts: Sequence[str] = FACTS) -> Any:
    memory.add([{"role": "user", "content": text} for text in facts], user_id="u", infer=False)
    return memory


def own_order(memory: Any, **options: Any) -> list[str]:
    return texts(memory.search(QUESTION, user_id="u", rerank=False, **options))


# --- order


def test_the_order_is_that_of_the_reranker(open_memory: OpenMemory, config: Config) -> None:
    reranker = ByLength()
    memory = fill(open_memory(config, reranker=reranker))
    own = own_order(memory)
    assert reranker.asked == [], "rerank=False leaves it out"
    assert texts(memory.search(QUESTION, user_id="u")) == sorted(FACTS, key=len, reverse=True)
    assert reranker.asked == [(QUESTION, own)], "it is asked once, in the order of the search"
    assert texts(memory.search(QUESTION, user_id="u", rerank=True)) == sorted(FACTS, key=len, reverse=True)


def test_equal_scores_keep_the_order_of_the_search(open_memory: OpenMemory, config: Config) -> None:
    memory = fill(open_memory(config, reranker=Answers(lambda count: [0.5] * count)))
    assert texts(memory.search(QUESTION, user_id="u")) == own_order(memory)


def test_only_the_best_are_reranked_and_the_rest_follows(open_memory: OpenMemory, config: Config) -> None:
    reranker = Answers(lambda count: range(count))  # the last is best
    memory = fill(open_memory({**config, "reranker": {"top_n": 2}}, reranker=reranker))
    first, second, *rest = own_order(memory)
    found = memory.search(QUESTION, user_id="u", top_k=4, explain=True)["results"]
    assert [item["memory"] for item in found] == [second, first, *rest[:2]]
    assert [item["explain"].get("reranker") for item in found] == [1.0, 0.0, None, None]


def test_a_result_beyond_top_k_can_become_the_first(open_memory: OpenMemory, config: Config) -> None:
    memory = fill(open_memory(config, reranker=Answers(lambda count: range(count))))
    assert texts(memory.search(QUESTION, user_id="u", top_k=1)) == own_order(memory)[-1:]


def test_thirty_are_reranked_by_default(config: Config) -> None:
    reranker = ByLength()
    with Memory.from_config(config, reranker=reranker) as memory:
        fill(memory, [f"Tea number {number} is good." for number in range(40)])
        assert len(memory.search(QUESTION, user_id="u", top_k=40)["results"]) == 40
    assert [len(given) for _, given in reranker.asked] == [30]


def test_nothing_found_is_not_reranked(config: Config) -> None:
    reranker = ByLength()
    with Memory.from_config(config, reranker=reranker) as memory:
        assert memory.search(QUESTION, user_id="nobody")["results"] == []
    assert reranker.asked == []


def test_results_below_the_threshold_are_neither_sent_nor_returned(open_memory: OpenMemory, config: Config) -> None:
    reranker = ByLength()
    memory = fill(open_memory(config, reranker=reranker))
    kept = own_order(memory, threshold=0.3)
    assert 1 < len(kept) < len(FACTS)
    assert texts(memory.search(QUESTION, user_id="u", threshold=0.3)) == sorted(kept, key=len, reverse=True)
    assert reranker.asked == [(QUESTION, kept)]


def test_relevance_and_score_stay_and_explain_has_the_rerankers_score(open_memory: OpenMemory, config: Config) -> None:
    memory = fill(open_memory(config, reranker=ByLength()))
    own = {item["id"]: item for item in memory.search(QUESTION, user_id="u", rerank=False, explain=True)["results"]}
    for item in memory.search(QUESTION, user_id="u", explain=True)["results"]:
        assert item["explain"].pop("reranker") == len(item["memory"])
        assert item == own[item["id"]]
    assert "explain" not in memory.search(QUESTION, user_id="u")["results"][0]


# --- faults


class Unreadable:
    def __iter__(self) -> Iterator[float]:
        raise RuntimeError(f"cannot read {FACTS[0]}")


FAULTS: dict[str, tuple[Any, str]] = {
    "an exception": (RuntimeError(f"failed at {FACTS[0]}"), "RuntimeError"),
    "a timeout": (TimeoutError("too late"), "TimeoutError"),
    "one of ours": (ValidationError(FACTS[0]), "ValidationError"),
    "too few": (lambda count: [1.0] * (count - 1), "ValueError"),
    "too many": (lambda count: [1.0] * (count + 1), "ValueError"),
    "none": ([], "ValueError"),
    "not a number": (lambda count: [float("nan"), *[1.0] * (count - 1)], "ValueError"),
    "infinite": (lambda count: [*[1.0] * (count - 1), float("inf")], "ValueError"),
    "too large": (lambda count: [10**400] * count, "OverflowError"),
    "texts": (lambda count: ["0.5"] * count, "TypeError"),
    "one text": (lambda count: "5" * count, "TypeError"),
    "booleans": (lambda count: [True] * count, "TypeError"),
    "rows": (lambda count: [[0.1, 0.9]] * count, "TypeError"),
    "nulls": (lambda count: [None] * count, "TypeError"),
    "a dict": (lambda count: dict.fromkeys(range(count), 1.0), "TypeError"),
    "a set": (lambda count: set(range(count)), "TypeError"),
    "nothing": (None, "TypeError"),
    "unreadable": (Unreadable(), "RuntimeError"),
}


@pytest.fixture
def swayable(open_memory: OpenMemory, config: Config) -> tuple[Any, Answers]:
    """A filled memory, and its reranker, whose answer a test sets."""
    reranker = Answers([])
    return fill(open_memory(config, reranker=reranker)), reranker


def test_each_fault_leaves_the_order_of_the_search_and_one_warning(
    swayable: tuple[Any, Answers], caplog: pytest.LogCaptureFixture
) -> None:
    memory, reranker = swayable
    own = memory.search(QUESTION, user_id="u", rerank=False, explain=True)
    for name, (answer, error) in FAULTS.items():
        reranker._answer = answer
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="mem0milvus"):
            assert memory.search(QUESTION, user_id="u", explain=True) == own, name
        (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
        expected = f"The reranker 'Answers' failed ({error}), so a search kept its own order."
        assert warning.getMessage() == expected, name
        assert [record.exc_info is not None for record in caplog.records if record.levelno == logging.DEBUG] == [True]
    reranker._answer = range
    assert texts(memory.search(QUESTION, user_id="u")) == texts(own)[::-1], "it is asked again each time"


@pytest.mark.parametrize("form", ["float32", "float64", "int64"])
def test_scores_may_be_an_array(config: Config, form: str) -> None:
    import numpy as np

    with Memory.from_config(config, reranker=Answers(lambda count: np.arange(count, dtype=form))) as memory:
        fill(memory)
        assert texts(memory.search(QUESTION, user_id="u")) == own_order(memory)[::-1]


def test_an_array_of_rows_is_a_fault(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    import numpy as np

    with Memory.from_config(config, reranker=Answers(lambda count: np.zeros((count, 1)))) as memory:
        fill(memory)
        assert texts(memory.search(QUESTION, user_id="u")) == own_order(memory)
    assert "failed (TypeError)" in caplog.text


# --- both clients


class Both(ByLength):
    """A reranker with an async method."""

    awaited = 0

    async def ascore(self, query: str, texts: Sequence[str]) -> Any:
        await asyncio.sleep(0)
        self.awaited += 1
        return [-float(len(text)) for text in texts]


def test_an_async_method_is_awaited_by_the_async_client_alone(
    open_memory: OpenMemory, config: Config, request: pytest.FixtureRequest
) -> None:
    reranker = Both()
    memory = fill(open_memory(config, reranker=reranker))
    is_async = "awaiting" in request.node.name
    assert texts(memory.search(QUESTION, user_id="u")) == sorted(FACTS, key=len, reverse=not is_async)
    assert (reranker.awaited, len(reranker.asked)) == ((1, 0) if is_async else (0, 1))


def test_a_blocking_reranker_does_not_block_the_event_loop(config: Config) -> None:
    released = threading.Event()

    class Slow(ByLength):
        def score(self, query: str, texts: Sequence[str]) -> Any:
            # The event is set by a task of the event loop, which therefore must run meanwhile.
            return super().score(query, texts) if released.wait(20) else "the loop was blocked"

    async def release(reranker: Slow) -> None:
        await asyncio.sleep(0.05)
        released.set()

    async def work() -> list[str]:
        reranker = Slow()
        async with AsyncMemory.from_config(config, reranker=reranker) as memory:
            await memory.add([{"role": "user", "content": text} for text in FACTS], user_id="u", infer=False)
            found, _ = await asyncio.gather(memory.search(QUESTION, user_id="u"), release(reranker))
            return texts(found)

    assert asyncio.run(work()) == sorted(FACTS, key=len, reverse=True)


def test_a_search_that_waits_for_a_reranker_can_be_cancelled(config: Config) -> None:
    class Endless(ByLength):
        async def ascore(self, query: str, texts: Sequence[str]) -> Any:
            await asyncio.Event().wait()

    async def work() -> None:
        async with AsyncMemory.from_config(config, reranker=Endless()) as memory:
            await memory.add(FACTS[0], user_id="u", infer=False)
            await asyncio.wait_for(memory.search(QUESTION, user_id="u"), 1)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(work())


def test_the_reranker_is_shared_by_both_clients_of_a_store(config: Config) -> None:
    async def ask(memory: AsyncMemory) -> list[str]:
        async with memory:
            return texts(await memory.search(QUESTION, user_id="u"))

    with Memory.from_config(config, reranker=ByLength()) as memory:
        fill(memory)
        assert asyncio.run(ask(memory.to_async())) == sorted(FACTS, key=len, reverse=True)


# --- arguments and configuration


def test_reranking_without_a_reranker_is_refused(memory: Any) -> None:
    with pytest.raises(ValidationError, match="rerank=True needs a reranker, and none is configured: set `reranker`"):
        memory.search(QUESTION, user_id="u", rerank=True)
    assert memory.search(QUESTION, user_id="u", rerank=False) == memory.search(QUESTION, user_id="u")


@pytest.mark.parametrize("wanted", ["yes", 1, 0, "", []])
def test_rerank_is_yes_no_or_none(config: Config, wanted: Any) -> None:
    with Memory.from_config(config, reranker=ByLength()) as memory, pytest.raises(ValidationError, match="rerank must"):
        memory.search(QUESTION, user_id="u", rerank=wanted)


class AsyncByMistake:
    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        return [0.0 for _ in texts]


@pytest.mark.parametrize("wrong", ["cohere", object(), AsyncByMistake()])
def test_an_object_that_is_no_reranker_is_refused(config: Config, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"is not a reranker: it needs `score\(query, texts\)`, not async"):
        Memory.from_config(config, reranker=wrong)


WRONG: list[tuple[Any, str]] = [
    ({"provider": "cohre"}, "no reranker provider 'cohre'. Did you mean 'cohere'.*Known: cohere, http, huggingface"),
    ({"provider": "llm_reranker"}, r"A language model can be used through an object with `score\(query, texts\)`"),
    ({"provider": "langchain"}, "There is no reranker provider 'langchain'. Known"),
    ({}, "'reranker.provider' is missing: name a provider, or give an object"),
    ({"top_n": 20, "config": None}, "'reranker.provider' is missing"),
    ({"provider": "http", "top_n": 0}, "'reranker.top_n'.*greater than or equal to 1"),
    ({"provider": "http", "top_n": 51}, "'reranker.top_n'.*less than or equal to 50"),
    ({"provider": "http", "topn": 5}, "Unknown configuration key 'reranker.topn'. Did you mean 'top_n'"),
    ({"provider": "http"}, "'http' needs an address: set reranker.config.base_url"),
    ({"provider": "http", "config": {"base_url": "localhost:80"}}, "must begin with http:// or https://"),
    ({"provider": "http", "config": {"modell": "m"}}, "'reranker.config.modell'. Did you mean 'model'"),
    ({"provider": "http", "config": {"base_url": "http://h", "timeout": 0}}, "greater than 0"),
    ({"provider": "cohere"}, "'cohere' needs an API key: set reranker.config.api_key or COHERE_API_KEY"),
    ({"provider": "jina"}, "JINA_API_KEY"),
    ({"provider": "zero_entropy"}, "ZERO_ENTROPY_API_KEY"),
    ({"provider": "sentence_transformer", "config": {"batch_size": 0}}, "'reranker.config.batch_size'"),
    ("cohere", "'reranker'"),
]


@pytest.mark.parametrize(("section", "message"), WRONG, ids=[str(section) for section, _ in WRONG])
def test_a_wrong_configuration_is_refused_when_the_store_is_opened(
    config: Config, section: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COHERE_API_KEY", "JINA_API_KEY", "ZERO_ENTROPY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=message):
        Memory.from_config({**config, "reranker": section})


def test_a_secret_of_the_wrong_type_is_not_shown(config: Config) -> None:
    section = {"provider": "cohere", "config": {"api_key": ["sk-secret"]}}
    with pytest.raises(ConfigError, match=r"reranker\.config\.api_key") as caught:
        Memory.from_config({**config, "reranker": section})
    assert "sk-secret" not in str(caught.value)


def test_settings_of_mem0_without_an_effect_are_named(config: Config) -> None:
    settings = {"api_key": "k", "top_k": 5, "return_documents": False, "max_chunks_per_doc": None}
    section = {"provider": "cohere", "config": settings}
    with pytest.warns(UserWarning, match=r"'reranker\.config\.top_k' is not used: top_k of a search") as caught:
        Memory.from_config({**config, "reranker": section}).close()
    assert len(caught) == 1, "what is switched off anyway needs no warning"


def test_an_object_takes_the_place_of_the_configured_provider(config: Config) -> None:
    with Memory.from_config({**config, "reranker": {"provider": "unheard of"}}, reranker=ByLength()) as memory:
        fill(memory)
        assert texts(memory.search(QUESTION, user_id="u")) == sorted(FACTS, key=len, reverse=True)


def test_other_packages_register_rerankers_as_entry_points(config: Config, tmp_path: Any) -> None:
    (tmp_path / "their_reranker.py").write_text(
        "class ByLetter:\n    def __init__(self, config): self.letter = config['letter']\n"
        "    def score(self, query, texts): return [text.count(self.letter) for text in texts]\n"
        "def wrong(config): return 'x'\n"
    )
    info = tmp_path / "their_reranker-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-reranker\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mem0milvus.rerankers]\nletters = their_reranker:ByLetter\nwrong = their_reranker:wrong\n"
    )
    config["reranker"] = {"provider": "letters", "config": {"letter": "z"}}
    code = (
        "import json, sys\nfrom mem0milvus import ConfigError, Memory\nconfig = json.loads(sys.argv[1])\n"
        "with Memory.from_config(config) as memory:\n"
        "    for text in ('I like tea.', 'I like pizza.', 'I like jazz and tea, zzz.'):\n"
        "        memory.add(text, user_id='u', infer=False)\n"
        "    print([item['memory'] for item in memory.search('tea', user_id='u')['results']])\n"
        "for name in ('wrong', 'leters'):\n"
        "    try:\n        Memory.from_config({**config, 'reranker': {'provider': name}})\n"
        "    except ConfigError as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(config)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    first, second, third = done.stdout.splitlines() or [done.stderr, "", ""]
    assert first == "['I like jazz and tea, zzz.', 'I like pizza.', 'I like tea.']"
    assert second.startswith("str is not a reranker")
    assert "Did you mean 'letters'" in third


# --- cross-encoders


#: A stand-in for the package: it scores by length, and writes what it was given into a list.
PACKAGE = """
made, asked = [], []


class CrossEncoder:
    def __init__(self, name, **options):
        made.append((name, options))

    def predict(self, pairs, **options):
        import numpy

        asked.append((pairs, options))
        return numpy.array([len(text) for _, text in pairs], dtype="float32")
"""


@pytest.fixture
def package(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "sentence_transformers.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    yield
    sys.modules.pop("sentence_transformers", None)


@pytest.mark.usefixtures("package")
def test_a_cross_encoder_is_loaded_at_the_first_search_and_once(open_memory: OpenMemory, config: Config) -> None:
    settings = {"model": "my-model", "device": "cpu", "batch_size": 8, "api_key": "hf-token"}
    section = {"provider": "sentence_transformer", "config": settings}
    memory = fill(open_memory({**config, "reranker": section}))
    assert "sentence_transformers" not in sys.modules
    for _ in range(2):
        assert texts(memory.search(QUESTION, user_id="u")) == sorted(FACTS, key=len, reverse=True)
    package = sys.modules["sentence_transformers"]
    assert package.made == [("my-model", {"device": "cpu", "token": "hf-token"})]
    pairs, options = package.asked[0]
    assert {query for query, _ in pairs} == {QUESTION}
    assert options == {"batch_size": 8, "show_progress_bar": False}
    assert "hf-token" not in repr(memory)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("provider", "model"),
    [("sentence_transformer", "cross-encoder/ms-marco-MiniLM-L-6-v2"), ("huggingface", "BAAI/bge-reranker-base")],
)
def test_the_default_models_are_those_of_mem0(config: Config, provider: str, model: str) -> None:
    with Memory.from_config({**config, "reranker": {"provider": provider, "config": {"max_length": 256}}}) as memory:
        fill(memory)
        memory.search(QUESTION, user_id="u")
    assert sys.modules["sentence_transformers"].made == [(model, {"max_length": 256})]


@pytest.mark.parametrize("provider", ["sentence_transformer", "huggingface"])
def test_a_missing_package_is_named_with_its_installation(
    config: Config, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=f"'{provider}' needs the package.*pip install sentence-transformers"):
        Memory.from_config({**config, "reranker": {"provider": provider}})
