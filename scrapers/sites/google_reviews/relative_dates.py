"""Reads dates such as "Edited 3 months ago" in the languages of the page."""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

UNIT_WORDS = {
    "minute": """
        minute minutes min mins minuto minutos minuti minuten minuut minuta minuty minut minutę
        dakika dk минута минуту минуты минут хвилину хвилини хвилин دقيقة دقائق دقيقتين دقيقه मिनट
        minutt minutter minuter perc λεπτό λεπτά phút menit minuutti minuuttia""",
    "hour": """
        hour hours hr hrs hora horas heure heures stunde stunden ora ore uur uren godzina godzinę
        godziny godzin saat час часа часов годину години годин ساعة ساعات ساعتين ساعه घंटा घंटे
        घण्टे time timer timme timmar hodina hodinu hodiny hodin hodinou hodinami óra órája órával
        ώρα ώρες giờ jam tunti tuntia""",
    "day": """
        day days día días dia dias jour jours tag tage tagen tages giorno giorni dag dagen dager
        dage dagar dzień dni gün день дня дней дні днів يوم أيام ايام يومين يوما يومًا दिन den dny
        dnem nap napja nappal napot ημέρα ημέρες μέρα μέρες ngày hari päivä päivää""",
    "week": """
        week weeks semana semanas semaine semaines woche wochen settimana settimane weken tydzień
        tygodnie tygodni hafta неделя неделю недели недель тиждень тижні тижнів أسبوع أسابيع
        اسبوع أسبوعين أسبوعًا أسبوعا सप्ताह हफ़्ता हफ़्ते हफ्ता हफ्ते uke uker uge uger vecka veckor
        týden týdny týdnů týdnem hét hete héttel εβδομάδα εβδομάδες tuần minggu viikko viikkoa""",
    "month": """
        month months mes meses mês mois monat monate monaten monats mese mesi maand maanden
        miesiąc miesiące miesięcy ay месяц месяца месяцев місяць місяці місяців شهر أشهر شهور
        شهرين شهرًا شهرا महीना महीने माह måned måneder månad månader měsíc měsíce měsíců měsícem
        hónap hónapja hónappal μήνα μήνας μήνες tháng bulan kuukausi kuukautta""",
    "year": """
        year years año años ano anos an ans année années jahr jahre jahren jahres anno anni jaar
        jaren rok roku lata lat yıl sene год года лет рік роки років سنة سنوات سنتين عام أعوام عامين
        سنه عامًا عاما साल वर्ष år rok roky roků lety év éve évvel έτος έτη χρόνο χρόνια năm tahun
        vuosi vuotta""",  # noqa: RUF001 - Turkish has a dotless i
}
"""Words of alphabetic scripts; whole words only. One word may serve several languages."""

CJK_UNITS = (
    ("month", "か月|ヶ月|カ月|ヵ月|ケ月|箇月|個月|个月|개월|달|月"),
    ("year", "年|년"),
    ("week", "週間|週|周|星期|礼拜|禮拜|주일|주"),
    ("day", "日|天|일"),
    ("hour", "時間|小時|小时|钟头|시간"),
    ("minute", "分鐘|分钟|分間|分|분"),
)
"""Months first: "3 個月前" must not be read as another unit."""

NOW_PHRASES = (
    "just now", "a moment ago", "hace un momento", "à l'instant", "gerade eben", "agora mesmo",
    "poco fa", "zojuist", "przed chwilą", "az önce", "только что", "たった今", "刚刚", "剛剛",
    "방금", "الآن", "अभी",
)  # fmt: skip
DAYS_AGO = {
    "today": 0, "hoy": 0, "hoje": 0, "aujourd'hui": 0, "heute": 0, "oggi": 0, "vandaag": 0,
    "dzisiaj": 0, "bugün": 0, "сегодня": 0, "今日": 0, "今天": 0, "오늘": 0, "اليوم": 0, "आज": 0,
    "yesterday": 1, "ayer": 1, "ontem": 1, "hier": 1, "gestern": 1, "ieri": 1, "gisteren": 1,
    "wczoraj": 1, "dün": 1, "вчера": 1, "昨日": 1, "昨天": 1, "어제": 1, "أمس": 1,
}  # fmt: skip
DUALS = ("دقيقتين", "ساعتين", "يومين", "أسبوعين", "شهرين", "سنتين", "عامين")
"""Arabic says "two months" in one word."""

