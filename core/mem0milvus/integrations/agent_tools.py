"""What a language model can be allowed to do with the memories of one scope, in words for a model."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from mem0milvus.client.memory import AsyncMemory
from mem0milvus.data.scope import SCOPE_FIELDS, check_id
from mem0milvus.errors import Mem0MilvusError, NotFoundError, ValidationError
from mem0milvus.integrations.prompt_text import DEFAULT_HEADING, DEFAULT_MAX_TOKENS, estimate_tokens, render_memories

logger = logging.getLogger(__name__)

NOTHING_FOUND = "Nothing is remembered about that."
NOTHING_KEPT = "Nothing new was remembered: it is known already, or there is nothing in it to remember."


class MemoryTools:
    """Searching, saving, updating and deleting the memories of one scope.

    The scope is the application's, never the model's: an id of another scope is answered as one that does not exist.
    What fails is answered in words and logged, so that an agent can go on; nothing is raised but for a wrong use of
    this class. Whoever offers these to a framework gives the model the texts of ``DESCRIPTIONS``.

    Args:
        scope: ``user_id``, ``agent_id`` and ``run_id``, at least one.
        top_k: how many memories a search shows at most.
        threshold: the least relevance of what it shows, 0 to 1; left out, nothing is cut.
        infer: whether a text to save is taken apart by the language model that the memory has, or kept as it is.
        max_tokens: what the memories that a search shows may take.
        count_tokens: the tokens of a text.

    Raises:
        ValidationError: the scope is empty, has other keys, or an id cannot be used.
    """

    DESCRIPTIONS: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "search": "Search what is remembered about the user from earlier conversations. Use it before answering "
            "whatever may depend on the user's past, plans or preferences. Each result has an id.",
            "save": "Remember something about the user for later conversations: one fact, complete in itself, in the "
            "user's language. Do not save what is remembered already, and no secrets such as passwords.",
            "update": "Replace what one memory says, when it is no longer right. Search first: the id stands in the "
            "results.",
            "delete": "Forget one memory, when the user asks for it. Search first: the id stands in the results.",
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
        if not scope or not set(scope) <= set(SCOPE_FIELDS):
            raise ValidationError(f"scope must have one or more of {', '.join(SCOPE_FIELDS)}, not {sorted(scope)}.")
        self._scope: dict[str, Any] = {name: check_id(value, name) for name, value in scope.items()}
        self._top_k = top_k
        self._threshold = threshold
        self._infer = infer
        self._max_tokens = max_tokens
        self._count_tokens = count_tokens

    async def search(self, memory: AsyncMemory, query: str) -> str:
        """The memories that a question is about, with their ids, best first."""

        async def act() -> str:
            found = await memory.search(query, top_k=self._top_k, threshold=self._threshold, **self._scope)
            shown = render_memories(
                found["results"],
                max_tokens=self._max_tokens,
                count_tokens=self._count_tokens,
                heading=DEFAULT_HEADING,
                with_ids=True,
            )
            return shown or NOTHING_FOUND

        return await _in_words("search", act)

    async def save(self, memory: AsyncMemory, text: str) -> str:
        """Keep a text. The answer tells the ids of what was written."""

        async def act() -> str:
            added = await memory.add(text, infer=self._infer, **self._scope)
            return "\n".join(f"{change['event']} {change['id']}" for change in added["results"]) or NOTHING_KEPT

        return await _in_words("save", act)

    async def update(self, memory: AsyncMemory, memory_id: str, text: str) -> str:
        """Replace what a memory of the scope says."""

        async def act() -> str:
            await self._check_mine(memory, memory_id)
            return (await memory.update(memory_id, text))["message"]

        return await _in_words("update", act)

    async def delete(self, memory: AsyncMemory, memory_id: str) -> str:
        """Delete a memory of the scope. Its history stays, as with ``Memory.delete``."""

        async def act() -> str:
            await self._check_mine(memory, memory_id)
            return (await memory.delete(memory_id))["message"]

        return await _in_words("delete", act)

    async def _check_mine(self, memory: AsyncMemory, memory_id: str) -> None:
        try:
            item: Mapping[str, Any] = await memory.get(memory_id)
        except NotFoundError:
            item = {}
        if any(item.get(name) != value for name, value in self._scope.items()):
            raise NotFoundError(f"There is no memory with the id {memory_id!r}. A search shows the ids.")


async def _in_words(tool: str, act: Callable[[], Awaitable[str]]) -> str:
    try:
        return await act()
    except (ValidationError, NotFoundError) as error:
        return f"This cannot be done: {error}"
    except Mem0MilvusError as error:
        logger.warning("A tool of a memory failed (%s): %s", tool, type(error).__name__)
        return "The memory does not answer at the moment. Go on without it."
