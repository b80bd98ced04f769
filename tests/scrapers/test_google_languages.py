"""Relative dates: sixteen forms of fifteen languages, each with each unit, as CLDR has them.

The first table was made from Unicode's CLDR (with Babel), not from the words that we read by.
"""

# ruff: noqa: RUF001 - as pages say it
from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from scrapers.sites.google_reviews.relative_dates import relative_date_in

NOW = datetime(2026, 11, 23, 14, 37, tzinfo=UTC)
UNITS = ("minute", "hour", "day", "week", "month", "year")

IN_FIGURES = {
    "en": """
        1 minute ago | 2 minutes ago
        1 hour ago | 2 hours ago
        1 day ago | 2 days ago
        1 week ago | 2 weeks ago
        1 month ago | 2 months ago
        1 year ago | 2 years ago""",
    "es": """
        hace 1 minuto | hace 2 minutos
        hace 1 hora | hace 2 horas
        hace 1 día | hace 2 días
        hace 1 semana | hace 2 semanas
        hace 1 mes | hace 2 meses
        hace 1 año | hace 2 años""",
    "fr": """
        il y a 1 minute | il y a 2 minutes
        il y a 1 heure | il y a 2 heures
        il y a 1 jour | il y a 2 jours
        il y a 1 semaine | il y a 2 semaines
        il y a 1 mois
        il y a 1 an | il y a 2 ans""",
    "de": """
        vor 1 Minute | vor 2 Minuten
        vor 1 Stunde | vor 2 Stunden
        vor 1 Tag | vor 2 Tagen
        vor 1 Woche | vor 2 Wochen
        vor 1 Monat | vor 2 Monaten
        vor 1 Jahr | vor 2 Jahren""",
    "pt": """
        há 1 minuto | há 2 minutos
        há 1 hora | há 2 horas
        há 1 dia | há 2 dias
        há 1 semana | há 2 semanas
        há 1 mês | há 2 meses
        há 1 ano | há 2 anos""",
    "it": """
        1 minuto fa | 2 minuti fa
        1 ora fa | 2 ore fa
        1 giorno fa | 2 giorni fa
        1 settimana fa | 2 settimane fa
        1 mese fa | 2 mesi fa
        1 anno fa | 2 anni fa""",
    "nl": """
        1 minuut geleden | 2 minuten geleden
        1 uur geleden
        1 dag geleden | 2 dagen geleden
        1 week geleden | 2 weken geleden
        1 maand geleden | 2 maanden geleden
        1 jaar geleden""",
    "pl": """
        1 minutę temu | 2 minuty temu | 5 minut temu
        1 godzinę temu | 2 godziny temu | 5 godzin temu
        1 dzień temu | 2 dni temu
        1 tydzień temu | 2 tygodnie temu | 5 tygodni temu
        1 miesiąc temu | 2 miesiące temu | 5 miesięcy temu
        1 rok temu | 2 lata temu | 5 lat temu""",
    "tr": """
        1 dakika önce
        1 saat önce
        1 gün önce
        1 hafta önce
        1 ay önce
        1 yıl önce""",
    "ru": """
        1 минуту назад | 2 минуты назад | 5 минут назад
        1 час назад | 2 часа назад | 5 часов назад
        1 день назад | 2 дня назад | 5 дней назад
        1 неделю назад | 2 недели назад | 5 недель назад
        1 месяц назад | 2 месяца назад | 5 месяцев назад
        1 год назад | 2 года назад | 5 лет назад""",
    "ja": """
        1 分前
        1 時間前
        1 日前
        1 週間前
        1 か月前
        1 年前""",
    "zh-Hans": """
        1分钟前
        1小时前
        1天前
        1周前
        1个月前
        1年前""",
    "zh-Hant": """
        1 分鐘前
        1 小時前
        1 天前
        1 週前
        1 個月前
        1 年前""",
    "ko": """
        1분 전
        1시간 전
        1일 전
        1주 전
        1개월 전
        1년 전""",
    "ar": """
        قبل دقيقة واحدة | قبل دقيقتين | قبل 3 دقائق | قبل 11 دقيقة
        قبل ساعة واحدة | قبل ساعتين | قبل 3 ساعات | قبل 11 ساعة
        قبل يوم واحد | قبل يومين | قبل 3 أيام | قبل 11 يومًا
        قبل أسبوع واحد | قبل أسبوعين | قبل 3 أسابيع | قبل 11 أسبوعًا
        قبل شهر واحد | قبل شهرين | قبل 3 أشهر | قبل 11 شهرًا
        قبل سنة واحدة | قبل سنتين | قبل 3 سنوات | قبل 11 سنة""",
    "hi": """
        1 मिनट पहले
        1 घंटे पहले
        1 दिन पहले
        1 सप्ताह पहले
        1 माह पहले
        1 वर्ष पहले""",
}
"""A line a unit; its forms by number."""
IN_WORDS = {
    "en": "a minute ago|an hour ago|a day ago|a week ago|a month ago|a year ago",
    "es": "hace un minuto|hace una hora|hace un día|hace una semana|hace un mes|hace un año",
    "fr": "il y a une minute|il y a une heure|il y a un jour|"
    "il y a une semaine|il y a un mois|il y a un an",
    "de": "vor einer Minute|vor einer Stunde|vor einem Tag|"
    "vor einer Woche|vor einem Monat|vor einem Jahr",
    "pt": "um minuto atrás|uma hora atrás|um dia atrás|uma semana atrás|um mês atrás|um ano atrás",
    "it": "un minuto fa|un'ora fa|un giorno fa|una settimana fa|un mese fa|un anno fa",
    "nl": "een minuut geleden|een uur geleden|een dag geleden|"
    "een week geleden|een maand geleden|een jaar geleden",
    "pl": "minutę temu|godzinę temu|dzień temu|tydzień temu|miesiąc temu|rok temu",
    "tr": "bir dakika önce|bir saat önce|bir gün önce|bir hafta önce|bir ay önce|bir yıl önce",
    "ru": "минуту назад|час назад|день назад|неделю назад|месяц назад|год назад",
    "ja": "1 分前|1 時間前|1 日前|1 週間前|1 か月前|1 年前",
    "zh-Hans": "一分钟前|一小时前|一天前|一周前|一个月前|一年前",
    "zh-Hant": "一分鐘前|一小時前|一天前|一週前|一個月前|一年前",
    "ko": "1분 전|한 시간 전|하루 전|일주일 전|한 달 전|일 년 전",
    "ar": "منذ دقيقة|منذ ساعة|منذ يوم|منذ أسبوع|منذ شهر|منذ عام",
    "hi": "एक मिनट पहले|एक घंटे पहले|एक दिन पहले|एक हफ़्ते पहले|एक महीने पहले|एक साल पहले",
}
"""As the page says "one": in words."""
EDITED = """
    Edited {}; Última edición: {}; Fecha de edición: {}; Editado {}; Modifié {}; Bearbeitet: {};
    Zuletzt bearbeitet: {}; Editada {}; Última modificação: {}; Ultima modifica: {}; Modificato {};
    Bewerkt {}; Aangepast {}; Edytowano {}; Edycja: {}; Düzenlendi: {}; {} düzenlendi;
    Изменено: {}; Отредактировано {}; 最終編集: {}; 編集済み {}; 修改时间：{}; 修改于{};
    上次編輯：{};
    編輯於 {}; 수정일: {}; {}에 수정됨; تم التعديل {}; تاريخ التعديل: {}; {} में बदलाव किया गया;
    संपादित {}"""
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def figures() -> list[tuple[str, int, str]]:
    rows = []
    for table in IN_FIGURES.values():
        for unit, line in zip(UNITS, table.strip().splitlines(), strict=True):
            for said in line.strip().split(" | "):
                number = re.search(r"\d+", said)
                is_one = "واحد" in said
                rows.append((said, int(number[0]) if number else 1 if is_one else 2, unit))
    return rows


