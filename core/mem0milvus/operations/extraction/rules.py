"""Extraction by rules, with no model: the statements that a user made, word for word.

A sentence is kept when it tells something. Greetings, thanks, short replies, questions and requests are not. The
rules are few and plain; where they cannot tell, they keep the sentence: too much is remembered rather than
too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mem0milvus.data.messages import Message

#: Ends of sentences, kept with them. A full stop ends one only before a space: "3.5" and "example.com" stay whole.
_SENTENCE = re.compile(r"[^\n.!?。！？؟।]*(?:[.!?](?!\s|$)[^\n.!?。！？؟।]*)*[.!?。！？؟।…]*\s*")

_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|no|approx|jr|sr)|\b[A-Z])\.\s*$", re.IGNORECASE
)

_QUESTION_END = re.compile(r"[?？؟]\W*$")

#: How questions without a question mark and requests to an assistant begin, in English.
_REQUEST = re.compile(
    r"(?:please\s+)?(?:(?:can|could|would|will) you\b|(?:what|who|where|when|why|how|which)(?:'s|\s+(?:is|are|was"
    r"|were|do|does|did|can|could|should|would|will|many|much|about|to))\b|(?:tell|show|give|help|explain to|write"
    r"|send) me\b|(?:explain|translate|summari[sz]e|rewrite)\b|let me know\b)",
    re.IGNORECASE,
)

#: Sentences made only of these tell nothing.
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
    """.split()  # noqa: SIM905 - a list of so many would be read by nobody
)

#: A greeting with a name.
_GREETING = re.compile(
    r"(?:hi|hey|hello|dear|good (?:morning|evening|afternoon|night)|bye|thanks|thank you)[\s,]+\w+\W*$",
    re.IGNORECASE,
)

_WORD = re.compile(r"[\w'’]+")


class RuleExtractor:
    """The extraction port that needs no model."""

    async def extract(self, messages: Sequence[Message]) -> list[Message]:
        """See ``ports.Extractor``."""
        return statements(messages)


def statements(messages: Sequence[Message]) -> list[Message]:
    """The users' sentences that tell something, each once, in order, with who said them."""
    kept: dict[str, Message] = {}
    for message in messages:
        if message.role == "user":
            for sentence in sentences(message.text):
                if tells_something(sentence):
                    kept.setdefault(sentence, replace(message, text=sentence))
    return list(kept.values())


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, without the white space around them."""
    pending = ""
    for piece in _SENTENCE.findall(text):
        pending += piece
        if pending.strip() and not (_ABBREVIATION.search(pending[-20:]) and "\n" not in piece):
            yield pending.strip()
            pending = ""
    if pending.strip():
        yield pending.strip()


def tells_something(sentence: str) -> bool:
    """Whether a sentence is a statement: no question, no request, no small talk."""
    if _QUESTION_END.search(sentence) or _REQUEST.match(sentence) or _GREETING.match(sentence):
        return False
    words = [word.replace("’", "'") for word in _WORD.findall(sentence.casefold())]
    return bool(words) and not all(word in _SMALL_TALK for word in words)
