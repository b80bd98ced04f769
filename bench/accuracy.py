"""Saved pages, field by field: how many reviews have a value, which selector served, what is odd.

``python -m bench accuracy DIRECTORY`` reads every ``*.html`` below the directory; needs no stack.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapers.contract import Item, ParsedPage
from scrapers.extraction import uses_of
from scrapers.registry import all_scrapers

KIND = "google_reviews"
CLASSES = re.compile(r"""\sclass=("[^"]*"|'[^']*')""")
OF_THE_LIST = frozenset({"position", "source"})
"""Fields that say nothing of a card."""


def measure(directory: Path) -> None:
    """Print the table of every saved page in ``directory``, and of all together."""
    pages = sorted(directory.rglob("*.html"))
    if not pages:
        print(f"  no saved pages (*.html) in {directory}")
        return
    selectors = Counter[str]()
    items: list[Item] = []
    for path in pages:
        html = path.read_text("utf-8", errors="replace")
        page = all_scrapers()[KIND].parse(html, "")
        bare = all_scrapers()[KIND].parse(CLASSES.sub("", html), "")
        announced = page.place.get("reviews_total")
        print(f"\n  {path.relative_to(directory)}")
        print(f"    {page.outcome}: {len(page.items)} cards, {announced} reviews announced")
        for odd in oddities(page, datetime.now(UTC)):
            print(f"    MISMATCH {odd}")
        for field, count in differences(page.items, bare.items).items():
            print(f"    MISMATCH without the page's classes: {field} of {count} reviews")
        selectors.update(page.selectors)
        items += page.items
    print(f"\n  {len(items)} reviews of {len(pages)} pages: field, reviews with a value")
    for name, count in values_in(items).items():
        print(f"    {name:<30} {count:>5} of {len(items)}")
    print("\n  selectors that served")
    for use in uses_of(all_scrapers()[KIND].fields, selectors):
        for selector, count in use.counts.items():
            print(f"    {use.table.field:<30} {count:>5}  {use.rank(selector):<12}  {selector}")
        if not use.counts:
            print(f"    {use.table.field:<30} {0:>5}  {'none' if use.is_missing else 'not seen'}")


def values_in(items: Sequence[Item]) -> Mapping[str, int]:
    """How many items have each field; 0, false, and empty lists are values that a page may say."""
    names = dict.fromkeys(name for item in items for name in item if name not in OF_THE_LIST)
    return {name: sum(item[name] not in (None, [], {}) for item in items) for name in names}


def differences(items: Sequence[Item], others: Sequence[Item]) -> Mapping[str, int]:
    """Reviews by the field in which ``others`` do not say the same; ``review_id``: not there."""
    other_of = {item["review_id"]: item for item in others}
    return Counter(
        name
        for item in items
        for name in item
        if item[name] != other_of.get(item["review_id"], {}).get(name, item[name])
        or (name == "review_id" and item[name] not in other_of)
    )


def oddities(page: ParsedPage, now: datetime) -> Iterator[str]:
    """What cannot be, by the page's own facts; one sentence each."""
    ids = [item["review_id"] for item in page.items]
    if len(set(ids)) != len(ids):
        yield f"{len(ids)} reviews have {len(set(ids))} ids"
    total = page.place.get("reviews_total")
    if total is not None and len(ids) > total:
        yield f"{len(ids)} reviews, and {total} are announced"
    histogram: Mapping[str, int] = page.place.get("histogram") or {}
    if histogram and total is not None and sum(histogram.values()) != total:
        yield f"the histogram holds {sum(histogram.values())} reviews, and {total} are announced"
    yield from _against_histogram(page.items, histogram)
    for item in page.items:
        for what in _odd_in(item, now):
            yield f"review {item['position']}: {what}"


def _against_histogram(items: Sequence[Item], histogram: Mapping[str, int]) -> Iterator[str]:
    stars = Counter(str(int(item["rating"])) for item in items if item["rating"] is not None)
    for star, count in sorted(stars.items()):
        if histogram and count > histogram.get(star, 0):
            yield f"{count} reviews with {star} stars, and {histogram.get(star, 0)} are announced"


def _odd_in(item: Mapping[str, Any], now: datetime) -> Iterator[str]:
    rating, published_at = item["rating"], item["published_at"]
    if rating is None or not 1 <= rating <= 5:
        yield f"rating {rating}"
    if not item["author_name"]:
        yield "no author"
    if not (item["author_id"] or "").isdecimal():
        yield f"author id {item['author_id']!r}"
    elif item["author_id"] not in (item["author_url"] or ""):
        yield "the author's id is not in the author's address"
    if published_at is None:
        yield f"the date {item['relative_date']!r} is not understood"
    elif published_at > now:
        yield f"published in the future, at {published_at}"
    if item["text"] is not None and item["language"] is None:
        yield "a text without a language"
    if item["text"] is not None and item["text"] == item["owner_response_text"]:
        yield "the reply is the text"
    if item["photos_count"] < len(item["photo_urls"]):
        yield f"{item['photos_count']} photos, and {len(item['photo_urls'])} addresses"
    if any(not 1 <= value <= 5 for value in item["sub_ratings"].values()):
        yield f"sub ratings {item['sub_ratings']}"
