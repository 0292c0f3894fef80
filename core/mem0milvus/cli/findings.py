"""What ``mem0milvus doctor`` found, and how it says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from mem0milvus.cli.terminal import count

if TYPE_CHECKING:
    from mem0milvus.operations.memories.health_check import Comparison, StoreCounts

#: How it is: as it should be, worth knowing, or in need of mending.
State: TypeAlias = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what, in a word.
        state: how it is.
        says: what was found, in plain words.
        mend: what to do about it; empty where there is nothing to do.
    """

    check: str
    state: State
    says: str
    mend: str = ""


def told(found: StoreCounts, history_limit: int | None) -> Iterator[Finding]:
    """What a survey says."""
    yield Finding(
        "memories",
        "ok",
        f"{count(found.memories, 'memory', 'memories')} of {count(len(found.users.keys() - {''}), 'user', 'users')}; "
        f"{count(found.versions, 'past version', 'past versions')}; "
        f"{count(found.deleted, 'deleted memory', 'deleted memories')} that can be restored",
    )
    if found.pending:
        waiting = count(found.pending, "message waits", "messages wait")
        says = f"{waiting} for a model to extract what is worth remembering."
        yield Finding("memories", "note", says, "mem0milvus process-pending")
    if found.expired:
        says = f"{count(found.expired, 'memory has', 'memories have')} expired."
        yield Finding("memories", "note", says, "mem0milvus vacuum erases what has expired.")
    if found.forgotten and history_limit is None:
        lost = count(found.forgotten, "past version is", "past versions are")
        says = f"{lost} no longer kept: vacuum erased them under a history_limit."
        yield Finding("versions", "note", says)
    if found.leftovers or found.stray:
        rows = count(found.leftovers + found.stray, "row is", "rows are")
        says = f"{rows} left of writes that were interrupted; they count for nothing."
        yield Finding("versions", "note", says, "Nothing needs to be done.")
    else:
        yield Finding("versions", "ok", "live memories and their past fit together")


def compared(found: Comparison) -> Finding:
    """What a comparison with fresh vectors and words says."""
    if found.other_vectors:
        return Finding(
            "embedder",
            "fault",
            f"The embedder gives other vectors now than those stored, for {found.other_vectors} of {found.compared} "
            "memories, though its name and dimensions are the same. Searches find the wrong memories.",
            "See that the model and base_url are those that filled the store, or: mem0milvus reembed --again",
        )
    if found.other_words:
        says = f"The words of {found.other_words} of {found.compared} memories were found by another analysis."
        return Finding("words", "fault", says, "mem0milvus reembed --again makes them anew.")
    if not found.compared:
        return Finding("embedder", "ok", "there are no memories yet to compare it with")
    return Finding("embedder", "ok", f"it gives the vectors that are stored ({found.compared} compared)")
