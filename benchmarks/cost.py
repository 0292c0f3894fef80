"""The cost of remembering: requests and tokens of ``add(infer=True)``, one call for each session of a conversation.

All requests go through a counting proxy, so any server with OpenAI's API will do, and every library is counted alike.
Tokens are characters / 4, of messages and of any schema or tools sent. ``own_ms`` is the time of a call minus that of
the server. The extracted memories depend on the model; the requests do not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.conversations import Conversation, Session
from benchmarks.counting import CountingProxy

#: Stores the messages of a session and returns the number of memories that changed.
Add = Callable[[Session, Sequence[dict[str, str]]], int]


def messages(conversation: Conversation, session: Session) -> list[dict[str, str]]:
    """Return a session as messages of a user, the first speaker of the conversation, and an assistant."""
    user = conversation["sessions"][0]["utterances"][0]["speaker"]
    return [
        {
            "role": "user" if one["speaker"] == user else "assistant",
            "name": one["speaker"],
            "content": f"{one['speaker']}: {one['text']}",
        }
        for one in session["utterances"]
    ]


def measure(conversation: Conversation, sessions: int, proxy: CountingProxy, add: Add) -> dict[str, dict[str, float]]:
    """Add the first sessions one by one. Return the figures of each, and of all together."""
    rows: dict[str, dict[str, float]] = {}
    proxy.reset()
    for session in conversation["sessions"][:sessions]:
        said = messages(conversation, session)
        started = time.perf_counter()
        memories = add(session, said)
        wall_ms = (time.perf_counter() - started) * 1e3
        counts: dict[str, Any] = asdict(proxy.reset())
        own_ms = wall_ms - counts.pop("server_s") * 1e3
        rows[session["name"].replace("_", " ")] = {
            "messages": len(said),
            "memories": memories,
            **counts,
            "own_ms": round(own_ms, 1),
        }
    total = {name: sum(row[name] for row in rows.values()) for name in next(iter(rows.values()))}
    total["own_ms"] = round(statistics.median(row["own_ms"] for row in rows.values()), 1)
    return {**rows, "all (own_ms: median)": total}
