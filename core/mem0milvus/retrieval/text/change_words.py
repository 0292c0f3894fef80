"""Words with which people say that something has changed, by language."""

from __future__ import annotations

from functools import lru_cache

from mem0milvus.retrieval.text.weights import key
from mem0milvus.retrieval.text.words import fold

_WORDS = """
    now nowadays currently anymore longer moved switched changed replaced sold quit stopped dropped postponed
    rescheduled cancelled canceled instead lately became recently
    jetzt nun inzwischen mittlerweile neuerdings umgezogen gezogen gewechselt aufgehört verkauft verschoben stattdessen
    ahora mudado mudé mudamos cambiado cambié cambiamos dejado dejé vendí
    maintenant désormais déménagé changé remplacé arrêté vendu
    agora mudei mudamos mudámos troquei deixei vendi
    adesso ora ormai trasferito trasferita trasferiti cambiato smesso venduto
    nu inmiddels tegenwoordig verhuisd gestopt verkocht veranderd
    teraz już przeprowadziłem przeprowadziłam zmieniłem zmieniłam rzuciłem rzuciłam sprzedałem sprzedałam
    теперь сейчас переехал переехала переехали бросил бросила сменил сменила продал продала
    artık şimdi taşındım taşındık bıraktım değiştirdim sattım
    sekarang pindah berhenti ganti
    الآن انتقلت انتقلنا توقفت غيرت بعت أصبحت
    अब बदल छोड़
"""

#: Pairs of characters, as text without spaces is indexed.
_PAIRS = "现在 搬到 搬家 换成 换了 不再 改成 改为 改到 今は 引っ やめ 変え 変わ 이제 이사 바꿨 바꾸 그만"

#: Pairs and triples of Thai characters with their signs.
_CLUSTERS = ("ย้าย", "ปลี่ย", "เลิก")


@lru_cache(maxsize=1)
def change_keys() -> frozenset[int]:
    """The keys, among those of ``document_weights``, that show that a memory reports a change."""
    words = {key("w " + fold(word)) for word in _WORDS.split()}
    return frozenset(words | {key("c " + part) for part in (*_PAIRS.split(), *_CLUSTERS)})
