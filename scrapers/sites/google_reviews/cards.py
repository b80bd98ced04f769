"""Reads reviews out of HTML. Pure: its tests need no browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapers.contract import Item
from scrapers.sites.google_reviews.markup import (
    attribute,
    counts_in,
    first,
    inside,
    line_of,
    numbers_in,
    one_line,
    text_of,
)
from scrapers.sites.google_reviews.relative_dates import relative_date_in
from scrapers.sites.google_reviews.words import PHOTO_WORDS

CARDS = (
    "div.jftiEf[data-review-id]",
    "div[data-review-id][aria-label]",
    "div[data-review-id]",
    "[data-review-id][role=article]",
    "div.jftiEf",
)
"""A card and its first child carry the same id: the outermost wins, ids are compared anyway."""
AUTHOR = (".d4r55", "button[data-href*='/contrib/'] .fontTitleMedium", ".al6Kxe > div:first-child")
AUTHOR_LINK = (
    "button.al6Kxe[data-href]",
    "button.WEBjve[data-href]",
    "[data-href*='/maps/contrib/']",
    "a[href*='/maps/contrib/']",
)
AUTHOR_PHOTO = ("img.NBa7we", ".WEBjve img", "[data-href*='/contrib/'] img", "a img")
AUTHOR_LINE = (".RfnDt", ".al6Kxe > div:nth-child(2)", ".d4r55 + div")
STARS = ("span.kvMYJc", "span[role=img][aria-label]", "[role=img][aria-label]")
FULL_STARS = (".hCCjke.elGi1d", "[class*=elGi1d]")
RATING_TEXT = ("span.fzvQIb", ".DU9Pgb > span:first-child")
DATE = ("span.rsqaWe", "span.xRkPPb", ".DU9Pgb", "span:not([role])")
REPLY = (".CDe7pd", ":has(> .DZSIDd)", ":has(> [jsaction*=OwnerResponse])")
REPLY_DATE = (".DZSIDd", "span:nth-of-type(2)")
DETAILS = ".PBK6be"
TEXT_BLOCK = (".MyEned", "[id^=ucc-][lang]", "[tabindex][lang]", "[lang]", ":has(> .wiI7pd)")
TEXT = (".wiI7pd", "span:not(:has(button))")
MORE = "button[jsaction*='.expandReview'], .MyEned button.w8nwRe[aria-expanded]"
SHOWN_TRANSLATED = "[jsaction*='.showReviewInOriginal']"
PHOTOS = (
    ".KtCyie button[data-photo-index]",
    "button.Tya61d",
    "button[jsaction*='review.openPhoto'], button[jsaction*='review.showMorePhotos']",
)
LIKES = ("button[jsaction*='toggleThumbsUp'] .pkWtMe", "span.pkWtMe")

_CONTRIBUTOR = re.compile(r"/contrib/(\d+)")
_BACKGROUND = re.compile(r"background-image:\s*url\(\s*[\"']?(.+?)[\"']?\s*\)")
_OUT_OF_FIVE = re.compile(r"(\d(?:[.,]\d)?)\s*/\s*5")
_ASPECT = re.compile(r"([^:：]+?)\s*[:：]\s*([1-5](?:[.,]\d)?)(?:\s*/\s*5)?")  # noqa: RUF001 - CJK colon
_BOTH_TEXTS = re.compile(
    r"\(Translated by Google\)\s*(?P<translated>.+?)\s*\(Original\)\s*(?P<original>.+)", re.DOTALL
)


def reviews_in(html: str, *, now: datetime) -> Iterator[Item]:
    """Every review of a page or of some of its cards, once, in their order.

    ``position`` counts from 1 within ``html``; dates are estimated back from ``now``.
    """
    tree = LexborHTMLParser(html)
    seen: set[str] = set()
    for card in _cards(tree):
        review_id = _review_id(card)
        if review_id and review_id not in seen:
            seen.add(review_id)
            yield _review(card, review_id, len(seen), now)


def _cards(tree: LexborHTMLParser) -> list[LexborNode]:
    for selector in CARDS:
        cards = tree.css(selector)
        if cards:
            return cards
    return []


def _review_id(card: LexborNode) -> str:
    own = attribute(card, "data-review-id")
    return own or attribute(card.css_first("[data-review-id]"), "data-review-id")


def _review(card: LexborNode, review_id: str, position: int, now: datetime) -> Item:
    replies = _replies(card)
    shown_date = _date(card, replies)
    date = relative_date_in(shown_date)
    return {
        "review_id": review_id,
        **_author(card),
        "rating": _rating(card),
        **_text(card, replies),
        "relative_date": shown_date or None,
        "is_edited": date is not None and date.is_edited,
        "published_at": date.before(now) if date else None,
        "published_at_precision": date.unit if date else None,
        "likes": _likes(card),
        **_photos(card),
        **_reply(replies),
        "sub_ratings": _sub_ratings(card),
        "position": position,
        "source": "dom",
    }


def _author(card: LexborNode) -> dict[str, object]:
    url = next(
        (
            address
            for selector in AUTHOR_LINK
            for node in card.css(selector)
            if (address := attribute(node, "data-href") or attribute(node, "href"))
        ),
        "",
    )
    contributor = _CONTRIBUTOR.search(url)
    guide, reviews, photos = _author_line(line_of(first(card, AUTHOR_LINE)))
    return {
        "author_name": line_of(first(card, AUTHOR)) or attribute(card, "aria-label") or None,
        "author_id": contributor[1] if contributor else None,
        "author_url": url or None,
        "author_photo_url": attribute(first(card, AUTHOR_PHOTO), "src") or None,
        "author_is_local_guide": guide,
        "author_reviews_count": reviews,
        "author_photos_count": photos,
    }


def _author_line(line: str) -> tuple[bool, int | None, int | None]:
    """Read "Local Guide · 838 reviews · 11,362 photos"; the first part has no number then."""
    guide, reviews, photos = False, None, None
    for part in line.split("·"):
        counts = counts_in(part)
        if not counts:
            guide = guide or bool(part.strip())
        elif any(word in part.casefold() for word in PHOTO_WORDS):
            photos = counts[0]
        else:
            reviews = counts[0]
    return guide, reviews, photos


def _rating(card: LexborNode) -> float | None:
    for selector in STARS:
        for node in card.css(selector):
            stars = _stars(attribute(node, "aria-label"))
            if stars is None:
                full = len(node.css(FULL_STARS[0]))
                stars = float(full) or None
            if stars is not None:
                return stars
    for selector in RATING_TEXT:
        match = _OUT_OF_FIVE.search(line_of(card.css_first(selector)))
        if match:
            return float(match[1].replace(",", "."))
    full = len(card.css(", ".join(FULL_STARS)))
    return float(full) if 1 <= full <= 5 else None


def _stars(label: str) -> float | None:
    """The rating of "4 stars", "4,5 étoiles", "5 つ星のうち 4"; None without a number."""
    found = [number for number in numbers_in(label) if 0 < number <= 5]
    if len(found) == 2 and 5.0 in found:  # the other one is the best possible
        found.remove(5.0)
    return found[0] if found else None


def _date(card: LexborNode, replies: list[LexborNode]) -> str:
    for selector in DATE:
        for node in card.css(selector):
            shown = line_of(node)
            if relative_date_in(shown) and not inside(node, replies):
                return shown
    return line_of(first(card, DATE[:2]))


def _text(card: LexborNode, replies: list[LexborNode]) -> dict[str, object]:
    block, text = _text_block(card, replies)
    # Set by our own script, which switches a translated card back to its original.
    translated: str | None = attribute(card, "data-shown-translation") or None
    translated_language: str | None = attribute(card, "data-shown-translation-language") or None
    language: str | None = attribute(block, "lang") or None
    both = _BOTH_TEXTS.match(text)
    if both:
        text, translated, language = both["original"], both["translated"], None
    elif text and card.css_first(SHOWN_TRANSLATED) is not None:
        text, translated, translated_language, language = "", text, language, None
    more = card.css(MORE)
    is_cut = any(attribute(button, "aria-expanded") != "true" for button in more) or (
        not more and text.endswith((" …", "\u00a0…"))
    )
    return {
        "text": text or None,
        "is_text_complete": not is_cut if text else None,
        "language": language if text else None,
        "text_translated": translated,
        "translated_language": translated_language,
    }


def _text_block(card: LexborNode, replies: list[LexborNode]) -> tuple[LexborNode | None, str]:
    """The block that names the language, and its text: never the owner's reply."""
    reply_ids = {reply.mem_id for reply in replies}
    for selector in TEXT_BLOCK:
        for block in card.css(selector):
            if block.mem_id in reply_ids or inside(block, replies):
                continue
            text = text_of(_first_direct(block, TEXT) or (None if block.child else block))
            if text:
                return block, text
    return None, ""


