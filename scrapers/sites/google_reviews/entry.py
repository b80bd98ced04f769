"""Walks a browser into one place: past the cookie question, to the list of all reviews."""

from __future__ import annotations

from collections.abc import Generator

from scrapers.contract import Page, Progress, Report
from scrapers.sites.google_reviews import scripts
from scrapers.sites.google_reviews.options import SORTS
from scrapers.sites.google_reviews.place import SENTENCES, Reading, read_page
from scrapers.sites.google_reviews.words import REJECT_WORDS, REVIEWS_WORDS
from streams.errors import TargetRefusedError

SETTLE_S = 20.0
"""A slow place page needs some seconds; after this it is not rendered."""
OPEN_LIST_S = 10.0
OPEN_MENU_S = 3.0
MAY_RETRY = frozenset({"not_rendered", "consent_wall"})
"""Outcomes that another try may change; the others stay the same in the next minutes."""


def reach_place(page: Page, url: str) -> Generator[Report, None, Reading]:
    """Open ``url`` and say what it shows; a cookie question is declined."""
    page.open(url)
    for _ in range(2):
        page.wait_for(scripts.SETTLED, REVIEWS_WORDS, timeout_s=SETTLE_S)
        reading = read_page(page.url, page.html())
        if reading.outcome != "consent_wall":
            return reading
        yield Progress(stage="consent", items_seen=0)
        if page.run(scripts.REJECT_CONSENT, REJECT_WORDS):
            page.wait_for(scripts.CONSENT_GONE, timeout_s=OPEN_LIST_S)
    return reading


def open_reviews(page: Page) -> None:
    """Show the list of all reviews.

    Raises:
        TargetRefusedError: outcome ``not_rendered``, when it does not come.
    """
    for _ in range(2):  # a click before the page listens is lost
        page.run(scripts.OPEN_REVIEWS, REVIEWS_WORDS)
        if page.wait_for(scripts.REVIEWS_OPEN, REVIEWS_WORDS, timeout_s=OPEN_LIST_S):
            return
    raise refused("not_rendered")


def sort_reviews(page: Page, sort: str) -> bool:
    """Choose the order of the open list; false when the page does not offer it."""
    index = SORTS.index(sort)
    if index == 0:
        return True  # as it is
    for _ in range(2):
        if not page.run(scripts.OPEN_SORT_MENU):
            return False
        if page.wait_for(scripts.CHOOSE_SORT, index, len(SORTS), timeout_s=OPEN_MENU_S):
            return bool(page.wait_for(scripts.SORTED, timeout_s=OPEN_LIST_S))
    return False


def refused(outcome: str) -> TargetRefusedError:
    """The end of a scrape that ``outcome`` is."""
    return TargetRefusedError(outcome, SENTENCES[outcome], may_retry=outcome in MAY_RETRY)
