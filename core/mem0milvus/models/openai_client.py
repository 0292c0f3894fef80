"""Models behind OpenAI's API: their clients, and the errors that failures of a client become."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from mem0milvus.errors import Mem0MilvusError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

    from mem0milvus.config import OpenAIConfig


@dataclass(frozen=True, slots=True)
class _LoopClient:
    """The client of one event loop, and the semaphore that bounds its simultaneous requests."""

    client: asyncio.Future[AsyncOpenAI]
    connections: asyncio.Semaphore


class OpenAIModel:
    """A model behind OpenAI's API.

    It has one blocking client for all threads, and one async client for each event loop: the connections of an async
    client belong to the event loop in which they were opened.
    """

    #: Names of the kind of model and of its section of the configuration, for messages.
    _kind: ClassVar[str]
    _section: ClassVar[str]
    _error: ClassVar[type[Mem0MilvusError]]

    def __init__(self, config: OpenAIConfig) -> None:
        self.identity = config.model
        self._config = config
        self._mutex = threading.Lock()
        self._client: OpenAI | None = None
        self._loops: dict[asyncio.AbstractEventLoop, _LoopClient] = {}

    def _blocking_client(self) -> OpenAI:
        from openai import OpenAI

        with self._mutex:
            if self._client is None:
                self._client = OpenAI(**self._client_arguments())
            return self._client

    @asynccontextmanager
    async def _async_client(self) -> AsyncIterator[AsyncOpenAI]:
        """Yield the client of the running event loop while fewer than ``max_connections`` requests are under way.

        The client computes for some milliseconds on the event loop with each request and each answer. With hundreds of
        requests at once, these would add up to a long pause of everything else on the loop.
        """
        mine = self._of_this_loop()
        async with mine.connections:
            # All requests of the loop await this one future: cancelling one of them must not cancel it.
            yield await asyncio.shield(mine.client)

    def _of_this_loop(self) -> _LoopClient:
        loop = asyncio.get_running_loop()
        mine = self._loops.get(loop)
        # If making a client failed, as without a key, it is tried again: the environment may have changed.
        if mine is None or (mine.client.done() and mine.client.exception()):
            for closed in [other for other in self._loops if other.is_closed()]:
                del self._loops[closed]
            # In a thread: importing openai and making a client takes long enough to pause the event loop noticeably.
            client = loop.run_in_executor(None, self._make_async_client)
            mine = self._loops[loop] = _LoopClient(client, asyncio.Semaphore(self._config.max_connections))
        return mine

    def _make_async_client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**self._client_arguments())
        _ = client.embeddings, client.chat.completions  # openai 2 imports these modules on first access: do it here
        return client

    def _client_arguments(self) -> dict[str, Any]:
        config = self._config
        return {
            "api_key": config.api_key.get_secret_value() if config.api_key else None,
            "base_url": config.base_url,
            "timeout": config.timeout_s,
            "max_retries": config.max_retries,
        }

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
            await mine.client.result().close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate failures of the client, and answers that it cannot read, into an error that names the cause."""
        import openai

        config, model = self._config, f"The {self._kind} {self.identity!r}"
        try:
            yield
        except openai.OpenAIError as error:
            reason = _reason(error, self._section, config.timeout_s)
            raise self._error(f"{model} at {config.base_url or 'OpenAI'} {reason}.") from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise self._error(
                f"{model} did not answer in OpenAI's format ({type(error).__name__}: {error})."
            ) from error


def _reason(error: Exception, section: str, timeout_s: float) -> str:
    import openai

    if isinstance(error, openai.APITimeoutError):  # before APIConnectionError, of which openai makes it a subclass
        return f"did not answer within {timeout_s:g} s"
    if isinstance(error, openai.APIConnectionError):
        return "cannot be reached, or closed the connection"
    if isinstance(error, openai.AuthenticationError):
        return f"refused the API key (401): check OPENAI_API_KEY or {section}.api_key"
    if isinstance(error, openai.NotFoundError):
        return f"answered 404: {_message(error)}; check {section}.model and base_url"
    if isinstance(error, openai.RateLimitError):
        return f"answered 429, too many requests or no quota left: {_message(error)}"
    if isinstance(error, openai.APIStatusError):
        return f"answered {error.status_code}: {_message(error)}"
    return f"cannot be used: {str(error).rstrip('.')}"


def _message(error: Any) -> str:
    body = error.body if isinstance(error.body, Mapping) else {}
    return str(cast("Mapping[str, object]", body).get("message") or type(error).__name__).rstrip(".")
