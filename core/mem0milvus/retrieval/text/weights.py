"""Text analysis for lexical search: the same on write, on query and on every Milvus.

A memory becomes a sparse vector: its keys are hashes of tokens, its values the weights of these tokens in the memory. A
question becomes a sparse vector too. The lexical score is their inner product, so every Milvus with sparse vectors
gives the same score, and ranking computes it again from the stored weights.

A word has several tokens, which share its weight. In scripts with spaces these are the stem (in the language that the
function words or the script of the text indicate), the word itself if it differs from the stem, and its character
n-grams, which connect inflected, compound and misspelt forms in any language. Semitic words have the consonants of
their root instead of n-grams, Hangul has pairs of syllables and letters, and scripts without spaces have characters and
pairs.

The worth of a word is applied to the question only, so it can be improved without rewriting stored memories. The rarity
of a word among the memories is left to :mod:`mem0milvus.retrieval.ranking`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zlib import crc32

from mem0milvus.retrieval.text.monthnames import month_of, numbered_months
from mem0milvus.retrieval.text.stopwords import everyday_words, glued_function_words
from mem0milvus.retrieval.text.words import Word, cached_by_word, fold, is_function_word, language_of, stem, words_of

if TYPE_CHECKING:
    from datetime import datetime

#: Recorded with each collection. Must change whenever the stored weights would change.
ANALYSIS_VERSION: str = "1"

#: The most entries of one stored vector. From a longer text n-grams are dropped first, then words from the end.
MAX_LEXICAL_TOKENS: int = 512

# Term frequency saturates as in BM25 (Robertson and Zaragoza 2009), with a constant average length in words. Memories
# are sentences, so repetition (k1) and length (b) count less than the usual 1.2 and 0.75.
_K1 = 0.6
_B = 0.3
_AVERAGE_WORDS = 10.0

_NAME_WORTH = 1.5
_EVERYDAY_WORTH = 0.5
_DATE_WORTH = 0.7
_FUNCTION_WORD_WORTH = 0.3

_GRAM = 3
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_VERBS_TOO = ("may", "mar", "march")  # months of English only if capitalised
_ASKING = ("?", "\uff1f", "\u061f", "\u037e")
# Arabic hamza, alif, waw, ya and ha, which appear and disappear with the form of a word.
_WEAK_LETTERS = re.compile("[\u0621\u0627\u0648\u064a\u0647]")
_ARTICLE = "\u0627\u0644"
# A Thai, Lao, Burmese or Khmer letter with the signs above, below and after it.
_CLUSTER = re.compile(".[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3]*")

#: A token, or the key of a token, with its share of the word's weight.
Token = tuple[str, float]
Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a question: its worth, its keys with their shares of the worth, and whether it is a name."""

    worth: float
    keys: tuple[Key, ...]
    is_name: bool = False


def key(token: str) -> int:
    """The sparse dimension of a token: below 2**32 - 1, the limit of Milvus."""
    # The offline embedder may be given half of a surrogate pair, which strict UTF-8 cannot encode.
    return crc32(token.encode("utf-8", "surrogatepass")) % 0xFFFFFFFE


#: Key stored with each memory that ends in a question mark.
ASKS = key("asks")


def document_weights(
    text: str,
    *,
    actor: str = "",
    observed_at: datetime | None = None,
    extra: Iterable[str] = (),
) -> dict[int, float]:
    """Compute the sparse vector that is stored with a memory.

    Args:
        text: the text of the memory.
        actor: the name of its author.
        observed_at: the time of the event or statement; its year, month and day are indexed.
        extra: further texts to find it by, such as the string values of its metadata.

    Returns:
        Weights by key, at most :data:`MAX_LEXICAL_TOKENS`; never empty for a text that is not blank.
    """
    words = words_of(text)
    whole, parts = _counts(words)
    if not whole:
        whole.update(key("w " + char) for char in unicodedata.normalize("NFKC", text) if not char.isspace())
    length = 1 - _B + _B * len(words) / _AVERAGE_WORDS
    weights = dict.fromkeys(_context_keys(text, actor, observed_at), 1.0)
    for counts in (whole, parts):
        for number, count in counts.items():
            weights.setdefault(number, count * (_K1 + 1) / (count + _K1 * length))
    for value in extra:
        for counts in _counts(words_of(value)):
            for number in counts:
                weights.setdefault(number, 1.0)
    return dict(islice(weights.items(), MAX_LEXICAL_TOKENS))


