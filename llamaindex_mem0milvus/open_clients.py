"""The memories that this package opened or was given, by handles that survive serialisation.

Between two runs of one context, LlamaIndex serialises a memory to JSON and makes another object of it. That object must
work on the same open store: opening the store again takes time, and the JSON does not hold a server's token. So the
parts that cannot be serialised are kept here, by a handle that can.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from cachetools import FIFOCache

from llamaindex_mem0milvus.chat_stores import ChatStore
from mem0milvus import LLM, AsyncMemory, Embedder, Faces, Memory, StoreError

#: Names of settings that are never serialised, at any depth.
_SECRET = re.compile(r"^(token|key|secret|password|authorization)$|_(key|token|secret|password)$", re.IGNORECASE)

#: A user name and a password in a URL.
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")

#: The variables that complete a configuration: memories that differ in one of them are not shared.
_ENVIRONMENT = ("MILVUS_URI", "MILVUS_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL")

#: Stands for an object that JSON cannot hold.
_UNWRITABLE = object()

#: The most serialised memories whose parts are kept for deserialisation in this process.
MOST_PARTS = 256


class Owner:
    """An object that opened a memory and has not closed it."""


class Client:
    """An open memory. ``key`` identifies its configuration, if this package opened it."""

    def __init__(self, memory: Memory | AsyncMemory, key: str | None = None) -> None:
        self.access = Faces(memory)
        self.records = self.access.records()
        self.key = key
        self.owners: WeakSet[Owner] = WeakSet()
        self.is_closed = False

    def close(self, owner: Owner | None) -> None:
        """Close the memory if this is its last owner. A memory that the application gave stays open."""
        # Only objects that the application made are owners. LlamaIndex never closes the copies that it makes. An owner
        # that is garbage-collected without having been closed disappears from the WeakSet.
        with _lock:
            if owner is not None:
                self.owners.discard(owner)
            if self.key is None or self.is_closed or self.owners:
                return
            self.is_closed = True
            _opened.pop(self.key, None)
        if isinstance(self.access.memory, Memory):
            self.access.memory.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a ``Mem0MilvusMemory`` that cannot be serialised."""

    client: Client
    tokenizer_fn: Callable[[str], Sequence[Any]]
    chat_store: ChatStore | None


_opening = threading.Lock()  # held while a store is opened, which may take seconds
_lock = threading.Lock()  # never held during I/O: event loops wait for it
_opened: dict[str, Client] = {}
_parts: FIFOCache[str, Parts] = FIFOCache(MOST_PARTS)


def open_client(config: Mapping[str, Any] | None, llm: LLM | None = None, embedder: Embedder | None = None) -> Client:
    """Open a memory as configured, or share the one that is open with the same configuration.

    Unless the configuration says otherwise, messages are stored durably before their extraction, and stay pending if a
    model fails: the chat continues in either case.
    """
    key = _key(config, llm, embedder)
    with _opening:
        with _lock:
            client = _opened.get(key)
        if client is None:
            memory = Memory.from_config(_with_defaults(config or {}), llm=llm, embedder=embedder)
            client = Client(memory, key)
            with _lock:
                _opened[key] = client
        return client


def keep_parts(handle: str, parts: Parts) -> None:
    """Keep the parts that cannot be serialised, for ``find_parts``. The oldest are discarded first."""
    with _lock:
        _parts[handle] = parts


def find_parts(handle: str) -> Parts | None:
    """Return the parts that were kept; None in another process, or if their memory was closed."""
    with _lock:
        parts = _parts.get(handle)
        if parts is not None and parts.client.is_closed:
            del _parts[handle]
            return None
        return parts


def without_secrets(value: Any) -> Any:
    """Return a configuration for serialisation: without keys, tokens, passwords, and objects that JSON cannot hold."""
    if isinstance(value, Mapping):
        settings = ((str(name), without_secrets(item)) for name, item in value.items() if not _SECRET.search(str(name)))
        return {name: item for name, item in settings if item is not _UNWRITABLE}
    if isinstance(value, (list, tuple)):
        return [cleaned for item in value if (cleaned := without_secrets(item)) is not _UNWRITABLE]
    if isinstance(value, str):
        return _CREDENTIALS.sub("", value)
    return value if value is None or isinstance(value, (bool, int, float)) else _UNWRITABLE


def _with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    given = config.get("background", {})
    if isinstance(given, bool):
        given = {"default": given}
    if isinstance(given, Mapping):  # any other value is refused by Memory.from_config
        given = {"durable": True, **given}
    return {"on_extraction_error": "store_raw", **config, "background": given}


def _key(config: Mapping[str, Any] | None, llm: LLM | None, embedder: Embedder | None) -> str:
    """Return a hash that identifies a configuration: the text itself may hold secrets."""
    given = [config, id(llm) if llm else 0, id(embedder) if embedder else 0, os.getcwd()]  # noqa: PTH109 - only compared
    environment = [os.environ.get(name) for name in _ENVIRONMENT]
    text = json.dumps([*given, *environment], sort_keys=True, default=lambda value: f"{type(value)} {id(value)}")
    return hashlib.sha256(text.encode()).hexdigest()


def require_config(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the configuration with which a memory is opened again, or raise a StoreError if there is none."""
    if config is None:
        raise StoreError(
            "This memory was deserialised in a process that does not have its client open, and has no configuration to "
            "open one, because from_client made it. Pass memory= on this run, or make the memory with from_config."
        )
    return config
