"""Names of the months, so that "in May", "en mayo" and "5月" find memories observed in May."""

from __future__ import annotations

import re
from functools import lru_cache

# For each month, casefolded: names, their usual short forms, and the grammatical case used in dates.
_MONTHS = (
    "jan january januar janvier janeiro gennaio enero januari ocak январь января январе يناير जनवरी "
    "stycznia tammikuussa มกราคม",
    "feb february februar février fevereiro febbraio febrero februari şubat февраль февраля феврале "
    "فبراير फरवरी lutego helmikuussa กุมภาพันธ์",
    "mar march märz mars março marzo maret maart mart marts март марта марте مارس मार्च marca maaliskuussa มีนาคม",
    "apr april avril abril aprile nisan апрель апреля апреле أبريل अप्रैल kwietnia huhtikuussa เมษายน",
    "may mai maio maggio mayo mei mayıs maj май мая мае مايو मई maja toukokuussa พฤษภาคม",
    "jun june juni juin junho giugno junio haziran июнь июня июне يونيو जून czerwca kesäkuussa มิถุนายน",
    "jul july juli juillet julho luglio julio temmuz июль июля июле يوليو जुलाई lipca heinäkuussa กรกฎาคม",
    "aug august août agosto agustus augustus ağustos augusti август августа августе أغسطس अगस्त "
    "sierpnia elokuussa สิงหาคม",
    "sep sept september septembre setembro settembre septiembre eylül сентябрь сентября сентябре "
    "سبتمبر सितंबर września กันยายน",
    "oct october oktober octobre outubro ottobre octubre ekim октябрь октября октябре أكتوبر अक्टूबर października ตุลาคม",
    "nov november novembre novembro noviembre kasım ноябрь ноября ноябре نوفمبر नवंबर listopada พฤศจิกายน",
    "dec december dezember décembre dezembro dicembre diciembre desember aralık декабрь декабря "
    "декабре ديسمبر दिसंबर grudnia ธันวาคม",
)
_NUMBERED = re.compile("(?<!\\d)(1[0-2]|[1-9]) ?[月월]")


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    return {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}


def month_of(word: str) -> int:
    """The number of the month that a casefolded word names; 0 for none."""
    return _numbers().get(word, 0)


def numbered_months(text: str) -> set[int]:
    """The months in a text that are written as numbers, as in Chinese, Japanese and Korean."""
    return {int(number) for number in _NUMBERED.findall(text)}
