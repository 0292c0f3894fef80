"""The findings of ``mem0milvus doctor``, and the words for what its checks measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mem0milvus.cli.terminal import count
from mem0milvus.models.local_embedder import INSTALL
from mem0milvus.models.offline_embedder import MODEL as OFFLINE_MODEL

if TYPE_CHECKING:
    from mem0milvus.operations.memories.health_check import Comparison, StoreCounts
    from mem0milvus.ports import Origin
    from mem0milvus.types import LLM, Embedder


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str  #: the check, in a word
    state: Literal["ok", "note", "fault"]  #: a note is no problem yet
    says: str  #: the observation
    mend: str = ""  #: the fix; empty if nothing needs to be done


def describe_models(embedder: Embedder, llm: LLM | None, filled: Origin | None, *, is_configured: bool) -> Finding:
    """Describe the models in use, and how to find meaning where the embedder only finds words.

    ``filled`` is the embedder that filled the collection, if the configuration names none and there is a collection.
    """
    models = f"embedder {embedder.identity!r} with {embedder.dims} dimensions"
    models += f", language model {llm.identity!r}" if llm else ", no language model: rules choose what to remember"
    if is_configured or embedder.identity != OFFLINE_MODEL:
        return Finding("models", "ok", models)
    if filled is None:
        says = f"{models}. No model is configured and OPENAI_API_KEY is not set, so searches match words only."
        fix = f'{INSTALL}, set OPENAI_API_KEY, or name an "embedder" in the file of --config, before you store much.'
        return Finding("models", "note", says, fix)
    says = f"{models}. It filled the collection and is kept, though none is configured. It finds words only."
    fix = (
        'To find meaning, name another "embedder" in the file of --config, such as {"provider": "local"} '
        f"({INSTALL}), and move the memories to it: mem0milvus reembed"
    )
    return Finding("models", "note", says, fix)


def describe_memories(found: StoreCounts, history_limit: int | None) -> Iterator[Finding]:
    """Describe the contents of a store, and what may be done about them."""
    says = (
        f"{count(found.memories, 'memory', 'memories')} of {count(len(found.users.keys() - {''}), 'user', 'users')}; "
        f"{count(found.versions, 'past version', 'past versions')}; "
        f"{count(found.deleted, 'deleted memory', 'deleted memories')} that can be restored"
    )
    yield Finding("memories", "ok", says)
    if found.pending:
        says = f"{count(found.pending, 'message is', 'messages are')} pending: memories must still be extracted."
        yield Finding("memories", "note", says, "mem0milvus process-pending")
    if found.expired:
        says = f"{count(found.expired, 'memory has', 'memories have')} expired."
        yield Finding("memories", "note", says, "mem0milvus vacuum erases expired memories.")
    if found.forgotten and history_limit is None:
        lost = count(found.forgotten, "past version is", "past versions are")
        yield Finding("versions", "note", f"{lost} no longer kept: vacuum erased them under a history_limit.")
    if stray := found.leftovers + found.stray:
        says = f"{count(stray, 'row is', 'rows are')} left over from interrupted writes and ignored."
        yield Finding("versions", "note", says, "Nothing needs to be done.")
    else:
        yield Finding("versions", "ok", "live memories and their histories are consistent")


def describe_comparison(found: Comparison) -> Finding:
    """Describe how the stored vectors and words compare with new ones."""
    if found.other_vectors:
        says = (
            f"The embedder now returns vectors other than those stored, for {found.other_vectors} of {found.compared} "
            "memories, under the same name and dimensions. Searches find the wrong memories."
        )
        fix = "Configure the model and base_url that filled the store, or: mem0milvus reembed --again"
        return Finding("embedder", "fault", says, fix)
    if found.other_words:
        says = f"The words of {found.other_words} of {found.compared} memories were made by another text analysis."
        return Finding("words", "fault", says, "mem0milvus reembed --again makes them again.")
    if not found.compared:
        return Finding("embedder", "ok", "there are no memories yet to compare it with")
    return Finding("embedder", "ok", f"it returns the stored vectors ({found.compared} compared)")
