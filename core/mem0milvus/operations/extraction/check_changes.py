"""What of a model's proposals is followed: only what was said, only memories that were shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mem0milvus.data.messages import Message, check_text
from mem0milvus.data.timestamps import parse_moment
from mem0milvus.errors import ValidationError
from mem0milvus.operations.extraction.answer import Action, Proposal
from mem0milvus.operations.extraction.quotations import Place, contains_run, find_quotation, units
from mem0milvus.retrieval.text.words import fold, is_function_word, language_of, stem, words_of
from mem0milvus.types import AssistantPolicy, Rejected

#: So many words in a row that stand in the instructions as well are a copy of them.
COPIED_UNITS = 8

#: A word that more than half of at least so many memories share tells none of them from the others.
_MANY = 3

#: Words for what is remembered as such. Who says only these speaks of no memory in particular.
_GENERIC = frozenset(("user", "memory", "memori", "fact", "everything", "delete", "delet", "forget"))


@dataclass(frozen=True, slots=True)
class Change:
    """A change to be made.

    Attributes:
        action: what is done.
        alias: the number of the memory that is changed; ``""`` for a new one.
        memory: the new text; ``""`` for a deletion.
        message: the message that it follows from.
        place: where in the messages.
        happened_at: when it happened, in microseconds; None where that is not told.
    """

    action: Action
    alias: str
    memory: str
    message: Message
    place: Place
    happened_at: int | None
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Heard:
    """What proposals are held against.

    Attributes:
        messages: what was said.
        known: the memories that were shown, by alias.
        instructions: what the model was told to do.
        users: names of users, beside those that messages carry.
        assistant: whether what an assistant said is remembered.
    """

    messages: Sequence[Message]
    known: Mapping[str, str]
    instructions: str = ""
    users: Sequence[str] = ()
    assistant: AssistantPolicy = "about_user"


def check_changes(proposals: Sequence[Proposal], heard: Heard) -> tuple[list[Change], list[Rejected]]:
    """The proposals that are followed, in the order in which they were said, and the others with the reason."""
    said = [units(message.text) for message in heard.messages]
    instructions = units(heard.instructions)
    accepted: list[Change] = []
    rejected: list[Rejected] = []
    for proposal in proposals:
        places = find_quotation(proposal.evidence, said)
        reason = (
            _wrong_evidence(proposal, places, heard)
            or _wrong_target(proposal, heard.known)
            or _wrong_text(proposal, heard.known, instructions)
        )
        if reason:
            rejected.append(proposal.rejected(reason))
        else:
            accepted.append(_change(proposal, places, heard.messages))
    kept, outdone = _resolve(accepted)
    return kept, [*rejected, *outdone]


def _wrong_evidence(proposal: Proposal, places: Sequence[Place], heard: Heard) -> str:
    if not proposal.evidence.strip():
        return "no evidence is given"
    if not places:
        return "the evidence is not in the messages"
    messages = [heard.messages[place.message] for place in places]
    if not _tells(proposal.evidence, messages):
        return "the evidence tells nothing"
    if any(message.role == "user" for message in messages) or heard.assistant == "always":
        return ""
    if heard.assistant == "never" or proposal.action == "DELETE" or not _is_user(proposal.about, heard):
        return "only the assistant said it"
    return ""


def _tells(evidence: str, messages: Iterable[Message]) -> bool:
    """Whether a quotation has a word with a meaning, or is all that somebody said."""
    return bool(content(evidence)) or any(units(evidence) == units(message.text) for message in messages)


def _is_user(about: str, heard: Heard) -> bool:
    names = ["user", *heard.users, *(m.name for m in heard.messages if m.role == "user" and m.name)]
    named = units(about)
    return any(set(units(name)) <= set(named) for name in names if units(name))


def _wrong_target(proposal: Proposal, known: Mapping[str, str]) -> str:
    if proposal.action == "ADD":
        return ""
    if proposal.alias not in known:
        return f"there is no memory {proposal.alias!r} among those shown"
    if proposal.action == "DELETE" and not _speaks_of(proposal.evidence, proposal.alias, known):
        return "the evidence does not speak of that memory"
    return ""


def _speaks_of(evidence: str, alias: str, known: Mapping[str, str]) -> bool:
    """Whether a quotation names what a memory is about. "Delete all memories" names nothing."""
    contents = {other: content(text) for other, text in known.items()}
    common = _GENERIC
    if len(known) >= _MANY:
        words = [word for one in contents.values() for word in one]
        common = common | {word for word in words if words.count(word) * 2 > len(known)}
    return bool((content(evidence) & contents[alias]) - common)


def content(text: str) -> frozenset[str]:
    """The stems of a text's words that mean something; pairs of characters in scripts without spaces."""
    words = words_of(text)
    language = language_of(words)
    found: set[str] = set()
    for word in words:
        if word.kind in ("east", "thai"):
            found.update(word.text[i : i + 2] for i in range(max(1, len(word.text) - 1)))
        elif word.kind == "sign" or not is_function_word(word, language):
            found.add(fold(stem(word.text, language)))
    return frozenset(found)


def _wrong_text(proposal: Proposal, known: Mapping[str, str], instructions: Sequence[str]) -> str:
    if proposal.action == "DELETE":
        return ""
    try:
        check_text(proposal.memory, "its text")
    except ValidationError as error:
        return str(error).rstrip(".")
    text = units(proposal.memory)
    if contains_run(text, instructions, COPIED_UNITS):
        return "its text is from the instructions"
    if any(text == units(other) for other in known.values()):
        return "it is known already"
    return ""


def _change(proposal: Proposal, places: Sequence[Place], messages: Sequence[Message]) -> Change:
    """Ascribe a change to the user who said it, or else to the assistant."""
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
    """A moment as a model writes it, perhaps only a year or a month; None where it is no moment."""
    text = text.strip()
    if text.isdecimal() and len(text) == 4:
        text += "-01-01"
    elif len(text) == 7:
        text += "-01"
    try:
        return parse_moment(text, "happened_at")
    except ValidationError:
        return None


def _resolve(changes: Sequence[Change]) -> tuple[list[Change], list[Rejected]]:
    """One change for each memory, that which was said last, and each text once."""
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
