"""Every selector of the tables earns its place; pages without classes are read as well."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from embedded.demo.cards import render
from embedded.demo.generator import PlaceKey, demo_review
from embedded.demo.labels import LANGUAGE_CODES, labels_in
from embedded.demo.look import Look
from scrapers.contract import FieldSelectors
from scrapers.sites.google_reviews import parse, scripts, selectors
from scrapers.sites.google_reviews.cards import reviews_in

NOW = datetime(2026, 11, 23, 14, 37, tzinfo=UTC)
TABLES = {
    name: table for name, table in vars(selectors).items() if isinstance(table, FieldSelectors)
}
EACH = [(name, selector) for name, table in TABLES.items() for selector in table.selectors]
ITEM_FIELDS = {
    "card": "author_name",
    "author_line": "author_photos_count",
    "owner_response": "owner_response_text",
}
"""Fields of an item that tell whether a table's selectors served; else those of its name."""

PANE = 'jsaction="pane.w1.review.{}"'
CONTRIB = "https://g/maps/contrib/12/reviews"
FACE = '<img class="NBa7we" src="https://lh3.googleusercontent.com/a/ann">'
NAME = '<div class="d4r55">Ann</div><div class="RfnDt">Local Guide · 838 reviews · 9 photos</div>'
WAY = f'data-review-id="Ci9A" data-href="{CONTRIB}" {PANE.format("reviewerLink")}'
AUTHOR = (
    f'<div><button class="WEBjve" {WAY} aria-label="Photo of Ann">{FACE}</button></div>'
    f'<div><div><div><button class="al6Kxe" {WAY}>{NAME}</button></div></div></div>'
)
FULL, EMPTY = (
    f'<span class="hCCjke{name}" aria-hidden="true">*</span>' for name in (" elGi1d", "")
)
STARS = f'<span class="kvMYJc" role="img" aria-label="{{}}">{FULL * 4}{EMPTY}</span>'
DATE = '<span class="rsqaWe">Edited 3 months ago</span>'
MORE = (
    '<span><button class="w8nwRe" aria-expanded="false" aria-controls="ucc-1" '
    f'{PANE.format("expandReview")} data-review-id="Ci9A">More</button></span>'
)
TEXT = (
    '<div class="MyEned" tabindex="-1" id="ucc-1" lang="fr">'
    f'<span class="wiI7pd">Bien, mais …</span>{MORE}</div>'
)
DETAILS = '<div class="PBK6be"><div><span class="RfDO5c"><b>Food:</b> 5</span></div></div>'
TILE = (
    '<button class="Tya61d" data-photo-index="{0}" {1} '
    'aria-label="{2}" style="background-image: url(&quot;https://p/{0}&quot;)">{3}</button>'
)
PHOTOS = '<div class="KtCyie">{}{}</div>'.format(
    TILE.format(0, PANE.format("openPhoto"), "Photo 1 on Ann's review", ""),
    TILE.format(
        1, PANE.format("showMorePhotos"), "+ 7 more photos", '<div class="Tap5If">+7</div>'
    ),
)
LIKES = (
    f'<div><button aria-pressed="false" {PANE.format("toggleThumbsUp")}><span>'
    '<span class="pkWtMe">23</span></span></button></div>'
)
REPLY = (
    '<div class="CDe7pd"><div><span>Response from the owner</span> '
    '<span class="DZSIDd">2 weeks ago</span></div>'
    '<div class="wiI7pd" id="ucr-1" lang="de">Danke!</div>'
    f"<span><button {PANE.format('expandOwnerResponse')}>More</button></span></div>"
)


def card(
    *,
    top: str = '<div class="jftiEf" data-review-id="Ci9A" aria-label="Ann">{}</div>',
    inner: str = '<div data-review-id="Ci9A">{}</div>',
    author: str = AUTHOR,
    line: str = STARS.format("4 stars") + DATE,
    text: str = TEXT + DETAILS,
    switch: str = "",
    reply: str = REPLY,
) -> str:
    parts = (
        f'<div data-irrelevant-review-text-id="ucc-1"><div class="DU9Pgb">{line}</div>'
        f"<div>{text}</div>{switch}{PHOTOS}{LIKES}{reply}</div>"
    )
    return top.format(inner.format(f"<div>{author}{parts}</div>"))


REVIEW: dict[str, Any] = {
    "review_id": "Ci9A",
    "author_name": "Ann",
    "author_id": "12",
    "author_url": CONTRIB,
    "author_photo_url": "https://lh3.googleusercontent.com/a/ann",
    "author_is_local_guide": True,
    "author_reviews_count": 838,
    "author_photos_count": 9,
    "rating": 4.0,
    "text": "Bien, mais …",
    "is_text_complete": False,
    "language": "fr",
    "text_translated": None,
    "translated_language": None,
    "relative_date": "Edited 3 months ago",
    "is_edited": True,
    "published_at": datetime(2026, 8, 23, tzinfo=UTC),
    "published_at_precision": "month",
    "likes": 23,
    "photo_urls": ["https://p/0", "https://p/1"],
    "photos_count": 8,
    "owner_response_text": "Danke!",
    "owner_response_language": "de",
    "owner_response_relative_date": "2 weeks ago",
    "sub_ratings": {"Food": 5.0},
    "position": 1,
    "source": "dom",
}
TRANSLATED = {
    "text": None,
    "is_text_complete": None,
    "language": None,
    "text_translated": "Bien, mais …",
    "translated_language": "fr",
}
LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "cafe": (card(), REVIEW),
    "hotel": (
        card(line='<span class="fzvQIb">4/5</span>' + DATE.replace("rsqaWe", "xRkPPb")),
        REVIEW,
    ),
    "stars without a number": (card(line=STARS.format(" étoiles") + DATE), REVIEW),
    "links": (card(author=f'<a href="{CONTRIB}">{FACE}</a><a href="{CONTRIB}">{NAME}</a>'), REVIEW),
    "bare link": (
        card(author=AUTHOR.replace("Ann</div>", f'<a href="{CONTRIB}">Ann</a></div>')),
        REVIEW,
    ),
    "article": (card(top='<section role="article" data-review-id="Ci9A">{}</section>'), REVIEW),
    "ids on buttons only": (
        card(top='<div class="jftiEf">{}</div>', inner="<div>{}</div>"),
        REVIEW,
    ),
    "text in its block": (
        card(text='<div id="ucc-1" lang="fr">Bien, mais …</div>' + DETAILS),
        REVIEW,
    ),
    "translated": (
        card(
            switch='<button class="WOKzJe" role="switch" aria-checked="true" aria-controls="ucc-1" '
            f"{PANE.format('showReviewInOriginal')}>See original</button>"
        ),
        REVIEW | TRANSLATED,
    ),
    "short reply": (
        card(
            reply='<div><span>Owner</span> <span class="DZSIDd">2 weeks ago</span>'
            '<div lang="de">Danke!</div></div>'
        ),
        REVIEW,
    ),
}


