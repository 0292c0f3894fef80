"""The sentences of a question that are searched for on their own as well."""

from __future__ import annotations

import re

from mem0milvus.retrieval.text.words import is_function_word, language_of, words_of

#: The most sentences of one question: each is a text to embed and a search by embedding.
MAX_SENTENCES = 5

# Signs of other scripts need no space after them. A colon or comma ends no sentence.
_END = re.compile("(?<=[.!?\u061f\u0964\u037e])\\s+|(?<=[\u3002\uff01\uff1f\uff1b])|\n")

#: Characters below which a sentence says too little: "Hello there." In scripts without spaces they say more.
_SHORTEST = 12
_SHORTEST_DENSE = 5
_DENSE = frozenset(("east", "hangul", "thai"))


def sentences_of(question: str) -> list[str]:
    """Return the sentences of a question that have words to search for; [] for a question of one sentence.

    People ask in passing: "Long day today. I cook for friends tomorrow. What should I avoid?" As a whole, such a text
    is similar to nothing. Of more than ``MAX_SENTENCES`` the first one and the last ones are returned.
    """
    pieces = [piece.strip() for piece in _END.split(question)]
    pieces = list(dict.fromkeys(piece for piece in pieces if piece))
    if len(pieces) < 2:
        return []
    found = [piece for piece in pieces if _says_something(piece)]
    return found if len(found) <= MAX_SENTENCES else [found[0], *found[1 - MAX_SENTENCES :]]


def _says_something(sentence: str) -> bool:
    words = words_of(sentence)
    language = language_of(words)
    if all(is_function_word(word, language) for word in words):
        return False
    return len(sentence) >= (_SHORTEST_DENSE if any(word.kind in _DENSE for word in words) else _SHORTEST)