def words() -> list[tuple[str, int, str]]:
    return [
        (said, 1, unit)
        for line in IN_WORDS.values()
        for said, unit in zip(line.split("|"), UNITS, strict=True)
    ]


@pytest.mark.parametrize(("said", "amount", "unit"), [*figures(), *words()])
def test_each_language_says_each_unit(said: str, amount: int, unit: str) -> None:
    forms = (
        said,
        said.replace(" ", "\u00a0"),
        said.replace(" ", "\u202f", 1),
        f"\u200f{said}\u200f",
        f"  {said} on Google",
        said.translate(EASTERN),
    )
    for form in forms:
        date = relative_date_in(form)
        assert date is not None, form
        assert (date.amount, date.unit, date.is_edited) == (amount, unit, False)


@pytest.mark.parametrize("form", [form.strip() for form in EDITED.split(";")])
def test_an_edited_review_says_so_in_each_language(form: str) -> None:
    for said, amount, unit in (("3 weeks ago", 3, "week"), ("1 年前", 1, "year")):
        date = relative_date_in(form.format(said))
        assert date is not None
        assert (date.amount, date.unit, date.is_edited) == (amount, unit, True)


@pytest.mark.parametrize(
    ("said", "amount", "unit"),
    [
        ("两个月前", 2, "month"),
        ("兩週前", 2, "week"),
        ("半年前", 6, "month"),
        ("이틀 전", 2, "day"),
        ("두 달 전", 2, "month"),
        ("昨天", 1, "day"),
        ("今日", 0, "day"),
        ("aujourd'hui", 0, "day"),
        ("aujourd\u2019hui", 0, "day"),
        ("hier", 1, "day"),
        ("week ago", 1, "week"),
        ("un\u2019ora fa", 1, "hour"),
    ],
)
def test_other_ways_to_say_it_are_read(said: str, amount: int, unit: str) -> None:
    date = relative_date_in(said)
    assert date is not None
    assert (date.amount, date.unit) == (amount, unit)


@pytest.mark.parametrize(
    "said",
    ["two years ago", "vor Kurzem", "Thierry", "Minute Maid", "Dia", "Dündar", "Ayers Rock",
     "le 3 mai", "12.05.2024", "il y a longtemps", "давно", "Local Guide · 12 reviews"],
)  # fmt: skip
def test_what_is_not_known_is_no_estimate(said: str) -> None:
    assert relative_date_in(said) is None


@pytest.mark.parametrize(
    ("said", "at_least", "at_most"),
    [
        ("5 minutes ago", timedelta(0), timedelta(minutes=5)),
        ("3 hours ago", timedelta(hours=1), timedelta(hours=3)),
        ("2 days ago", timedelta(days=1), timedelta(days=2)),
        ("3 weeks ago", timedelta(days=20), timedelta(days=21)),
        ("a month ago", timedelta(days=26), timedelta(days=28)),
        ("11 months ago", timedelta(days=326), timedelta(days=334)),
        ("a year ago", timedelta(days=363), timedelta(days=365)),
    ],
)
def test_the_latest_moment_meant_is_never_too_early(
    said: str, at_least: timedelta, at_most: timedelta
) -> None:
    date = relative_date_in(said)
    assert date is not None
    assert at_least <= NOW - date.latest(NOW) <= at_most


def test_a_senseless_amount_does_no_harm() -> None:
    date = relative_date_in(f"{'9' * 5_000} years ago")
    assert date is not None
    assert date.before(NOW).year == 1
    assert date.latest(NOW).year == 1
