"""Reading of single cards: one fact of the page a test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from scrapers.sites.google_reviews.cards import reviews_in

NOW = datetime(2026, 11, 23, 14, 37, tzinfo=UTC)


def card(inner: str = "", *, review_id: str = "Ci9A", top: str = "") -> str:
    return (
        f'<div class="jftiEf fontBodyMedium " data-review-id="{review_id}" aria-label="Ann">'
        f'<div data-review-id="{review_id}"><button data-review-id="{review_id}"></button>'
        f"{top}{inner}</div></div>"
    )


def read(html: str) -> dict[str, Any]:
    (review,) = reviews_in(html, now=NOW)
    return dict(review)


def stars(label: str, full: int = 0) -> str:
    icons = '<span class="hCCjke elGi1d"></span>' * full + '<span class="hCCjke"></span>'
    return f'<span class="kvMYJc" role="img" aria-label="{label}">{icons}</span>'


def text(words: str, after: str = "") -> str:
    return (
        f'<div class="MyEned" id="ucc-1" lang="en"><span class="wiI7pd">{words}</span>{after}</div>'
    )


REPLY = (
    '<div class="CDe7pd"><span class="DZSIDd">3 years ago</span>'
    '<div class="wiI7pd" lang="de">Danke!</div></div>'
)
MORE = '<button class="w8nwRe kyuRq" aria-expanded="{}" jsaction="pane.w1.review.expandReview">'


def test_a_review_counts_once_although_its_id_is_on_two_elements() -> None:
    html = card() + card(review_id="Ci9B") + card()
    assert [item["review_id"] for item in reviews_in(html, now=NOW)] == ["Ci9A", "Ci9B"]
    assert [item["position"] for item in reviews_in(html, now=NOW)] == [1, 2]


@pytest.mark.parametrize(
    ("label", "full", "rating"),
    [
        ("5 stars", 0, 5.0),
        ("1\u00a0étoile", 0, 1.0),
        ("4,5 étoiles", 0, 4.5),
        ("4 つ星", 0, 4.0),
        ("5 つ星のうち 4", 0, 4.0),
        ("4 von 5 Sternen", 0, 4.0),
        ("٣ نجوم", 0, 3.0),
        ("نجمة واحدة", 0, 1.0),
        ("نجمتان", 0, 2.0),
        (" étoiles", 3, 3.0),
        ("", 2, 2.0),
        ("", 0, None),
    ],
)
def test_the_rating_is_read_in_any_language_or_counted(
    label: str, full: int, rating: float | None
) -> None:
    assert read(card(stars(label, full)))["rating"] == rating


def test_a_partner_layout_has_its_rating_and_date_as_text() -> None:
    html = card(
        '<div class="DU9Pgb"><span class="fzvQIb">4/5</span>'
        '<span class="xRkPPb">a month ago on <span>Google</span></span></div>'
    )
    review = read(html)
    assert (review["rating"], review["relative_date"]) == (4.0, "a month ago on Google")
    assert review["published_at"] == datetime(2026, 10, 23, tzinfo=UTC)
    assert review["published_at_precision"] == "month"


def test_a_rating_with_a_reply_has_no_text() -> None:
    review = read(card(stars("5 stars") + REPLY))
    assert (review["text"], review["language"], review["is_text_complete"]) == (None, None, None)
    assert review["owner_response_text"] == "Danke!"
    assert review["owner_response_language"] == "de"
    assert review["owner_response_relative_date"] == "3 years ago"


def test_text_and_reply_are_told_apart() -> None:
    review = read(card(text("Good.") + REPLY))
    assert (review["text"], review["owner_response_text"]) == ("Good.", "Danke!")


def test_the_date_of_the_reply_is_not_the_date_of_the_review() -> None:
    assert read(card(REPLY))["relative_date"] is None


def test_lines_of_a_text_are_kept_and_its_ends_trimmed() -> None:
    assert read(card(text(" One<br>two\n\nthree \u00a0")))["text"] == "One\ntwo\n\nthree"


@pytest.mark.parametrize(
    ("words", "after", "is_complete"),
    [
        ("Good.", "", True),
        ("Good and …", MORE.format("false"), False),
        ("Good and …", "", False),
        ("Good and …", MORE.format("true"), True),
        ("Good…", "", True),
    ],
)
def test_a_cut_text_is_known_with_and_without_a_more_button(
    words: str, after: str, *, is_complete: bool
) -> None:
    assert read(card(text(words, after)))["is_text_complete"] is is_complete


def test_a_translation_is_never_taken_for_the_text() -> None:
    switch = '<button role="switch" aria-checked="true" jsaction="p.review.showReviewInOriginal">'
    review = read(card(text("Good.") + switch))
    assert (review["text"], review["text_translated"]) == (None, "Good.")
    assert review["translated_language"] == "en"


def test_the_older_layout_with_both_texts_is_split() -> None:
    review = read(card(text("(Translated by Google) Good.\n\n(Original)\nGut.")))
    assert (review["text"], review["text_translated"]) == ("Gut.", "Good.")


@pytest.mark.parametrize(
    ("line", "guide", "reviews", "photos"),
    [
        ("Local Guide · 838 reviews · 11,362 photos", True, 838, 11_362),
        ("Local Guide", True, None, None),
        ("7 reviews · 11 photos", False, 7, 11),
        ("11 reviews", False, 11, None),
        ("3 photos", False, None, 3),
        ("Local Guide · 1\u00a0204 avis · 2\u202f310 photos", True, 1_204, 2_310),
        ("ローカルガイド · クチコミ 81 件 · 写真 714 枚", True, 81, 714),
        ("مراجعة واحدة · صورتان", False, 1, 2),
        ("", False, None, None),
    ],
)
def test_the_authors_line_may_lack_any_part(
    line: str, reviews: int | None, photos: int | None, *, guide: bool
) -> None:
    review = read(card(f'<div class="d4r55">Ann</div><div class="RfnDt ">{line}</div>'))
    assert review["author_is_local_guide"] is guide
    assert (review["author_reviews_count"], review["author_photos_count"]) == (reviews, photos)


def test_the_author_has_an_id_a_page_and_a_picture() -> None:
    url = "https://www.google.com/maps/contrib/116988443339780624831/reviews?hl=en"
    review = read(
        card(f'<button class="WEBjve" data-href="{url}"><img class="NBa7we" src="a.png"></button>')
    )
    assert (review["author_name"], review["author_id"]) == ("Ann", "116988443339780624831")
    assert (review["author_url"], review["author_photo_url"]) == (url, "a.png")


def test_hidden_photos_count_and_the_last_tile_is_one_of_them() -> None:
    tiles = "".join(
        f'<button class="Tya61d" data-photo-index="{n}" '
        f'style="background-image: url(&quot;https://p/{n}&quot;); width: 1px">{over}</button>'
        for n, over in enumerate(["", "", "", '<div class="Tap5If">+37</div>'])
    )
    review = read(card(f'<div class="KtCyie">{tiles}</div>'))
    assert review["photo_urls"] == ["https://p/0", "https://p/1", "https://p/2", "https://p/3"]
    assert review["photos_count"] == 40


@pytest.mark.parametrize(
    ("shown", "likes"), [("", 0), ("23", 23), ("1,530", 1_530), ("1.530", 1_530)]
)
def test_likes_are_0_when_none_are_shown(shown: str, likes: int) -> None:
    count = f'<span class="pkWtMe">{shown}</span>' if shown else ""
    html = card(f'<button class="gllhef" jsaction="p.review.toggleThumbsUp">{count}</button>')
    assert read(html)["likes"] == likes


def test_sub_ratings_are_numbers_and_other_details_are_left_out() -> None:
    lines = ("<b>Food:</b> 5", "<b>Service</b>\u00a0: 4", "<b>Price per person</b>: $20-30")
    details = "".join(f'<div class="PBK6be"><div>{line}</div></div>' for line in lines)
    html = card(f'<div class="MyEned">{details}</div>')
    assert read(html)["sub_ratings"] == {"Food": 5.0, "Service": 4.0}
    assert read(html)["text"] is None


def test_cards_are_found_without_their_classes() -> None:
    html = (
        '<div data-review-id="Ci9A" aria-label="Ann"><div data-review-id="Ci9A">'
        '<button data-href="https://www.google.com/maps/contrib/12/reviews"><img src="a.png">'
        '</button><span role="img" aria-label="4 stars"></span><span>2 months ago</span>'
        '<div id="ucc-1" lang="fr"><span>Bien.</span></div></div></div>'
    )
    review = read(html)
    assert (review["author_name"], review["author_id"]) == ("Ann", "12")
    assert (review["rating"], review["text"], review["language"]) == (4.0, "Bien.", "fr")
    assert review["relative_date"] == "2 months ago"
