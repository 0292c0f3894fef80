"""Chat completions from any server with OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mem0milvus.errors import ExtractionError
from mem0milvus.models.openai_client import OpenAIModel
from mem0milvus.types import LLMRequest

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

    from mem0milvus.config import OpenAILLMConfig

#: The values of ``response_format``, the strictest first.
Form: TypeAlias = Literal["json_schema", "json_object", "text"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "text")

#: Statuses of servers that do not support a form of answer, or refuse the request for another reason.
REFUSALS = (400, 422)

#: Prefixes of models with ``max_completion_tokens`` in place of ``max_tokens`` (platform.openai.com, "Reasoning",
#: 2025).
REASONING_MODELS = ("o1", "o3", "o4", "gpt-5")


class OpenAIChat(OpenAIModel):
    """A language model behind OpenAI's API.

    It requests an answer that follows a JSON schema. If the server refuses, it requests any JSON object, and then plain
    text. Later requests begin with the form that the server accepted.
    """

    _config: OpenAILLMConfig
    _kind = "language model"
    _section = "llm.config"
    _error = ExtractionError

    def __init__(self, config: OpenAILLMConfig) -> None:
        super().__init__(config)
        self._form: Form = FORMS[0]

    def complete(self, request: LLMRequest) -> str:
        """Return the text of the model's answer. An incomplete answer is an error."""
        with self._translated():
            client = self._blocking_client()
            for form in self._forms():
                with _unless_refused(form):
                    return self._read(form, client.chat.completions.create(**self._arguments(request, form)))
        raise AssertionError("the last form returns or raises")

    async def acomplete(self, request: LLMRequest) -> str:
        """Return the text of the model's answer as ``complete`` does, without blocking the event loop."""
        await self.prepare()
        with self._translated():
            for form in self._forms():
                with _unless_refused(form):
                    async with self._async_client() as client:
                        completion = await client.chat.completions.create(**self._arguments(request, form))
                    return self._read(form, completion)
        raise AssertionError("the last form returns or raises")

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
        return ExtractionError(
            self._secrets.mask(f"The language model {self.identity!r} {reason}. Nothing was written.")
        )


def _response_format(request: LLMRequest, form: Form) -> Mapping[str, Any] | None:
    if form == "json_schema":
        return {"type": form, "json_schema": {"name": "changes", "strict": True, "schema": request.schema}}
    return {"type": form} if form == "json_object" else None


@contextmanager
def _unless_refused(form: Form) -> Iterator[None]:
    """Suppress a refusal that may concern the form of the answer, unless it is the last form."""
    from openai import APIStatusError

    try:
        yield
    except APIStatusError as error:
        if form == FORMS[-1] or error.status_code not in REFUSALS:
            raise
