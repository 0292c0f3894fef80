"""OpenAI's clients, and what their failures mean: shared by embeddings and extraction."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from pydantic import SecretStr


class Access(Protocol):
    """The part of a configuration that says how a server is reached."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def api_key(self) -> SecretStr | None:
        """The key; None for that in the environment."""

    @property
    def base_url(self) -> str | None:
        """Address of the API; None for that in the environment, or OpenAI's."""

    @property
    def timeout_s(self) -> float:
        """Seconds that one request may take."""

    @property
    def max_retries(self) -> int:
        """How often a request is repeated that was refused for load or failed at the server."""

    @property
    def max_connections(self) -> int:
        """How many requests one event loop has under way at once."""


#: Seconds between the beginnings of two requests of one event loop. The client computes for a few milliseconds with
#: each request and each answer; without this, those of many adds come at once and together hold the loop.
SPACING_S = 0.006


@dataclass(slots=True)
class _InLoop:
    """What belongs to one event loop: its client, the places of requests under way, and when the next may begin."""

    client: asyncio.Future[AsyncOpenAI]
    places: asyncio.Semaphore
    next_start_s: float = 0.0

    async def take_turn(self) -> None:
        """Wait until the request before this one began long enough ago."""
        now_s = asyncio.get_running_loop().time()
        start_s = max(now_s, self.next_start_s)
        self.next_start_s = start_s + SPACING_S
        if start_s > now_s:
            await asyncio.sleep(start_s - now_s)


class Clients:
    """The blocking client, and one awaiting client for each event loop, to which it is bound."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._mutex = threading.Lock()
        self._client: OpenAI | None = None
        self._loops: dict[asyncio.AbstractEventLoop, _InLoop] = {}

    def blocking(self) -> OpenAI:
        """The blocking client. It serves all threads."""
        from openai import OpenAI

        with self._mutex:
            if self._client is None:
                self._client = OpenAI(**self._arguments())
            return self._client

    @asynccontextmanager
    async def awaiting(self) -> AsyncIterator[AsyncOpenAI]:
        """The client of the running event loop, when there is a place for a request.

        A client keeps the loop for some milliseconds with each request and each answer. Where hundreds came at once,
        nothing else would run for as long as all of them take; so there are only so many, and they begin one by one.
        """
        mine = self._mine()
        async with mine.places:
            await mine.take_turn()
            yield await asyncio.shield(mine.client)

    async def prepare(self) -> None:
        """Have the client of the running event loop made; what fails then fails again in ``awaiting``.

        Importing openai and making its client takes long, so it is done in a thread, before the loop needs it.
        """
        await asyncio.wait([self._mine().client])

    def _mine(self) -> _InLoop:
        loop = asyncio.get_running_loop()
        mine = self._loops.get(loop)
        if mine is None or (mine.client.done() and mine.client.exception()):
            for closed in [other for other in self._loops if other.is_closed()]:
                del self._loops[closed]
            places = asyncio.Semaphore(self._access.max_connections)
            mine = self._loops[loop] = _InLoop(loop.run_in_executor(None, self._make_awaiting), places)
        return mine

    def close(self) -> None:
        """Close the blocking client. Another one is made when it is needed."""
        with self._mutex:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the client of the running event loop."""
        mine = self._loops.pop(asyncio.get_running_loop(), None)
        if mine is not None and mine.client.done() and not mine.client.exception():
            await mine.client.result().close()

    def _make_awaiting(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**self._arguments())
        _ = client.embeddings, client.chat.completions  # imported when first looked at
        # All these imports make Python look through all its objects before long, which takes 60 to 110 ms: better here,
        # before the first request, than in the midst of many.
        gc.collect()
        return client

    def _arguments(self) -> dict[str, Any]:
        access = self._access
        return {
            "api_key": access.api_key.get_secret_value() if access.api_key else None,
            "base_url": access.base_url,
            "timeout": access.timeout_s,
            "max_retries": access.max_retries,
        }


@contextmanager
def translated(kind: str, section: str, access: Access, error_type: Callable[[str], Exception]) -> Iterator[None]:
    """Turn failures of the client into an error that names the cause.

    Args:
        kind: what the model is, as in ``"embedding model"``.
        section: its part of the configuration, as in ``"embedder.config"``.
        access: how it is reached.
        error_type: the error to raise.
    """
    import openai

    model = f"The {kind} {access.model!r}"
    try:
        yield
    except openai.OpenAIError as error:
        where = f"{model} at {access.base_url or 'OpenAI'}"
        raise error_type(f"{where} {_reason(error, section, access)}.") from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise error_type(f"{model} did not answer in OpenAI's format ({type(error).__name__}: {error}).") from error


def _reason(error: Exception, section: str, access: Access) -> str:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return f"did not answer within {access.timeout_s:g} s"
    if isinstance(error, openai.APIConnectionError):
        return "cannot be reached, or broke the connection off"
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
