"""Reads reviews out of HTML. Pure: its tests need no browser."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapers.contract import Item
from scrapers.sites.google_reviews import selectors as where
from scrapers.sites.google_reviews.card_texts import Reply, read_reply, read_text
from scrapers.sites.google_reviews.markup import (
    attribute,
    counts_in,
    inside,
    line_of,
    numbers_in,
    one_line,
    text_of,
)
from scrapers.sites.google_reviews.picking import Picker
from scrapers.sites.google_reviews.relative_dates import relative_date_in
from scrapers.sites.google_reviews.words import PHOTO_WORDS

LONGEST_DATE = 60
"""Characters; what is longer is a text that speaks of a date."""

ARABIC_REVIEW = "مراجع"
ARABIC_DUALS = ("تان", "تين")
"""Arabic says "one review" and "two reviews" without a number."""
ARABIC_STARS = {"نجمتان": 2.0, "نجمتين": 2.0, "نجمة": 1.0}
"""And "two stars", "one star"."""

_CONTRIBUTOR = re.compile(r"/contrib/(\d+)")
_BACKGROUND = re.compile(r"background-image:\s*url\(\s*[\"']?(.+?)[\"']?\s*\)")
_OUT_OF_FIVE = re.compile(r"([1-5](?:[.,]\d)?)\s*/\s*5")
_ASPECT = re.compile(r"([^:：]+?)\s*[:：]\s*([1-5](?:[.,]\d)?)(?:\s*/\s*5)?")  # noqa: RUF001 - CJK colon


def reviews_in(html: str, *, now: datetime, used: Counter[str] | None = None) -> Iterator[Item]:
    """Every review of a page or of some of its cards, once, in their order.

    ``position`` counts from 1 within ``html``; dates are estimated back from ``now``. ``used``
    grows by the selectors that served, as in ``Extracted.selectors``.
    """
    tree = LexborHTMLParser(html)
    pick = Picker(Counter() if used is None else used)
    seen: set[str] = set()
    selector, cards = _cards(tree)
    for card in cards:
        review_id = _review_id(card, Picker(Counter()))
        if review_id and review_id not in seen:
            seen.add(review_id)
            pick.used[where.CARD.key(selector)] += 1
            yield _review(card, len(seen), now, pick)


def _cards(tree: LexborHTMLParser) -> tuple[str, list[LexborNode]]:
    for selector in where.CARD.selectors:
        cards = tree.css(selector)
        if cards:
            return selector, cards
    return "", []


def _review_id(card: LexborNode, pick: Picker) -> str | None:
    return pick.value(card, where.REVIEW_ID, lambda node: attribute(node, "data-review-id") or None)


def _review(card: LexborNode, position: int, now: datetime, pick: Picker) -> Item:
    reply = read_reply(card, pick)
    shown_date = _date(card, reply, pick)
    date = relative_date_in(shown_date)
    return {
        "review_id": _review_id(card, pick),
        **_author(card, pick),
        "rating": pick.value(card, where.RATING, _rating_in),
        **read_text(card, reply, pick),
        "relative_date": shown_date or None,
        "is_edited": date is not None and date.is_edited,
        "published_at": date.before(now) if date else None,
        "published_at_precision": date.unit if date else None,
        "likes": pick.value(card, where.LIKES, _count_in) or 0,
        **_photos(card, pick),
        **reply.fields,
        "sub_ratings": _sub_ratings(card, reply, pick),
        "position": position,
        "source": "dom",
    }


def _author(card: LexborNode, pick: Picker) -> dict[str, object]:
    url = pick.value(card, where.AUTHOR_URL, _address_in)
    contributor = _CONTRIBUTOR.search(url or "")
    line = pick.value(card, where.AUTHOR_LINE, lambda node: line_of(node) or None)
    guide, reviews, photos = _author_line(line or "")
    return {
        "author_name": pick.value(card, where.AUTHOR_NAME, _name_in),
        "author_id": contributor[1] if contributor else None,
        "author_url": url,
        "author_photo_url": pick.value(
            card, where.AUTHOR_PHOTO, lambda node: attribute(node, "src") or None
        ),
        "author_is_local_guide": guide,
        "author_reviews_count": reviews,
        "author_photos_count": photos,
    }


def _address_in(node: LexborNode) -> str | None:
    return attribute(node, "data-href") or attribute(node, "href") or None


def _name_in(node: LexborNode) -> str | None:
    label = "" if attribute(node, "href") else one_line(attribute(node, "aria-label"))
    return label or line_of(node) or None


def _author_line(line: str) -> tuple[bool, int | None, int | None]:
    """Read "Local Guide · 838 reviews · 11,362 photos"; the first part has no number then."""
    guide, reviews, photos = False, None, None
    for part in line.split("·"):
        words = part.strip().casefold()
        is_of_photos = any(word in words for word in PHOTO_WORDS)
        counts = counts_in(part)
        if not counts and (is_of_photos or ARABIC_REVIEW in words):
            counts = [2 if words.endswith(ARABIC_DUALS) else 1]
        if not counts:
            guide = guide or bool(words)
        elif is_of_photos:
            photos = counts[0]
        else:
            reviews = counts[0]
    return guide, reviews, photos


def _rating_in(node: LexborNode) -> float | None:
    """The number of the label, else the full stars, else "4/5"."""
    stars = _stars(attribute(node, "aria-label"))
    if stars is not None:
        return stars
    full = len(node.css(where.FULL_STAR))
    if 1 <= full <= 5:
        return float(full)
    match = _OUT_OF_FIVE.fullmatch(line_of(node))
    return float(match[1].replace(",", ".")) if match else None


def _stars(label: str) -> float | None:
    """The rating of "4 stars", "4,5 étoiles", "5 つ星のうち 4"; None without a number."""
    found = [number for number in numbers_in(label) if 0 < number <= 5]
    if len(found) == 2 and 5.0 in found:  # the other one is the best possible
        found.remove(5.0)
    if not found:
        return next((stars for word, stars in ARABIC_STARS.items() if word in label), None)
    return found[0]


def _date(card: LexborNode, reply: Reply, pick: Picker) -> str:
    texts = [*card.css("[lang]"), *reply.blocks]

    def shown(node: LexborNode) -> str | None:
        line = line_of(node)
        return line if 0 < len(line) <= LONGEST_DATE and not inside(node, texts) else None

    def known(node: LexborNode) -> str | None:
        line = shown(node)
        return line if line and relative_date_in(line) else None

    usual = len(where.DATE.usual)
    tries = (
        (known, slice(usual)),
        (shown, slice(usual)),
        (known, slice(usual, -1)),
        (shown, slice(usual, usual + where.LIKELY_DATES)),
        (known, slice(usual, None)),  # anywhere, also where a "10 minutes" waits
    )
    found = (pick.value(card, where.DATE, value_of, among=among) for value_of, among in tries)
    return next(filter(None, found), "")


def _photos(card: LexborNode, pick: Picker) -> dict[str, object]:
    tiles = pick.nodes(card, where.PHOTOS, lambda node: bool(_photo_in(node)))
    urls = [_photo_in(tile) for tile in tiles]
    hidden = pick.value(card, where.HIDDEN_PHOTOS, _more_in) if tiles else None
    # "+37" lies over the last tile, which is one of the 37.
    return {"photo_urls": urls, "photos_count": len(tiles) + (hidden - 1 if hidden else 0)}


def _photo_in(tile: LexborNode) -> str:
    for node in (tile, *tile.css("[style*='background-image']")):
        background = _BACKGROUND.search(attribute(node, "style"))
        if background:
            return background[1]
    return attribute(tile.css_first("img"), "src")


def _more_in(node: LexborNode) -> int | None:
    for shown in (line_of(node), attribute(node, "aria-label")):
        if shown.startswith("+"):
            return next(iter(counts_in(shown)), None)
    return None


def _count_in(node: LexborNode) -> int | None:
    return next(iter(counts_in(line_of(node))), None)


def _sub_ratings(card: LexborNode, reply: Reply, pick: Picker) -> dict[str, float]:
    ratings: dict[str, float] = {}
    nodes = pick.nodes(
        card,
        where.SUB_RATINGS,
        lambda node: (
            _ASPECT.fullmatch(one_line(text_of(node))) is not None
            and not inside(node, reply.blocks)
        ),
    )
    for node in nodes:
        match = _ASPECT.fullmatch(one_line(text_of(node)))
        if match:
            ratings[match[1]] = float(match[2].replace(",", "."))
    return ratings