def without_classes(html: str) -> str:
    return re.sub(r'\sclass="[^"]*"', "", html)


def read(html: str, used: Counter[str] | None = None) -> list[dict[str, Any]]:
    return [dict(review) for review in reviews_in(html, now=NOW, used=used)]


def test_there_are_fallbacks_for_every_field() -> None:
    assert set(TABLES.values()) == set(selectors.FIELDS)
    assert len(selectors.CARD.selectors) >= 5
    for table in selectors.FIELDS:
        assert len(table.selectors) >= 4, table.field
        assert len(set(table.selectors)) == len(table.selectors), table.field
        assert " " not in table.field


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_read_whole(layout: str) -> None:
    html, review = LAYOUTS[layout]
    assert read(html) == [review]


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "stars without a number"])
def test_each_layout_is_read_whole_without_its_classes(layout: str) -> None:
    html, review = LAYOUTS[layout]
    assert read(without_classes(html)) == [review]


@pytest.mark.parametrize(("name", "selector"), EACH, ids=str)
def test_each_selector_serves_in_some_layout_when_it_is_alone(
    name: str, selector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TABLES[name]
    field = ITEM_FIELDS.get(table.field, table.field)
    monkeypatch.setattr(selectors, name, replace(table, usual=(selector,), fallbacks=()))
    served = []
    for layout, (html, review) in LAYOUTS.items():
        used = Counter[str]()
        found = read(html, used)
        if used[table.key(selector)] and [each[field] for each in found] == [review[field]]:
            served.append(layout)
    assert served


def test_what_served_is_counted_for_each_review() -> None:
    used = Counter[str]()
    read(card() + card().replace("Ci9A", "Ci9B").replace("rsqaWe", "xxx"), used)
    assert used["card div.jftiEf[data-review-id]"] == 2
    assert used["author_name .d4r55"] == 2
    assert (used["relative_date span.rsqaWe"], used["relative_date [role=img] + span"]) == (1, 1)
    assert set(used) <= {table.key(one) for table in selectors.FIELDS for one in table.selectors}


def test_a_text_that_speaks_of_a_date_is_not_the_date() -> None:
    html = without_classes(card(line=STARS.format("4 stars"), text=TEXT.replace(
        "Bien, mais …", "We came back 2 days ago."), reply=""))  # fmt: skip
    assert read(html)[0]["relative_date"] is None


def test_a_date_in_a_language_that_we_do_not_know_is_kept_as_shown() -> None:
    (review,) = read(card(line=STARS.format("4 stars") + '<span class="rsqaWe">acum o lună</span>'))
    assert (review["relative_date"], review["published_at"]) == ("acum o lună", None)


def test_a_badge_beside_the_stars_is_not_the_date() -> None:
    html = card(line=STARS.format("4 stars") + "<span>NEW</span>" + DATE)
    assert read(without_classes(html)) == [REVIEW]


def test_a_date_in_an_unknown_language_is_found_without_classes_too() -> None:
    html = card(line=STARS.format("4 stars") + "<span>acum o lună</span>")
    wait = DETAILS.replace("<b>Food:</b> 5", "10 minutes")
    (review,) = read(without_classes(html.replace(DETAILS, wait)))
    assert (review["relative_date"], review["published_at"]) == ("acum o lună", None)


def test_the_scripts_in_the_page_look_for_the_same_cards() -> None:
    for selector in selectors.CARD.selectors:
        assert json.dumps(selector) in scripts.REVIEWS_OPEN


@pytest.mark.parametrize("layout", ["cafe", "hotel"])
@pytest.mark.parametrize("language", sorted(LANGUAGE_CODES))
def test_cards_in_each_language_say_the_same_without_their_classes(
    language: str, layout: str
) -> None:
    look = Look(labels=labels_in(language), layout=layout)
    key = PlaceKey(reviews=80, seed=5)
    html = "".join(render(demo_review(key, index), "http://x", look)["html"] for index in range(80))
    reviews = read(html)
    assert len(reviews) == 80
    assert all(review["rating"] and review["published_at"] for review in reviews)
    assert read(without_classes(html)) == reviews


def test_real_pages_without_classes_give_the_same_reviews(real_page: dict[str, str]) -> None:
    for html in real_page.values():
        page = parse(html, "")
        stripped = parse(without_classes(html), "")
        assert len(page.items) == 3
        assert stripped.items == page.items
        assert stripped.selectors["card div[data-review-id][aria-label]"] == 3
        assert page.selectors["card div.jftiEf[data-review-id]"] == 3
