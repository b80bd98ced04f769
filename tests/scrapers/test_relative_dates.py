"""Relative dates of the page in many languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scrapers.sites.google_reviews.relative_dates import relative_date_in

NOW = datetime(2026, 11, 23, 14, 37, 12, 345, tzinfo=UTC)

SAID = [
    ("3 months ago", 3, "month"),
    ("a year ago", 1, "year"),
    ("an hour ago", 1, "hour"),
    ("5 minutes ago", 5, "minute"),
    ("just now", 0, "minute"),
    ("yesterday", 1, "day"),
    ("a month ago on Google", 1, "month"),
    ("قبل أسبوع على Google", 1, "week"),
    ("\u00a02\u00a0weeks ago ", 2, "week"),
    ("Hace 3 meses", 3, "month"),
    ("Hace un año", 1, "year"),
    ("Hace una hora", 1, "hour"),
    ("il y a 4 mois", 4, "month"),
    ("il y a un an", 1, "year"),
    ("il y a 2 ans", 2, "year"),
    ("il y a une semaine", 1, "week"),
    ("vor einem Jahr", 1, "year"),
    ("vor 3 Monaten", 3, "month"),
    ("vor 2 Tagen", 2, "day"),
    ("há 3 meses", 3, "month"),
    ("um mês atrás", 1, "month"),
    ("6 dias atrás", 6, "day"),
    ("un anno fa", 1, "year"),
    ("3 mesi fa", 3, "month"),
    ("un'ora fa", 1, "hour"),
    ("een jaar geleden", 1, "year"),
    ("2 weken geleden", 2, "week"),
    ("een uur geleden", 1, "hour"),
    ("rok temu", 1, "year"),
    ("5 lat temu", 5, "year"),
    ("3 miesiące temu", 3, "month"),
    ("tydzień temu", 1, "week"),
    ("bir yıl önce", 1, "year"),  # noqa: RUF001 - as the page says it
    ("3 ay önce", 3, "month"),
    ("2 saat önce", 2, "hour"),
    ("год назад", 1, "year"),
    ("3 месяца назад", 3, "month"),
    ("неделю назад", 1, "week"),
    ("5 лет назад", 5, "year"),
    ("3 か月前", 3, "month"),
    ("1 年前", 1, "year"),
    ("2 週間前", 2, "week"),
    ("6 日前", 6, "day"),
    ("5 時間前", 5, "hour"),
    ("10 分前", 10, "minute"),
    ("3个月前", 3, "month"),
    ("3 個月前", 3, "month"),
    ("1 周前", 1, "week"),
    ("2 星期前", 2, "week"),
    ("4 小时前", 4, "hour"),
    ("7 分鐘前", 7, "minute"),
    ("2天前", 2, "day"),
    ("3달 전", 3, "month"),
    ("3개월 전", 3, "month"),
    ("1년 전", 1, "year"),
    ("한 달 전", 1, "month"),
    ("2주 전", 2, "week"),
    ("5시간 전", 5, "hour"),
    ("قبل 3 أشهر", 3, "month"),
    ("قبل سنة", 1, "year"),
    ("قبل شهرين", 2, "month"),
    ("قبل ٥ أيام", 5, "day"),  # noqa: RUF001 - as the page says it
    ("3 महीने पहले", 3, "month"),
    ("एक साल पहले", 1, "year"),
    ("2 हफ़्ते पहले", 2, "week"),
    ("4 दिन पहले", 4, "day"),
    ("för 3 månader sedan", 3, "month"),
    ("3 měsíce", 3, "month"),
    ("3 tháng trước", 3, "month"),
    ("πριν από 3 μήνες", 3, "month"),
]  # fmt: skip

EDITED = [
    "Edited a year ago",
    "Modifié il y a 4 mois",
    "Bearbeitet: vor 3 Monaten",
    "Fecha de edición: Hace un año",
    "Editado há um ano",
    "Ultima modifica: 3 mesi fa",
    "Bewerkt: een jaar geleden",
    "Edytowano rok temu",
    "Düzenleme tarihi: 3 ay önce",
    "Изменено 3 месяца назад",
    "最終編集: 1 年前",
    "修改于 3个月前",
    "上次編輯：1 年前",  # noqa: RUF001 - as the page says it
    "수정일: 1년 전",
    "تم التعديل قبل سنة",
    "एक साल पहले बदलाव किया गया",
]


@pytest.mark.parametrize(("said", "amount", "unit"), SAID)
def test_a_relative_date_is_read_in_its_language(said: str, amount: int, unit: str) -> None:
    date = relative_date_in(said)
    assert date is not None
    assert (date.amount, date.unit, date.is_edited) == (amount, unit, False)


@pytest.mark.parametrize("said", EDITED)
def test_an_edited_review_says_so(said: str) -> None:
    date = relative_date_in(said)
    assert date is not None
    assert date.is_edited


@pytest.mark.parametrize("said", ["", "Response from the owner", "2024", "Local Guide", "★"])
def test_other_text_is_no_date(said: str) -> None:
    assert relative_date_in(said) is None


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("5 minutes ago", datetime(2026, 11, 23, 14, 32, tzinfo=UTC)),
        ("2 hours ago", datetime(2026, 11, 23, 12, 0, tzinfo=UTC)),
        ("a day ago", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2 weeks ago", datetime(2026, 11, 9, tzinfo=UTC)),
        ("9 months ago", datetime(2026, 2, 23, tzinfo=UTC)),
        ("11 months ago", datetime(2025, 12, 23, tzinfo=UTC)),
        ("a year ago", datetime(2025, 11, 23, tzinfo=UTC)),
    ],
)
def test_the_moment_is_as_exact_as_its_unit(said: str, moment: datetime) -> None:
    date = relative_date_in(said)
    assert date is not None
    assert date.before(NOW) == moment


def test_the_last_of_a_month_stays_in_the_month_meant() -> None:
    date = relative_date_in("a month ago")
    assert date is not None
    assert date.before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
