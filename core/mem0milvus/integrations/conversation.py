"""What a question in a conversation refers to, and which memories repeat what the prompt says anyway."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mem0milvus.data.limits import MAX_QUERY_BYTES
from mem0milvus.retrieval.text.weights import function_word_pattern
from mem0milvus.retrieval.text.words import is_function_word, language_of, words_of
from mem0milvus.types import SearchItem

#: A question with fewer words of its own refers to what was said before.
_ENOUGH_WORDS = 2

#: The user's earlier messages to which a question may refer, and the characters of each that are read.
_MESSAGES_BEFORE = 2
_CHARACTERS_BEFORE = 500

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？؟।])|\n+")


def questions_of(question: str, before: Sequence[str]) -> list[str]:
    """Return the texts to search for: the question together with what it refers to, then the question alone.

    "Who gives them, and when?" has hardly a word of its own, so it is searched for together with the user's last
    messages before it. A question with enough words is searched for alone: it may have changed the subject.

    Args:
        question: the user's last message.
        before: the user's earlier messages, oldest first.
    """
    context = [text.strip()[-_CHARACTERS_BEFORE:] for text in before[-_MESSAGES_BEFORE:] if text.strip()]
    if not context or _own_words(question) >= _ENOUGH_WORDS:
        return [question]
    return ["\n".join([*context, question]), question]


def cut_query(text: str) -> str:
    """Return a text to search for: of one that is longer than the limit of a query its end, where the request is."""
    encoded = text.rstrip().encode("utf-8", "surrogatepass")
    if len(encoded) <= MAX_QUERY_BYTES:
        return text.rstrip()
    return encoded[-MAX_QUERY_BYTES:].decode(errors="ignore")


def without_echo(memories: Iterable[SearchItem], question: str, shown: Iterable[str] = ()) -> list[SearchItem]:
    """Return the memories that are not in the prompt already.

    Agents and chat engines often put the user's message before they read the memory, so a search may find the message
    itself. A memory that only repeats sentences of the question is left out, and so is one with the text of a message
    that is shown.
    """
    asked = _sentences(question)
    in_prompt = {frozenset(_sentences(text)) for text in shown}
    return [
        memory
        for memory in memories
        if not (sentences := _sentences(memory["memory"])) <= asked and frozenset(sentences) not in in_prompt
    ]


def _own_words(question: str) -> int:
    """Count the words that are not function words. In text without spaces, two characters count as a word."""
    words = words_of(question)
    language = language_of(words)
    count = 0
    for word in words:
        if word.kind in ("east", "thai"):
            count += sum(len(part) // 2 for part in function_word_pattern().split(word.text))
        elif not is_function_word(word, language):
            count += 1
    return count


def _sentences(text: str) -> set[str]:
    """Return the sentences of a text, with their punctuation: "Is it so?" does not repeat "It is so."."""
    return {plain for part in _SENTENCE_END.split(text.casefold()) if (plain := " ".join(part.split()))}
