"""Cutting text into words of every script, and what is known of a word by itself: language, stem, spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Concatenate, ParamSpec, TypeVar, cast

from mem0milvus.retrieval.text.stopwords import ALGORITHMS, function_words, korean_function_words

_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u200c\u200d"
# Blocks in which vowel signs are combining marks that \w tears off, without their punctuation.
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
# Vowel points of Arabic and Hebrew and what only joins letters: some write them, most do not.
_POINTS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u0640\u200c\u200d\u0591-\u05bd]")
_SENTENCE_ENDS = frozenset('.!?:;\n"')

# Latin letters that no decomposition takes to their base.
_LETTERS = {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th"}
# Spellings that one writer keeps apart and the next does not: Arabic alefs, ya, ta marbuta; Devanagari nasals.
_SPELLINGS = {
    "\u0623": "\u0627", "\u0625": "\u0627", "\u0622": "\u0627", "\u0671": "\u0627", "\u0649": "\u064a",
    "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647", "\u0624": "\u0648", "\u0626": "\u064a",
    "\u0901": "\u0902", "\u093c": "", "\u0307": "",
}  # fmt: skip
_FOLDED = str.maketrans(_LETTERS | _SPELLINGS)
_ACCENTS = re.compile("[\u0300-\u036f]")

# What is found out about a word is kept for so many words of such a length, in characters. Most texts have some
# thousands of them; the rest are runs without spaces and encoded data, which hardly come twice.
_KEPT_WORDS = 16_384
LONGEST_KEPT = 32

# Scripts that tell the language well enough for its function words and stems.
_SCRIPTS = (
    ("\u0370", "\u03ff", "el"),
    ("\u0400", "\u04ff", "ru"),
    ("\u0600", "\u06ff", "ar"),
    ("\u0900", "\u097f", "hi"),
)
_PERSIAN = frozenset("\u067e\u0686\u0698\u06af")
_OTHER_SCRIPTS = frozenset(("el", "ru", "ar", "fa", "hi"))


P = ParamSpec("P")
T = TypeVar("T")


def kept(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Keep what a function finds out about short words."""
    cached = cast("Callable[Concatenate[str, P], T]", lru_cache(maxsize=_KEPT_WORDS)(function))

    def of_word(word: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return (cached if len(word) <= LONGEST_KEPT else function)(word, *args, **kwargs)

    return of_word


@dataclass(frozen=True, slots=True)
class Word:
    """A stretch of one script: a word, or in scripts without spaces all that stands between two signs."""

    kind: str  #: word, indic, hangul, east (Chinese, Japanese), thai (and its neighbours) or sign
    text: str  #: casefolded NFKC
    capital: bool = False  #: begins with a capital letter though it does not begin a sentence


# Compiled when they are first needed: they take a tenth of the time of importing this library.
@lru_cache(maxsize=1)
def _runs() -> re.Pattern[str]:
    return re.compile("|".join(_KINDS.values()))


@lru_cache(maxsize=1)
def _named_runs() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))


def normalise(text: str) -> str:
    """NFKC with one apostrophe, without vowel points and invisible joiners. Case is kept."""
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


@kept
def _word(run: str, kind: str, capital: bool) -> Word:
    return Word(kind, _casefold(run), capital)


def runs_of(text: str) -> list[str]:
    """The texts of the words alone: what :func:`words_of` finds, several times as fast."""
    text = normalise(text)
    if text.isascii():
        return _runs().findall(text.lower())
    return [_casefold(run) for run in _runs().findall(text)]


def word_of(run: str) -> Word:
    """The word that a run of :func:`runs_of` is."""
    match = _named_runs().match(run)
    return Word(match.lastgroup or "word" if match else "sign", run)


def _casefold(run: str) -> str:
    folded = run.casefold()
    # A Turkish capital I with a dot folds to an i and a combining dot.
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded.replace("i\u0307", "i"))


def fold(word: str) -> str:
    """Take off accents and the spellings that writers mix. Vowel signs stay."""
    if word.isascii():
        return word
    word = unicodedata.normalize("NFD", word.translate(_FOLDED))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", word))


def language_of(words: Iterable[Word]) -> str:
    """The language whose stems and function words fit; "" when there is no telling.

    A script with one main language tells it. Among those in Latin letters the most function words win, a
    word of several languages counting less; without any the text is read as English.
    """
    votes: dict[str, float] = {}
    for word in words:
        if word.kind in ("word", "indic"):
            for language, vote in _votes(word.text):
                votes[language] = votes.get(language, 0.0) + vote
    return max(votes, key=lambda language: (votes[language], language), default="")


@kept
def _votes(word: str) -> tuple[tuple[str, float], ...]:
    """For which languages a word speaks, and how much."""
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
    """Function words of the languages in Latin letters, with the languages that have them."""
    table: dict[str, tuple[str, ...]] = {}
    for language, words in function_words().items():
        if language not in _OTHER_SCRIPTS:
            for word in words:
                table[word] = (*table.get(word, ()), language)
    return table


def is_function_word(word: Word, language: str) -> bool:
    """Whether a word is not worth searching for. A capital inside a sentence makes it a name."""
    if word.kind == "hangul":
        return word.text in korean_function_words()
    return not word.capital and word.text in function_words().get(language, ())


def stem(word: str, language: str) -> str:
    """The word without its ending; itself in a language whose endings are not known."""
    algorithm = ALGORITHMS.get(language)
    if algorithm is None:
        return word
    import snowballstemmer

    if algorithm not in _stemmed():  # older releases know fewer languages
        return word
    # A stemmer keeps the word it works on, so every call has its own: threads do not meet, and it costs little.
    return str(snowballstemmer.stemmer(algorithm).stemWord(word))


@lru_cache(maxsize=1)
def _stemmed() -> frozenset[str]:
    import snowballstemmer

    return frozenset(snowballstemmer.algorithms())
