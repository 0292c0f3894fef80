"""Chat completions from any server that speaks OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mem0milvus.errors import ExtractionError
from mem0milvus.models.openai_client import Clients, translated
from mem0milvus.types import LLMRequest

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

    from mem0milvus.config import OpenAILLMConfig

#: How an answer can be asked for, the strictest first.
Form: TypeAlias = Literal["json_schema", "json_object", "text"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "text")

#: What a server says who does not know a form of answer, or takes anything else amiss.
REFUSALS = (400, 422)

#: Models that take ``max_completion_tokens`` in the place of ``max_tokens`` (platform.openai.com, "Reasoning", 2025).
REASONING_MODELS = ("o1", "o3", "o4", "gpt-5")


class OpenAIChat:
    """A language model behind OpenAI's API.

    It asks for an answer by JSON schema; a server that refuses is asked for any JSON object, and then for plain text.
    What worked is remembered.

    Args:
        config: model, address, key and limits.
    """

    def __init__(self, config: OpenAILLMConfig) -> None:
        self._config = config
        self._clients = Clients(config)
        self._form: Form = FORMS[0]

    @property
    def identity(self) -> str:
        """The model's name."""
        return self._config.model

    def complete(self, request: LLMRequest) -> str:
        """The answer's text.

        Raises:
            ExtractionError: the server refused, failed or did not answer, or the model did not answer to the end.
        """
        with translated("language model", "llm.config", self._config, ExtractionError):
            client = self._clients.blocking()
            for form in self._forms():
                with _unless_refused(form):
                    return self._read(form, client.chat.completions.create(**self._arguments(request, form)))
        raise AssertionError("the last form returns or raises")

    async def acomplete(self, request: LLMRequest) -> str:
        """As ``complete``, with one client per event loop, to which it is bound."""
        await self._clients.prepare()
        with translated("language model", "llm.config", self._config, ExtractionError):
            for form in self._forms():
                with _unless_refused(form):
                    async with self._clients.awaiting() as client:
                        completion = await client.chat.completions.create(**self._arguments(request, form))
                    return self._read(form, completion)
        raise AssertionError("the last form returns or raises")

    async def prepare(self) -> None:
        """Make the client of the running event loop. What fails then fails again when it is used."""
        await self._clients.prepare()

    def close(self) -> None:
        """Close the blocking client's connections."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.aclose()

    def _forms(self) -> tuple[Form, ...]:
        return FORMS[FORMS.index(self._form) :]

    def _arguments(self, request: LLMRequest, form: Form) -> dict[str, Any]:
        config = self._config
        limit = "max_completion_tokens" if config.model.startswith(REASONING_MODELS) else "max_tokens"
        given = {
            limit: config.max_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "reasoning_effort": config.reasoning_effort,
            "response_format": _response_format(request, form),
        }
        messages = [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}]
        chosen = {name: value for name, value in given.items() if value is not None}
        return {"model": config.model, "messages": messages, **chosen}

    def _read(self, form: Form, completion: ChatCompletion) -> str:
        choice = completion.choices[0]
        text = choice.message.content
        self._form = form
        if choice.message.refusal:
            raise self._failure(f"refused to answer: {choice.message.refusal[:200]}")
        if choice.finish_reason == "length":
            limit = self._config.max_tokens
            raise self._failure(
                f"was cut off at {f'max_tokens={limit}' if limit else 'its limit of tokens'}: raise "
                "llm.config.max_tokens, or add fewer messages at once"
            )
        if choice.finish_reason == "content_filter":
            raise self._failure("was stopped by the server's content filter")
        if not text or not text.strip():
            raise self._failure("gave an empty answer")
        return text

    def _failure(self, reason: str) -> ExtractionError:
        return ExtractionError(f"The language model {self._config.model!r} {reason}. Nothing was written.")


def _response_format(request: LLMRequest, form: Form) -> Mapping[str, Any] | None:
    if form == "json_schema":
        return {"type": form, "json_schema": {"name": "changes", "strict": True, "schema": request.schema}}
    return {"type": form} if form == "json_object" else None


@contextmanager
def _unless_refused(form: Form) -> Iterator[None]:
    """Pass over a refusal that may be meant for the form of the answer, while there is another one to try."""
    from openai import APIStatusError

    try:
        yield
    except APIStatusError as error:
        if form == FORMS[-1] or error.status_code not in REFUSALS:
            raise