def _first_direct(block: LexborNode, selectors: tuple[str, ...]) -> LexborNode | None:
    """Like ``first``, without the details such as "Food: 5" that may lie in the same block."""
    for selector in selectors:
        for node in block.css(selector):
            if not inside(node, block.css(DETAILS)):
                return node
    return None


def _photos(card: LexborNode) -> dict[str, object]:
    tiles = next((found for selector in PHOTOS if (found := card.css(selector))), [])
    urls: list[str] = []
    hidden = 0
    for tile in tiles:
        background = _BACKGROUND.search(attribute(tile, "style"))
        address = background[1] if background else attribute(tile.css_first("img"), "src")
        if address:
            urls.append(address)
        more = line_of(tile.css_first(".Tap5If")) or attribute(tile, "aria-label")
        if more.startswith("+"):  # "+37" lies over the last tile, which is one of the 37
            hidden = (counts_in(more) or [1])[0] - 1
    return {"photo_urls": urls, "photos_count": len(tiles) + hidden}


def _likes(card: LexborNode) -> int:
    return (counts_in(line_of(first(card, LIKES))) or [0])[0]


def _replies(card: LexborNode) -> list[LexborNode]:
    return next((found for selector in REPLY if (found := card.css(selector))), [])


def _reply(replies: list[LexborNode]) -> dict[str, object]:
    reply = replies[0] if replies else None
    node = first(reply, (".wiI7pd", "[lang]")) if reply is not None else None
    text = text_of(node)
    date = line_of(first(reply, REPLY_DATE)) if reply is not None else ""
    return {
        "owner_response_text": text or None,
        "owner_response_language": (attribute(node, "lang") or None) if text else None,
        "owner_response_relative_date": date or None,
    }


def _sub_ratings(card: LexborNode) -> dict[str, float]:
    ratings: dict[str, float] = {}
    for node in card.css(DETAILS):
        match = _ASPECT.fullmatch(one_line(text_of(node)))
        if match:
            ratings[match[1]] = float(match[2].replace(",", "."))
    return ratings
