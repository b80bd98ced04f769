"""Reads the place of a page, and what kind of page it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapers.sites.google_reviews.markup import (
    attribute,
    counts_in,
    first,
    line_of,
    numbers_in,
)
from scrapers.sites.google_reviews.words import (
    CAPTCHA_WORDS,
    LIMITED_VIEW_WORDS,
    REVIEWS_WORDS,
)

TITLE = ("h1.DUwDvf", "[role=main] h1", "h1")
PLACE_MARKS = ("h1.DUwDvf", ".F7nice", ".jANrlb", "tr.BHOKXe", "[jsaction*=moreReviews]")
RATING = (".F7nice [aria-hidden]", ".jANrlb .fontDisplayLarge", ".jANrlb [role=img]", ".F7nice")
TOTAL = (
    "button[jsaction$='reviewChart.moreReviews']",
    ".F7nice [role=img][aria-label]:not(.ceNzKf)",
)
HISTOGRAM = ("tr.BHOKXe", "tr[role=img][aria-label]")
CAPTCHA = "form#captcha-form"
CAPTCHA_PARTS = "#recaptcha, .g-recaptcha, iframe[src*='/recaptcha/']"
"""They may also lie unseen in a page that shows its content."""
LONGEST_NOTICE = 2_000
"""Characters of a page without a place in which it may say that it takes us for a machine."""
CONSENT = "form[action*='consent.google'], #consent-bump, form[action*='consent.youtube']"

_FEATURE_ID = re.compile(r"!1s(0x[0-9a-f]+:0x[0-9a-f]+)")
_PLACE_ID = re.compile(r"!19s(ChIJ[\w-]+)|place_id[:=](ChIJ[\w-]+)")
_IN_BRACKETS = re.compile(r"[(\uff08]([^)\uff09]+)[)\uff09]")
_TITLE_TAIL = re.compile(r"\s+[-–]\s+Google Maps$")  # noqa: RUF001 - some locales use a dash


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a page says of its place."""

    title: str
    rating: float | None
    reviews_total: int | None
    """Reviews that the page announces."""
    histogram: dict[int, int]
    """Reviews by stars, 5 to 1; empty when not shown."""
    feature_id: str | None
    place_id: str | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A page as a scraper must see it."""

    outcome: str
    """An outcome code; ``completed`` for a place whose reviews can be read."""
    place: Place


def read_page(url: str, html: str) -> Reading:
    """Tell what ``html``, loaded from ``url``, is. It need not be complete."""
    tree = LexborHTMLParser(html)
    place = _place(tree, url)
    return Reading(outcome=_outcome(tree, url, place), place=place)


def _outcome(tree: LexborHTMLParser, url: str, place: Place) -> str:
    address = urlsplit(url)
    is_place = first(_root(tree), PLACE_MARKS) is not None
    is_blocked = address.path.startswith("/sorry/") or tree.css_first(CAPTCHA) is not None
    if is_blocked or (not is_place and _asks_for_a_person(tree)):
        return "captcha"
    if not is_place and (
        (address.hostname or "").startswith("consent.google") or tree.css_first(CONSENT) is not None
    ):
        return "consent_wall"
    if not is_place and not tree.css("div.jftiEf"):
        return "not_rendered" if _is_empty(tree) else "not_a_place"
    return _outcome_of_place(tree, place)


def _asks_for_a_person(tree: LexborHTMLParser) -> bool:
    if tree.css_first(CAPTCHA_PARTS) is not None:
        return True
    said = line_of(tree.body).casefold()[:LONGEST_NOTICE]
    return any(word in said for word in CAPTCHA_WORDS)


def _outcome_of_place(tree: LexborHTMLParser, place: Place) -> str:
    has_reviews = bool(place.reviews_total) or _has_reviews_tab(tree)
    if has_reviews or tree.css("div.jftiEf[data-review-id]"):
        return "completed"
    if _says_limited(tree) or place.rating is not None:  # a rating, and no way to its reviews
        return "limited_view"
    return "no_reviews"


def _says_limited(tree: LexborHTMLParser) -> bool:
    if tree.css_first(".S3H0Nb") is not None:
        return True
    notices = [attribute(node, "aria-label") for node in tree.css("button[aria-label]")]
    notices += [line_of(node) for node in tree.css("[role=alert], [role=status], .notice")]
    return any(word in notice.casefold() for notice in notices for word in LIMITED_VIEW_WORDS)


def _has_reviews_tab(tree: LexborHTMLParser) -> bool:
    return any(_names_reviews(word) for word in _tab_words(tree.css("[role=tab]")))


def _names_reviews(text: str) -> bool:
    return any(word in text.casefold() for word in REVIEWS_WORDS)


def _tab_words(tabs: list[LexborNode]) -> Iterator[str]:
    """The visible words: the labels also hold the place's name, which may be "Review Café 24"."""
    for tab in tabs:
        yield line_of(tab) or tab.text().strip() or attribute(tab, "aria-label")