def _context_keys(text: str, actor: str, observed_at: datetime | None) -> Iterator[int]:
    """Keys that are not words of the text. They come first, so that they are kept when a long text is cut off."""
    if text.rstrip().endswith(_ASKING):
        yield ASKS
    if observed_at is not None:
        yield from map(key, _date_tokens(observed_at.year, observed_at.month, observed_at.day))
    for counts in _counts(words_of(actor)) if actor else ():
        yield from counts


def _counts(words: list[Word]) -> tuple[Counter[int], Counter[int]]:
    """The frequencies of whole words, and those of parts of words."""
    language = language_of(words)
    whole: list[int] = []
    parts: list[int] = []
    for word in words:
        if is_function_word(word, language):
            whole.append(_surface_key(word.text))
            continue
        number, rest = _numbers(word.text, word.kind, language)
        whole.append(number)
        parts += rest
    return Counter(whole), Counter(parts)


def _date_tokens(year: int, month: int, day: int) -> tuple[str, ...]:
    return f"year {year}", f"month {month}", f"day {month} {day}"


def query_weights(question: str) -> dict[int, float]:
    """Compute the sparse vector of a question: the worth of each of its keys; {} for a question without words."""
    weights: dict[int, float] = {}
    for term in query_terms(question):
        for number, share in term.keys:
            weights[number] = weights.get(number, 0.0) + term.worth * share
    return weights


def query_terms(question: str, *, without: Iterable[str] = ()) -> list[Term]:
    """The words of a question to search for; [] for a question without words.

    Function words are left out unless the question has no others; then they have a low worth.

    Args:
        question: the question.
        without: names whose words are left out, unless the question has no others.
    """
    words = words_of(question)
    language = language_of(words)
    left_out = {word.text for name in without for word in words_of(name)}
    words = [word for word in words if word.text not in left_out] or words
    terms: dict[tuple[Key, ...], Term] = {}
    for word in words:
        if is_function_word(word, language):
            continue
        worth = _worth(word, language)
        for keys, share in _terms_of(word, language):
            if keys not in terms or terms[keys].worth < worth * share:
                terms[keys] = Term(worth * share, keys, is_name=worth == _NAME_WORTH)
    if not terms:
        terms = {(one,): Term(_FUNCTION_WORD_WORTH, (one,)) for one in ((_surface_key(w.text), 1.0) for w in words)}
    dates = [((key(token), 1.0),) for token in _asked_dates(question, words)]
    terms.update({keys: Term(_DATE_WORTH, keys) for keys in dates})
    return list(terms.values())


def _worth(word: Word, language: str) -> float:
    if word.capital and language != "de":  # German writes every noun with a capital
        return _NAME_WORTH
    return _EVERYDAY_WORTH if word.text in everyday_words(language) else 1.0


def _terms_of(word: Word, language: str) -> Iterator[tuple[tuple[Key, ...], float]]:
    """The keys of each term, with the term's share of the worth of a word.

    A word with spaces is one term. Of a run without spaces each token is one: a pair of Han characters is worth a word,
    other pairs less, and a single character, which many other words have, a third of its share.
    """
    if word.kind not in ("east", "thai"):
        yield _keys(word.text, word.kind, language), 1.0
        return
    for part in function_word_pattern().split(word.text):
        for token, share in _TOKENISERS[word.kind](part, language) if part else ():
            alone = len(token) == len("c x")
            yield ((key(token), 1.0),), share / _PAIR_SHARES["hh"] / (3 if alone else 1)


@lru_cache(maxsize=1)
def function_word_pattern() -> re.Pattern[str]:
    """The function words of scripts without spaces, which are not separate words there."""
    return re.compile("|".join(glued_function_words()))


def _asked_dates(question: str, words: list[Word]) -> Iterator[str]:
    for year in _YEAR.findall(question):
        yield f"year {year}"
    months = {month_of(word.text) for word in words if word.capital or word.text not in _VERBS_TOO} - {0}
    days = [int(word.text) for word in words if word.text.isdecimal() and len(word.text) <= 2]
    for month in months | numbered_months(question):
        yield f"month {month}"
        for day in days:
            yield f"day {month} {day}"


