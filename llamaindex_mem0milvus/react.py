"""A way around a defect of LlamaIndex's ReAct agents, which lose the system message of a conversation.

``ReActAgent.take_step`` (llama-index-core 0.14) drops the first message where it is a system message, because it has
put its ``system_prompt`` there before and has it in its own header already. An agent without a ``system_prompt`` drops
the memory's system message in its place. It is given twice then: one is dropped and one arrives.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole


async def drops_system_message(messages: Sequence[ChatMessage]) -> bool:
    """Whether the agent in whose step this is awaited will drop the first of these messages."""
    if not messages or messages[0].role != MessageRole.SYSTEM:
        return False
    agent = await _running_agent()
    return _is_react(agent) and not agent.system_prompt


async def _running_agent() -> Any:
    """The agent whose step is running, None where there is none."""
    if "llama_index.core.agent.workflow" not in sys.modules:
        return None
    from workflows import Context
    from workflows.errors import WorkflowRuntimeError

    step_context = getattr(Context, "get_step_context", None)  # newer than llama-index-core 0.14.0
    try:
        context: Any = step_context() if step_context else None
    except WorkflowRuntimeError:
        return None
    workflow = getattr(getattr(context, "_face", None), "_workflow", None)
    agents = getattr(workflow, "agents", None)
    if isinstance(agents, dict):
        return agents.get(await context.store.get("current_agent_name", default=None))
    return workflow


def _is_react(agent: object) -> bool:
    from llama_index.core.agent.workflow import ReActAgent

    return isinstance(agent, ReActAgent)
