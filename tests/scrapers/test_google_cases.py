"""Every kind of place that the demo site shows, scraped by a real Chromium: one table.

What must be found is what the site says of the same URL (``/truth/...``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from embedded.demo.labels import LANGUAGE_CODES
from scrapers.browser import Browser
from scrapers.contract import Finished, Found, Item, Report, Target
from scrapers.sites.google_reviews import scraper, scroll
from streams.errors import TargetRefusedError

DATE_SLACK = {"minute": timedelta(minutes=3), "hour": timedelta(hours=1), "exact": timedelta()}
"""The clock moves between the scrape and the truth; coarser dates may cross midnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A place, what is asked of it, and how that must end."""

    query: str = ""
    reviews: int = 12
    kind: str = "maps/place"
    """What leads to the place: ``maps/place``, ``maps/search`` or ``short``."""
    options: Mapping[str, str] = field(default_factory=dict)
    truth: str = ""
    """More of the truth's query, such as the order of the list."""
    known: int = 0
    """So many reviews of the list are known before."""
    outcome: str = "completed"
    count: int | None = None
    """Reviews that are found; None: all of the list, without the known ones."""
    message: str = ""
    """Part of what is said at the end."""


LIST_CASES = {
    "a usual place": Case(reviews=30),
    "one review": Case(reviews=1),
    "two full batches and nothing more": Case(reviews=20),
    "small batches that come slowly": Case(query="batch=3&latency_ms=20"),
    "no Menu tab": Case(query="menu=0"),
    "a name with letters of many scripts": Case(query="seed=11", reviews=13),
    # How cards look.
    "a hotel": Case(query="layout=hotel"),
    "a hotel in Spanish": Case(query="layout=hotel&lang=es"),
    "other names for all classes": Case(query="classes=0", reviews=30),
    "no class of the card": Case(query="classes=card"),
    "no class of the author": Case(query="classes=author"),
    "no class of the text": Case(query="classes=text", reviews=30),
    "no class of the rating": Case(query="classes=rating"),
    "no class of the date": Case(query="classes=date"),
    "no class of the reply": Case(query="classes=reply", reviews=30),
    "stars without a number": Case(query="rating_words=none"),
    "texts that are cut for good": Case(query="truncate=1", reviews=30),
    # How the list behaves.
    "cards that leave the document": Case(query="virtual=1&latency_ms=20", reviews=70),
    "cards that come twice": Case(query="duplicate=1", reviews=30),
    "a document that scrolls": Case(query="scroll=document", reviews=30),
    "a page that is empty for a while": Case(query="slow_open_ms=700"),
    "a total that is a little too high": Case(query="announced=1", reviews=100),
    "a list that ends early": Case(
        query="stop_at=20", reviews=60, outcome="truncated_by_source", message="20 of 60"
    ),
    "a list that wants to be moved": Case(query="stuck_at=10", reviews=20),
    "a list that wants to be loaded again": Case(query="reload_at=10", reviews=20),
    "a batch that fails once": Case(query="error_at=2", reviews=30),
    # Reviews that the page fetches in Google's own answers.
    "answers of the network": Case(query="network=1", reviews=30),
    "answers of the older kind": Case(query="network=rpc", reviews=30),
    "answers in Russian": Case(query="network=1&lang=ru"),
    "answers with the ends of cut texts": Case(query="network=1&truncate=1", reviews=30),
    "an answer that fails once": Case(query="network=1&error_at=2&error_status=429", reviews=30),
    "answers, newest first": Case(
        query="network=1", options={"sort": "newest"}, truth="sort=newest", reviews=30
    ),
    # The way to the place.
    "a short link": Case(kind="short"),
    "the one result of a search": Case(kind="maps/search", query="results=one"),
    "the one result of a search in Arabic": Case(
        kind="maps/search", query="results=one&lang=ar", reviews=24
    ),
    "the result of a search that has its name": Case(kind="maps/search", query="results=named"),
    "the cookie question": Case(query="view=consent"),
    "the cookie question in German": Case(query="view=consent&lang=de"),
    "the cookie question in Japanese": Case(query="view=consent&lang=ja"),
    # What the client asks for.
    "newest first": Case(options={"sort": "newest"}, truth="sort=newest", reviews=30),
    "worst first, in French": Case(
        query="lang=fr", options={"sort": "lowest"}, truth="sort=lowest", reviews=30
    ),
    "the best three": Case(
        options={"sort": "highest", "max_reviews": "3"}, truth="sort=highest", count=3
    ),
    "an order that is not offered": Case(
        query="sort_menu=0", options={"sort": "newest"}, message="did not offer"
    ),
    "a language of the client's": Case(options={"language": "de"}, truth="hl=de", reviews=24),
    "a language behind the cookie question": Case(
        query="view=consent", options={"language": "pt-BR"}, truth="hl=pt"
    ),
    "a language behind a search": Case(
        kind="maps/search", query="results=one", options={"language": "ko"}, truth="hl=ko"
    ),
    "some that are known": Case(known=7, reviews=25),
    "all that are known": Case(known=12),
}
LANGUAGE_CASES = {
    f"a place in {code}": Case(query=f"lang={code}", reviews=24)
    for code in LANGUAGE_CODES
    if code != "en"
}
CASES = LIST_CASES | LANGUAGE_CASES

