"""Reading the changes that a language model proposes in its answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mem0milvus.data.quoting import shown
from mem0milvus.errors import ExtractionError
from mem0milvus.types import Rejected

Action: TypeAlias = Literal["ADD", "UPDATE", "DELETE"]

ACTIONS: tuple[Action, ...] = ("ADD", "UPDATE", "DELETE")

#: The JSON schema of an answer. The evidence comes first, because models write fields in order: quote, then conclude.
ANSWER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "changes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "evidence": {"type": "string"},
                    "about": {"type": "string"},
                    "action": {"type": "string", "enum": list(ACTIONS)},
                    "id": {"type": ["string", "null"]},
                    "memory": {"type": "string"},
                    "happened_at": {"type": ["string", "null"]},
                },
                "required": ["evidence", "about", "action", "id", "memory", "happened_at"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["changes"],
    "additionalProperties": False,
}

#: The most opening braces at which a JSON object is looked for in a text that is not JSON as a whole.
_BRACES_TRIED = 200


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change proposed by the model."""

    action: Action  #: the kind of change
    alias: str  #: the number under which the memory to change was shown; "" for a new memory
    memory: str  #: the new text
    evidence: str  #: the quotation from the messages that supports the change
    about: str  #: the person it is about
    happened_at: str  #: when it happened, in ISO 8601; "" if that was not said

    def rejected(self, reason: str) -> Rejected:
        """Return this proposal with the reason for its rejection."""
        return {"action": self.action, "memory": self.memory, "evidence": self.evidence, "reason": reason}


def read_answer(answer: str | Mapping[str, Any]) -> tuple[list[Proposal], list[Rejected]]:
    """Return the proposals of an answer, and its malformed items.

    Raises:
        ExtractionError: the answer is empty, not JSON, or not of the requested shape, or all its items are malformed.
    """
    items = [_proposal(item) for item in _changes(answer)]
    proposals = [item for item in items if isinstance(item, Proposal)]
    malformed = [item for item in items if not isinstance(item, Proposal)]
    if malformed and not proposals:
        raise ExtractionError(
            f"The language model's answer is not as requested: {malformed[0]['reason']}. Nothing was written."
        )
    return proposals, malformed


def _changes(answer: str | Mapping[str, Any]) -> Sequence[object]:
    found = answer if isinstance(answer, Mapping) else _find_object(answer)
    changes = found.get("changes")
    if not isinstance(changes, list):
        raise ExtractionError(
            'The language model\'s answer has no list under "changes", as the request asks for. Nothing was written.'
        )
    return changes


def _find_object(text: object) -> Mapping[str, Any]:
    """Return the JSON object in a text that may have other text or a code fence around it."""
    if not isinstance(text, str):
        raise ExtractionError(f"The language model answered with a {type(text).__name__} instead of text.")
    if not text.strip():
        raise ExtractionError("The language model's answer is empty. Nothing was written.")
    found = list(_objects(text))
    for _, value in found:
        if "changes" in value:
            return value
    if found and found[0][0] == text.find("{"):
        return found[0][1]
    raise ExtractionError(
        f"The language model's answer is not valid JSON, or was cut off: it has {len(text):,} characters and no whole "
        "object. Nothing was written."
    )


def _objects(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the JSON objects in a text with their positions, without those nested in another."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(_BRACES_TRIED):
        if start < 0:
            return
        found = _decoded(decoder, text, start)
        if found is not None:
            yield start, found[0]
        start = text.find("{", start + 1 if found is None else found[1])


def _decoded(decoder: json.JSONDecoder, text: str, start: int) -> tuple[Mapping[str, Any], int] | None:
    try:
        return decoder.raw_decode(text, start)
    except (ValueError, RecursionError):  # of braces nested thousands deep, as a model in a loop writes them
        return None


def _proposal(item: object) -> Proposal | Rejected:
    if not isinstance(item, Mapping):
        return _malformed({}, f"a change is a {type(item).__name__} instead of an object")
    action = str(item.get("action")).strip().upper()
    if action not in ACTIONS:
        return _malformed(item, f"the action is {shown(item.get('action'))}")
    alias = item.get("id")
    texts = {name: item.get(name) or "" for name in ("memory", "evidence", "about", "happened_at")}
    for name, value in texts.items():
        if not isinstance(value, str):
            return _malformed(item, f'"{name}" is a {type(value).__name__} instead of a text')
    number = str(alias).strip() if isinstance(alias, (str, int)) and not isinstance(alias, bool) else ""
    return Proposal(action, number, texts["memory"].strip(), *list(texts.values())[1:])


def _malformed(item: Mapping[Any, Any], reason: str) -> Rejected:
    shown = {name: str(item.get(name) or "") for name in ("action", "memory", "evidence")}
    return {"action": shown["action"], "memory": shown["memory"], "evidence": shown["evidence"], "reason": reason}
