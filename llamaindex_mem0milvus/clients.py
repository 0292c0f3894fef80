"""The memories that this package opened or was given, and how they are found again after serialisation.

LlamaIndex turns a memory into JSON between two runs of one context, and makes another object of it. That one must work
on the same open store: opening it again would cost time, and a server's token does not stand in the JSON. So what
cannot be written down is kept here, under a handle that can.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from llamaindex_mem0milvus.stores import ChatStore
from mem0milvus import LLM, AsyncMemory, Embedder, Faces, Memory, StoreError

#: Settings that are never written down, wherever they stand.
_SECRET = re.compile(r"^(token|key|secret|password|authorization)$|_(key|token|secret|password)$", re.IGNORECASE)

#: A name and a password in an address.
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")

#: What the environment says where the configuration does not: two memories that differ in it are two.
_ENVIRONMENT = ("MILVUS_URI", "MILVUS_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL")

#: How many memories that were written down are kept for those who read them back in this process.
MOST_PARTS = 256


class Owner:
    """Somebody who opened a memory and has not closed it yet."""


class Client:
    """An open memory.

    Args:
        memory: the memory.
        key: what it was opened by, where this package did.
    """

    def __init__(self, memory: Memory | AsyncMemory, key: str | None = None) -> None:
        self.faces = Faces(memory)
        self.records = self.faces.records()
        self.key = key
        self.owners: WeakSet[Owner] = WeakSet()
        self.is_closed = False

    def close(self, owner: Owner | None) -> None:
        """Give it up. The last owner's closing closes the memory; one that was given stays open.

        Copies that LlamaIndex makes are no owners: nobody could close them.
        """
        with _lock:
            if owner is not None:
                self.owners.discard(owner)
            if self.key is None or self.is_closed or self.owners:
                return
            self.is_closed = True
            _opened.pop(self.key, None)
        if isinstance(self.faces.memory, Memory):
            self.faces.memory.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a ``Mem0MilvusMemory`` cannot be written down."""

    client: Client
    tokenizer_fn: Callable[[str], Sequence[Any]]
    chat_store: ChatStore | None


_opening = threading.Lock()  # held while a store is opened, which may take long
_lock = threading.Lock()  # never held for long: an event loop may wait for it
_opened: dict[str, Client] = {}
_parts: OrderedDict[str, Parts] = OrderedDict()


def open_client(config: Mapping[str, Any] | None, llm: LLM | None = None, embedder: Embedder | None = None) -> Client:
    """Open a memory as configured, or share the one that is open already by the same configuration.

    What is to be extracted is stored before it is extracted, and kept raw when a model fails, unless the configuration
    says otherwise: a chat goes on after either.

    Raises:
        ConfigError: the configuration is wrong.
        StoreError: or one of its kinds: the store cannot be opened.
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


async def aopen_client(config: Mapping[str, Any] | None) -> Client:
    """As ``open_client``, without blocking the event loop."""
    return await asyncio.to_thread(open_client, config)


def keep_parts(handle: str, parts: Parts) -> None:
    """Keep what cannot be written down, for ``find_parts``. What was not asked for longest is forgotten first."""
    with _lock:
        _parts[handle] = parts
        _parts.move_to_end(handle)
        if len(_parts) > MOST_PARTS:
            _parts.popitem(last=False)


def find_parts(handle: str) -> Parts | None:
    """What was kept under a handle; None in another process, and where its memory was closed."""
    with _lock:
        parts = _parts.get(handle)
        if parts is not None and parts.client.is_closed:
            del _parts[handle]
            return None
        return parts


def without_secrets(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A configuration as it may be written down: no keys, tokens and passwords, and nothing that JSON cannot hold."""
    return None if config is None else {str(k): v for k, v in _clean_items(config)}


def _clean_items(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    pairs = ((name, _clean(value)) for name, value in values.items() if not _SECRET.search(str(name)))
    return [(name, value) for name, value in pairs if value is not _UNWRITABLE]


_UNWRITABLE = object()


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(_clean_items(value))
    if isinstance(value, (list, tuple)):
        return [cleaned for item in value if (cleaned := _clean(item)) is not _UNWRITABLE]
    if isinstance(value, str):
        return _CREDENTIALS.sub("", value)
    return value if value is None or isinstance(value, (bool, int, float)) else _UNWRITABLE


def _with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    given = config.get("background", {})
    if isinstance(given, bool):
        given = {"default": given}
    if isinstance(given, Mapping):  # anything else is refused by whoever reads it
        given = {"durable": True, **given}
    return {"on_extraction_error": "store_raw", **config, "background": given}


def _key(config: Mapping[str, Any] | None, llm: LLM | None, embedder: Embedder | None) -> str:
    """What tells one open memory from another. Only its hash is kept: there may be secrets in it."""
    told = [config, id(llm) if llm else 0, id(embedder) if embedder else 0, os.getcwd()]  # noqa: PTH109 - only compared
    around = [os.environ.get(name) for name in _ENVIRONMENT]
    text = json.dumps([*told, *around], sort_keys=True, default=lambda value: f"{type(value).__name__} {id(value)}")
    return hashlib.sha256(text.encode()).hexdigest()


def reopened(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The configuration to open a memory by that was read back in another process.

    Raises:
        StoreError: there is none: the memory was given as an object.
    """
    if config is None:
        raise StoreError(
            "This memory was read back in a process that does not have its client open, and its configuration is not "
            "known, as after from_client. Pass memory= on this run, or make it by from_config."
        )
    return config
