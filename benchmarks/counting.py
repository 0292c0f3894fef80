"""A proxy on loopback that counts requests to a server with OpenAI's API. Standard library only."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 300
CHARACTERS_A_TOKEN = 4  # the usual estimate for English, the same for every library


@dataclass
class Counts:
    """The requests since the last reset. Tokens are characters / 4, of messages and of any schema or tools."""

    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    embedding_calls: int = 0
    embedded_texts: int = 0
    server_s: float = 0.0


class CountingProxy(ThreadingHTTPServer):
    """Forward requests to ``base_url`` and count them in ``counts``."""

    daemon_threads = True

    def __init__(self, base_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(base_url)
        self.counts = Counts()
        self.lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """The address of the proxy, for clients."""
        return f"http://127.0.0.1:{self.server_port}{self.target.path}"

    def reset(self) -> Counts:
        """Return the counts and start again from zero."""
        with self.lock:
            counts, self.counts = self.counts, Counts()
        return counts


@contextmanager
def counting(base_url: str) -> Iterator[CountingProxy]:
    """Yield a running proxy."""
    with CountingProxy(base_url) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: CountingProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        started = time.perf_counter()
        status, kind, answer = self._ask(body)
        took = time.perf_counter() - started
        with self.server.lock:
            self.server.counts.server_s += took
            _count(self.server.counts, self.path, body, answer)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _ask(self, body: bytes) -> tuple[int, str, bytes]:
        target = self.server.target
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        connection = kind(target.hostname or "", target.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json", "Authorization": self.headers.get("Authorization", "")}
        try:
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", "application/json"), response.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Suppress the request log."""


def _count(counts: Counts, path: str, body: bytes, answer: bytes) -> None:
    asked = json.loads(body)
    if path.endswith("/embeddings"):
        texts = asked["input"]
        counts.embedding_calls += 1
        counts.embedded_texts += 1 if isinstance(texts, str) else len(texts)
    elif path.endswith("/chat/completions"):
        counts.llm_calls += 1
        counts.prompt_tokens += _tokens(asked)
        choices = json.loads(answer).get("choices", [])
        characters = sum(len(choice["message"].get("content") or "") for choice in choices)
        counts.completion_tokens += -(-characters // CHARACTERS_A_TOKEN)


def _tokens(asked: Mapping[str, Any]) -> int:
    characters = sum(len(_text(message.get("content"))) for message in asked["messages"])
    for extra in ("response_format", "tools"):
        if extra in asked:
            characters += len(json.dumps(asked[extra]))
    return -(-characters // CHARACTERS_A_TOKEN)


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content or "")