EDITED_STEMS = (
    "edit", "edici", "modif", "bearbeitet", "geändert", "bewerkt", "edyt", "düzenle", "измен",
    "отредакт", "編集", "编辑", "編輯", "修改", "수정", "تعديل", "संपादित", "बदलाव", "redig",
    "uprav", "szerkeszt", "επεξεργ", "chỉnh sửa", "muokat", "змінено",
)  # fmt: skip


def _plain(text: str) -> str:
    """One form for each word: Hindi and Greek have several that look the same."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_UNIT_OF = {word: unit for unit, words in UNIT_WORDS.items() for word in _plain(words).split()}
_DUALS = frozenset(_plain(word) for word in DUALS)
_STEMS = tuple(_plain(stem) for stem in EDITED_STEMS)
_PHRASES = tuple(_plain(phrase) for phrase in NOW_PHRASES)
_DAYS = {_plain(word): days for word, days in DAYS_AGO.items()}
_ARTICLE = "an"
"""French for a year, English for one: it counts only when no other unit is there."""
_CJK = tuple((unit, re.compile(rf"(\d+|[一한])\s*(?:{words})")) for unit, words in CJK_UNITS)
_WORD = re.compile(r"[^\s\d.,:;()·'\u2019\"!/-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeDate:
    """What a relative date says: how long ago, and how exactly."""

    amount: int
    unit: str
    """``minute``, ``hour``, ``day``, ``week``, ``month`` or ``year``."""
    is_edited: bool

    def before(self, now: datetime) -> datetime:
        """The moment meant, cut to its minute, hour or day.

        Cut, so that two scrapes of one day give the same estimate.
        """
        moment = _earlier(now, self.amount, self.unit).replace(second=0, microsecond=0)
        if self.unit == "minute":
            return moment
        return moment.replace(minute=0) if self.unit == "hour" else moment.replace(hour=0, minute=0)


def relative_date_in(text: str) -> RelativeDate | None:
    """Read ``text``; None when it holds no relative date that we know."""
    plain = _plain(text)
    found = _cjk_amount(plain) or _word_amount(plain)
    if found is None:
        return None
    amount, unit = found
    is_edited = any(stem in plain for stem in _STEMS)
    return RelativeDate(amount=amount, unit=unit, is_edited=is_edited)


def _cjk_amount(plain: str) -> tuple[int, str] | None:
    for unit, pattern in _CJK:
        match = pattern.search(plain)
        if match:
            return (int(match[1]) if match[1].isdecimal() else 1), unit
    return None


def _word_amount(plain: str) -> tuple[int, str] | None:
    units = [word for word in _WORD.findall(plain) if word in _UNIT_OF]
    if units:
        word = next((word for word in units if word != _ARTICLE), _ARTICLE)
        number = re.search(r"\d+", plain)
        return int(number[0]) if number else 2 if word in _DUALS else 1, _UNIT_OF[word]
    if any(phrase in plain for phrase in _PHRASES):
        return 0, "minute"
    return next(((days, "day") for word, days in _DAYS.items() if word in plain), None)


def _earlier(now: datetime, amount: int, unit: str) -> datetime:
    if unit in {"month", "year"}:
        months = now.year * 12 + now.month - 1 - amount * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        if year < 1:
            return now.replace(year=1, month=1, day=1)
        day = min(now.day, calendar.monthrange(year, month + 1)[1])
        return now.replace(year=year, month=month + 1, day=day)
    span = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}[unit]
    return now - timedelta(seconds=amount * span)
