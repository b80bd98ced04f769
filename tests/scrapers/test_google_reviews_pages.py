"""Kinds of pages told apart, and real saved pages."""

from __future__ import annotations

from typing import Any

import pytest

from embedded.demo import pages
from embedded.demo.generator import PlaceKey
from scrapers.sites.google_reviews import parse
from scrapers.sites.google_reviews.place import read_page

URL = "https://www.google.com/maps/place/Cafe"
TAB = '<button role="tab" aria-label="{0} for Cafe"><div>{0}</div></button>'


def place(inner: str) -> str:
    return f'<div role="main" aria-label="Cafe"><h1 class="DUwDvf">Cafe</h1>{inner}</div>'


RATING = '<div class="F7nice"><span><span aria-hidden="true">4.5</span></span><span>{}</span></div>'
COUNT = '<span role="img" aria-label="43 reviews">(43)</span>'


@pytest.mark.parametrize(
    ("url", "html", "outcome"),
    [
        (URL, place(RATING.format(COUNT) + TAB.format("Reviews")), "completed"),
        (URL, place(TAB.format("Bewertungen")), "completed"),
        (URL, place(TAB.format("クチコミ")), "completed"),
        (URL, place(TAB.format("About")), "no_reviews"),
        (URL, place(RATING.format("") + TAB.format("About")), "limited_view"),
        (URL, place('<span class="S3H0Nb">Begrenzte Ansicht</span>'), "limited_view"),
        (URL, place("<button aria-label='Learn more about limited view'>"), "limited_view"),
        (URL, pages.captcha_page(), "captcha"),
        ("https://www.google.com/sorry/index?continue=x", "<p>Sorry</p>", "captcha"),
        (URL, pages.consent_page("/x"), "consent_wall"),
        ("https://consent.google.com/m?continue=x", "<p>Before you continue</p>", "consent_wall"),
        (URL, pages.results_page("Cafe"), "not_a_place"),
        (URL, "<html><body><h1>About</h1><p>A page about many other things.</p>", "not_a_place"),
        (URL, "<html><body><div id='app-container'></div><script>1</script>", "not_rendered"),
        (URL, "", "not_rendered"),
    ],
)
def test_kinds_of_pages_are_told_apart(url: str, html: str, outcome: str) -> None:
    assert read_page(url, html).outcome == outcome


def test_a_place_called_review_cafe_has_no_reviews_tab_for_that() -> None:
    html = place('<button role="tab" aria-label="About Review Cafe"><div>About</div></button>')
    assert read_page(URL, html).outcome == "no_reviews"


def test_the_ids_of_a_place_come_from_its_address() -> None:
    url = f"{URL}/data=!4m7!3m6!1s0x14a1:0x2bf3!8m2!3d37.8!19sChIJUyfI9a_qoRQR?hl=en"
    read = read_page(url, place("")).place
    assert (read.feature_id, read.place_id) == ("0x14a1:0x2bf3", "ChIJUyfI9a_qoRQR")


def test_a_histogram_gives_the_total_where_no_count_is_shown() -> None:
    rows = "".join(
        f'<tr class="BHOKXe" aria-label="{label}"></tr>'
        for label in ("5\u00a0étoiles, 1\u00a0680\u00a0avis", "4 étoiles, 565 avis")
    )
    read = read_page(URL, place(f"<table>{rows}</table>")).place
    assert read.histogram == {5: 1_680, 4: 565}
    assert read.reviews_total == 2_245


def test_a_saved_page_with_all_its_reviews_is_completed() -> None:
    html = pages.place_page(
        PlaceKey(reviews=0), has_menu=True, view="no_reviews", first_cards=[], list_url=""
    )
    assert parse(html, URL).outcome == "no_reviews"


def test_a_real_overview_gives_place_and_cards(real_page: dict[str, str]) -> None:
    page = parse(real_page["place-overview-2507-reviews.html"], "")
    assert page.outcome == "partial"  # 3 of 2,507
    assert page.place["title"] == "N°168 Prime Steakhouse"
    assert (page.place["rating"], page.place["reviews_total"]) == (4.5, 2_507)
    assert page.place["histogram"] == {"5": 1_680, "4": 565, "3": 141, "2": 59, "1": 62}
    assert _column(page.items, "author_name") == ["Linda Chang", "Anna Lan", "Vic Huang"]
    assert _column(page.items, "author_id")[0] == "116988443339780624831"
    assert _column(page.items, "author_is_local_guide") == [True, True, True]
    assert _column(page.items, "author_reviews_count") == [838, 370, 758]
    assert _column(page.items, "author_photos_count") == [11_362, 3_084, 24_836]
    assert _column(page.items, "rating") == [5.0, 4.0, 5.0]
    assert _column(page.items, "language") == ["zh-Hant"] * 3
    assert _column(page.items, "is_text_complete") == [False, False, False]
    assert _column(page.items, "relative_date") == ["a month ago", "a month ago", "2 months ago"]
    assert _column(page.items, "photos_count") == [40, 15, 30]
    assert [len(urls) for urls in _column(page.items, "photo_urls")] == [4, 4, 4]
    assert _column(page.items, "likes") == [0, 0, 0]
    assert _column(page.items, "owner_response_text") == [None, None, None]
    assert _column(page.items, "text_translated") == [None, None, None]
    assert _column(page.items, "position") == [1, 2, 3]
    assert page.items[0]["review_id"].startswith("Ci9DQUlRQUNvZENodHljRjlvT21FeFlt")
    assert page.items[2]["text"].startswith("N°168 Prime Steakhouse（大直本館）食記\n\n")  # noqa: RUF001 - as on the page


def test_a_real_page_beside_a_result_list_gives_the_place(real_page: dict[str, str]) -> None:
    page = parse(real_page["place-with-result-list-english.html"], "")
    assert page.outcome == "partial"  # 3 of 43
    assert page.place["title"] == "Patio at The Margi"
    assert (page.place["rating"], page.place["reviews_total"]) == (4.5, 43)
    assert page.place["histogram"] == {"5": 35, "4": 2, "3": 2, "2": 2, "1": 2}
    assert _column(page.items, "author_name") == ["George", "BV", "K Marvin"]
    assert _column(page.items, "author_is_local_guide") == [True, True, False]
    assert _column(page.items, "author_reviews_count") == [81, 183, 11]
    assert _column(page.items, "author_photos_count") == [714, 2_462, None]
    assert _column(page.items, "relative_date") == [
        "Edited a year ago",
        "a year ago",
        "8 months ago",
    ]
    assert _column(page.items, "is_edited") == [True, False, False]
    assert _column(page.items, "published_at_precision") == ["year", "year", "month"]
    assert _column(page.items, "is_text_complete") == [False, True, False]
    assert _column(page.items, "photos_count") == [21, 17, 0]
    assert _column(page.items, "language") == ["en", "en", "en"]
    assert page.items[1]["text"].endswith("to have a the full experience.")


def _column(items: Any, field: str) -> list[Any]:
    return [item[field] for item in items]
