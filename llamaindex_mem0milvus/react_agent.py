"""A workaround for ReAct agents, which drop the system message of a conversation.

``ReActAgent.take_step`` (llama-index-core 0.14.25) drops the first message if it is a system message: it expects its
own ``system_prompt`` there. An agent without a ``system_prompt`` drops the memory's system message instead. So the
memory gives this message twice: the agent drops one, and the other reaches the model.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole


async def drops_system_message(messages: Sequence[ChatMessage]) -> bool:
    """Return whether the agent whose step is running will drop the first of these messages."""
    if not messages or messages[0].role != MessageRole.SYSTEM:
        return False
    agent = await _running_agent()
    if agent is None:
        return False
    from llama_index.core.agent.workflow import ReActAgent

    return isinstance(agent, ReActAgent) and not agent.system_prompt


async def _running_agent() -> Any:
    """Return the agent whose step is running, or None."""
    if "llama_index.core.agent.workflow" not in sys.modules:
        return None
    from workflows import Context
    from workflows.errors import WorkflowRuntimeError

    step_context = getattr(Context, "get_step_context", None)  # missing in the workflows of llama-index-core 0.14.0
    try:
        context: Any = step_context() if step_context else None
    except WorkflowRuntimeError:
        return None
    # Private names of llama-index-workflows 2.26.1. Where one is missing, no agent is found and nothing is repeated.
    workflow = getattr(getattr(context, "_face", None), "_workflow", None)
    agents = getattr(workflow, "agents", None)
    if isinstance(agents, dict):
        return agents.get(await context.store.get("current_agent_name", default=None))
    return workflow
