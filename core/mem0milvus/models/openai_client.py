"""Models behind OpenAI's API: their clients, and the errors that failures of a client become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

from typing_extensions import override

from mem0milvus.config.secrets import secrets_of
from mem0milvus.errors import Mem0MilvusError
from mem0milvus.models.model_clients import ModelClients

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

    from mem0milvus.config import OpenAIConfig


class OpenAIModel(ModelClients["OpenAI", "AsyncOpenAI"]):
    """A model behind OpenAI's API."""

    #: Names of the kind of model and of its section of the configuration, for messages.
    _kind: ClassVar[str]
    _section: ClassVar[str]
    _error: ClassVar[type[Mem0MilvusError]]

    def __init__(self, config: OpenAIConfig) -> None:
        super().__init__(config.max_connections)
        self.identity = config.model
        self._config = config
        self._secrets = secrets_of(config)

    @override
    def _make_client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(**self._client_arguments())

    @override
    def _make_async_client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**self._client_arguments())
        _ = client.embeddings, client.chat.completions  # openai 2 imports these modules on first access: do it here
        return client

    @override
    async def _close_async_client(self, client: AsyncOpenAI) -> None:
        await client.close()

    def _client_arguments(self) -> dict[str, Any]:
        config = self._config
        return {
            "api_key": config.api_key.get_secret_value() if config.api_key else None,
            "base_url": config.base_url,
            "timeout": config.timeout_s,
            "max_retries": config.max_retries,
        }

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate failures of the client, and answers that it cannot read, into an error that names the cause."""
        import openai

        config, model = self._config, f"The {self._kind} {self.identity!r}"
        try:
            yield
        except openai.OpenAIError as error:
            reason = _reason(error, self._section, config.timeout_s)
            message = f"{model} at {config.base_url or 'OpenAI'} {reason}."
            raise self._error(self._secrets.mask(message)) from self._secrets.cause(error)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            message = f"{model} did not answer in OpenAI's format ({type(error).__name__}: {error})."
            raise self._error(self._secrets.mask(message)) from self._secrets.cause(error)


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
