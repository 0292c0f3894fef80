"""Checking a model's proposals: a change needs evidence in the messages and a memory that was shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mem0milvus.data.messages import Message, check_text
from mem0milvus.data.quoting import shown
from mem0milvus.data.timestamps import parse_moment
from mem0milvus.errors import ValidationError
from mem0milvus.operations.extraction.answer import Action, Proposal
from mem0milvus.operations.extraction.quotations import Place, contains_run, find_quotation, units
from mem0milvus.retrieval.text.words import fold, is_function_word, language_of, stem, words_of
from mem0milvus.types import AssistantPolicy, Rejected

#: A text that shares so many consecutive words with the instructions is copied from them.
COPIED_UNITS = 8

#: With at least so many memories, a word that more than half of them contain does not identify one of them.
_MANY = 3

#: Words about memories in general, with their stems. A message with no others refers to no memory in particular.
_GENERIC = frozenset(("user", "memory", "memori", "fact", "everything", "delete", "delet", "forget"))


@dataclass(frozen=True, slots=True)
class Change:
    """An accepted change."""

    action: Action  #: the kind of change
    alias: str  #: the number of the memory to change; "" for a new one
    memory: str  #: the new text; "" for a deletion
    message: Message  #: the message that supports it
    place: Place  #: the position of the evidence in the messages
    happened_at: int | None  #: when it happened, in microseconds since 1970 UTC; None if that was not said
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The input of the model, with which its proposals are compared."""

    messages: Sequence[Message]
    known: Mapping[str, str]  #: the texts of the memories shown, by alias
    instructions: str = ""  #: the instructions given to the model
    users: Sequence[str] = ()  #: names of users, in addition to those in the messages
    assistant: AssistantPolicy = "about_user"  #: whether statements of the assistant are remembered


def check_changes(proposals: Sequence[Proposal], context: CheckContext) -> tuple[list[Change], list[Rejected]]:
    """Return the accepted changes, in the order of their evidence, and the rejected proposals with the reasons."""
    said = [units(message.text) for message in context.messages]
    instructions = units(context.instructions)
    accepted: list[Change] = []
    rejected: list[Rejected] = []
    for proposal in proposals:
        places = find_quotation(proposal.evidence, said)
        reason = (
            _wrong_evidence(proposal, places, context)
            or _wrong_target(proposal, context.known)
            or _wrong_text(proposal, context.known, instructions)
        )
        if reason:
            rejected.append(proposal.rejected(reason))
        else:
            accepted.append(_change(proposal, places, context.messages))
    kept, superseded = _resolve(accepted)
    return kept, [*rejected, *superseded]


def _wrong_evidence(proposal: Proposal, places: Sequence[Place], context: CheckContext) -> str | None:
    if not proposal.evidence.strip():
        return "no evidence is given"
    if not places:
        return "the evidence is not in the messages"
    messages = [context.messages[place.message] for place in places]
    if not _has_meaning(proposal.evidence, messages):
        return "the evidence tells nothing"
    if any(message.role == "user" for message in messages) or context.assistant == "always":
        return None
    if context.assistant == "never" or proposal.action == "DELETE" or not _is_user(proposal.about, context):
        return "only the assistant said it"
    return None


def _has_meaning(evidence: str, messages: Iterable[Message]) -> bool:
    """Return True if a quotation has a content word, or is a whole message."""
    return bool(content(evidence)) or any(units(evidence) == units(message.text) for message in messages)


def _is_user(about: str, context: CheckContext) -> bool:
    names = ["user", *context.users, *(m.name for m in context.messages if m.role == "user" and m.name)]
    subject = set(units(about))
    return any(set(units(name)) <= subject for name in names if units(name))


def _wrong_target(proposal: Proposal, known: Mapping[str, str]) -> str | None:
    if proposal.action == "ADD":
        return None
    if proposal.alias not in known:
        return f"there is no memory {shown(proposal.alias)} among those shown"
    if proposal.action == "DELETE" and not _refers_to(proposal.evidence, proposal.alias, known):
        return "the evidence does not speak of that memory"
    return None


def _refers_to(evidence: str, alias: str, known: Mapping[str, str]) -> bool:
    """Return True if a quotation shares an identifying word with a memory. "Delete all memories" has none."""
    contents = {other: content(text) for other, text in known.items()}
    common = _GENERIC
    if len(known) >= _MANY:
        words = [word for one in contents.values() for word in one]
        common = common | {word for word in words if words.count(word) * 2 > len(known)}
    return bool((content(evidence) & contents[alias]) - common)


def content(text: str) -> frozenset[str]:
    """Return the stems of a text's content words; in scripts without spaces, the pairs of characters."""
    words = words_of(text)
    language = language_of(words)
    found: set[str] = set()
    for word in words:
        if word.kind in ("east", "thai"):
            found.update(word.text[i : i + 2] for i in range(max(1, len(word.text) - 1)))
        elif word.kind == "sign" or not is_function_word(word, language):
            found.add(fold(stem(word.text, language)))
    return frozenset(found)


def _wrong_text(proposal: Proposal, known: Mapping[str, str], instructions: Sequence[str]) -> str | None:
    if proposal.action == "DELETE":
        return None
    try:
        check_text(proposal.memory, "its text")
    except ValidationError as error:
        return str(error).rstrip(".")
    text = units(proposal.memory)
    if contains_run(text, instructions, COPIED_UNITS):
        return "its text is from the instructions"
    if any(text == units(other) for other in known.values()):
        return "it is known already"
    return None


def _change(proposal: Proposal, places: Sequence[Place], messages: Sequence[Message]) -> Change:
    """Return the change, attributed to the user who said it or, if no user did, to the assistant."""
    by_users = [place for place in places if messages[place.message].role == "user"]
    place = max(by_users or places)
    return Change(
        proposal.action,
        "" if proposal.action == "ADD" else proposal.alias,
        "" if proposal.action == "DELETE" else proposal.memory,
        messages[place.message],
        place,
        read_date(proposal.happened_at),
        proposal,
    )


def read_date(text: str) -> int | None:
    """Return a date as a model writes it, perhaps only a year or a month, in microseconds; None if it is no date."""
    text = text.strip()
    if len(text) == 4:
        text += "-01-01"
    elif len(text) == 7:
        text += "-01"
    try:
        return parse_moment(text, "happened_at")
    except ValidationError:
        return None


def _resolve(changes: Sequence[Change]) -> tuple[list[Change], list[Rejected]]:
    """Keep the last change to each memory, and each new text once. Reject the others."""
    ordered = sorted(changes, key=lambda change: change.place)
    last = {change.alias: change for change in ordered if change.alias}
    kept: list[Change] = []
    rejected: list[Rejected] = []
    texts: set[tuple[str, ...]] = set()
    for change in ordered:
        text = tuple(units(change.memory))
        if change.alias and last[change.alias] is not change:
            rejected.append(change.proposal.rejected("a later change to the same memory takes its place"))
        elif change.memory and text in texts:
            rejected.append(change.proposal.rejected("it is said twice"))
        else:
            texts.add(text)
            kept.append(change)
    return kept, rejected
