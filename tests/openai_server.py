"""A small real HTTP server that speaks OpenAI's wire protocol: embeddings and chat completions, on loopback."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What is answered: status and body. A body of bytes goes out as it is, anything else as JSON.
Answer = tuple[int, Any]
Request = dict[str, Any]


class Drop:
    """Stands for no answer at all: the connection is closed."""


class OpenAIServer(ThreadingHTTPServer):
    """Answers ``/embeddings`` with the letters of each text, and ``/chat/completions`` with what it was given.

    Attributes:
        requests: all requests' bodies, in order; ``headers`` has their headers and ``chats`` those to a language model.
        fault: answers every request to ``/embeddings`` instead.
        chat_fault: answers every request to ``/chat/completions`` instead; None from it lets the request through.
        answers: the next completions: texts, dicts (sent as JSON), or functions of the request that give one.
        otherwise: the completion when ``answers`` is empty.
        floats: send vectors as numbers, though base64 was asked for.
        retry_after: the header of that name, in seconds.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.chats: list[Request] = []
        self.headers: list[Any] = []
        self.fault: Callable[[Request], Answer] | None = None
        self.chat_fault: Callable[[Request], Answer | type[Drop] | None] | None = None
        self.answers: deque[Any] = deque()
        self.otherwise: Any = {"changes": []}
        self.floats = False
        self.retry_after = ""
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def embedded(self) -> list[Request]:
        return [request for request in self.requests if "input" in request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left does not wait for its answer."""

    def __enter__(self) -> OpenAIServer:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: OpenAIServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        self.server.headers.append(self.headers)
        answer = self._chat(request) if self.path.endswith("/chat/completions") else self._embed(request)
        if answer is Drop:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, content = answer  # type: ignore[misc]
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(body)

    def _embed(self, request: Request) -> Answer:
        if self.server.fault:
            return self.server.fault(request)
        dims = request.get("dimensions", 26)
        data = []
        for index, text in enumerate(request["input"]):
            counts = [0.01 + text.casefold().count(chr(97 + n % 26)) for n in range(dims)]
            coded: Any = counts
            if request.get("encoding_format") == "base64" and not self.server.floats:
                coded = base64.b64encode(struct.pack(f"<{dims}f", *counts)).decode()
            data.append({"object": "embedding", "index": index, "embedding": coded})
        data.reverse()  # the order is told by the index
        return 200, {"object": "list", "data": data, "model": request["model"], "usage": _usage()}

    def _chat(self, request: Request) -> Answer | type[Drop]:
        self.server.chats.append(request)
        if self.server.chat_fault and (answer := self.server.chat_fault(request)) is not None:
            return answer
        reply = self.server.answers.popleft() if self.server.answers else self.server.otherwise
        reply = reply(request) if callable(reply) else reply
        return 200, completion(reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False))

    def log_message(self, *_: Any) -> None:
        pass


def completion(content: str | None, finish: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    """A whole answer of ``/chat/completions``."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _usage(),
    }


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def change(
    action: str,
    memory: str,
    evidence: str,
    alias: str | None = None,
    about: str = "user",
    happened_at: str | None = None,
) -> dict[str, Any]:
    """One change as a language model proposes it."""
    return {
        "evidence": evidence,
        "about": about,
        "action": action,
        "id": alias,
        "memory": memory,
        "happened_at": happened_at,
    }


def shown(request: Request) -> dict[str, str]:
    """The known memories that a request shows: aliases by text."""
    section = request["messages"][-1]["content"].split("# Known Memories\n")[1].split("\n# New Messages")[0]
    lines = [line.split(": ", 1) for line in section.splitlines() if ": " in line]
    return {json.loads(text): alias for alias, text in lines}
