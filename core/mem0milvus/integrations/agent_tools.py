"""Tools with which a language model searches and changes the memories of one scope, answered in words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from mem0milvus.client.memory import AsyncMemory
from mem0milvus.data.quoting import shown
from mem0milvus.data.scope import SCOPE_FIELDS, check_id
from mem0milvus.errors import Mem0MilvusError, NotFoundError, ValidationError
from mem0milvus.integrations.conversation import cut_query
from mem0milvus.integrations.prompt_text import DEFAULT_MAX_TOKENS, estimate_tokens, render_memories

logger = logging.getLogger(__name__)

NOTHING_FOUND = "Nothing is remembered about that."
NOTHING_KEPT = "Nothing new was remembered: it is known already, or there is nothing in it to remember."

T = TypeVar("T")
P = ParamSpec("P")
Tool = Callable[Concatenate[T, P], Coroutine[Any, Any, str]]


def check_scope(scope: object) -> dict[str, str]:
    """Check a scope that an application gave as a dict.

    Raises:
        ValidationError: it is not a dict, is empty, has a key that is not an id of a scope, or an id is invalid.
    """
    if not isinstance(scope, Mapping) or not scope or not set(scope) <= set(SCOPE_FIELDS):
        raise ValidationError(
            f"scope must be a dict with one or more of {', '.join(SCOPE_FIELDS)}, not {shown(scope)}."
        )
    return {name: check_id(value, name) for name, value in scope.items()}


def _answer_errors_in_words(tool: Tool[T, P]) -> Tool[T, P]:
    """Return an error as the tool's answer: in most agent frameworks, an exception in a tool ends the run."""

    @wraps(tool)
    async def answered(self: T, /, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return await tool(self, *args, **kwargs)
        except (ValidationError, NotFoundError) as error:
            return f"This cannot be done: {error}"
        except Mem0MilvusError as error:
            # The message may quote the memory's text, so only the error's class is logged.
            logger.warning("The tool %s of a memory failed: %s", tool.__name__, type(error).__name__)
            return "The memory is not available now. Continue without it."

    return answered


class MemoryTools:
    """Search, save, update and delete the memories of one scope.

    The application chooses the scope, never the model: the id of a memory in another scope is answered as an id that
    does not exist. Errors of the library are logged and answered in words, so that the agent can continue. An adapter
    describes the tools to the model with ``DESCRIPTIONS``.

        >>> tools = MemoryTools({"user_id": "alice"})
        >>> Faces(memory).run(lambda opened: tools.save(opened, "Alice likes tea."))

    Args:
        scope: ``user_id``, ``agent_id`` and ``run_id``, at least one.
        top_k: the maximum number of memories that a search shows.
        threshold: the minimum relevance of a memory that a search shows, 0 to 1; None sets no minimum.
        infer: extract memories from a saved text with the memory's language model; False stores the text verbatim.
        max_tokens: the maximum number of tokens in the result of a search.
        count_tokens: counts the tokens of a text.

    Raises:
        ValidationError: the scope is empty, has other keys, or an id is invalid.
    """

    DESCRIPTIONS: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "search": "Search what is remembered about the user from earlier conversations. Use it before answering "
            "whatever may depend on the user's past, plans or preferences. Each result has an id.",
            "save": "Remember something about the user for later conversations: one fact, complete in itself, in the "
            "user's language. Do not save what is remembered already, and no secrets such as passwords.",
            "update": "Replace the text of one memory when it is no longer right. Search first: the results show the "
            "ids.",
            "delete": "Forget one memory when the user asks for it. Search first: the results show the ids.",
        }
    )

    def __init__(
        self,
        scope: Mapping[str, str],
        *,
        top_k: int = 5,
        threshold: float | None = None,
        infer: bool = False,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        count_tokens: Callable[[str], int] = estimate_tokens,
    ) -> None:
        self._scope: dict[str, Any] = {**check_scope(scope)}
        self._search_options: dict[str, Any] = {"top_k": top_k, "threshold": threshold}
        self._infer = infer
        self._rendering: dict[str, Any] = {"max_tokens": max_tokens, "count_tokens": count_tokens, "with_ids": True}

    @_answer_errors_in_words
    async def search(self, memory: AsyncMemory, query: str) -> str:
        """Return the memories that are relevant to a query as text, with their ids, most relevant first."""
        found = await memory.search(cut_query(query), **self._search_options, **self._scope)
        return render_memories(found["results"], **self._rendering) or NOTHING_FOUND

    @_answer_errors_in_words
    async def save(self, memory: AsyncMemory, text: str) -> str:
        """Store a text. Return one line with the event and the id for each memory that was written."""
        added = await memory.add(text, infer=self._infer, **self._scope)
        return "\n".join(f"{change['event']} {change['id']}" for change in added["results"]) or NOTHING_KEPT

    @_answer_errors_in_words
    async def update(self, memory: AsyncMemory, memory_id: str, text: str) -> str:
        """Replace the text of a memory of the scope."""
        await self._check_in_scope(memory, memory_id)
        return (await memory.update(memory_id, text))["message"]

    @_answer_errors_in_words
    async def delete(self, memory: AsyncMemory, memory_id: str) -> str:
        """Delete a memory of the scope. Its history stays, as with ``Memory.delete``."""
        await self._check_in_scope(memory, memory_id)
        return (await memory.delete(memory_id))["message"]

    async def _check_in_scope(self, memory: AsyncMemory, memory_id: str) -> None:
        try:
            item: Mapping[str, Any] = await memory.get(memory_id)
        except NotFoundError:
            item = {}
        # The same message for both cases: a different one would reveal which ids other users have.
        if any(item.get(name) != value for name, value in self._scope.items()):
            raise NotFoundError(f"There is no memory with the id {shown(memory_id)}. A search shows the ids.")
