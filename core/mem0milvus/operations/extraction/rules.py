"""Extraction by rules, without a model: the statements of the users, word for word.

A sentence is kept if it is a statement; greetings, thanks, short replies, questions and requests are not. The rules are
few and simple. In doubt they keep the sentence, so that too much is remembered rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mem0milvus.data.messages import Message

#: A sentence with its end mark. A full stop ends one only before a space: "3.5" and "example.com" are not split.
_SENTENCE = re.compile(r"[^\n.!?。！？؟।]*(?:[.!?](?!\s|$)[^\n.!?。！？؟।]*)*[.!?。！？؟।…]*\s*")

_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|no|approx|jr|sr)|\b[A-Z])\.\s*$", re.IGNORECASE
)

_QUESTION_END = re.compile(r"[?？؟]\W*$")

#: The beginnings of questions without a question mark and of requests to an assistant, in English.
_REQUEST = re.compile(
    r"(?:please\s+)?(?:(?:can|could|would|will) you\b|(?:what|who|where|when|why|how|which)(?:'s|\s+(?:is|are|was"
    r"|were|do|does|did|can|could|should|would|will|many|much|about|to))\b|(?:tell|show|give|help|explain to|write"
    r"|send) me\b|(?:explain|translate|summari[sz]e|rewrite)\b|let me know\b)",
    re.IGNORECASE,
)

#: A sentence of these words alone is no statement.
_SMALL_TALK = frozenset(
    """
    a ah aha all alright amazing and awesome bye cheers cool cu day exactly fine for friend good goodbye got great
    ha haha hello hey hi hm hmm i'm i is it its it's later lol lot lots lovely morning much nice night no nope now
    of oh ok okay perfect please really right see so soon sounds sorry sure take care talk than thank thanks that
    that's thats the there to today totally very well welcome wow ya yea yeah yep yes you you're your evening
    afternoon everyone again agreed absolutely
    bitte danke hallo ja nein guten tag morgen abend tschüss genau gut
    bonjour salut merci oui non bonsoir d'accord au revoir
    hola gracias sí si buenos días buenas tardes noches adiós vale claro
    olá oi obrigado obrigada sim não bom dia tchau ciao grazie buongiorno
    привет здравствуйте спасибо да нет пока хорошо
    merhaba teşekkürler evet hayır
    halo terima kasih ya tidak baik
    你好 您好 谢谢 好的 好 是的 嗯 再见 こんにちは ありがとう ありがとうございます
    はい いいえ 了解 안녕하세요 안녕 감사합니다 네 아니요
    नमस्ते धन्यवाद हाँ नहीं مرحبا شكرا نعم لا สวัสดี ขอบคุณ ใช่
    """.split()  # noqa: SIM905 - as a list of strings, one to a line, this would be unreadable
)

#: A greeting with a name.
_GREETING = re.compile(
    r"(?:hi|hey|hello|dear|good (?:morning|evening|afternoon|night)|bye|thanks|thank you)[\s,]+\w+\W*$",
    re.IGNORECASE,
)

_WORD = re.compile(r"[\w'’]+")


class RuleExtractor:
    """The extraction port that uses the rules."""

    async def extract(self, messages: Sequence[Message]) -> list[Message]:
        """Return the statements of the users."""
        return statements(messages)


def statements(messages: Sequence[Message]) -> list[Message]:
    """Return the users' statements, each once, in order and with the speaker."""
    kept: dict[str, Message] = {}
    for message in messages:
        if message.role == "user":
            for sentence in sentences(message.text):
                if is_statement(sentence):
                    kept.setdefault(sentence, replace(message, text=sentence))
    return list(kept.values())


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, without the white space around them."""
    pending = ""
    for piece in _SENTENCE.findall(text):  # the last piece is empty, and ends what is pending
        pending += piece
        if pending.strip() and not (_ABBREVIATION.search(piece) and "\n" not in piece):
            yield pending.strip()
            pending = ""


def is_statement(sentence: str) -> bool:
    """Return True for a statement: no question, request, greeting or small talk."""
    if _QUESTION_END.search(sentence) or _REQUEST.match(sentence) or _GREETING.match(sentence):
        return False
    words = [word.replace("’", "'") for word in _WORD.findall(sentence.casefold())]
    return bool(words) and not all(word in _SMALL_TALK for word in words)
