"""Rerankers behind HTTP, from a small real server on loopback: what is sent, what is read, and each fault."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mem0milvus import AsyncMemory, Memory
from mem0milvus.models.http_reranker import make_reranker
from tests.conftest import Config, texts

FACTS = ["I drink tea in the morning.", "My tea comes from Assam.", "Nina drinks coffee."]
QUESTION = "Which tea do I drink?"
LONGEST_FIRST = sorted(FACTS, key=len, reverse=True)
KEY = "sk-rerank-secret"

Answer = tuple[int, Any]


def by_length(request: dict[str, Any]) -> Answer:
    """Score each text by its length, and give the best one first, as the services do."""
    scored = [{"index": index, "relevance_score": len(text) / 100} for index, text in enumerate(request["documents"])]
    return 200, {"results": sorted(scored, key=lambda one: -float(one["relevance_score"]))}


class RerankServer(ThreadingHTTPServer):
    """Answers each POST with what ``answer`` makes of its body. A body of bytes goes out as it is."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[dict[str, Any]], Answer] = by_length
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[Any] = []
        self.keeps_alive = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left does not wait for its answer."""


class _Handler(BaseHTTPRequestHandler):
    server: RerankServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        self.server.paths.append(self.path)
        self.server.headers.append(self.headers)
        status, content = self.server.answer(request)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if not self.server.keeps_alive:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[RerankServer]:
    with RerankServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def reranked(config: Config, service: RerankServer) -> Config:
    settings = {"model": "my-reranker", "api_key": KEY, "base_url": service.url, "timeout_s": 10.0}
    return {**config, "reranker": {"provider": "http", "config": settings}}


def fill(memory: Any) -> Any:
    memory.add([{"role": "user", "content": text} for text in FACTS], user_id="u", infer=False)
    return memory


def test_the_best_results_are_sent_and_come_back_in_the_servers_order(
    open_memory: Callable[..., Any], reranked: Config, service: RerankServer
) -> None:
    memory = fill(open_memory(reranked))
    own = texts(memory.search(QUESTION, user_id="u", rerank=False))
    assert service.requests == [], "nothing is sent before a search wants it"
    found = memory.search(QUESTION, user_id="u", explain=True)["results"]
    assert [item["memory"] for item in found] == LONGEST_FIRST
    assert [item["explain"]["reranker"] for item in found] == [len(text) / 100 for text in LONGEST_FIRST]
    assert service.requests == [{"model": "my-reranker", "query": QUESTION, "documents": own, "top_n": len(FACTS)}]
    assert service.paths == ["/v1/rerank"]
    assert service.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("ending", ["", "/", "/rerank", "/rerank/"])
def test_an_address_may_name_the_endpoint(reranked: Config, service: RerankServer, ending: str) -> None:
    reranked["reranker"]["config"]["base_url"] += ending
    with Memory.from_config(reranked) as memory:
        assert texts(fill(memory).search(QUESTION, user_id="u")) == LONGEST_FIRST
    assert service.paths == ["/v1/rerank"]


def test_a_server_of_ones_own_needs_neither_key_nor_model(
    reranked: Config, service: RerankServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    del reranked["reranker"]["config"]["api_key"], reranked["reranker"]["config"]["model"]
    with Memory.from_config(reranked) as memory:
        assert texts(fill(memory).search(QUESTION, user_id="u")) == LONGEST_FIRST
    assert "model" not in service.requests[0]
    assert service.headers[0]["Authorization"] is None
    assert "sk-openai" not in str(service.headers[0])


def test_the_http_client_of_an_older_openai_does_as_well(
    open_memory: Callable[..., Any], reranked: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("httpx")
    monkeypatch.setitem(sys.modules, "httpx2", None)  # openai 2 brings httpx in its place
    assert texts(fill(open_memory(reranked)).search(QUESTION, user_id="u")) == LONGEST_FIRST


def test_text_embeddings_inference_has_a_form_of_its_own(
    open_memory: Callable[..., Any], reranked: Config, service: RerankServer
) -> None:
    reranked["reranker"]["provider"] = "tei"
    service.answer = lambda request: (200, [{"index": n, "score": len(t)} for n, t in enumerate(request["texts"])])
    memory = fill(open_memory(reranked))
    assert texts(memory.search(QUESTION, user_id="u")) == LONGEST_FIRST
    (request,) = service.requests
    assert request == {"query": QUESTION, "texts": request["texts"], "truncate": True}
    assert sorted(request["texts"]) == sorted(FACTS)


@pytest.mark.parametrize(
    ("provider", "variable", "model"),
    [
        ("cohere", "COHERE_API_KEY", "rerank-v3.5"),
        ("jina", "JINA_API_KEY", "jina-reranker-v2-base-multilingual"),
        ("zero_entropy", "ZERO_ENTROPY_API_KEY", "zerank-1"),
    ],
)
def test_the_services_have_their_models_and_read_their_keys_from_the_environment(
    config: Config,
    service: RerankServer,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    variable: str,
    model: str,
) -> None:
    monkeypatch.setenv(variable, "sk-environment")
    config["reranker"] = {"provider": provider, "config": {"base_url": service.url}}
    with Memory.from_config(config) as memory:
        assert texts(fill(memory).search(QUESTION, user_id="u")) == LONGEST_FIRST
    assert service.requests[0]["model"] == model
    assert service.headers[0]["Authorization"] == "Bearer sk-environment"


def test_the_addresses_of_the_services() -> None:
    made = [make_reranker(name, {"api_key": "k"})._address for name in ("cohere", "jina", "zero_entropy")]
    assert made == [
        "https://api.cohere.com/v2/rerank",
        "https://api.jina.ai/v1/rerank",
        "https://api.zeroentropy.dev/v1/models/rerank",
    ]


def results(*pairs: tuple[Any, Any]) -> Answer:
    return 200, {"results": [{"index": index, "relevance_score": score} for index, score in pairs]}


FAULTS: dict[str, tuple[Answer, str]] = {
    "429": ((429, {"message": FACTS[0]}), "HTTPStatusError"),
    "500": ((500, {"message": FACTS[0]}), "HTTPStatusError"),
    "401": ((401, {"message": f"bad key {KEY}"}), "HTTPStatusError"),
    "a redirect": ((302, {}), "HTTPStatusError"),
    "no JSON": ((200, b"{oops"), "JSONDecodeError"),
    "no UTF-8": ((200, b'"\xff"'), "UnicodeDecodeError"),
    "an empty body": ((200, b""), "JSONDecodeError"),
    "another object": ((200, {"scores": [1, 2, 3]}), "KeyError"),
    "a number": ((200, 3), "TypeError"),
    "null": ((200, {"results": None}), "TypeError"),
    "an index beyond the last": (results((0, 0.1), (1, 0.2), (3, 0.3)), "ValueError"),
    "a negative index": (results((0, 0.1), (1, 0.2), (-1, 0.3)), "ValueError"),
    "an index twice": (results((0, 0.1), (1, 0.2), (1, 0.3)), "ValueError"),
    "an index that is a text": (results(("0", 0.1), (1, 0.2), (2, 0.3)), "ValueError"),
    "too few": (results((0, 0.1), (1, 0.2)), "ValueError"),
    "no score": ((200, {"results": [{"index": n} for n in range(3)]}), "KeyError"),
    "a score that is a text": (results((0, "0.1"), (1, 0.2), (2, 0.3)), "TypeError"),
    "a score that is null": (results((0, None), (1, 0.2), (2, 0.3)), "TypeError"),
    "a score that is NaN": (results((0, float("nan")), (1, 0.2), (2, 0.3)), "ValueError"),
}


def test_each_fault_leaves_the_order_of_the_search(
    open_memory: Callable[..., Any], reranked: Config, service: RerankServer, caplog: pytest.LogCaptureFixture
) -> None:
    memory = fill(open_memory(reranked))
    own = memory.search(QUESTION, user_id="u", rerank=False)
    for name, (answer, error) in FAULTS.items():
        service.answer = lambda _, answer=answer: answer
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="mem0milvus"):
            assert memory.search(QUESTION, user_id="u") == own, name
        (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
        expected = f"The reranker 'my-reranker' failed ({error}), so a search kept its own order."
        assert warning.getMessage() == expected, name
        assert KEY not in caplog.text
    assert len(service.requests) == len(FAULTS), "a failed request is not repeated"
    service.answer = by_length
    assert texts(memory.search(QUESTION, user_id="u")) == LONGEST_FIRST


def test_a_server_that_does_not_answer_in_time_or_is_not_there(
    open_memory: Callable[..., Any], reranked: Config, service: RerankServer, caplog: pytest.LogCaptureFixture
) -> None:
    hang = threading.Event()
    service.answer = lambda _: (200 if hang.wait(20) else 504, {})
    settings = reranked["reranker"]["config"]
    settings["timeout_s"] = 0.2
    memory = fill(open_memory(reranked))
    own = memory.search(QUESTION, user_id="u", rerank=False)
    assert memory.search(QUESTION, user_id="u") == own
    assert "failed (ReadTimeout)" in caplog.text
    hang.set()
    memory.close()
    settings["base_url"] = "http://127.0.0.1:9"
    assert open_memory(reranked).search(QUESTION, user_id="u") == own
    assert "failed (ConnectError)" in caplog.text


def test_neither_key_nor_password_is_shown_or_logged(
    config: Config, service: RerankServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = service.url.replace("://", "://me:pass%2Fw0rd@")
    config["reranker"] = {"provider": "http", "config": {"base_url": address}}
    service.answer = lambda _: (503, {})
    with Memory.from_config(config) as memory, caplog.at_level(logging.DEBUG):
        fill(memory).search(QUESTION, user_id="u")
        assert "w0rd" not in repr(memory)
    assert service.headers[0]["Authorization"] == "Basic bWU6cGFzcy93MHJk"
    assert "503" in caplog.text
    assert "pass%2Fw0rd" not in caplog.text
    assert "pass/w0rd" not in caplog.text


def test_other_work_of_the_event_loop_goes_on_and_requests_run_at_the_same_time(
    reranked: Config, service: RerankServer
) -> None:
    together = threading.Barrier(3)

    def when_all_are_here(request: dict[str, Any]) -> Answer:
        together.wait(20)
        return by_length(request)

    async def work() -> list[list[str]]:
        async with AsyncMemory.from_config(reranked) as memory:
            await memory.add([{"role": "user", "content": text} for text in FACTS], user_id="u", infer=False)
            service.answer = when_all_are_here
            found = await asyncio.gather(*(memory.search(QUESTION, user_id="u") for _ in range(3)))
            return [texts(one) for one in found]

    assert asyncio.run(work()) == [LONGEST_FIRST] * 3


def test_one_memory_serves_several_event_loops(reranked: Config, service: RerankServer) -> None:
    service.keeps_alive = False  # asyncio.run leaves an open connection of its loop to the garbage collector
    memory = AsyncMemory.from_config(reranked)

    async def ask(close: bool) -> list[str]:
        if not close:
            await memory.add([{"role": "user", "content": text} for text in FACTS], user_id="u", infer=False)
        found = texts(await memory.search(QUESTION, user_id="u"))
        if close:
            await memory.aclose()
        return found

    assert [asyncio.run(ask(close)) for close in (False, True)] == [LONGEST_FIRST] * 2