@cached_by_word
def _keys(text: str, kind: str, language: str) -> tuple[Key, ...]:
    """The keys of a word with their shares; the first one is the key of the whole word."""
    shares: dict[int, float] = {}
    for token, share in _TOKENISERS[kind](text, language):
        number = key(token)
        shares[number] = shares.get(number, 0.0) + share
    return tuple(shares.items())


@cached_by_word
def _numbers(text: str, kind: str, language: str) -> tuple[int, tuple[int, ...]]:
    """The key of the whole word, and the keys of its parts."""
    first, *rest = _keys(text, kind, language)
    return first[0], tuple(number for number, _ in rest)


def keys_of(word: Word) -> tuple[Key, ...]:
    """The keys of a word in an unknown language, with their shares of its weight."""
    return _keys(word.text, word.kind, "")


@cached_by_word
def _surface_key(word: str) -> int:
    return key("w " + fold(word))


def _grams(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(len(text) - size + 1)]


def _spaced_tokens(text: str, language: str) -> Iterator[Token]:
    word = fold(text)
    if len(word) < 4 or word.isdecimal():
        yield "w " + word, 1.0
        return
    root = fold(stem(text, language))
    if "\u0590" <= word[0] <= "\u06ff" and language != "fa":
        yield from _semitic_tokens(word, root)
        return
    yield "w " + root, 0.42
    yield "w " + word, 0.18
    grams = _grams(f"^{word}$", _GRAM)
    for gram in grams:
        yield "g " + gram, 0.4 / len(grams)


def _semitic_tokens(word: str, root: str) -> Iterator[Token]:
    yield "w " + root, 0.5
    yield "w " + word, 0.1
    consonants = _WEAK_LETTERS.sub("", word.removeprefix(_ARTICLE)) or word
    grams = _grams(consonants, 2) + _grams(f"^{consonants}$", 3)
    for gram in grams:
        yield "g " + gram, 0.4 / len(grams)


def _hangul_tokens(text: str, _language: str) -> Iterator[Token]:
    """Pairs of syllables match words with other particles; letters match verbs, whose endings change single letters."""
    yield "w " + text, 0.2
    pairs = _grams(text, 2)
    for pair in pairs:
        yield "c " + pair, 0.5 / len(pairs)
    letters = "^" + unicodedata.normalize("NFD", text)
    grams = _grams(letters, 4) or [letters]
    for gram in grams:
        yield "g " + gram, 0.3 / len(grams)


def _thai_tokens(text: str, _language: str) -> Iterator[Token]:
    clusters = _CLUSTER.findall(text)
    if len(clusters) < 2:
        yield "c " + text, 0.4
    for size, share in ((2, 0.2), (3, 0.3)):
        for start in range(len(clusters) - size + 1):
            yield "c " + "".join(clusters[start : start + size]), share


# Shares by the script of the characters: Han (h) carry meaning, Katakana (k) sound, Hiragana mostly grammar.
_CHARACTER_SHARES = {"": 0.02, "k": 0.02, "h": 0.3}
_PAIR_SHARES = {"": 0.15, "k": 0.2, "kk": 0.5, "h": 0.4, "hk": 0.4, "hh": 0.8}


def _east_tokens(text: str, _language: str) -> Iterator[Token]:
    for char in text:
        yield "c " + char, _CHARACTER_SHARES[_east_class(char)]
    for pair in _grams(text, 2):
        yield "c " + pair, _PAIR_SHARES["".join(sorted(map(_east_class, pair)))]


def _east_class(char: str) -> str:
    if char < "\u3041" or char > "\u30ff":
        return "h"
    return "k" if char >= "\u30a1" else ""


def _sign_tokens(text: str, _language: str) -> Iterator[Token]:
    yield "w " + text, 1.0


_TOKENISERS = {
    "word": _spaced_tokens,
    "indic": _spaced_tokens,
    "hangul": _hangul_tokens,
    "thai": _thai_tokens,
    "east": _east_tokens,
    "sign": _sign_tokens,
}
