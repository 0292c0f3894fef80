"""Splitting text of any script into words, and the language, stem and normal spelling of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Concatenate, ParamSpec, TypeVar, cast

from mem0milvus.retrieval.text.stopwords import ALGORITHMS, function_words, korean_function_words

_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u200c\u200d"
# Blocks whose vowel signs are combining marks, at which \w would split words; without the punctuation of the blocks.
_INDIC = "\u0900-\u0963\u0966-\u096f\u0971-\u0df3"
_THAI = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0ec6\u0ec8-\u0ece\u0edc-\u0edf\u1000-\u1049\u1780-\u17d3"
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
_HANGUL = "\u1100-\u11ff\uac00-\ud7a3"
_SIGNS = "\u2600-\u27bf\U0001f000-\U0001faff"

_KINDS = {
    "east": f"[{_HAN}{_KANA}]+",
    "thai": f"[{_THAI}]+",
    "hangul": f"[{_HANGUL}]+",
    "indic": f"[{_INDIC}{_MARKS}]+",
    "sign": f"[{_SIGNS}]",
    "word": f"(?:[^\\W_{_HAN}{_KANA}{_THAI}{_HANGUL}{_INDIC}{_SIGNS}][{_MARKS}]*)+",
}

_APOSTROPHES = str.maketrans("\u2019\u2018\u02bc\uff07", "''''")
# Vowel points of Arabic and Hebrew, and joiners of letters: optional signs, which most writers omit.
_POINTS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u0640\u200c\u200d\u0591-\u05bd]")
_SENTENCE_ENDS = frozenset('.!?:;\n"')

# Latin letters without a Unicode decomposition.
_LETTERS = {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th"}
# Letters that writers use interchangeably: Arabic alefs, ya, ta marbuta; Devanagari nasals.
_SPELLINGS = {
    "\u0623": "\u0627", "\u0625": "\u0627", "\u0622": "\u0627", "\u0671": "\u0627", "\u0649": "\u064a",
    "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647", "\u0624": "\u0648", "\u0626": "\u064a",
    "\u0901": "\u0902", "\u093c": "", "\u0307": "",
}  # fmt: skip
_FOLDED = str.maketrans(_LETTERS | _SPELLINGS)
_ACCENTS = re.compile("[\u0300-\u036f]")

# Number and length in characters of cached words. Most texts have a few thousand different words. Longer runs are text
# without spaces or encoded data, which hardly ever occur twice.
_CACHED_WORDS = 16_384
LONGEST_CACHED = 32

# A longer run has no stem: it is encoded data, and some stemmers take time that grows with the square of the length.
_LONGEST_STEMMED = 256

# Scripts that indicate a language, well enough for its function words and stems.
_SCRIPTS = (
    ("\u0370", "\u03ff", "el"),
    ("\u0400", "\u04ff", "ru"),
    ("\u0600", "\u06ff", "ar"),
    ("\u0900", "\u097f", "hi"),
)
# Kinds of runs that indicate a language; the Japanese also write kana.
_KIND_LANGUAGES = {"hangul": "ko", "thai": "th", "east": "zh"}
_KANA_LETTER = re.compile(f"[{_KANA}]")
_PERSIAN = frozenset("\u067e\u0686\u0698\u06af")
_OTHER_SCRIPTS = frozenset(("el", "ru", "ar", "fa", "hi"))


P = ParamSpec("P")
T = TypeVar("T")


def cached_by_word(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Cache the results of a function for short words."""
    cached = cast("Callable[Concatenate[str, P], T]", lru_cache(maxsize=_CACHED_WORDS)(function))

    def of_word(word: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return (cached if len(word) <= LONGEST_CACHED else function)(word, *args, **kwargs)

    return of_word


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters of one script: a word, or in scripts without spaces all text between two signs."""

    kind: str  #: word, indic, hangul, east (Chinese, Japanese), thai (and its neighbours) or sign
    text: str  #: casefolded NFKC
    capital: bool = False  #: begins with a capital letter, but not at the beginning of a sentence


# Compiled on first use: compiling takes a tenth of the time of importing this library.
@lru_cache(maxsize=1)
def _runs() -> re.Pattern[str]:
    return re.compile("|".join(_KINDS.values()))


@lru_cache(maxsize=1)
def _named_runs() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))


def normalise(text: str) -> str:
    """Normalise to NFKC with one kind of apostrophe, without vowel points and invisible joiners. Case is kept."""
    if text.isascii():
        return text
    return _POINTS.sub("", unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)))


def words_of(text: str) -> list[Word]:
    """The words of a text, in order."""
    text = normalise(text)
    words = []
    begins, end = True, 0
    for match in _named_runs().finditer(text):
        begins = begins or not _SENTENCE_ENDS.isdisjoint(text[end : match.start()])
        kind, run = match.lastgroup or "word", match.group()
        capital = not begins and kind == "word" and run[0].isupper() and len(run) > 1
        words.append(_word(run, kind, capital))
        begins, end = False, match.end()
    return words


@cached_by_word
def _word(run: str, kind: str, capital: bool) -> Word:
    return Word(kind, _casefold(run), capital)


def runs_of(text: str) -> list[str]:
    """The texts of the words alone: those of :func:`words_of`, several times as fast."""
    text = normalise(text)
    if text.isascii():
        return _runs().findall(text.lower())
    return [_casefold(run) for run in _runs().findall(text)]


def word_of(run: str) -> Word:
    """The :class:`Word` of one run of :func:`runs_of`."""
    match = _named_runs().match(run)
    return Word(match.lastgroup or "word" if match else "sign", run)


def _casefold(run: str) -> str:
    folded = run.casefold()
    # Python folds a Turkish capital I with a dot to an i and a combining dot.
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded.replace("i\u0307", "i"))


def fold(word: str) -> str:
    """Remove accents, and unify letters that writers use interchangeably. Vowel signs are kept."""
    if word.isascii():
        return word
    word = unicodedata.normalize("NFD", word.translate(_FOLDED))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", word))


def language_of(words: Iterable[Word]) -> str:
    """Detect the language, for stems and function words; "" if it cannot be detected.

    A script with one main language indicates it. For Latin letters the language with the most function words wins; a
    word of several languages counts less. Latin text without function words counts as English.
    """
    votes: dict[str, float] = {}
    for word in words:
        if word.kind in ("word", "indic"):
            for language, vote in _votes(word.text):
                votes[language] = votes.get(language, 0.0) + vote
    return max(votes, key=lambda language: (votes[language], language), default="")


@lru_cache(maxsize=64)  # a search asks several times about one question
def question_language(text: str) -> str:
    """Detect the language of a question, also where the script alone shows it: zh, ja, ko or th."""
    words = words_of(text)
    kinds = {word.kind for word in words}
    for kind, language in _KIND_LANGUAGES.items():
        if kind in kinds:
            return "ja" if kind == "east" and _KANA_LETTER.search(text) else language
    return language_of(words)


@cached_by_word
def _votes(word: str) -> tuple[tuple[str, float], ...]:
    """The languages that a word indicates, each with the weight of its vote."""
    language = _script_language(word)
    if language != "latin":
        return ((language, 1.0),)
    candidates = _latin_languages().get(word, ())
    return ("en", 0.01), *((candidate, 1 / len(candidates)) for candidate in candidates)


def _script_language(word: str) -> str:
    first = word[0]
    if first < "\u0250" or "\u1e00" <= first <= "\u1eff":
        return "latin"
    for low, high, language in _SCRIPTS:
        if low <= first <= high:
            return "fa" if language == "ar" and not _PERSIAN.isdisjoint(word) else language
    return ""


@lru_cache(maxsize=1)
def _latin_languages() -> dict[str, tuple[str, ...]]:
    """The function words of languages in Latin letters, each with its languages."""
    table: dict[str, tuple[str, ...]] = {}
    for language, words in function_words().items():
        if language not in _OTHER_SCRIPTS:
            for word in words:
                table[word] = (*table.get(word, ()), language)
    return table


def is_function_word(word: Word, language: str) -> bool:
    """Return whether a word is a function word. A word with a capital inside a sentence is a name, and so it is not."""
    if word.kind == "hangul":
        return word.text in korean_function_words()
    return not word.capital and word.text in function_words().get(language, ())


def stem(word: str, language: str) -> str:
    """The stem of a word; the word itself in a language without a stemmer, and if it is too long for a word."""
    algorithm = ALGORITHMS.get(language)
    if algorithm is None or len(word) > _LONGEST_STEMMED:
        return word
    import snowballstemmer

    if algorithm not in _stemmers():  # snowballstemmer 2.2 has no Polish and no Persian
        return word
    # A stemmer holds the word that it works on, so it is not thread-safe: each call makes its own, which is cheap.
    return str(snowballstemmer.stemmer(algorithm).stemWord(word))


@lru_cache(maxsize=1)
def _stemmers() -> frozenset[str]:
    import snowballstemmer

    return frozenset(snowballstemmer.algorithms())
