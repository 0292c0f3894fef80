"""Words with which people say that something has changed, by language."""

from __future__ import annotations

from functools import lru_cache

from mem0milvus.retrieval.text.weights import key
from mem0milvus.retrieval.text.words import fold

_WORDS = """
    now nowadays currently anymore longer moved switched changed replaced sold quit stopped dropped postponed
    rescheduled cancelled canceled scrap scrapped instead lately became recently new bought started turned
    accepted
    retired married divorced engaged born left finished closed joined again
    jetzt nun inzwischen mittlerweile neuerdings umgezogen gezogen gewechselt aufgehört verkauft verschoben
    stattdessen
    neue neuen neuer neues gekauft angefangen gekündigt abgesagt geheiratet verheiratet geboren
    ahora mudado mudé mudamos cambiado cambié cambiamos dejado dejé vendí ya nuevo nueva compré compramos empecé
    empezado casé casado casada nacido nació cancelado
    maintenant désormais déménagé changé remplacé arrêté vendu nouveau nouvelle nouvel acheté commencé quitté
    marié
    mariée née né annulé
    agora mudei mudamos mudámos troquei deixei vendi já novo nova comprei compramos comecei casei casado casada
    nasceu
    adesso ora ormai lasciato trasferito trasferita trasferiti cambiato smesso venduto nuovo nuova comprato
    iniziato sposato
    sposata nato nata
    nu inmiddels tegenwoordig verhuisd gestopt verkocht veranderd nieuwe nieuw gekocht begonnen getrouwd geboren
    teraz już przeprowadziłem przeprowadziłam zmieniłem zmieniłam rzuciłem rzuciłam sprzedałem sprzedałam nowy
    nowa
    nowe kupiłem kupiłam zacząłem zaczęłam
    теперь сейчас переехал переехала переехали перебрались бросил бросила сменил сменила продал продала уже
    новый новая
    новое купил купила купили начал начала женился вышла родился родилась
    artık şimdi taşındım taşındık bıraktım değiştirdim sattım yeni aldım aldık başladım evlendim ayrıldım
    sekarang pindah berhenti ganti sudah baru membeli menjual mulai menikah menjadi
    الآن انتقلت انتقلنا توقفت غيرت بعت أصبحت جديد جديدة اشتريت بدأت تركت تزوجت
    अब बदल छोड़ नया नई नए बेचकर खरीदा खरीदी शुरू
"""

#: Pairs of characters, as text without spaces is indexed.
_PAIRS = (
    "现在 搬到 搬家 换成 换了 不再 改成 改为 改到 买了 辞职 开始 卖了 今は 引っ やめ 辞め 変え 変わ 新し 買い 始め "
    "이제 이사 바꿨 바꾸 그만 새로 샀어 시작"
)

#: Pairs and triples of Thai characters with their signs.
_CLUSTERS = ("ย้าย", "ปลี่ย", "เลิก", "เพิ่ง", "ใหม่")


@lru_cache(maxsize=1)
def change_keys() -> frozenset[int]:
    """The keys, among those of ``document_weights``, that show that a memory reports a change."""
    words = {key("w " + fold(word)) for word in _WORDS.split()}
    return frozenset(words | {key("c " + part) for part in (*_PAIRS.split(), *_CLUSTERS)})
