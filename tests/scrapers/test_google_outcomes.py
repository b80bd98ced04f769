"""How a scrape of reviews ends: by the page, by its address, by what the walk has seen."""
# ruff: noqa: RUF001 - as pages say it

from __future__ import annotations

from typing import Any

import pytest

from scrapers.sites.google_reviews.addresses import in_language, search_in, stray_host
from scrapers.sites.google_reviews.outcomes import (
    MAY_RETRY,
    SENTENCES,
    Walked,
    message_of_list,
    outcome_of_list,
)
from scrapers.sites.google_reviews.place import read_page
from scrapers.sites.google_reviews.results import results_in, sentence_of

URL = "https://www.google.com/maps/place/Cafe"
CODES = (
    "completed", "no_reviews", "limited_view", "consent_wall", "captcha", "not_a_place",
    "not_rendered", "truncated_by_source", "partial",
)  # fmt: skip


def walked(seen: int, announced: int | None, **said: Any) -> Walked:
    return Walked(
        seen=seen, announced=announced, **{"has_ended": False, "is_loading": False, **said}
    )


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (walked(244, 244, has_ended=True), "completed"),
        (walked(99, 100, is_loading=True), "completed"),  # 99 % are all that lists show
        (walked(98, 100, has_ended=True), "truncated_by_source"),
        (walked(1_300, 2_507, has_ended=True), "truncated_by_source"),
        (walked(98, 100, is_loading=True), "partial"),
        (walked(98, 100), "partial"),
        (walked(12, None, has_ended=True), "completed"),  # the list itself says where it ends
        (walked(12, None), "completed"),
        (walked(12, None, is_loading=True), "partial"),
        (walked(30, 2_507, is_loading=True, is_met=True), "completed"),
    ],
)
def test_a_list_ends_as_what_was_seen_of_it(seen: Walked, outcome: str) -> None:
    assert outcome_of_list(seen) == outcome


def test_each_outcome_says_what_happened_and_what_can_be_done() -> None:
    assert set(SENTENCES) == set(CODES)
    assert set(SENTENCES) >= MAY_RETRY
    for code in set(CODES) - {"completed"}:
        assert SENTENCES[code].count(". ") >= 1
    assert len(set(SENTENCES.values())) == len(CODES)


def test_a_short_list_says_its_numbers() -> None:
    said = message_of_list("truncated_by_source", walked(1_300, 2_507, has_ended=True))
    assert "1,300 of 2,507" in said
    assert "Reviews seen: 12." in message_of_list("partial", walked(12, None, is_loading=True))


TABS = (
    "Reviews", "Reseñas", "Opiniones", "Avis", "Rezensionen", "Avaliações", "Críticas",
    "Recensioni", "Recensies", "Opinie", "Yorumlar", "Отзывы", "クチコミ", "评价", "評論", "리뷰",
    "المراجعات", "समीक्षाएं",
)  # fmt: skip


@pytest.mark.parametrize("word", TABS)
def test_the_tab_of_reviews_is_known_in_each_language(word: str) -> None:
    tab = f'<button role="tab" aria-label="{word}: Cafe"><div>{word}</div></button>'
    assert read_page(URL, _place(tab)).outcome == "completed"


@pytest.mark.parametrize(
    ("rating", "count", "expected"),
    [
        ("4.5", "(2,507)", (4.5, 2_507)),
        ("4,5", "(2.507)", (4.5, 2_507)),
        ("4,5", "(2\u202f507)", (4.5, 2_507)),
        ("4,5", "(2\u00a0507)", (4.5, 2_507)),
        ("٤٫٥", "(٢٬٥٠٧)", (4.5, 2_507)),
        ("४.५", "(२,५०७)", (4.5, 2_507)),
        ("4.5", "（2,507）", (4.5, 2_507)),
        ("4.5", "(1.2万)", (4.5, 12_000)),
        ("4,5", "(12 mil)", (4.5, 12_000)),
        ("4,5", "(1,2 тыс.)", (4.5, 1_200)),
    ],
)
def test_rating_and_total_are_read_in_each_grouping(
    rating: str, count: str, expected: tuple[float, int]
) -> None:
    html = _place(f'<div class="F7nice"><span aria-hidden="true">{rating}</span>{count}</div>')
    place = read_page(URL, html).place
    assert (place.rating, place.reviews_total) == expected