def _is_empty(tree: LexborHTMLParser) -> bool:
    """Whether it is the shell of an application that has not drawn anything yet."""
    body = tree.body
    if body is None:
        return True
    for node in body.css("script, style, noscript, template"):
        node.decompose()
    return len("".join(body.text().split())) < 20


def _root(tree: LexborHTMLParser) -> LexborNode:
    """The panel of the place: beside a list of results there are two."""
    for panel in tree.css("[role=main]"):
        if panel.css_first("h1") is not None:
            return panel
    root = tree.body or tree.root
    assert root is not None  # noqa: S101 - the parser makes a body of anything
    return root


def _place(tree: LexborHTMLParser, url: str) -> Place:
    panel = _root(tree)
    histogram = _histogram(panel)
    feature = _FEATURE_ID.search(unquote(url))
    place_id = _PLACE_ID.search(unquote(url))
    return Place(
        title=_title(tree, panel),
        rating=_rating(panel),
        reviews_total=_total(panel) or sum(histogram.values()) or None,
        histogram=histogram,
        feature_id=feature[1] if feature else None,
        place_id=(place_id[1] or place_id[2]) if place_id else None,
        url=url,
    )


def _title(tree: LexborHTMLParser, panel: LexborNode) -> str:
    shown = line_of(first(panel, TITLE)) or attribute(panel, "aria-label")
    return shown or _TITLE_TAIL.sub("", line_of(tree.css_first("title")))


def _rating(panel: LexborNode) -> float | None:
    for selector in RATING:
        node = panel.css_first(selector)
        found = numbers_in(line_of(node)) or numbers_in(attribute(node, "aria-label"))
        if found and 1 <= found[0] <= 5:
            return found[0]
    return None


def _total(panel: LexborNode) -> int | None:
    bracketed = _IN_BRACKETS.search(line_of(panel.css_first(".F7nice")))
    if bracketed and counts_in(bracketed[1]):
        return counts_in(bracketed[1])[0]
    labels = [attribute(node, "aria-label") or node.text() for node in _all(panel, TOTAL)]
    said = [label for label in labels if counts_in(label)]
    tabs = _tab_words(panel.css("[role=tab]"))
    named = [text for text in (*said, *tabs) if _names_reviews(text) and counts_in(text)]
    if named:
        return counts_in(named[0])[0]
    # In a language that we do not know the stars come first, and may come alone.
    last = counts_in(said[-1])[0] if said else 0
    return last if last > 5 or len(said) > 1 else None


def _all(panel: LexborNode, selectors: tuple[str, ...]) -> list[LexborNode]:
    return [node for selector in selectors for node in panel.css(selector)]


def _histogram(panel: LexborNode) -> dict[int, int]:
    rows = next((rows for selector in HISTOGRAM if (rows := panel.css(selector))), [])
    histogram: dict[int, int] = {}
    for index, row in enumerate(rows[:5]):
        counts = counts_in(attribute(row, "aria-label"))
        stars = (counts_in(line_of(row.css_first("td"))) or [5 - index])[0]
        if stars in counts:
            counts.remove(stars)  # "5 stars, 1,680 reviews": the other number counts
        if counts and 1 <= stars <= 5:
            histogram[stars] = counts[-1]
    return histogram
