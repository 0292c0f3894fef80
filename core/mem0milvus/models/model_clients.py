"""Clients of a model behind HTTP: one blocking client, and an async client for each event loop."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class _Closes(Protocol):
    def close(self) -> None: ...


BlockingT = TypeVar("BlockingT", bound=_Closes)
AsyncT = TypeVar("AsyncT")


@dataclass(frozen=True, slots=True)
class _LoopClient(Generic[AsyncT]):
    """The client of one event loop, and the semaphore that bounds its simultaneous requests."""

    client: asyncio.Future[AsyncT]
    connections: asyncio.Semaphore


def _retrieve(client: asyncio.Future[AsyncT]) -> None:
    """Ask for the error of a client: if all its callers are cancelled, asyncio would complain that nobody did."""
    if not client.cancelled():
        client.exception()


class ModelClients(ABC, Generic[BlockingT, AsyncT]):
    """A model behind HTTP.

    It has one blocking client for all threads, and one async client for each event loop: the connections of an async
    client belong to the event loop in which they were opened.
    """

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._mutex = threading.Lock()
        self._client: BlockingT | None = None
        self._loops: dict[asyncio.AbstractEventLoop, _LoopClient[AsyncT]] = {}

    @abstractmethod
    def _make_client(self) -> BlockingT: ...

    @abstractmethod
    def _make_async_client(self) -> AsyncT: ...

    @abstractmethod
    async def _close_async_client(self, client: AsyncT) -> None: ...

    def _blocking_client(self) -> BlockingT:
        with self._mutex:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    @asynccontextmanager
    async def _async_client(self) -> AsyncIterator[AsyncT]:
        """Yield the client of the running event loop while fewer than ``max_connections`` requests are under way.

        The client computes for some milliseconds on the event loop with each request and each answer. With hundreds of
        requests at once, these would add up to a long pause of everything else on the loop.
        """
        mine = self._of_this_loop()
        async with mine.connections:
            # All requests of the loop await this one future: cancelling one of them must not cancel it.
            yield await asyncio.shield(mine.client)

    def _of_this_loop(self) -> _LoopClient[AsyncT]:
        loop = asyncio.get_running_loop()
        mine = self._loops.get(loop)
        # If making a client failed, as without a key, it is tried again: the environment may have changed.
        if mine is None or (mine.client.done() and mine.client.exception()):
            for closed in [other for other in self._loops if other.is_closed()]:
                del self._loops[closed]
            # In a thread: importing the package and making a client takes long enough to pause the event loop
            # noticeably.
            client = loop.run_in_executor(None, self._make_async_client)
            client.add_done_callback(_retrieve)
            mine = self._loops[loop] = _LoopClient(client, asyncio.Semaphore(self._max_connections))
        return mine

    async def prepare(self) -> None:
        """Make the client of the running event loop. An error is raised again at the first request, not here."""
        # asyncio.wait neither raises the future's error nor cancels the future if this call is cancelled.
        await asyncio.wait([self._of_this_loop().client])

    def close(self) -> None:
        """Close the connections of the blocking client. The next request makes a new client."""
        with self._mutex:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        mine = self._loops.pop(asyncio.get_running_loop(), None)
        if mine is not None and mine.client.done() and not mine.client.exception():
            await self._close_async_client(mine.client.result())