@pytest.mark.parametrize(
    "row",
    [
        "{} stars, 1,680 reviews",
        "{} Sterne, 1.680 Rezensionen",
        "{} étoiles, 1\u202f680 avis",
        "{} estrellas, 1.680 reseñas",
        "{} estrelas, 1.680 avaliações",
        "{} stelle, 1.680 recensioni",
        "{} sterren, 1.680 reviews",
        "{} gwiazdek, 1680 opinii",
        "{} yıldız, 1.680 yorum",
        "{} звезд, 1\u00a0680 отзывов",
        "{} つ星、クチコミ 1,680 件",
        "{} 星，1,680 条评价",
        "{} 顆星，1,680 則評論",
        "별표 {}개, 리뷰 1,680개",
        "{} نجوم، ١٬٦٨٠ مراجعة",
        "{} स्टार, १,६८० समीक्षाएं",
    ],
)
def test_the_five_rows_of_the_histogram_are_read_in_each_language(row: str) -> None:
    rows = "".join(
        f'<tr class="BHOKXe" role="img" aria-label="{row.format(stars)}"><td>{stars}</td></tr>'
        for stars in (5, 4, 3, 2, 1)
    )
    place = read_page(URL, _place(f"<table>{rows}</table>")).place
    assert place.histogram == dict.fromkeys((5, 4, 3, 2, 1), 1_680)
    assert place.reviews_total == 5 * 1_680


@pytest.mark.parametrize(
    "inner",
    [
        '<p class="F7nice"><i role="img" aria-label="5 s"><i role="img" aria-label="2507 reviews">',
        '<p class="F7nice"><i role="img" aria-label="5 x"><i role="img" aria-label="2507 y">',
        '<button role="tab" aria-label="Reviews for Cafe 24"><div>Reviews (2,507)</div></button>',
        '<button jsaction="pane.x.reviewChart.moreReviews"><span>2.507 Rezensionen</span></button>',
    ],
)
def test_one_place_on_the_page_is_enough_to_know_the_total(inner: str) -> None:
    assert read_page(URL, _place(inner)).place.reviews_total == 2_507


def test_stars_alone_are_no_number_of_reviews() -> None:
    html = _place('<p class="F7nice">5.0<i role="img" aria-label="5 stars"></i></p>')
    assert read_page(URL, html).place.reviews_total is None
    assert read_page(URL, html).outcome == "limited_view"


@pytest.mark.parametrize(
    "notice",
    [
        "You're seeing a limited view of Google Maps", "Estás viendo una vista limitada",
        "Vous voyez une vue limitée", "Eingeschränkte Ansicht von Google Maps",
        "Você está vendo uma visualização limitada", "Stai visualizzando una vista limitata",
        "Beperkte weergave van Google Maps", "Ograniczony widok", "Sınırlı görünüm",
        "Ограниченный просмотр", "有限的檢視", "受限视图", "제한된 보기", "عرض محدود", "सीमित व्यू",
    ],
)  # fmt: skip
def test_a_limited_view_is_known_by_its_notice_in_each_language(notice: str) -> None:
    assert read_page(URL, _place(f'<button aria-label="{notice}">?</button>')).outcome == (
        "limited_view"
    )


def test_a_page_that_takes_us_for_a_machine_is_known_by_its_text() -> None:
    body = "<html><body><p>Unsere Systeme haben ungewöhnlichen Datenverkehr festgestellt.</p>"
    assert read_page(URL, body).outcome == "captcha"
    tab = '<button role="tab"><div>Reviews</div></button><div class="g-recaptcha"></div>'
    assert read_page(URL, _place(tab)).outcome == "completed"  # it lies unseen in the page


def result(name: str, href: str = "/maps/place/x", *, mark: str = "") -> str:
    return (
        f'<div class="Nv2PK" role="article"><a class="hfpxzc" href="{href}" '
        f'aria-label="{name} · Visited link"></a><div>{mark}</div></div>'
    )


