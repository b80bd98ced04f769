"""Reads dates such as "Edited 3 months ago" in the languages of the page.

Own words and no library: dateparser 1.4 gives no unit (our precision), none of the "Edited"
forms, and takes some milliseconds a date. The forms of Unicode's CLDR are the test's table.
"""

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
CJK_NUMBERS = {
    1: "一 한 하나", 2: "二 两 兩 두", 3: "三 세", 4: "四 네", 5: "五 다섯", 6: "六 여섯",
    7: "七 일곱", 8: "八 여덟", 9: "九 아홉", 10: "十 열",
}  # fmt: skip
CJK_PHRASES = {
    "하루": (1, "day"), "이틀": (2, "day"), "사흘": (3, "day"), "일주일": (1, "week"),
    "일 년": (1, "year"), "일년": (1, "year"), "半年": (6, "month"),
}  # fmt: skip
"""Whole words for an amount of time."""

NOW_PHRASES = (
    "just now", "a moment ago", "hace un momento", "à l'instant", "gerade eben", "agora mesmo",
    "poco fa", "zojuist", "przed chwilą", "az önce", "только что", "たった今", "刚刚", "剛剛",
    "방금", "الآن", "अभी",
)  # fmt: skip
DAYS_AGO = {
    "today": 0, "hoy": 0, "hoje": 0, "hui": 0, "heute": 0, "oggi": 0, "vandaag": 0,
    "dzisiaj": 0, "bugün": 0, "сегодня": 0, "今日": 0, "今天": 0, "오늘": 0, "اليوم": 0, "आज": 0,
    "yesterday": 1, "ayer": 1, "ontem": 1, "hier": 1, "gestern": 1, "ieri": 1, "gisteren": 1,
    "wczoraj": 1, "dün": 1, "вчера": 1, "昨日": 1, "昨天": 1, "어제": 1, "أمس": 1,
}  # fmt: skip
DUALS = ("دقيقتين", "ساعتين", "يومين", "أسبوعين", "شهرين", "سنتين", "عامين")
"""Arabic says "two months" in one word."""
ONE_WORDS = """
    a an one un una uno une ein eine einem einer einen um uma een één jeden jedna jedną bir один
    одна одну واحد واحدة एक en ett et један egy ένα έναν μία μια một"""
AGO_WORDS = """
    ago hace il y a vor há atrás fa geleden temu önce назад قبل منذ पहले för sedan siden для тому
    před πριν από trước lalu sitten ezelőtt fra"""
SIDE_WORDS = (
    "google on auf sur en w в на su op no na على data czas date дата تاريخ tarihi ultimo última"
)
"""May stand beside a unit that has no number: it still means one of it. With any other word
beside it, such as an amount in words that we do not know, it is no date for us."""

EDITED_STEMS = (
    "edit", "edici", "modif", "bearbeitet", "geändert", "bewerkt", "aangepast", "edyt", "edycj",
    "düzenle", "измен",
    "отредакт", "編集", "编辑", "編輯", "修改", "수정", "تعديل", "संपादित", "बदलाव", "redig",
    "uprav", "szerkeszt", "επεξεργ", "chỉnh sửa", "muokat", "змінено",
)  # fmt: skip


def _plain(text: str) -> str:
    """One form for each word: Hindi and Greek have several that look the same."""
    return " ".join(_BIDI.sub("", unicodedata.normalize("NFKC", text)).casefold().split())


_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of the direction of writing, which pages in Arabic put anywhere."""
_UNIT_OF = {word: unit for unit, words in UNIT_WORDS.items() for word in _plain(words).split()}
_DUALS = frozenset(_plain(word) for word in DUALS)
_ONE = frozenset(_plain(ONE_WORDS).split())
_AGO = frozenset(_plain(AGO_WORDS).split())
_BESIDE = _AGO | frozenset(_plain(SIDE_WORDS).split())
_STEMS = tuple(_plain(stem) for stem in EDITED_STEMS)
_PHRASES = tuple(_plain(phrase) for phrase in NOW_PHRASES)
_DAYS = {_plain(word): days for word, days in DAYS_AGO.items()}
_FIRST_CJK = "\u2e80"
"""From here on scripts do not part their words."""
_ARTICLE = "an"
"""French for a year, English for one: it counts only when no other unit is there."""
_NUMBER_OF = {word: number for number, words in CJK_NUMBERS.items() for word in words.split()}
_CJK = tuple(
    (unit, re.compile(rf"(\d+|{'|'.join(_NUMBER_OF)})\s*(?:{words})")) for unit, words in CJK_UNITS
)
_WORD = re.compile(r"[^\s\d.,:;()·'\u2019\"!/-]+")
SHORTEST_S = {
    "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 30 * 86_400,
    "year": 365 * 86_400,
}  # fmt: skip
SLACK_S = {"minute": 3_600, "hour": 7_200, "month": 3 * 86_400}
"""Clocks and months differ; a day for the other units."""


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

    def latest(self, now: datetime) -> datetime:
        """The latest moment that it can mean: pages round down, "2 months" is 60 to 91 days."""
        span_s = self.amount * SHORTEST_S[self.unit] - SLACK_S.get(self.unit, 86_400)
        oldest = datetime.min.replace(tzinfo=now.tzinfo)
        return now - min(timedelta(seconds=max(0, span_s)), now - oldest)


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
    for phrase, meant in CJK_PHRASES.items():
        if phrase in plain:
            return meant
    for unit, pattern in _CJK:
        match = pattern.search(plain)
        if match:
            return _NUMBER_OF.get(match[1]) or _number(match[1]), unit
    return None


def _word_amount(plain: str) -> tuple[int, str] | None:
    words = _WORD.findall(plain)
    units = [word for word in words if word in _UNIT_OF]
    if units:
        word = next((word for word in units if word != _ARTICLE), _ARTICLE)
        amount = _amount(plain, words, word)
        return None if amount is None else (amount, _UNIT_OF[word])
    if any(phrase in plain for phrase in _PHRASES):
        return 0, "minute"
    for name, days in _DAYS.items():
        if name in words or (name[0] > _FIRST_CJK and name in plain):
            return days, "day"
    return None


def _amount(plain: str, words: list[str], unit: str) -> int | None:
    """How many of ``unit``; None when words say it that we do not know."""
    number = re.search(r"\d+", plain)
    if number:
        return _number(number[0])
    if unit in _DUALS:
        return 2
    others = [word for word in words if word != unit]
    if any(word in _ONE for word in others):
        return 1
    is_known = all(
        word in _BESIDE or len(word) <= 2 or any(stem in word for stem in _STEMS) for word in others
    )
    return 1 if is_known and any(word in _AGO for word in others) else None


def _number(digits: str) -> int:
    """At most five digits count: nothing is older, and hostile texts stay harmless."""
    return int(digits[:5])


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
