"""Reviews from cards and from the page's own network answers: both, and either one alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.request import urlopen

import pytest

from scrapers.browser import Browser
from scrapers.browser_page import BrowserPage
from scrapers.contract import Extracted, Finished, Found, Item, Report, Target
from scrapers.sites.google_reviews import scraper

PLACE = "Cafe+Central"
ONLY_IN_CARDS = {"likes": None}
"""What a review is without, that comes from the network alone."""


def scrape(browser: Browser, site: str, query: str, **options: str) -> list[Report]:
    url = f"{site}/maps/place/{PLACE}?{query}"
    with browser.open_page() as page:
        return list(scraper.scrape(page, Target(url=url, options=options)))


def truth(site: str, query: str) -> list[dict[str, Any]]:
    with urlopen(f"{site}/truth/{PLACE}?{query}") as answer:  # noqa: S310 - our own site
        items: list[dict[str, Any]] = json.load(answer)["items"]
    return [
        {**item, "published_at": datetime.fromisoformat(item["published_at"])} for item in items
    ]


def items_of(reports: Sequence[Report]) -> list[Item]:
    return [item for report in reports if isinstance(report, Found) for item in report.items]


def sources_of(reports: Sequence[Report]) -> Counter[str]:
    return sum(
        (Counter(report.sources) for report in reports if isinstance(report, Extracted)),
        Counter(),
    )


def outcome_of(reports: Sequence[Report]) -> str:
    assert isinstance(reports[-1], Finished)
    return reports[-1].outcome


def assert_joined(reports: Sequence[Report], true: list[dict[str, Any]]) -> None:
    """Every review is there once, in order, and every field of it is exact."""
    assert items_of(reports) == true
    assert sources_of(reports) == {"joined": len(true)}


@pytest.mark.parametrize("network", ["1", "rpc"])
def test_both_together_are_exact_in_every_field(browser: Browser, site: str, network: str) -> None:
    query = f"reviews=120&network={network}"
    reports = scrape(browser, site, query)
    assert_joined(reports, truth(site, query))
    assert outcome_of(reports) == "completed"


def test_cards_that_cannot_be_read_leave_the_network(browser: Browser, site: str) -> None:
    query = "reviews=64&network=1&cards=unreadable"
    reports = scrape(browser, site, query)
    expected = [{**review, **ONLY_IN_CARDS} for review in truth(site, query)]
    found = items_of(reports)
    assert [{**item, "relative_date": None} for item in found] == [
        {**item, "relative_date": None} for item in expected
    ]
    for item, true in zip(found, expected, strict=True):
        assert item["relative_date"] in true["relative_date"]  # the card may say "Edited ..."
    assert sources_of(reports) == {"network": 64}
    assert outcome_of(reports) == "completed"


def test_a_silent_network_leaves_the_cards(browser: Browser, site: str) -> None:
    reports = scrape(browser, site, "reviews=30")
    assert {item["source"] for item in items_of(reports)} == {"dom"}
    assert sources_of(reports) == {"dom": 30}


def test_answers_that_cannot_be_read_leave_the_cards(
    browser: Browser, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def scrambled(page: BrowserPage) -> Sequence[str]:
        bodies = [body.replace("wrb.fr", "wrb.next") for body in real(page)]
        heard.extend(bodies)
        return bodies

    real = BrowserPage.answers
    monkeypatch.setattr(BrowserPage, "answers", scrambled)
    reports = scrape(browser, site, "reviews=30&network=1")
    assert len(heard) >= 3
    assert sources_of(reports) == {"dom": 30}
    assert outcome_of(reports) == "completed"


def test_another_order_is_kept_with_both(browser: Browser, site: str) -> None:
    query = "reviews=45&network=1"
    reports = scrape(browser, site, query, sort="newest")
    assert_joined(reports, truth(site, f"{query}&sort=newest"))


def test_known_reviews_do_not_come_again_from_the_network(browser: Browser, site: str) -> None:
    query = "reviews=24&network=1&cards=unreadable"
    known = frozenset(review["review_id"] for review in truth(site, query)[:20])
    url = f"{site}/maps/place/{PLACE}?{query}"
    with browser.open_page() as page:
        reports = list(scraper.scrape(page, Target(url=url, known_ids=known)))
    assert len(items_of(reports)) == 4
    assert outcome_of(reports) == "completed"