REFUSALS = {
    "a limited view": ("view=limited", "limited_view", False),
    "a limited view in French": ("view=limited&lang=fr", "limited_view", False),
    "a question whether we are human": ("view=captcha", "captcha", False),
    "no such place, in Spanish": ("view=not_a_place&lang=es", "not_a_place", False),
    "a list of five places": ("view=results", "not_a_place", False),
}
"""Queries, with the outcome that refuses them, and whether another try may help."""


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """This site answers at once: nobody needs to wait for it as long as for Google."""
    monkeypatch.setattr(scroll, "IDLE_S", 0.2)
    monkeypatch.setattr(scroll, "ENDED_IDLE_S", 0.1)


def truth_of(site: str, case: Case) -> list[dict[str, Any]]:
    query = "&".join(part for part in (query_of(case), case.truth) if part)
    with urlopen(f"{site}/truth/Cafe+Central?{query}", timeout=10) as answer:  # noqa: S310
        items = json.load(answer)["items"]
    for item in items:
        item["published_at"] = datetime.fromisoformat(item["published_at"])
    return list(items)


def query_of(case: Case) -> str:
    return "&".join(part for part in (urlencode({"reviews": case.reviews}), case.query) if part)


def found_by(
    browser: Browser, url: str, known_ids: frozenset[str], options: Mapping[str, str]
) -> tuple[list[Item], Finished]:
    with browser.open_page() as page:
        target = Target(url=url, known_ids=known_ids, options=options)
        reports = list(scraper.scrape(page, target))
    assert isinstance(reports[-1], Finished)
    return items_of(reports), reports[-1]


def items_of(reports: Sequence[Report]) -> list[Item]:
    return [item for report in reports if isinstance(report, Found) for item in report.items]


def assert_equal(items: Sequence[Item], truth: Sequence[dict[str, Any]]) -> None:
    """Every field of every item is what the page shows."""
    assert [item["review_id"] for item in items] == [true["review_id"] for true in truth]
    for item, true in zip(items, truth, strict=True):
        slack = DATE_SLACK.get(true["published_at_precision"], timedelta(days=1))
        assert abs(item["published_at"] - true["published_at"]) <= slack
        assert {**item, "published_at": None} == {**true, "published_at": None}


@pytest.mark.parametrize("name", CASES)
def test_a_place_gives_all_that_it_shows(browser: Browser, site: str, name: str) -> None:
    case = CASES[name]
    truth = truth_of(site, case)
    known_ids = frozenset(true["review_id"] for true in truth[: case.known])
    items, finished = found_by(
        browser,
        f"{site}/{case.kind}/Cafe+Central?{query_of(case)}",
        known_ids,
        case.options,
    )
    assert finished.outcome == case.outcome
    assert case.message in finished.message
    if "network=" in case.query:
        # On a busy machine an answer may be heard too late: then the card alone is the truth.
        cards = truth_of(site, replace(case, query=re.sub(r"network=\w+", "", case.query)))
        pairs = zip(truth, cards, strict=True)
        heard = {item["review_id"] for item in items if item["source"] == "network"}
        assert heard
        truth = [both if both["review_id"] in heard else card for both, card in pairs]
    expected = truth[case.known :]
    assert_equal(items, expected if case.count is None else expected[: case.count])


@pytest.mark.parametrize("name", REFUSALS)
def test_a_page_that_is_no_list_is_refused_with_its_reason(
    browser: Browser, site: str, name: str
) -> None:
    query, outcome, may_retry = REFUSALS[name]
    with pytest.raises(TargetRefusedError) as refused:
        found_by(browser, f"{site}/maps/place/Cafe+Central?{query}", frozenset(), {})
    assert (refused.value.outcome, refused.value.may_retry) == (outcome, may_retry)
    assert str(refused.value)


def test_a_list_that_takes_us_for_a_machine_ends_at_once(browser: Browser, site: str) -> None:
    case = Case(query="sorry_at=3", reviews=40)
    target = Target(url=f"{site}/maps/place/Cafe+Central?{query_of(case)}")
    reports: list[Report] = []
    with pytest.raises(TargetRefusedError) as refused, browser.open_page() as page:
        reports.extend(scraper.scrape(page, target))  # keeps what came before the error
    items = items_of(reports)
    assert (refused.value.outcome, refused.value.may_retry) == ("captcha", False)
    assert f"after {len(items)} reviews" in str(refused.value)
    assert "reloading" not in {getattr(report, "stage", "") for report in reports}
    assert_equal(items, truth_of(site, case)[: len(items)])


def test_a_place_without_reviews_is_told_from_a_page_that_hides_them(
    browser: Browser, site: str
) -> None:
    url = f"{site}/maps/place/Cafe+Central?view=no_reviews&lang=ru"
    items, finished = found_by(browser, url, frozenset(), {})
    assert (finished.outcome, items) == ("no_reviews", [])