SEARCH = "https://www.google.com/maps/search/Caf%C3%A9+Central,+Vienna/"


@pytest.mark.parametrize(
    ("cards", "count", "meant"),
    [
        (result("Anything", "/maps/place/a"), 1, "a"),
        (result("CAFÉ  Central", "/maps/place/a") + result("Other", "/maps/place/b"), 2, "a"),
        (result("Café Central", "/maps/place/a") + result("Café Central", "/maps/place/b"), 2, ""),
        (result("One", "/maps/place/a") + result("Two", "/maps/place/b"), 2, ""),
        (
            result("Café Central", "/maps/place/ad", mark="<span>Gesponsert</span>")
            + result("Café Central", "/maps/place/b"),
            1,
            "b",
        ),
        (result("Ad Astra", "/maps/place/a"), 1, "a"),  # a name is no mark
        (result("Café Central", "https://evil.example/maps/place/a"), 0, ""),
        (result("Café Central", "javascript:alert(1)"), 0, ""),
        (result("Café Central", "http://[bad"), 0, ""),
        ("", 0, ""),
    ],
)
def test_a_list_of_results_leads_to_the_one_place_meant(cards: str, count: int, meant: str) -> None:
    results = results_in(SEARCH, f'<div role="main"><div role="feed">{cards}</div></div>')
    assert results is not None
    assert results.count == count
    assert results.url == (f"https://www.google.com/maps/place/{meant}" if meant else None)
    assert f"{count} results" in sentence_of(results)


def test_a_page_without_a_feed_is_no_list_of_results() -> None:
    assert results_in(SEARCH, _place("")) is None


def test_a_real_list_of_results_is_read(real_page: dict[str, str]) -> None:
    html = real_page["place-with-result-list-english.html"]
    results = results_in("https://www.google.com/maps/search/Flint+Athens/", html)
    assert results is not None
    assert results.count == 10
    assert results.url is not None
    assert "/maps/place/Flint+Athens/" in results.url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/maps/place/X", "https://a.example/maps/place/X?hl=pt-BR"),
        ("https://a.example/m?hl=de&q=a%2Cb#x", "https://a.example/m?q=a%2Cb&hl=pt-BR#x"),
        ("https://a.example/p/!1s0x1:0x2?g=1", "https://a.example/p/!1s0x1:0x2?g=1&hl=pt-BR"),
    ],
)
def test_the_language_goes_into_the_address_and_nothing_else_changes(
    url: str, expected: str
) -> None:
    assert in_language(url, "pt-BR") == expected
    assert in_language(url, None) == url


@pytest.mark.parametrize(
    ("asked", "shown", "host"),
    [
        ("https://maps.app.goo.gl/x", "https://www.google.com/maps/place/X", None),
        ("https://maps.app.goo.gl/x", "https://consent.google.de/m?continue=x", None),
        ("https://maps.app.goo.gl/x", "https://maps.app.goo.gl/x", None),
        ("http://127.0.0.1:80/maps/place/x", "http://127.0.0.1:81/maps/place/y", None),
        ("https://maps.app.goo.gl/x", "https://evil.example/maps/place/X", "evil.example"),
        (
            "https://maps.app.goo.gl/x",
            "https://google.com.evil.example/",
            "google.com.evil.example",
        ),
        ("https://www.google.com/maps?q=x", "about:blank", "no site"),
    ],
)
def test_an_address_that_leads_elsewhere_is_noticed(
    asked: str, shown: str, host: str | None
) -> None:
    assert stray_host(asked, shown) == host


def test_what_is_searched_for_stands_in_the_address() -> None:
    assert search_in(SEARCH) == "Café Central, Vienna"
    assert search_in("https://www.google.com/maps?q=Hill+Top&hl=en") == "Hill Top"
    assert search_in("https://www.google.com/maps/search/?api=1&query=Hill") == "Hill"
    assert search_in(URL) == ""


def _place(inner: str) -> str:
    return f'<div role="main" aria-label="Cafe"><h1 class="DUwDvf">Cafe</h1>{inner}</div>'
