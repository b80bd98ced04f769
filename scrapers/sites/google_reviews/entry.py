"""Walks a browser into one place: past the cookie question, to the list of all reviews."""

from __future__ import annotations

from collections.abc import Callable, Generator

from scrapers.contract import Page, Progress, Report
from scrapers.sites.google_reviews import scripts
from scrapers.sites.google_reviews.addresses import (
    in_language,
    is_short_link,
    language_of,
    stray_host,
)
from scrapers.sites.google_reviews.options import SORTS
from scrapers.sites.google_reviews.outcomes import MAY_RETRY, SENTENCES
from scrapers.sites.google_reviews.place import Reading, read_page
from scrapers.sites.google_reviews.results import results_in, sentence_of
from scrapers.sites.google_reviews.words import REJECT_WORDS, REVIEWS_WORDS, SORT_WORDS
from streams.errors import TargetRefusedError

SETTLE_S = 20.0
"""A slow place page needs some seconds; after this it is not rendered."""
OPEN_LIST_S = 10
HEARD_S = 3
"""After so long the cards of reviews that are heard of would have been drawn."""
OPEN_MENU_S = 3.0
DEAD_LINK = (
    "The short link leads to no place: it may be old or incomplete. Nothing was saved. Open the "
    "place on Google Maps and share its link anew."
)


def reach_place(page: Page, url: str, language: str | None) -> Generator[Report, None, Reading]:
    """Open ``url`` and say what it shows: the place, also behind a short link or a search.

    Raises:
        TargetRefusedError: outcome ``not_a_place``, when the address leads elsewhere.
    """
    reading = yield from _open(page, in_language(url, language), url)
    if is_short_link(url) and reading.outcome == "completed" and language is not None:
        shown = page.url
        if language_of(shown) != language:
            reading = yield from _open(page, in_language(shown, language), url)
    if reading.outcome in {"not_a_place", "not_rendered"} and is_short_link(page.url):
        raise TargetRefusedError("not_a_place", DEAD_LINK)
    if reading.outcome != "not_a_place":
        return reading
    results = results_in(page.url, page.html())
    if results is None:
        return reading
    if results.url is None:
        raise TargetRefusedError("not_a_place", sentence_of(results))
    yield Progress(stage="opening_result", items_seen=0)
    return (yield from _open(page, in_language(results.url, language), url))


def _open(page: Page, address: str, asked: str) -> Generator[Report, None, Reading]:
    """Open ``address`` and read it; a cookie question is declined."""
    page.open(address)
    for _ in range(2):
        page.wait_for(scripts.SETTLED, REVIEWS_WORDS, timeout_s=SETTLE_S)
        shown = page.url
        reading = read_page(shown, page.html())
        host = stray_host(asked, shown)
        if host is not None:
            raise TargetRefusedError(
                "not_a_place",
                f"The address led to {host}, which is not Google Maps. Nothing was saved. Open "
                "the place on Google Maps and take its link from there.",
            )
        if reading.outcome != "consent_wall":
            return reading
        yield Progress(stage="consent", items_seen=0)
        if page.run(scripts.REJECT_CONSENT, REJECT_WORDS):
            page.wait_for(scripts.CONSENT_GONE, timeout_s=OPEN_LIST_S)
    return reading


def open_reviews(page: Page, *, is_there: Callable[[], bool] = lambda: False) -> None:
    """Show the list of all reviews; ``is_there`` knows it where its cards are not known.

    Raises:
        TargetRefusedError: outcome ``not_rendered``, when it does not come.
    """
    for _ in range(2):  # a click before the page listens is lost
        page.run(scripts.OPEN_REVIEWS, REVIEWS_WORDS)
        if _comes(page, is_there):
            return
    raise refused("not_rendered")


def _comes(page: Page, is_there: Callable[[], bool]) -> bool:
    """Wait for cards; without any, reviews that are heard of for a while will do."""
    heard_s = 0
    for _ in range(OPEN_LIST_S):
        if page.wait_for(scripts.REVIEWS_OPEN, REVIEWS_WORDS, timeout_s=1.0):
            return True
        heard_s = heard_s + 1 if is_there() else 0
        if heard_s == HEARD_S:
            return True
    return False


def sort_reviews(page: Page, sort: str) -> bool:
    """Choose the order of the open list; false when the page does not offer it."""
    index = SORTS.index(sort)
    if index == 0:
        return True  # as it is
    for _ in range(2):
        if not page.run(scripts.OPEN_SORT_MENU, SORT_WORDS):
            return False
        if page.wait_for(scripts.CHOOSE_SORT, index, len(SORTS), timeout_s=OPEN_MENU_S):
            return bool(page.wait_for(scripts.SORTED, timeout_s=OPEN_LIST_S))
    return False


def refused(outcome: str) -> TargetRefusedError:
    """The end of a scrape that ``outcome`` is."""
    return TargetRefusedError(outcome, SENTENCES[outcome], may_retry=outcome in MAY_RETRY)
