"""Measure one library: ``python -m benchmarks.peers.worker NAME`` in its environment, with JSON on stdin and stdout."""

from __future__ import annotations

import importlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from benchmarks import cost
from benchmarks.conversations import Conversation, Session
from benchmarks.counting import CountingProxy, counting
from benchmarks.metrics import by_category, durations_ms, score, seconds
from benchmarks.peers.port import Extracting, Peer, Settings
from benchmarks.sentences import USERS, question, sentence

TOP_K = 20
SEARCH_TOP_K = 10

CLASSES = {
    "mem0milvus": ("own", "OwnPeer"),
    "mem0": ("mem0", "Mem0Peer"),
    "langchain": ("langchain", "LangChainPeer"),
    "llamaindex": ("llamaindex", "LlamaIndexPeer"),
}


def open_peer(name: str, settings: Settings) -> Peer:
    """Open the library of this name on an empty store."""
    module, cls = CLASSES[name]
    peer: Peer = getattr(importlib.import_module(f"benchmarks.peers.{module}"), cls)(settings)
    return peer


def locomo(
    open_empty: Callable[[], AbstractContextManager[Peer]], conversations: Sequence[Conversation]
) -> dict[str, dict[str, float]]:
    """Measure the evidence found, with an empty store for each conversation."""
    scores = []
    for conversation in conversations:
        with open_empty() as peer:
            for session in conversation["sessions"]:
                peer.remember(conversation["name"], session)
            for asked in conversation["questions"]:
                ranked = peer.search(conversation["name"], asked["text"], TOP_K)
                scores.append((asked["category"], score(ranked, asked["evidence"])))
    return by_category(scores)


def latency(peer: Peer, sizes: Sequence[int], calls: int, users: int = USERS) -> dict[str, dict[str, dict[str, float]]]:
    """Measure single adds and searches at each size of one growing store."""
    rng = random.Random(11)
    filled = 0
    report = {}
    for size in sorted(sizes):
        adds = [seconds(peer.remember, *_said(rng, number, users)) for number in range(filled, size)]
        filled = size
        peer.search("user0", question(rng), SEARCH_TOP_K)  # the first one warms up
        time.sleep(1)
        searches = [seconds(peer.search, f"user{n % users}", question(rng), SEARCH_TOP_K) for n in range(calls)]
        report[f"{size:,}"] = {"add": durations_ms(adds[-calls:]), "search": durations_ms(searches)}
    return report


def _said(rng: random.Random, number: int, users: int) -> tuple[str, Session]:
    text = f"{sentence(rng)} (entry {number})"
    said: Session = {"name": "", "time": None, "utterances": [{"name": str(number), "speaker": "", "text": text}]}
    return f"user{number % users}", said


def measure(name: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """Run a task with the library of this name, in temporary folders."""
    if task["do"] == "cost":
        with counting(task["embedder_url"]) as proxy:
            return _cost(name, task, proxy)
    if task["do"] == "locomo":
        return locomo(lambda: opened(name, task, task["embedder_url"]), task["conversations"])
    with opened(name, task, task["embedder_url"]) as peer:
        return latency(peer, task["sizes"], task["calls"], task.get("users", USERS))


@contextmanager
def opened(name: str, task: Mapping[str, Any], url: str) -> Iterator[Peer]:
    """Yield the library on an empty store, with the models at this address."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = Settings(Path(folder), url, task["model"], task["dims"], task.get("llm_model", ""))
        peer = open_peer(name, settings)
        try:
            yield peer
        finally:
            peer.close()


def _cost(name: str, task: Mapping[str, Any], proxy: CountingProxy) -> dict[str, Any]:
    conversation = task["conversations"][0]
    user = conversation["name"]
    with opened(name, task, proxy.base_url) as opened_peer:
        peer = cast("Extracting", opened_peer)
        peer.search(user, "warm up", 1)  # requests made once, as for the length of vectors, are not counted
        return cost.measure(
            conversation, task["sessions"], proxy, lambda session, said: peer.extract(user, session, said)
        )


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(sys.argv[1], json.load(sys.stdin))) + "\n")
