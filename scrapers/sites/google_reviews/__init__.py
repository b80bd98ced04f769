"""Reviews of one place on Google Maps."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

from scrapers.contract import ParsedPage, Scraper
from scrapers.sites.google_reviews.cards import reviews_in
from scrapers.sites.google_reviews.options import check_options
from scrapers.sites.google_reviews.outcomes import has_nearly_all
from scrapers.sites.google_reviews.place import read_page
from scrapers.sites.google_reviews.scroll import scrape
from scrapers.sites.google_reviews.selectors import FIELDS
from scrapers.sites.google_reviews.words import GOOGLE_DOMAINS

_DOMAINS = "|".join(re.escape(domain) for domain in sorted(GOOGLE_DOMAINS, key=len, reverse=True))
_PATH = (
    r"/maps(?:/place/[^?#]|/reviews/|/search/[^?#]|/search/?\?|/?\?(?:[^#]*&)?(?:cid|q|ftid)=|"
    r"/place/?\?(?:[^#]*&)?q=)"
)


def parse(html: str, url: str) -> ParsedPage:
    """Read a saved page; dates count back from now.

    ``completed`` is said only when the page holds all the reviews that it announces.
    """
    reading = read_page(url, html)
    place = reading.place
    used = Counter[str]()
    items = tuple(reviews_in(html, now=datetime.now(UTC), used=used))
    outcome = reading.outcome
    if outcome == "completed" and not has_nearly_all(len(items), place.reviews_total or 1):
        outcome = "partial"
    return ParsedPage(
        outcome=outcome,
        place={
            "title": place.title,
            "rating": place.rating,
            "reviews_total": place.reviews_total,
            "histogram": {str(stars): count for stars, count in place.histogram.items()},
            "feature_id": place.feature_id,
            "place_id": place.place_id,
            "url": place.url,
        },
        items=items,
        selectors=used,
    )


scraper = Scraper(
    name="google_reviews",
    accepts=re.compile(
        rf"https?://(?:(?:www\.)?google\.(?:{_DOMAINS}){_PATH}"
        rf"|maps\.google\.(?:{_DOMAINS})(?:{_PATH}|/?\?(?:[^#]*&)?(?:cid|q|ftid)=)"
        r"|maps\.app\.goo\.gl/[\w-]+|goo\.gl/maps/[\w-]+)"
    ),
    accepts_path=re.compile(r"/[^/].*"),
    examples=(
        "https://www.google.com/maps/place/Cafe+Central/@48.21,16.36,17z/",
        "https://maps.app.goo.gl/abc123",
        "https://www.google.com/maps?cid=1234567890",
    ),
    item_schema="google_review",
    item_id="review_id",
    scrape=scrape,
    parse=parse,
    check_options=check_options,
    fields=FIELDS,
)
